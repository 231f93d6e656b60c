"""The doctor: what could stand in the way of the work on this machine, each with what it means and what to do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import logging
import os
import re
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import skia

from studio import settings
from studio.brand.fonts import font_path
from studio.errors import LockupError
from studio.hardware import card_at_start
from studio.presets import load_layouts, load_looks, load_sets
from studio.studio import SHEET_FONTS, Studio
from studio.values import Value

State = Literal["fine", "look", "broken"]
SCARCE_BYTES, NONE_BYTES = 5_000_000_000, 500_000_000
OLDEST_PYTHON = (3, 11)
DAY_S = 86_400.0
LOG_BYTES = 400_000
HELD_S = 1.0
_SCRIPTS = (
    ("Arabic", "ع"), ("Hebrew", "א"), ("Chinese", "中"), ("Japanese", "あ"), ("Korean", "한"), ("Thai", "ก"),
    ("Devanagari", "अ"), ("Cyrillic", "Ж"), ("Greek", "Ω"), ("emoji", "😀"),
)  # fmt: skip
_TROUBLE = re.compile(r"^(?:\S+ \S+ )?(?:ERROR|CRITICAL) |^Traceback ", re.MULTILINE)
log = logging.getLogger(__name__)


class Finding(Value):
    """One thing that was looked at. `means` says why it matters, `fix` what to do; empty where there is nothing."""

    id: str
    title: str
    state: State
    found: str
    means: str = ""
    fix: str = ""


def check_up(studio: Studio) -> tuple[Finding, ...]:
    """Everything that was looked at, what is broken first. Never raises: what cannot be looked at is a finding too."""
    looks: tuple[Callable[[Studio], Finding], ...] = (
        workspace, disk, index_whole, index_free, presets, python, fonts, kernels, runtimes, worker_log, clock, browser,
    )  # fmt: skip
    found = [_looked(look, studio) for look in looks]
    return tuple(sorted(found, key=lambda one: ("broken", "look", "fine").index(one.state)))


def _looked(look: Callable[[Studio], Finding], studio: Studio) -> Finding:
    try:
        return look(studio)
    except Exception as error:  # a doctor who falls ill helps nobody
        log.exception("looking at %s", look.__name__)
        title = look.__name__.replace("_", " ").capitalize()
        hint = error.hint if isinstance(error, LockupError) else "The log in the workspace has details."
        return Finding(id=look.__name__, title=title, state="broken", found=str(error), fix=hint)


def workspace(studio: Studio) -> Finding:
    """Whether the workspace can be written."""
    try:
        studio.store.check()
    except LockupError as error:
        return Finding(
            id="workspace", title="Workspace", state="broken", found=str(error), fix=error.hint,
            means="Nothing can be made or kept.",
        )  # fmt: skip
    return Finding(id="workspace", title="Workspace", state="fine", found=f"{studio.home} can be written")


def disk(studio: Studio) -> Finding:
    """Whether the disk has room."""
    free = shutil.disk_usage(studio.home).free
    state: State = "broken" if free < NONE_BYTES else "look" if free < SCARCE_BYTES else "fine"
    scarce = state != "fine"
    return Finding(
        id="disk", title="Disk", state=state, found=f"{free / 1e9:.1f} GB free",
        means="Every painted picture is kept, about 2 MB each; a full disk stops a run." if scarce else "",
        fix=f"Free some space, or delete {settings.cache(studio.home)}: it is made again." if scarce else "",
    )  # fmt: skip


def index_whole(studio: Studio) -> Finding:
    """Whether the workspace's SQLite file is undamaged."""
    with closing(_opened(studio.store.index)) as db:
        said = [str(row[0]) for row in db.execute("PRAGMA quick_check(5)")]
    if said == ["ok"]:
        return Finding(id="index", title="Index", state="fine", found="undamaged")
    return Finding(
        id="index", title="Index", state="broken", found=said[0][:200] if said else "no answer",
        means="Runs, reviews and drafts may be lost; finished ads and stored pictures are not touched.",
        fix=f"Close Lockup and move {studio.store.index.name} (and -wal, -shm) away; a new one is made.",
    )  # fmt: skip


def index_free(studio: Studio) -> Finding:
    """Whether another program holds the index for itself."""
    try:
        with closing(_opened(studio.store.index, HELD_S)) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        return Finding(
            id="held", title="Other programs", state="look", found=f"The index is held ({error})",
            means="While it is held nothing can be started or kept.",
            fix="Close backup, sync or database programs that use the workspace folder.",
        )  # fmt: skip
    return Finding(id="held", title="Other programs", state="fine", found="None holds the index")


def _opened(index: Path, patience_s: float = 5.0) -> sqlite3.Connection:
    return sqlite3.connect(index, timeout=patience_s, isolation_level=None)


def presets(studio: Studio) -> Finding:
    """Whether formats, layouts, sets and looks can be read, the workspace's own formats too."""
    try:
        counts = (len(studio.formats()), len(load_layouts()), len(load_sets()), len(load_looks()))
    except LockupError as error:
        return Finding(
            id="presets", title="Presets", state="broken", found=str(error), fix=error.hint,
            means="Ads cannot be planned.",
        )  # fmt: skip
    said = "{} formats, {} layouts, {} sets, {} looks".format(*counts)
    return Finding(id="presets", title="Presets", state="fine", found=said)


def python(_: Studio) -> Finding:
    """Whether this Python is new enough."""
    running = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= OLDEST_PYTHON:
        return Finding(id="python", title="Python", state="fine", found=running)
    needed = ".".join(str(part) for part in OLDEST_PYTHON)
    return Finding(
        id="python", title="Python", state="broken", found=running, means=f"{needed} or newer is needed.",
        fix=f"Install Python {needed} or newer and make the environment anew.",
    )  # fmt: skip


