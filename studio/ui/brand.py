"""The Brand tab: who is speaking: reading, editing and keeping kits."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import gradio as gr
from pydantic import Field

from engines.base import EngineError
from studio import settings
from studio.brand.added import MOST_FILES, with_fonts, with_logos
from studio.brand.kit import LoadedKit
from studio.brief.draft import Draft
from studio.desk.files import write_whole
from studio.errors import LockupError
from studio.model import BrandKit
from studio.preset import ENDING, OnFile, Presets
from studio.proof import Proof, Proofs, Shape
from studio.runs import Runs
from studio.studio import Studio
from studio.ui.facts import address
from studio.ui.intake import uploaded, web_address
from studio.ui.kit_sheet import kit_sheet
from studio.ui.latest import Latest
from studio.ui.view import view

MOST_DROPPED = 40
_KEPT_EXPORTS = 20
Page = Annotated[str, Field(min_length=1, max_length=80)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Short = Annotated[str, Field(max_length=2000)]
Id = Annotated[str, Field(max_length=80)]
Token = Annotated[str, Field(max_length=120)]
Paths = Annotated[list[Short], Field(min_length=1, max_length=MOST_DROPPED)]


class Brand:
    """What the tab's script may call. A reading that was stopped or overtaken leaves no kit."""

    def __init__(self, studio: Studio, runs: Runs) -> None:
        self.studio = studio
        self.shown = settings.shown(studio.home)
        self.kept = Presets(studio.home / "presets", studio.shelf, studio.store)
        self.proofs = Proofs(studio)
        self.latest = Latest()
        self._under_way: dict[str, str] = {}
        self._lock = threading.Lock()

    def build(self) -> gr.HTML:
        verbs = (
            self.read, self.stop_reading, self.sheet, self.save_kit, self.new_kit, self.duplicate_kit, self.rename_kit,
            self.remove_kit, self.bring_back_kit, self.export_tokens, self.export_kit, self.add_logos, self.add_fonts,
            self.presets, self.save_preset, self.use_preset, self.export_preset, self.remove_preset,
            self.bring_back_preset, self.proof,
        )  # fmt: skip
        return view("brand", verbs, "brand_shelf", "brand_proof", "brand_sheet")

    # -------------------------------------------------------------------------------------------- reading

    def read(self, page: Page, source: Short = "", files: Paths | None = None) -> dict[str, Any]:
        """A kit of an address, or of what was dropped: a saved page, ZIP, logo, photos, PDF or tokens; or a file of
        Lockup's own. Gives the kit's or preset's id, or `dropped` where the reading was stopped or overtaken."""
        paths = [uploaded(path) for path in files or ()]
        if len(paths) == 1 and paths[0].suffix.lower() == ENDING:
            kind, found_id = self.kept.take_in(paths[0])
            return {"dropped": False, kind: found_id}
        wish = source.strip() if not paths else " ".join(map(str, paths))
        with self._lock:
            if self._under_way.get(page) == wish:
                return {"dropped": True}
            self._under_way[page] = wish
            wanted = self.latest.asked(page)
        try:
            with self._together(paths) as path:
                return self._adopted(str(path) if path else web_address(wish), wanted)
        finally:
            with self._lock:
                if wanted():
                    self._under_way.pop(page, None)

    def stop_reading(self, page: Page) -> None:
        """Let a reading be; its answer is dropped when it comes."""
        with self._lock:
            self.latest.asked(page)
            self._under_way.pop(page, None)

    def _adopted(self, source: str, wanted: Callable[[], bool]) -> dict[str, Any]:
        try:
            found = self.studio.propose(source)
            if not wanted():
                return {"dropped": True}
            kit = self.studio.adopt(found, source)
        except LockupError:
            if not wanted():
                return {"dropped": True}
            raise
        if not wanted():
            shutil.rmtree(kit.folder, ignore_errors=True)
            return {"dropped": True}
        return {"dropped": False, "kit": kit.folder.name}

    @contextlib.contextmanager
    def _together(self, paths: list[Path]) -> Iterator[Path | None]:
        """One path for what was dropped: several pictures are read as a folder of them."""
        if len(paths) <= 1:
            yield paths[0] if paths else None
            return
        folder = settings.cache(self.studio.home) / "read" / secrets.token_hex(8)
        try:
            folder.mkdir(parents=True)
            for number, path in enumerate(paths):
                name = path.name if not (folder / path.name).exists() else f"{number}-{path.name}"
                shutil.copyfile(path, folder / name)
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    # -------------------------------------------------------------------------------------------- one kit

    def sheet(self, kit_id: Id) -> dict[str, Any]:
        """Everything of a kit."""
        return self._sheet(kit_id, self.studio.shelf.load(kit_id))

    def save_kit(self, kit_id: Id, digest: Token, kit: BrandKit) -> dict[str, Any]:
        """Write a changed kit; `digest` is that of the kit that was changed, so that nobody's work is overwritten."""
        return self._sheet(kit_id, self.studio.shelf.save(kit_id, digest, kit))

    def add_logos(self, kit_id: Id, digest: Token, files: Paths) -> dict[str, Any]:
        """SVGs or pictures as further logos."""
        paths = [uploaded(path) for path in files[:MOST_FILES]]
        kit = self.studio.shelf.load(kit_id)
        return self.save_kit(kit_id, digest, with_logos(kit.kit, kit.folder, paths))

    def add_fonts(self, kit_id: Id, digest: Token, role: Literal["heading", "body"], files: Paths) -> dict[str, Any]:
        """Font files for headings or body text."""
        paths = [uploaded(path) for path in files[:MOST_FILES]]
        kit = self.studio.shelf.load(kit_id)
        return self.save_kit(kit_id, digest, with_fonts(kit.kit, kit.folder, role, paths))

    def _sheet(self, kit_id: str, kit: LoadedKit) -> dict[str, Any]:
        return kit_sheet(kit_id, kit, self.shown)

    # -------------------------------------------------------------------------------------------- the shelf

    def new_kit(self) -> str:
        """A kit to begin with; gives its id."""
        return self.studio.shelf.blank("New brand")

    def duplicate_kit(self, kit_id: Id) -> str:
        """A copy of a kit; gives its id."""
        return self.studio.shelf.duplicate(kit_id)

    def rename_kit(self, kit_id: Id, name: Name) -> None:
        """Another name for the brand."""
        kit = self.studio.shelf.load(kit_id)
        self.studio.shelf.save(kit_id, kit.digest, kit.kit.model_copy(update={"name": name.strip()}))

    def remove_kit(self, kit_id: Id) -> str:
        """Take a kit off the shelf; gives what `bring_back_kit` takes."""
        return self.studio.shelf.remove(kit_id)

    def bring_back_kit(self, token: Token) -> str:
        """The kit that was removed; gives its id."""
        return self.studio.shelf.bring_back(token)

    def export_tokens(self, kit_id: Id) -> dict[str, str]:
        """A kit's design tokens as one DTCG file: its address and name."""
        kit = self.studio.shelf.load(kit_id)
        target = self._export(f"{kit_id}.tokens.json")
        self.studio.export_tokens(kit.folder, target)
        return {"address": address(target), "name": target.name}

    def export_kit(self, kit_id: Id) -> dict[str, str]:
        """A kit with its logos and fonts as one file."""
        name, data = self.kept.kit_file(kit_id)
        target = self._export(name)
        write_whole(target, data)
        return {"address": address(target), "name": name}

    def _export(self, name: str) -> Path:
        """A place for a file to be downloaded from; the oldest ones go."""
        folder = self.shown / "exports"
        with contextlib.suppress(OSError):
            old = sorted((one for one in folder.iterdir() if one.is_dir()), key=lambda one: -one.stat().st_mtime)
            for gone in old[_KEPT_EXPORTS:]:
                shutil.rmtree(gone, ignore_errors=True)
        return folder / secrets.token_hex(8) / name

    # -------------------------------------------------------------------------------------------- presets

    def presets(self) -> list[dict[str, Any]]:
        """The presets of the workspace."""
        return [_preset_line(one) for one in self.kept.listed()]

    def save_preset(self, name: Name, draft: Draft) -> str:
        """Keep the draft's kit, look, sets, layouts, references and formats under a name; gives the preset's id."""
        return self.kept.save(name, draft)

    def use_preset(self, preset_id: Id) -> dict[str, Any]:
        """The fields a draft takes from a preset; its kit is on the shelf by then."""
        fields, new = self.kept.use(preset_id)
        return {"fields": fields, "new_kit": new}

    def export_preset(self, preset_id: Id) -> dict[str, str]:
        """A preset as one file that opens elsewhere."""
        source = self.kept.file(preset_id)
        target = self._export(source.name)
        write_whole(target, source.read_bytes())
        return {"address": address(target), "name": target.name}

    def remove_preset(self, preset_id: Id) -> str:
        """Take a preset away; gives what `bring_back_preset` takes."""
        return self.kept.remove(preset_id)

    def bring_back_preset(self, token: Token) -> str:
        """The preset that was removed."""
        return self.kept.bring_back(token)

    # -------------------------------------------------------------------------------------------- proof

    def proof(
        self, kit_id: Id, draft: Draft, shapes: Annotated[list[Shape], Field(max_length=3)], wait: bool = False
    ) -> dict[str, Any]:
        """Small ads of the draft in this kit. Without `wait` at once, else painted and measured."""
        kit = self.studio.shelf.load(kit_id)
        for role in ("heading", "body"):
            kit.fonts.face(role)
        made = [self.proofs.make(kit, draft, shape, wait) for shape in dict.fromkeys(shapes)]
        return {"warm": self.proofs.warm, "ads": [_proof_line(one) for one in made]}


def _preset_line(one: OnFile) -> dict[str, Any]:
    preset = one.preset
    return {
        "id": one.id,
        "name": preset.name,
        "kit": one.kit.name,
        "swatches": [swatch.hex for swatch in one.kit.palette[:8]],
        "look": preset.look,
        "sets": len(preset.sets),
        "layouts": len(preset.layouts),
        "references": len(preset.references),
        "formats": len(preset.formats),
    }


def _proof_line(one: Proof) -> dict[str, Any]:
    width, height = one.format.delivered_px
    score = one.score
    trouble: LockupError | EngineError | None = one.trouble or one.unpainted
    return {
        "shape": one.shape,
        "format": one.format.name,
        "width": width,
        "height": height,
        "address": address(one.file) if one.file else "",
        "settled": one.settled,
        "passed": score.passed if score else None,
        "tested": score.tested if score else None,
        "failed": [{"message": check.message, "fix": check.fix} for check in one.failed],
        "trouble": {"message": str(trouble), "hint": trouble.hint} if trouble else None,
    }
