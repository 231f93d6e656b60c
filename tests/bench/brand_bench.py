"""What `brand infer` finds on sites with known truth, and what its weights are worth.

    python -m tests.bench.brand_bench [FOLDER…] [--json] [--leave-one-out]

A folder holds one folder a site with its `truth.json`. Reading of truth: a colour counts as found within CIEDE2000 5,
a font by its family name (or, declared as a system stack, as `system-ui`), a logo by its file's name. A site without a
logo is right when none is proposed. `--leave-one-out` fits the colour weights on all sites but one and tries them on
that one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from studio.brand.marks.find import find_marks
from studio.brand.page.look import words_of
from studio.brand.site.colours import (
    WEIGHTS,
    Sighting,
    ground_of,
    leading,
    named_colours,
    sightings_of,
    standing,
    text_of,
)
from studio.brand.site.proposals import Proposals
from studio.brand.source.saved import open_saved
from studio.brand.website import declared, infer, labels, looked_at
from studio.brand.words.naming import name_of
from studio.color import delta_e00_hex
from tests.samples import SAMPLES

NEAR = 5.0
Truth = Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """What was right on one site; None where the truth does not say."""

    site: str
    seconds: float
    found: Proposals
    right: dict[str, bool | None]


def listed(truth: Truth, *keys: str) -> list[str]:
    """The values under several keys, single ones and lists alike."""
    values: list[str] = []
    for key in keys:
        value = truth.get(key)
        values += value if isinstance(value, list) else [value] if value else []
    return values


def near(hex_color: str, truths: Sequence[str]) -> bool:
    return any(delta_e00_hex(hex_color, other) <= NEAR for other in truths)


def judge(found: Proposals, truth: Truth) -> dict[str, bool | None]:
    """What of the proposals is right."""
    palette = [colour.hex for colour in found.palette]
    of = {role: [c.hex for c in found.palette if c.role == role] for role in ("background", "text")}
    # A page that only a script draws has colours nobody can read off it.
    primaries = [] if truth.get("needs_javascript") else listed(truth, "primary_colors", "primary_also_ok")
    names = [name.casefold() for name in listed(truth, "name", "name_also_ok")]
    right: dict[str, bool | None] = {
        "name": found.name is not None and found.name.text.casefold() in names,
        "first": near(palette[0], primaries) if palette and primaries else None if not primaries else False,
        "primary": any(near(hex_, primaries) for hex_ in palette[:2]) if primaries else None,
        "clean": not any(near(hex_, listed(truth, "not_brand_colors")) for hex_ in palette[:3]),
        "fonts": fonts_right(found, truth),
        "logo": logo_right(found, truth),
        "language": not truth.get("language") or found.language.split("-")[0] == truth["language"].split("-")[0],
    }
    for role, keys in (
        ("background", ("background", "background_also_ok")),
        ("text", ("text_color", "text_also_ok", "text_color_also_ok")),
    ):
        wanted = listed(truth, *keys)
        right[role] = bool(of[role]) and near(of[role][0], wanted) if wanted else None
    taglines = listed(truth, "tagline", "tagline_also_ok")
    right["tagline"] = (found.tagline is not None and found.tagline.text.strip() in taglines) if taglines else None
    return right


def fonts_right(found: Proposals, truth: Truth) -> bool | None:
    """Whether the heading's and the body's family are both right."""
    fonts = truth.get("fonts") or {}
    if not fonts.get("heading"):
        return None
    others = [name.casefold() for name in listed(truth, "fonts_also_ok")]
    return all(
        face is not None and face.family.casefold() in (fonts[part].casefold(), *others)
        for part, face in (("heading", found.heading), ("body", found.body))
    )


def logo_right(found: Proposals, truth: Truth) -> bool:
    """Whether the first logo is the site's, none is a trap, and none is invented where there is none."""
    wanted = listed(truth, "logo", "logo_also_ok")
    sources = [mark.source for mark in found.logos]
    traps = [PurePosixPath(trap.split()[0]).name.lower() for trap in listed(truth, "logo_traps")]
    if any(trap and "*" not in trap and trap in source.lower() for trap in traps for source in sources):
        return False
    if not truth.get("logo"):
        return not sources or any(PurePosixPath(path).name in sources[0] for path in wanted)
    if str(truth["logo"]).startswith("inline:"):
        return bool(sources)
    return bool(sources) and any(PurePosixPath(path).name in sources[0] for path in wanted)


def sites_in(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("*/truth.json"))


def truth_of(site: Path) -> Truth:
    return json.loads((site / "truth.json").read_text("utf-8"))


