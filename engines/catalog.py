"""Every engine by id, made when it is first asked for. Opened by the command line and the worker only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from engines.base import AdapterFacts, Annotator, Cutout, EngineError, Enlarger, Offer, Painter, Progress
from engines.nano import CAPABILITIES as NANO
from engines.residency import Residency
from engines.stage import CAPABILITIES as STAGE

Kind = Literal["painter", "cutout", "upscaler", "annotator"]
_SAID: dict[Kind, str] = {
    "painter": "engine",
    "cutout": "cut-out engine",
    "upscaler": "upscaler",
    "annotator": "kind of map",
}
_READERS = {"depth": "depth-anything-v2-small", "pose": "dwpose"}
"""What annotators with a network need, by its id in the manifest."""
BUILT = "engines"
"""The folder of built engines, beside that of models."""
BEST = ("upscaler-best.safetensors", "upscaler-best.onnx")
"""What a designer's own large upscaler is called in a model folder."""


@dataclass(frozen=True)
class Entry(Offer):
    """An engine on offer. `factory` is `module:function`; nothing is imported before it is called for."""

    factory: str = ""


_ENTRIES = (
    Entry(
        "stage",
        "painter",
        "Stage: path-traced sets, no weights, always there",
        capabilities=STAGE,
        factory="engines.stage:create",
    ),
    Entry(
        "nano",
        "painter",
        "Nano: draft engine, 512 px in a second without a graphics card",
        capabilities=NANO,
        factory="engines.nano:create",
    ),
    Entry(
        "builtin",
        "cutout",
        "Built in: backdrop and product told apart by colour and place",
        factory="engines.cutout:create",
    ),
    Entry("light", "upscaler", "Light: the built-in 2× network, run twice for 4×", factory="engines.upscale:light"),
    Entry("lanczos", "upscaler", "Lanczos: no network, nothing added", factory="engines.upscale:lanczos"),
    Entry("edges", "annotator", "Edges: thin contours, after Canny", factory="engines.controls:edges"),
    Entry("softedge", "annotator", "Soft edge: contours by their strength", factory="engines.controls:softedge"),
    Entry("lineart", "annotator", "Line art: a drawing in strokes", factory="engines.controls:lineart"),
    Entry("depth", "annotator", "Depth: what is near and far", factory="engines.annotators.depth:create"),
    Entry("pose", "annotator", "Pose: how people stand", factory="engines.annotators.pose:create"),
)


def known(engine_id: str, kind: Kind = "painter", folders: Sequence[Path] = ()) -> Entry:
    """The entry of this id. Raises `EngineError` naming the known ones."""
    entries = listed(kind, folders)
    for entry in entries:
        if entry.id == engine_id:
            return entry
    known_ids = ", ".join(entry.id for entry in entries)
    raise EngineError(f"There is no {_SAID[kind]} called {engine_id}", f"Known: {known_ids}")


def usable(engine_id: str, kind: Kind, folders: Sequence[Path] = ()) -> Entry:
    """The entry of this id, if it can be used as it is. Raises `EngineError` saying why not."""
    entry = known(engine_id, kind, folders)
    if entry.reason:
        fix = entry.fix or "Choose another, or put its file there"
        raise EngineError(f"{engine_id} cannot be used here: {entry.reason}", fix)
    return entry


def listed(kind: str, folders: Sequence[Path] = (), licence: str = "") -> tuple[Entry, ...]:
    """Every engine of a kind, the default first; models are looked for in `folders`. `licence`: see `open_painter`."""
    own = tuple(entry for entry in _ENTRIES if entry.kind == kind)
    if kind == "painter":
        from engines.diffusion.offers import on_offer

        here = (_nano(entry) if entry.id == "nano" else entry for entry in own)
        return (*here, *(Entry(**vars(one.offer)) for one in on_offer(folders, licence)))
    if kind == "annotator":
        from engines.annotators.borrowed import offered as borrowed

        return (*(_annotator(entry, folders) for entry in own), *(Entry(**vars(one)) for one in borrowed(folders)))
    if kind == "cutout":
        from engines.cutout.sessions import offered

        models = [
            Entry(
                offer.id,
                kind,
                offer.name,
                offer.licence,
                offer.commercial,
                offer.reason,
                bytes=0 if offer.path else offer.bytes,
                fetchable=offer.path is None,
                fix="" if offer.path else f"python app.py engines fetch {offer.id}",
            )
            for offer in offered(folders)
        ]
        return (Entry("auto", kind, "The surer of the built-in one and a model that is here"), *own, *models)
    if kind == "upscaler":
        from engines.upscale.cost import RRDB_TFLOP, said

        name = f"Best: your own large network, {said(RRDB_TFLOP)}"
        return (*own, Entry("best", kind, name, licence="its own", reason=_why_not_best(folders)))
    return own


def open_painter(
    painter_id: str,
    folders: Sequence[Path] = (),
    licence: str = "",
    residency: Residency | None = None,
    engines: Path | None = None,
) -> Painter:
    """A new painter. `licence` is the one the designer has read, for a checkpoint of their own that states none;
    without a `residency` all painters of this process share one. `engines` is the folder of built engines
    (`engines.accelerate`). Raises `EngineError` when it is not known or cannot be had here."""
    if painter_id in {entry.id for entry in _ENTRIES}:
        return _made(usable(painter_id, "painter", folders))
    from engines.diffusion.offers import create

    return create(known(painter_id, "painter", folders).id, folders, licence, residency, engines)


