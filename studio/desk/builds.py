"""Builds of engines, beside painting: asked for, waited for, stopped, and what came of each. What is known of a build
is a file of the workspace, so that pages may be closed, and the command line's builds are seen in the page."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import Field

from engines.base import EngineError, Progress, Stopped
from studio.desk.files import write_whole
from studio.desk.presence import Presence, bury
from studio.desk.presence import state as presence_of
from studio.errors import BadInput, LockupError
from studio.values import Value, read_value

log = logging.getLogger(__name__)
MOST_KEPT = 20
"""Builds that are remembered; the oldest ended ones go first."""
_BEAT_S = 0.4
_MOST_BYTES = 200_000
_Word = Annotated[str, Field(max_length=64)]
State = Literal["waiting", "building", "done", "failed", "stopped", "lost"]


class Workshop(Protocol):
    """What builds and keeps engines; see `engines.accelerate.workshop`."""

    def build(
        self, painter: str, progress: Progress, each: Callable[[dict[str, Any]], None] = ..., **wishes: Any
    ) -> None: ...

    def foresee(self, painter: str, **wishes: Any) -> dict[str, Any]: ...

    def kept(self) -> list[dict[str, Any]]: ...

    def remove(self, key: str) -> int: ...

    def choices(self) -> dict[str, Any]: ...

    def measured(self) -> dict[str, dict[str, Any]]: ...

    @property
    def limit_bytes(self) -> int: ...


class Order(Value):
    """What is to be built. `loras` as on the command line: FILE or FILE=WEIGHT."""

    painter: Annotated[str, Field(min_length=1, max_length=128)]
    runtime: Literal["tensorrt", "onnx"] = "tensorrt"
    target: _Word = "this"
    sizes: Annotated[tuple[_Word, ...], Field(max_length=12)] = ()
    parts: Annotated[tuple[_Word, ...], Field(max_length=12)] = ()
    loras: Annotated[tuple[Annotated[str, Field(max_length=4096)], ...], Field(max_length=9)] = ()
    random_weights: bool = False
    effort: Literal["quick", "normal", "quality"] = "normal"

    def wishes(self) -> dict[str, Any]:
        """As a `Workshop` takes them."""
        return self.model_dump(exclude={"painter"})


class Row(Value):
    """An engine that is there. `hit`: it was there before."""

    key: str
    graph: str
    size: str
    bytes: int
    hit: bool


class BuildState(Value):
    """A build at one moment. `fraction` 0–1; times in seconds since the epoch; `rows` are the engines that are there
    by now. `lost`: the program that built it is gone."""

    id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    order: Order
    state: State = "waiting"
    fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    text: str = ""
    asked: float = 0.0
    began: float = 0.0
    ended: float = 0.0
    trouble: str = ""
    hint: str = ""
    rows: tuple[Row, ...] = ()
    expected: float = 0.0
    """Seconds it was reckoned to take before it began; 0 where nobody can tell."""
    builder: str = ""

    @property
    def over(self) -> bool:
        """Nothing about it will change by itself."""
        return self.state not in ("waiting", "building")


def left_of(seconds: float, done: float, expected: float = 0.0) -> float | None:
    """Seconds left of work that is `done` (0–1) after so many seconds; None while nobody can tell. How long it was
    `expected` to take counts at first, its own pace the more the further it is: an export shows no progress for
    minutes."""
    pace = seconds / done * (1 - done) if done > 0.03 and seconds > 3 else None
    if not expected:
        return pace
    planned = max(expected - seconds, 0.0)
    return planned if pace is None else done * pace + (1 - done) * planned


class Builds:
    """The builds of one workspace. Those begun here are done one after the other: each takes most of the memory."""

    def __init__(self, home: Path, workshop: Workshop) -> None:
        self.workshop = workshop
        self._home, self._folder = home, home / "builds"
        self._waiting: list[BuildState] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ending = False
        self._presence: Presence | None = None
        self._name = f"builds-{secrets.token_hex(6)}"

    # -------------------------------------------------------------------------------------------- asking

    def begin(self, order: Order) -> str:
        """Put a build on the list; returns what it is asked for by. Raises `EngineError` for one that cannot be done,
        or for which there is no room now, and `BadInput` for one that is on the list already."""
        foreseen = self.workshop.foresee(order.painter, **order.wishes())
        if foreseen["trouble"]:
            raise EngineError(foreseen["trouble"], foreseen["hint"])
        with self._changed:
            if any(one.order == order and not one.over for one in self.all()):
                raise BadInput("This is being built already", "It is on the list below the painter.")
            one = self._new(order, foreseen["seconds"])
            self._write(one)
            self._waiting.append(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._mind, name="builds", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        self._tidy()
        return one.id

    def run(self, order: Order, progress: Progress, each: Callable[[dict[str, Any]], None]) -> None:
        """Build here and now, seen by every page. Raises `EngineError`, `Stopped`, and what `progress` raises."""
        one = self._new(order, self.expected(order))
        rows: list[dict[str, Any]] = []

        def there(row: dict[str, Any]) -> None:
            rows.append(row)
            each(row)

        try:
            self._build(one, progress, there)
            if all(row["hit"] for row in rows):
                self._gone(one.id)  # nothing was built that would be worth a line
        finally:
            self._tidy()
            if self._thread is None:
                self._leave()

    def expected(self, order: Order) -> float:
        """Seconds it may take; 0 where nobody can tell."""
        try:
            return float(self.workshop.foresee(order.painter, **order.wishes())["seconds"])
        except EngineError:  # which the build says itself
            return 0.0

    def all(self) -> list[BuildState]:
        """Every build that is remembered, the latest first."""
        found = []
        for path in self._folder.glob("*.json"):
            with suppress(OSError, ValueError, RecursionError, BadInput):
                if path.stat().st_size > _MOST_BYTES:
                    continue
                one = read_value(BuildState, json.loads(path.read_bytes()), path.name)
                if one.id == path.stem:
                    found.append(self._seen(one))
        return sorted(found, key=lambda one: one.asked, reverse=True)

    def stop(self, build_id: str) -> None:
        """Stop a build within a second; engines that are whole by then are kept."""
        one = self._find(build_id)
        if one.over:
            return
        with self._changed:
            mine = [two for two in self._waiting if two.id == build_id]
            if mine:
                self._waiting.remove(mine[0])
                self._write(mine[0].model_copy(update={"state": "stopped", "ended": time.time()}))
                return
        write_whole(self._wish(one), b"")

    def forget(self, build_id: str) -> None:
        """Take a build that is over off the list; its engines stay. Raises `BadInput` while it is under way."""
        if not self._find(build_id).over:
            raise BadInput("This is being built", "Stop it first.")
        self._gone(build_id)

    def close(self) -> None:
        """Stop what is being built here, and let go."""
        with self._changed:
            self._ending = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5)
        self._leave()

    # -------------------------------------------------------------------------------------------- building

    def _mind(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ending or bool(self._waiting))
                if self._ending:
                    return
                one = self._waiting.pop(0)
            with suppress(Exception):  # it is in the file; the next one is built all the same
                self._build(one, Progress(), lambda row: None)

    def _build(self, one: BuildState, progress: Progress, each: Callable[[dict[str, Any]], None]) -> None:
        with self._kept(one) as record:

            def there(row: dict[str, Any]) -> None:
                record.add(row)
                each(row)

            def told(fraction: float, text: str) -> None:
                record.at(fraction, text)
                progress.report(fraction, text)

            asked = self._wish(one)
            watched = Progress(told, lambda: self._ending or asked.exists())
            self.workshop.build(one.order.painter, watched, there, **one.order.wishes())

    @contextmanager
    def _kept(self, one: BuildState) -> Iterator[_Record]:
        """The record of a build while it goes on, and how it ended."""
        record = _Record(
            one.model_copy(update={"state": "building", "began": time.time()}), self._write, self._wish(one)
        )
        try:
            yield record
        except (Stopped, KeyboardInterrupt):
            # The program is being closed: that is no wish of the designer's.
            record.end("lost" if self._ending else "stopped")
            raise
        except (EngineError, LockupError) as error:
            record.end("failed", str(error), error.hint)
            raise
        except BaseException as error:
            log.exception("build %s failed", one.id)
            record.end("failed", f"The program made a mistake: {type(error).__name__}: {error}", "The log has details.")
            raise
        else:
            record.end("done")

    # -------------------------------------------------------------------------------------------- files

    def _new(self, order: Order, expected: float) -> BuildState:
        now = time.time()
        return BuildState(id=secrets.token_hex(8), order=order, asked=now, expected=expected, builder=self._here())

    def _here(self) -> str:
        """The name under which this program is known to be alive."""
        if self._presence is None:
            self._presence = Presence(self._home, self._name)
        return self._name

    def _leave(self) -> None:
        if self._presence is not None:
            self._presence.end()
            self._presence = None

    def _seen(self, one: BuildState) -> BuildState:
        if one.over or presence_of(self._home, one.builder) == "alive":
            return one
        bury(self._home, one.builder)
        return one.model_copy(update={"state": "lost"})

    def _find(self, build_id: str) -> BuildState:
        found = next((one for one in self.all() if one.id == build_id), None)
        if found is None:
            raise BadInput("This build is no longer known", "Reload the page.")
        return found

    def _wish(self, one: BuildState) -> Path:
        """The file that is there when a build is to stop, whichever program builds it."""
        return self._folder / f"{one.id}.stop"

    def _write(self, one: BuildState) -> None:
        write_whole(self._folder / f"{one.id}.json", one.model_dump_json(indent=1).encode())

    def _tidy(self) -> None:
        for old in [one for one in self.all() if one.over][MOST_KEPT:]:
            self._gone(old.id)

    def _gone(self, build_id: str) -> None:
        for path in (self._folder / f"{build_id}.json", self._folder / f"{build_id}.stop"):
            with suppress(OSError):
                path.unlink(missing_ok=True)


class _Record:
    """A build under way, written down as it goes on, but not at every report."""

    def __init__(self, one: BuildState, write: Callable[[BuildState], None], wish: Path) -> None:
        self._one, self._keep, self._wish, self._last = one, write, wish, 0.0
        self._write(text="Starting")

    def at(self, fraction: float, text: str) -> None:
        """How far it is."""
        text = text or self._one.text
        if text != self._one.text or time.monotonic() - self._last > _BEAT_S:
            self._write(fraction=min(max(fraction, self._one.fraction, 0.0), 1.0), text=text)

    def add(self, row: Mapping[str, Any]) -> None:
        """An engine that is there now."""
        said = Row(**{name: row[name] for name in Row.model_fields})
        self._write(rows=(*self._one.rows, said))

    def end(self, state: State, trouble: str = "", hint: str = "") -> None:
        """How it ended."""
        fraction = 1.0 if state == "done" else self._one.fraction
        with suppress(OSError):
            self._wish.unlink(missing_ok=True)
        with suppress(LockupError):  # a full disk is what it may have failed for
            self._write(state=state, trouble=trouble, hint=hint, ended=time.time(), fraction=fraction)

    def _write(self, **changes: Any) -> None:
        self._one, self._last = self._one.model_copy(update=changes), time.monotonic()
        self._keep(self._one)
