"""The process that exports a graph and builds its engines. Spawned, so that it is the same everywhere, and killed when
the designer stops, as native code neither reports nor stops. It ends with the process that started it."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from engines.accelerate.cache import ENGINE
from engines.accelerate.job import Job
from engines.accelerate.shapes import Shape
from engines.base import EngineError, Progress

_LOOK_S = 0.1


class Child:
    """The process that exports and builds. Ends with the one that started it."""

    def __init__(
        self, job: Job, graph: str, shapes: Sequence[Shape | None], folders: Sequence[Path], export: Path
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._heard, said = spawn.Pipe(duplex=False)
        given = (said, job, graph, list(shapes), list(folders), export)
        self._process = spawn.Process(target=_work, args=given, daemon=True, name=f"build-{graph}")
        self._process.start()
        said.close()

    def results(self, progress: Progress) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Yield `(place, facts)` of each engine as it is written. Asks `progress` ten times a second."""
        at, text = 0.0, "Starting"
        try:
            while True:
                progress.report(at, text)
                if not self._heard.poll(_LOOK_S):
                    if not self._process.is_alive() and not self._heard.poll():
                        raise self._lost()
                    continue
                kind, *told = self._said()
                if kind == "at":
                    at, text = told
                elif kind == "built":
                    place, facts = told
                    yield place, facts
                elif kind == "failed":
                    raise EngineError(*told)
                else:
                    return
        finally:
            self._process.kill()
            self._process.join(10)
            self._heard.close()

    def _said(self) -> Any:
        try:
            return self._heard.recv()
        except EOFError as error:
            raise self._lost() from error

    def _lost(self) -> EngineError:
        self._process.join(2)
        return EngineError(
            f"The build ended without a word (exit code {self._process.exitcode}); most often memory ran out",
            "Close other programs and build again. Pictures go on without the engine.",
        )


def _work(
    said: Any, job: Job, graph: str, shapes: Sequence[Shape | None], folders: Sequence[Path], export: Path
) -> None:
    """What the process does. Everything it has to say goes through the pipe; what libraries print goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this, who then ends it
    with contextlib.suppress(OSError):  # a program without a terminal may have neither
        os.dup2(2, 1)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    try:
        _make(said.send, job, graph, shapes, folders, export)
        said.send(("done",))
    except EngineError as error:
        said.send(("failed", str(error), error.hint))
    except MemoryError:
        said.send(("failed", f"Memory ran out while {graph} was built", "Close other programs and build again."))
    except Exception as error:
        told = str(error).strip().split("\n")[0][:300]
        said.send(
            ("failed", f"{graph} could not be built: {type(error).__name__}: {told}", "Use the painter as it is.")
        )


def _make(
    send: Callable[[Any], None],
    job: Job,
    graph: str,
    shapes: Sequence[Shape | None],
    folders: Sequence[Path],
    export: Path,
) -> None:
    progress = Progress(lambda fraction, text: send(("at", fraction, text)))
    progress.report(0.0, f"Loading {graph}")
    maker = import_module(job.maker)
    began = time.perf_counter()
    exported = maker.export(job, graph, export, progress.part(0, 0.6))
    gc.collect()  # the network is no longer needed, and the builder takes its place
    seconds = {"export": round(time.perf_counter() - began, 2)}
    for place, (shape, folder) in enumerate(zip(shapes, folders, strict=True)):
        share = progress.part(0.6 + 0.4 * place / len(shapes), 0.4 / len(shapes))
        main, building = exported.path.name, time.perf_counter()
        if job.runtime != "onnx":
            share.report(0.0, f"Building {graph}" + (f" for {shape.said}" if shape else ""))
            data, main = maker.engine(exported, shape, job, share), ENGINE
            with (folder / main).open("wb") as file, memoryview(data) as view:
                for first in range(0, view.nbytes, 1 << 26):
                    file.write(view[first : first + (1 << 26)])
            del data
            seconds = {**seconds, "build": round(time.perf_counter() - building, 2)}
        facts = {
            "main": main,
            "seconds": seconds,
            "max_error": exported.max_error,
            "graph_digest": exported.digest,
            "peak_memory_bytes": _peak_bytes(),
        }
        send(("built", place, facts))


def _peak_bytes() -> int:
    """The most main memory this process has held."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        said: Any = psutil.Process().memory_info()
        return int(said.peak_wset)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if os.uname().sysname == "Darwin" else most * 1024
