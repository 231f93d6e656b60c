"""How well the score tells damage: `python -m tests.bench.tamper_bench [--quick] [--only NAME]` prints JSON.

`kinds` by name: ads damaged, caught by their own check, and what else failed beyond what is then wrong too. `clean` are
the false alarms on untouched ads.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ad"))

from adsmith import Made, Wanted, formats, layouts, make
from tampers import TAMPERS, Tamper

from studio.ad.score import score_ad
from studio.errors import DoesNotFit, LockupError

TAMPERED_FORMATS = (
    "display-300x250", "display-336x280", "display-728x90", "display-160x600", "display-300x600", "display-970x250",
    "meta-link-small", "linkedin-portrait", "x-card",
)  # fmt: skip


def tampered_ads(names: tuple[str, ...] = TAMPERED_FORMATS, limit: int = 10_000) -> Iterator[Made]:
    """Different ads: every format and family, both kits, all scripts, scenes and file types in turn."""
    moods, kits, words, files = (
        ("light", "dark", "busy"),
        ("demo", "plain"),
        ("latin", "latin", "short"),
        ("jpg", "png"),
    )
    pairs = list(itertools.product(names, layouts()))
    for number, (name, family) in enumerate(pairs[:limit]):
        wanted = Wanted(
            name, family, kits[number % 2], words[number % 3], moods[(number // 2) % 3],
            files[(number // 3) % 2], number % 9,  # type: ignore[arg-type]
        )  # fmt: skip
        try:
            yield make(wanted)
        except DoesNotFit:
            continue


def tally(tamper: Tamper, ads: list[Made]) -> dict[str, Any]:
    """One kind of damage on every ad it applies to."""
    done = caught = 0
    others: Counter[str] = Counter()
    missed: list[str] = []
    for made in ads:
        try:
            spoiled = tamper.damage(made)
        except LockupError:
            continue
        if spoiled is None:
            continue
        done += 1
        failed = {check.id for check in score_ad(spoiled).failed}
        caught += tamper.own in failed
        if tamper.own not in failed:
            w = made.wanted
            missed.append(f"{w.format} {w.layout} {w.kit} {w.words} {w.scene} {w.file} {w.seed}")
        if "*" not in tamper.also:
            others.update(failed - {tamper.own} - tamper.also)
    return {"own": tamper.own, "ads": done, "caught": caught, "others": dict(others), "missed": missed[:4]}


def clean(names: list[str], every: int) -> dict[str, Any]:
    """Untouched ads over formats × families × file types × scenes, every `every`-th of them."""
    from adsmith import deliver

    alarms: Counter[str] = Counter()
    ads = checks = 0
    seconds = 0.0
    moods, kits, scripts = ("light", "dark", "busy"), ("demo", "plain"), ("latin", "arabic", "chinese", "short")
    examples: list[str] = []
    for number, (name, family, file) in enumerate(itertools.product(names, layouts(), ("jpg", "png", "webp"))):
        if number % every:
            continue
        turn = number // every
        wanted = Wanted(
            name, family, kits[turn % 2], scripts[(turn // 2) % 4], moods[turn % 3], file, turn % 7,  # type: ignore
        )  # fmt: skip
        try:
            ad = deliver(make(wanted))
        except LockupError:
            continue
        started = time.process_time()
        score = score_ad(ad)
        seconds += time.process_time() - started
        ads, checks = ads + 1, checks + score.tested
        alarms.update(check.id for check in score.failed)
        examples += [f"{name} {family} {wanted.kit} {wanted.words} {wanted.scene} {file} {wanted.seed}: {c.id} {c.message}"
                     for c in score.failed]  # fmt: skip
    return {"ads": ads, "checks": checks, "false_alarms": dict(alarms), "examples": examples[:40],
            "cpu_seconds_per_ad": round(seconds / max(ads, 1), 3)}  # fmt: skip


def main() -> None:
    """Print the table."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--quick", action="store_true", help="fewer formats")
    ask.add_argument("--only", help="one kind of damage, by part of its name")
    ask.add_argument("--formats", default="", help="comma-separated ids for the untouched ads; none skips them")
    ask.add_argument("--every", type=int, default=1)
    wish = ask.parse_args()
    ads = list(tampered_ads(TAMPERED_FORMATS[:4] if wish.quick else TAMPERED_FORMATS))
    kinds = {}
    for tamper in TAMPERS:
        if wish.only is None or wish.only in tamper.name:
            kinds[tamper.name] = tally(tamper, ads)
    names = [n for n in wish.formats.split(",") if n] if wish.formats != "all" else list(formats())
    answer = {"ads": len(ads), "kinds": kinds, "clean": clean(names, wish.every) if names else None}
    print(json.dumps(answer, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
