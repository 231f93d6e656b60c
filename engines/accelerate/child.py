"""The processes that export a graph and build its engines. Spawned, so that they are the same everywhere, and killed
when the designer stops, as native code neither reports nor stops. They end with the process that started them."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from engines.accelerate.cache import ENGINE
from engines.accelerate.job import Job
from engines.accelerate.key import Key
from engines.base import EngineError, Progress

_LOOK_S = 0.1
_EXPORT = 0.6
"""The share of a build that its export is taken to be."""


def build_apart(job: Job, key: Key, folder: Path, export: Path, progress: Progress) -> Mapping[str, Any]:
    """Build an engine into `folder`, its graph into `export`, in two processes, one after the other: the builder needs
    the memory that the network had. Returns the engine's facts. Asks `progress` ten times a second. Raises
    `EngineError`."""
    # 1. The graph, which is all ONNX Runtime needs.
    alone = job.runtime == "onnx"
    share = progress if alone else progress.part(0, _EXPORT)
    exported, facts = _made(_exported, (job, key.graph, export), key.graph, share)
    if alone:
        return {**facts, "main": exported.path.name}
    # 2. Its engine.
    more = _made(_built, (exported, job, key, folder), key.graph, progress.part(_EXPORT, 1 - _EXPORT))
    seconds = {**facts["seconds"], **more["seconds"]}
    peak = max(facts["peak_memory_bytes"], more["peak_memory_bytes"])
    return {**facts, **more, "seconds": seconds, "peak_memory_bytes": peak}


def _made(do: Callable[..., Any], given: Sequence[Any], graph: str, progress: Progress) -> Any:
    """What `do(progress, *given)` gives back, in a process of its own. Raises `EngineError`."""
    spawn = multiprocessing.get_context("spawn")
    heard, said = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_work, args=(said, do, given, graph), daemon=True, name=f"build-{graph}")
    process.start()
    said.close()
    at, text = 0.0, f"Loading {graph}"
    try:
        while True:
            progress.report(at, text)
            if not heard.poll(_LOOK_S):
                if not process.is_alive() and not heard.poll():
                    raise _lost(process)
                continue
            try:
                kind, told = heard.recv()
            except EOFError as error:
                raise _lost(process) from error
            if kind == "at":
                at, text = told
            elif kind == "failed":
                raise EngineError(*told)
            else:
                process.join(2)  # so that it tidies up after itself
                return told
    finally:
        process.kill()
        process.join(10)
        heard.close()


def _lost(process: Any) -> EngineError:
    process.join(2)
    return EngineError(
        f"The build ended without a word (exit code {process.exitcode}); most often memory ran out",
        "Close other programs and build again. Pictures go on without the engine.",
    )


# ------------------------------------------------------------------------------------------------ inside


def _work(said: Any, do: Callable[..., Any], given: Sequence[Any], graph: str) -> None:
    """What a process does. Everything it has to say goes through the pipe; what libraries print goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who started this, who then ends it
    with contextlib.suppress(OSError):  # a program without a terminal may have neither
        os.dup2(2, 1)
    _step_back()
    for library in ("TRANSFORMERS", "DIFFUSERS"):  # their advice is for programmers
        os.environ.setdefault(f"{library}_VERBOSITY", "error")
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=lambda: (parent.join(), os._exit(1)), daemon=True).start()
    try:
        said.send(("made", do(Progress(lambda *at: said.send(("at", at))), *given)))
    except EngineError as error:
        said.send(("failed", (str(error), error.hint)))
    except MemoryError:
        said.send(("failed", (f"Memory ran out while {graph} was built", "Close other programs and build again.")))
    except Exception as error:
        told = str(error).strip().split("\n")[0][:300]
        told = f"{graph} could not be built: {type(error).__name__}: {told}"
        said.send(("failed", (told, "Use the painter as it is.")))


def _exported(progress: Progress, job: Job, graph: str, folder: Path) -> tuple[Any, dict[str, Any]]:
    """The export and its facts."""
    began = time.perf_counter()
    exported = import_module(job.maker).export(job, graph, folder, progress)
    facts = {
        "seconds": {"export": round(time.perf_counter() - began, 2)},
        "max_error": exported.max_error,
        "graph_digest": exported.digest,
        "peak_memory_bytes": _peak_bytes(),
    }
    return exported, facts


def _built(progress: Progress, exported: Any, job: Job, key: Key, folder: Path) -> dict[str, Any]:
    """The facts of the engine."""
    began = time.perf_counter()
    progress.report(0.0, f"Building {key.graph}")
    data = import_module(job.maker).engine(exported, key.shapes, job, progress)
    with (folder / ENGINE).open("wb") as file, memoryview(data) as view:
        for first in range(0, view.nbytes, 1 << 26):
            file.write(view[first : first + (1 << 26)])
    seconds = {"build": round(time.perf_counter() - began, 2)}
    return {"main": ENGINE, "seconds": seconds, "peak_memory_bytes": _peak_bytes()}


def _step_back() -> None:
    """Whatever paints meanwhile goes first."""
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else 5)


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