def measure(site: Path) -> Result:
    began = time.perf_counter()
    found = infer(str(site))
    return Result(site.name, time.perf_counter() - began, found, judge(found, truth_of(site)))


# ------------------------------------------------------------------------------------------------ the weights


@dataclass(frozen=True)
class Case:
    """One site's sightings, kept so that weights can be tried quickly."""

    sightings: tuple[Sighting, ...]
    named: frozenset[str]
    ground: Any
    text: Any
    truth: Truth

    def worth(self, weights: Mapping[str, float]) -> float:
        """1 for a right first colour, 0.5 for a right second, less 0.5 for one that is not the brand's in the first three."""
        palette = [
            colour.hex for colour in leading(standing(self.sightings, self.named, weights), self.ground, self.text)
        ]
        primaries = listed(self.truth, "primary_colors", "primary_also_ok")
        score = 1.0 if palette and near(palette[0], primaries) else 0.0
        if not score and any(near(hex_, primaries) for hex_ in palette[1:2]):
            score = 0.5
        wrong = any(near(hex_, listed(self.truth, "not_brand_colors")) for hex_ in palette[:3])
        return score - 0.5 * wrong


def case_of(folder: Path) -> Case:
    """What the palette of a saved site is made of."""
    site = open_saved(folder)
    look = looked_at(site)
    name = name_of(look, site)
    marks = find_marks(look, site, words_of(name.text) if name else frozenset())
    label = labels(look, site)
    ground = ground_of(look, label)
    sightings = (*declared(look, site, marks.logos), *sightings_of(look, label))
    text = text_of(look, label, ground.hex if ground else "#ffffff")
    return Case(sightings, named_colours(look), ground, text, truth_of(folder))


def fitted(cases: Sequence[Case]) -> dict[str, float]:
    """Weights by coordinate search from the shipped ones: each tried at half and double until nothing gains."""
    weights = dict(WEIGHTS)
    best = sum(case.worth(weights) for case in cases)
    gained = True
    while gained:
        gained = False
        for kind, weight in list(weights.items()):
            for factor in (0.5, 2.0):
                tried = {**weights, kind: weight * factor}
                worth = sum(case.worth(tried) for case in cases)
                if worth > best + 1e-9:
                    weights, best, gained = tried, worth, True
    return weights


def leave_one_out(sites: Sequence[Path]) -> None:
    cases = [case_of(site) for site in sites]
    usable = [(site, case) for site, case in zip(sites, cases, strict=True) if listed(case.truth, "primary_colors")]
    shipped = sum(case.worth(WEIGHTS) for _, case in usable)
    held = 0.0
    for place, (site, case) in enumerate(usable):
        weights = fitted([other for i, (_, other) in enumerate(usable) if i != place])
        changed = {kind: round(value, 2) for kind, value in weights.items() if value != WEIGHTS[kind]}
        worth = case.worth(weights)
        held += worth
        print(f"{site.name:22} shipped {case.worth(WEIGHTS):4.1f}  fitted without it {worth:4.1f}  {changed or ''}")
    print(f"sum over {len(usable)}: shipped {shipped:.1f}, leave-one-out {held:.1f}")
    for kind in WEIGHTS:
        without = sum(case.worth({**WEIGHTS, kind: 0.0}) for _, case in usable)
        print(f"  without {kind:10} {without:5.1f}")
    flat = sum(case.worth(dict.fromkeys(WEIGHTS, 1.0)) for _, case in usable)
    print(f"  all weights equal  {flat:5.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, default=[SAMPLES / "sites"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--leave-one-out", action="store_true")
    options = parser.parse_args()
    sites = [site for folder in options.folders for site in sites_in(folder)]
    if options.leave_one_out:
        leave_one_out(sites)
        return
    results = [measure(site) for site in sites]
    if options.json:
        print(json.dumps([{"site": r.site, "seconds": round(r.seconds, 3), **r.right} for r in results], indent=1))
        return
    names = list(results[0].right) if results else []
    print(f"{'':22}{'seconds':>8}  " + " ".join(f"{name[:10]:>10}" for name in names))
    for result in results:
        marks = {True: "yes", False: "NO", None: "–"}
        print(f"{result.site:22}{result.seconds:8.2f}  " + " ".join(f"{marks[result.right[n]]:>10}" for n in names))
    for name in names:
        told = [r.right[name] for r in results if r.right[name] is not None]
        print(f"{name:12} {sum(map(bool, told))} of {len(told)}")


if __name__ == "__main__":
    main()