def open_cutout(cutout_id: str, folders: Sequence[Path] = (), licence: str = "") -> Cutout:
    """A new cut-out engine: a listed one, or an ONNX file in U²-Net's layout by its path. `licence` is the one the
    designer has read, where a model's own is not stated or does not allow paid ads."""
    if cutout_id.lower().endswith(".onnx"):
        from engines.cutout.sessions import create_custom

        return create_custom(cutout_id, licence)
    if cutout_id == "auto":
        from engines.cutout.auto import Auto
        from engines.cutout.sessions import SESSIONS, create

        # A stated licence is for one model that was named, never for whatever is found.
        models = [partial(create, session, folders) for session in SESSIONS]
        return Auto(_made(known("builtin", "cutout")), models)
    entry = known(cutout_id, "cutout", folders)
    if entry.factory:
        return _made(entry)
    from engines.cutout.sessions import create

    return create(cutout_id, folders, licence)


def open_enlarger(upscaler_id: str, folders: Sequence[Path] = (), licence: str = "") -> Enlarger:
    """A new upscaler with its tiling: a listed one, or a safetensors or ONNX file by its path."""
    if upscaler_id == "best":
        found = _best(folders)
        if found is None:
            where = ", ".join(str(folder) for folder in folders) or "a folder named in LOCKUP_MODELS"
            raise EngineError(
                "There is no large upscaler on this machine",
                f"Put one, for example Real-ESRGAN x4plus as safetensors or ONNX, into {where} as {' or '.join(BEST)}",
            )
        upscaler_id = str(found)
    if Path(upscaler_id).suffix:
        from engines.tiling import tiled

        kind = "onnx_file" if upscaler_id.lower().endswith(".onnx") else "spandrel_file"
        return tiled(import_module(f"engines.upscale.{kind}").create(upscaler_id, licence))
    return _made(known(upscaler_id, "upscaler"))


def open_annotator(kind: str, folders: Sequence[Path] = ()) -> Annotator:
    """What reads control maps of a kind out of photos. Raises `EngineError` when there is none here."""
    entry = usable(kind, "annotator", folders)
    if kind in _READERS:
        return _factory(entry)(_reader_files(kind, folders))
    if not entry.factory:
        from engines.annotators.borrowed import create

        return create(kind, folders)
    return _made(entry)


def _nano(entry: Entry) -> Entry:
    """The built-in model as it is here."""
    from engines.nano import recipe, why_not

    return replace(entry, reason=why_not(), recipe=recipe())


def _annotator(entry: Entry, folders: Sequence[Path]) -> Entry:
    """An annotator as it is here: one with a network needs its files."""
    if entry.id not in _READERS or _reader_files(entry.id, folders):
        return entry
    from engines.manifest import read_manifest

    weights = read_manifest()[_READERS[entry.id]]
    return replace(
        entry,
        licence=weights.licence,
        reason=f"{weights.name.partition(':')[0]} is not here",
        bytes=weights.bytes,
        fetchable=True,
        fix=f"python app.py engines fetch {weights.id}",
    )


def _reader_files(kind: str, folders: Sequence[Path]) -> dict[str, Path] | None:
    from engines.diffusion.parts import hub_caches
    from engines.manifest import read_manifest
    from engines.weights import find

    return find(read_manifest()[_READERS[kind]], (*folders, *hub_caches()))


def doors(folders: Sequence[Path], models: Path, licence: str = "") -> dict[str, Callable[..., Any]]:
    """Everything a studio may ask of engines, by the names `studio.desk.engines.Engines` has for it. `models` is where
    what is fetched is kept; built engines lie beside it."""
    built = models.parent / BUILT

    def fetch(name: str, accepted_licence: str, progress: Progress) -> Path:
        from engines.cutout.sessions import SESSIONS, fetch_session
        from engines.diffusion import offers

        if name in SESSIONS:
            return fetch_session(name, models, accept_licence=accepted_licence, progress=progress)
        return offers.fetch(_READERS.get(name, name), models, (*folders, models), accepted_licence, progress)

    def adapter(path: Path, painter_id: str) -> AdapterFacts:
        from engines.diffusion.offers import adapter_facts

        return adapter_facts(path, painter_id)

    return {
        "cutout": lambda name: open_cutout(name, folders, licence),
        "enlarger": lambda name: open_enlarger(name, folders, licence),
        "painter": lambda name: open_painter(name, folders, licence, engines=built),
        "annotator": lambda name: open_annotator(name, folders),
        "offers": lambda kind: listed(kind, folders, licence),
        "fetch": fetch,
        "adapter": adapter,
    }


def check() -> dict[str, str]:
    """For each engine that comes with the project "" if it can be opened, else the reason."""
    reasons: dict[str, str] = {}
    for entry in _ENTRIES:
        if entry.id in _READERS:  # they say themselves what they lack
            continue
        try:
            _factory(entry)
            reasons[entry.id] = ""
        except EngineError as error:
            reasons[entry.id] = str(error)
    return reasons


def _why_not_best(folders: Sequence[Path]) -> str:
    from engines.terms import agree, terms_beside

    found = _best(folders)
    if found is None:
        return f"{' or '.join(BEST)} is in none of the model folders"
    try:
        agree(found.name, terms_beside(found))
    except EngineError as error:
        return f"{error}. {error.hint}"
    return ""


def _best(folders: Sequence[Path]) -> Path | None:
    return next((path for folder in folders for name in BEST if (path := folder / name).is_file()), None)


def _made(entry: Entry) -> Any:
    return _factory(entry)()


def _factory(entry: Entry) -> Callable[..., Any]:
    module, _, name = entry.factory.partition(":")
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise EngineError(
            f"{entry.name} needs {error.name}, which is not installed", "Install the project again"
        ) from error
