"""A kit's folder: `brand.tokens.json`, `logos/`, `fonts/`, `references/`. Read, written and copied whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from studio.brand.dtcg.check import problems
from studio.brand.dtcg.tokens import STAND_IN, kit_from_tokens, parse_tokens, tokens_from_kit
from studio.brand.fonts import FontSet, font_path, installed, load_fonts
from studio.brand.inside import inside, relative_name
from studio.brand.logo import MAX_LOGO_BYTES, LogoArt, load_logo
from studio.color import contrast_hex
from studio.errors import BadInput
from studio.model import BrandKit, BrandType, Logo, Role, Swatch, TypeChoice
from studio.pixels import read_bytes

TOKENS_FILE = "brand.tokens.json"
MAX_TOKENS_BYTES = 8_000_000
_MAX_FILE_BYTES = 512_000_000


@dataclass(frozen=True, eq=False)
class LoadedKit:
    """A kit with everything it refers to. `digest` changes with the content of any of it, never with its place."""

    kit: BrandKit
    folder: Path
    digest: str
    fonts: FontSet
    logos: tuple[LogoArt, ...]
    notes: tuple[str, ...] = ()

    def logo_on(self, background_hex: str) -> LogoArt | None:
        """The variant for such a background: its side's, then one for any; a variant that keeps all its parts first.

        A background is light where black reads better on it than white. None if the kit has no logo.
        """
        side = "light" if contrast_hex("#000000", background_hex) >= contrast_hex("#ffffff", background_hex) else "dark"
        order = {side: 0, "any": 1}
        ranked = sorted(self.logos, key=lambda art: order.get(art.logo.on, 2))
        return min(ranked, key=lambda art: art.vanishes_on(background_hex), default=None)


def load_kit(folder: Path | str) -> LoadedKit:
    """The kit in `folder`, with logos and fonts. Raises `BadInput` naming the file and what is wrong with it.

    Fonts that cannot be used do not stop the kit: `fonts.problems` names them.
    """
    folder = Path(folder)
    path = tokens_path(folder)
    folder = path.parent
    kit, notes = kit_from_tokens(parse_tokens(read_bytes(path, MAX_TOKENS_BYTES), path.name), path.name)
    logos = tuple(load_logo(folder, logo) for logo in kit.logos)
    missing: list[str] = []
    digest = _digest(kit, folder, missing)
    art_notes = [note for art in logos for note in art.notes]
    return LoadedKit(kit, folder, digest, load_fonts(kit, folder), logos, (*notes, *art_notes, *missing))


def tokens_path(folder: Path) -> Path:
    """The token file of a kit: `brand.tokens.json`, or the only `*.tokens.json` or `*.tokens` there."""
    if folder.is_file():
        return folder
    if not folder.is_dir():
        raise BadInput(f"There is no kit at {folder}", f"Expected a folder with {TOKENS_FILE}")
    if (folder / TOKENS_FILE).is_file():
        return folder / TOKENS_FILE
    found = sorted(path for pattern in ("*.tokens.json", "*.tokens") for path in folder.glob(pattern) if path.is_file())
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} token files" if found else "no token file"
    raise BadInput(f"{folder.name} holds {what}", f"Expected one {TOKENS_FILE}")


def save_kit(kit: BrandKit, folder: Path | str, original: dict[str, Any] | None = None) -> Path:
    """Write the kit's tokens into `folder`, whole or not at all, and return their path.

    What other tools wrote into `original`, else into the tokens already there, is kept. Raises `BadInput`.
    """
    folder = Path(folder)
    for file in _files(kit):
        relative_name(file)
    path = folder / TOKENS_FILE
    if original is None and path.is_file():
        original = parse_tokens(read_bytes(path, MAX_TOKENS_BYTES), path.name)
    return _write_json(tokens_from_kit(kit, original), path)


def copy_kit(folder: Path | str, to: Path | str) -> Path:
    """A snapshot in the new folder `to`: the tokens and the files they name, nothing else; whole or not at all.

    Links are not followed. Raises `BadInput`.
    """
    tokens, to = tokens_path(Path(folder)), Path(to)
    folder = tokens.parent
    data = read_bytes(tokens, MAX_TOKENS_BYTES)
    kit, _ = kit_from_tokens(parse_tokens(data, tokens.name), tokens.name)
    if to.exists():
        raise BadInput(f"{to} is there already", "Expected a new folder to copy the kit to")
    aside = to.with_name(f".lockup-{secrets.token_hex(6)}.part")
    with writing(to):
        try:
            aside.mkdir(parents=True)
            (aside / TOKENS_FILE).write_bytes(data)
            for file in _files(kit):
                source = inside(folder, file)
                _refuse_links(folder, source, file)
                if not source.is_file():
                    continue
                target = aside / relative_name(file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target, follow_symlinks=False)
            aside.rename(to)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return to


def new_kit(
    folder: Path | str,
    name: str,
    logo: Path | None = None,
    palette: Mapping[Role, str] | None = None,
    fonts: BrandType | None = None,
) -> LoadedKit:
    """A kit around a logo file and colours by role (`#rrggbb`), written to `folder` and loaded. Raises `BadInput`."""
    folder = Path(folder)
    logos: tuple[Logo, ...] = ()
    if logo is not None:
        data = read_bytes(logo, MAX_LOGO_BYTES)
        logos = (Logo(file=f"logos/{relative_name(logo.name)}"),)
        with writing(folder):
            (folder / "logos").mkdir(parents=True, exist_ok=True)
            (folder / logos[0].file).write_bytes(data)
    swatches = tuple(Swatch(role=role, hex=color.lower()) for role, color in (palette or {}).items())
    heading = STAND_IN.model_copy(update={"weight": 700})
    kind = fonts or BrandType(heading=heading, body=STAND_IN)
    save_kit(BrandKit(name=name, palette=swatches, type=kind, logos=logos), folder)
    return load_kit(folder)


def import_tokens(file: Path | str, folder: Path | str) -> LoadedKit:
    """A kit in the new or empty `folder` from another tool's token file, or another kit's; whole or not at all.

    Logos and fonts that the tokens name are taken along where they lie beside the file, else left out with a note.
    Raises `BadInput`.
    """
    file, folder = Path(file), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(f"{folder} is there already and not empty", "Choose a new folder with --out")
    data = parse_tokens(read_bytes(file, MAX_TOKENS_BYTES), file.name)
    kit, notes = kit_from_tokens(data, file.name)
    gone = tuple(name for name in _files(kit) if not inside(file.parent, name).is_file())
    kit = _without(kit, frozenset(gone))
    kind = BrandType(heading=at_hand(kit.type.heading, 700), body=at_hand(kit.type.body, 400))
    aside = folder.with_name(f".lockup-{secrets.token_hex(6)}.part")
    with writing(folder):
        try:
            for name in _files(kit):
                _refuse_links(file.parent, inside(file.parent, name), name)
                (aside / relative_name(name)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(inside(file.parent, name), aside / relative_name(name), follow_symlinks=False)
            save_kit(kit.model_copy(update={"type": kind}), aside, original=data)
            if folder.exists():
                folder.rmdir()
            aside.rename(folder)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    loaded = load_kit(folder)
    left = tuple(f"{name} does not lie beside {file.name}: left out" for name in gone)
    return replace(loaded, notes=(*notes, *left, *loaded.notes))


def _without(kit: BrandKit, gone: frozenset[str]) -> BrandKit:
    """The kit without the files named in `gone`."""

    def kept(choice: TypeChoice) -> TypeChoice:
        return choice.model_copy(update={"files": tuple(font for font in choice.files if font.file not in gone)})

    return kit.model_copy(
        update={
            "logos": tuple(logo for logo in kit.logos if logo.file not in gone),
            "type": BrandType(heading=kept(kit.type.heading), body=kept(kit.type.body)),
            "references": tuple(file for file in kit.references if file not in gone),
            "adapter": None if kit.adapter in gone else kit.adapter,
        }
    )


def at_hand(choice: TypeChoice, stand_in_weight: int) -> TypeChoice:
    """The choice if it has files or this machine has its family; else what stands in for it, in that weight, 1–1000."""
    if choice.files or choice.stands_for or installed(choice.family):
        return choice
    return STAND_IN.model_copy(update={"weight": stand_in_weight, "stands_for": choice.family})


def export_tokens(folder: Path | str, file: Path | str) -> Path:
    """The kit's tokens as one DTCG 2025.10 file, checked by that format's rules, and its path. Replaces `file`.

    What other tools wrote into the kit's tokens goes along. Raises `BadInput` naming each token that breaks a rule.
    """
    path, file = tokens_path(Path(folder)), Path(file)
    data = parse_tokens(read_bytes(path, MAX_TOKENS_BYTES), path.name)
    kit, _ = kit_from_tokens(data, path.name)
    whole = tokens_from_kit(kit, data)
    wrong = problems(whole)
    if len(wrong) > 0:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        raise BadInput(f"{path.name} breaks the format: {wrong[0]}{more}", "Mend it in the kit, then export again")
    return _write_json(whole, file)


def _write_json(tree: dict[str, Any], file: Path) -> Path:
    text = json.dumps(tree, indent=2, ensure_ascii=False) + "\n"
    with writing(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".lockup-{secrets.token_hex(6)}.part")
        try:
            aside.write_text(text, encoding="utf-8", newline="\n")
            aside.replace(file)
        finally:
            aside.unlink(missing_ok=True)
    return file


def _files(kit: BrandKit) -> list[str]:
    """Every file the kit names inside its folder, each once."""
    fonts = [font.file for choice in (kit.type.heading, kit.type.body) for font in choice.files]
    named = [logo.file for logo in kit.logos] + [file for file in fonts if not file.startswith("package:")]
    named += [*kit.references, *([kit.adapter] if kit.adapter else [])]
    return list(dict.fromkeys(named))


def _digest(kit: BrandKit, folder: Path, missing: list[str]) -> str:
    whole = hashlib.sha256(kit.canonical().encode())
    packaged = [font.file for choice in (kit.type.heading, kit.type.body) for font in choice.files]
    for file in dict.fromkeys([*_files(kit), *packaged]):
        try:
            path = font_path(file, folder) if file.startswith("package:") else inside(folder, file)
        except BadInput:
            # A font package that is not installed is the fonts' own problem; a path that leads out is everyone's.
            if not file.startswith("package:"):
                raise
            whole.update(f"{file}\0absent\0".encode())
            continue
        if not path.is_file():
            if path.exists():
                raise BadInput(f"{file} is not a file", "Expected a file inside the kit")
            missing.append(f"{file} is named by the kit but is not there")
            whole.update(f"{file}\0absent\0".encode())
            continue
        whole.update(f"{file}\0{_file_digest(path, file)}\0".encode())
    return whole.hexdigest()


def _file_digest(path: Path, file: str) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise BadInput(f"{file} is larger than {_MAX_FILE_BYTES / 1e6:g} MB", "Use a smaller file")
        with path.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror or error}", "Check its permissions") from error


def _refuse_links(folder: Path, path: Path, file: str) -> None:
    for part in (path, *path.parents):
        if part == folder:
            return
        if part.is_symlink():
            raise BadInput(f"{file} is a link", "Put the file itself into the kit")


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Trouble while writing to `folder` as `BadInput`, with what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = os.fspath(folder)
        raise BadInput(
            f"The kit cannot be written to {where}: {reason}", "Choose another folder, or free space"
        ) from error