def fonts(studio: Studio) -> Finding:
    """Which scripts can be set with what this machine has."""
    for name in SHEET_FONTS:
        font_path(name, studio.home)
    manager = skia.FontMgr.RefDefault()

    def settable(character: str) -> bool:
        face = manager.matchFamilyStyleCharacter("", skia.FontStyle.Normal(), [], ord(character))
        return face is not None and face.unicharToGlyph(ord(character)) != 0

    missing = [script for script, character in _SCRIPTS if not settable(character)]
    if not missing:
        return Finding(id="fonts", title="Typefaces", state="fine", found="Every common script can be set")
    return Finding(
        id="fonts", title="Typefaces", state="look", found=f"No typeface here has {', '.join(missing)}",
        means="Words in these scripts can only be set if the kit brings a typeface for them.",
        fix="Install Noto Sans (and Noto Sans CJK), or add a font file to the kit.",
    )  # fmt: skip


def kernels(_: Studio) -> Finding:
    """Whether the stage's renderer has been compiled on this machine."""
    package = Path(__file__).resolve().parents[1] / "engines" / "stage"
    cached = os.environ.get("NUMBA_CACHE_DIR", "")
    places = [package / "__pycache__", *([Path(cached)] if cached else []), settings.cache(settings.home()) / "numba"]
    if any(next(place.rglob("kernel*.nbi"), None) for place in places if place.is_dir()):
        return Finding(id="kernels", title="Renderer", state="fine", found="compiled for this machine")
    return Finding(
        id="kernels", title="Renderer", state="look", found="not compiled yet",
        means="The first picture takes up to a minute longer, once.",
        fix="Press Measure now under Painters, or just make the first ads.",
    )  # fmt: skip


def runtimes(_: Studio) -> Finding:
    """What ONNX Runtime can run on, told by its files: it is not loaded for this."""
    names = [dist.name for dist in importlib.metadata.distributions() if (dist.name or "").startswith("onnxruntime")]
    found = importlib.util.find_spec("onnxruntime")
    if found is None or not found.submodule_search_locations:
        return Finding(
            id="runtimes", title="ONNX Runtime", state="broken", found="not installed",
            means="Cut-outs and enlargements by a network cannot be made.", fix="Install the project again.",
        )  # fmt: skip
    libraries = " ".join(path.name for path in (Path(next(iter(found.submodule_search_locations))) / "capi").iterdir())
    cuda, tensorrt = "providers_cuda" in libraries, "providers_tensorrt" in libraries
    can = ["processor", *(["CUDA"] if cuda else []), *(["TensorRT"] if tensorrt else [])]
    said = f"{', '.join(sorted(set(names)))}: {', '.join(can)}"
    if card_at_start() is not None and not cuda:
        return Finding(
            id="runtimes", title="ONNX Runtime", state="look", found=said,
            means="There is an NVIDIA card, but cut-outs and enlargements run on the processor.",
            fix="pip uninstall onnxruntime, then pip install --force-reinstall --no-deps onnxruntime-gpu",
        )  # fmt: skip
    return Finding(id="runtimes", title="ONNX Runtime", state="fine", found=said)


def worker_log(studio: Studio) -> Finding:
    """Whether the worker or the page noted mistakes of the program within a day."""
    files = [settings.logs(studio.home) / name for name in ("worker.log", "page.log")]
    counts = {path.name: count for path in files if (count := _mistakes(path))}
    if not counts:
        return Finding(id="log", title="Log", state="fine", found="No mistakes noted within a day")
    said = ", ".join(f"{count} in {name}" for name, count in counts.items())
    return Finding(
        id="log", title="Log", state="look", found=f"Mistakes noted within a day: {said}",
        means="Something went wrong inside the program; what it was doing is in the log.",
        fix=f"Look at the end of the files in {settings.logs(studio.home)}.",
    )  # fmt: skip


def _mistakes(path: Path) -> int:
    """Mistakes noted in the last part of a log that was written to within a day."""
    try:
        stat = path.stat()
        if time.time() - stat.st_mtime > DAY_S:
            return 0
        with path.open("rb") as file:
            file.seek(max(0, stat.st_size - LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return 0
    return sum(1 for line in _recent(text) if _TROUBLE.match(line) and not line.startswith("Traceback"))


def _recent(text: str) -> Iterator[str]:
    """Lines of a log; of those that begin with their time only the last day's."""
    since = datetime.fromtimestamp(time.time() - DAY_S).strftime("%Y-%m-%d %H:%M:%S")  # logs are in local time
    for line in text.splitlines():
        if not re.match(r"\d{4}-\d\d-\d\d ", line) or line[:19] >= since:
            yield line


def clock(studio: Studio) -> Finding:
    """Whether the clock is plausible: not before what was made already."""
    newest = max((float(row["at"] or 0.0) for row in studio.store.rows(_NEWEST)), default=0.0)
    now = time.time()
    said = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M UTC")
    if now + DAY_S > newest and now > 1.75e9:
        return Finding(id="clock", title="Clock", state="fine", found=said)
    return Finding(
        id="clock", title="Clock", state="look", found=f"{said}, which is before what was made here already",
        means="Lists put the newest first by the clock, so they come out in a strange order.",
        fix="Set the date of this machine.",
    )  # fmt: skip


_NEWEST = "SELECT max(created) AS at FROM runs UNION ALL SELECT max(created) AS at FROM pictures"


def browser(_: Studio) -> Finding:
    """Whether there is a Chromium for the second look at a website. It is not needed."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
    found = next((name for name in names if shutil.which(name)), "")
    said = f"{found}, for the second look at a website" if found else "none found; nothing needs one"
    return Finding(id="browser", title="Chromium", state="fine", found=said)
