"""The verbs for single pictures, and how files come and go: by upload and download, never by a path of a caller."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from gradio.data_classes import FileData
from pydantic import Field

from engines.base import EngineError, Progress
from studio.batch import cut_files, cut_wishes, enlarge_files, wanted_size
from studio.errors import BadInput
from studio.maps import Reading
from studio.orders import read_view
from studio.pixels import encode_png, read_picture
from studio.presets import load_sets
from studio.runs import Runs
from studio.sets import render_set
from studio.studio import Studio
from studio.ui.intake import uploaded

Json: TypeAlias = dict[str, Any]
Name = Annotated[str, Field(max_length=200)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Steps = Annotated[int, Field(ge=1, le=1024)]


class PictureVerbs:
    """What may be called on a picture. Every docstring is what callers read; every argument is checked by its
    annotation."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self._studio, self._runs = studio, runs

    def score(self, picture: FileData, kit: Name) -> Json:
        """How true any picture is to a brand: checks passed of those that could be measured.

        Parameters:
            picture: The picture, ours or not.
            kit: The id of a kit.
        Returns:
            Passed, tested, and every check with its value, limit and what to do.
        """
        result = self._studio.score(uploaded(picture.path), self._studio.shelf.folder(kit))
        checks = [check.model_dump(mode="json") for check in result.checks]
        return {"passed": result.passed, "tested": result.tested, "checks": checks}

    def cutout(
        self, picture: FileData, engine: Name = "auto", shadow: bool = False, straighten: bool = False,
        trim: bool = True, ground: Name = "",
    ) -> Json:  # fmt: skip
        """Free a product from its background.

        Parameters:
            picture: A photo.
            engine: The id of a cut-out engine of engines_list.
            shadow: Also the soft shadow on the ground, as a layer of its own.
            straighten: Turn a tilted product upright.
            trim: Down to the product's own size.
            ground: A CSS colour to flatten on; transparent when left out.
        Returns:
            The file, the shadow's where one was asked for and found, and how sure the engine is, 0 to 1.
        """
        wanted = {"engine": self._known("cutout", engine), "shadow": shadow, "straighten": straighten, "trim": trim}
        rows = cut_files(
            self._studio, uploaded(picture.path), place(), cut_wishes(wanted, ground or None, None), Progress()
        )
        return _row(rows)

    def upscale(
        self, picture: FileData, scale: Annotated[float, Field(ge=1, le=16)] | None = None, mm: Name = "",
        dpi: Annotated[int, Field(ge=30, le=2400)] | None = None, bleed: Annotated[float, Field(ge=0, le=50)] = 0.0,
        engine: Name = "light",
    ) -> Json:  # fmt: skip
        """Enlarge a picture: by a factor, or as far as a print needs it.

        Parameters:
            picture: The picture; transparency is kept.
            scale: How many times as wide and high; 2 when nothing is said.
            mm: Printed width and height in mm, such as 210x297, instead of scale.
            dpi: Pixels an inch of the print; 300 when left out.
            bleed: Bleed of the print in mm.
            engine: The id of an upscaler of engines_list.
        Returns:
            The file and its size in pixels.
        """
        size = wanted_size(scale, mm or None, dpi, bleed)
        known = self._known("upscaler", engine)
        return _row(enlarge_files(self._studio, uploaded(picture.path), place(), size, known, Progress()))

    def control(self, picture: FileData, kind: Reading) -> Json:
        """Read a control map out of a photo, for painters that follow one.

        Parameters:
            picture: A photo.
            kind: What reads it, such as edges, softedge, lineart, depth or pose; see engines_list.
        Returns:
            The map, and the digest a brief's controls name it by.
        """
        if self._studio.engines.annotator is None:
            raise EngineError("No engines were opened here", "Start Lockup with app.py")
        pixels = self._studio.engines.annotator(kind).annotate(read_picture(uploaded(picture.path))[..., :3].copy())
        digest = self._studio.store.put_blob(encode_png(pixels))
        out = place() / f"{kind}.png"
        shutil.copyfile(self._studio.store.blob_path(digest), out)
        return {"file": sent(out), "kind": kind, "digest": digest}

    def stage(
        self, set_id: Name, kit: Name, product: FileData | None = None, size: Name = "1024x1024", samples: Steps = 12,
        seed: Seed = 1,
    ) -> Json:  # fmt: skip
        """Render a set in a kit's colours: picture, depth, normals, edges and mask.

        Parameters:
            set_id: The id of a set.
            kit: The id of a kit.
            product: A product picture to stand in the set.
            size: Width and height in pixels.
            samples: Samples a pixel; 12 is for delivery.
            seed: The same seed gives the same picture.
        Returns:
            The files by name, and the seconds it took.
        """
        if set_id not in load_sets():
            raise BadInput(f"There is no set called {set_id[:60]!r}", f"Known: {', '.join(load_sets())}")
        if self._studio.engines.painter is None:
            raise EngineError("No engines were opened here", "Start Lockup with app.py")
        folder, view = self._studio.shelf.folder(kit), read_view(size, samples, seed)
        photo = uploaded(product.path) if product else None
        made = render_set(
            self._studio, self._studio.engines.painter("stage"), Path(set_id), place(), folder, photo, view
        )
        return {**made, "files": {name: sent(Path(file)) for name, file in made["files"].items()}}

    def read(self, picture: FileData) -> Json:
        """How a picture was made: ours, or another tool's.

        Parameters:
            picture: The picture, as it was delivered.
        Returns:
            What its metadata say.
        """
        return self._studio.read(uploaded(picture.path))

    def _known(self, kind: Literal["cutout", "upscaler"], engine: str) -> str:
        """The id of an engine that is listed: never the path of a file on this machine."""
        ids = [one.id for one in self._studio.engines.offers(kind)]
        if engine not in ids:
            raise EngineError(f"There is no {kind} engine called {engine[:60]!r}", f"Known: {', '.join(ids)}")
        return engine


def place() -> Path:
    """A new folder for what is sent back; the page tidies it away after a day."""
    folder = Path(os.environ["GRADIO_TEMP_DIR"]) / f"api-{secrets.token_hex(16)}"
    folder.mkdir(parents=True)
    return folder


def sent(path: Path) -> Json:
    """A file as callers download it."""
    return FileData(path=str(path), orig_name=path.name, size=path.stat().st_size).model_dump()


def _row(rows: Iterable[Json]) -> Json:
    """What a verb over files said of its one picture."""
    row = next(iter(rows))
    if "error" in row:
        raise BadInput(row["error"], row["fix"])
    answer = {key: value for key, value in row.items() if key not in ("file", "out", "shadow")}
    files = {"file": sent(Path(row["out"]))} | ({"shadow": sent(Path(row["shadow"]))} if "shadow" in row else {})
    return {**files, **answer}
