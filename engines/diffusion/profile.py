"""Profiles: what a painter is made of and how it is asked, as data from `presets/profiles.toml`. Loads no torch.

Parts of the SDXL family, by name: `base` (a folder in diffusers' layout: tokenizers, text encoders, scheduler, and a
unet and vae unless given apart), `unet` (one safetensors file with a UNet's weights, for `base/unet/config.json`),
`unet-N` (the same, for pictures of N steps), `vae` (a folder), `checkpoint` (one safetensors file with everything;
`base` then holds tokenizers and configs only), `controls` (a folder with a ControlNet-Union), `references` and `face`
(IP-Adapter files), `image_encoder` (a folder), `preview` (a TAESD folder).
Parts of the other families: `base` (the whole pipeline's folder), `controls` (one safetensors file, where there is
one).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast

from engines.base import Capabilities, EngineError

PROFILES = Path(__file__).resolve().parents[2] / "presets" / "profiles.toml"
FETCH = "python app.py engines fetch"
EFFORTS = ("quick", "normal", "quality")
BASE_OF = MappingProxyType({"sdxl": "sdxl", "flux2": "flux2-klein-4b", "zimage": "z-image"})
"""Of each family, the base model its LoRAs are made for: a key of `engines.diffusion.probe.BASES`."""
_MAPS = MappingProxyType(
    {
        "sdxl": ("edges", "softedge", "lineart", "depth", "pose", "segment"),
        "flux2": (),
        "zimage": ("edges", "softedge", "lineart", "depth", "pose"),
    }
)
"""What the ControlNet of a family was trained to follow."""
_USES = ("style", "layout", "subject", "product", "face")


@dataclass(frozen=True)
class Profile:
    """One painter. `parts` and `extras` name weights of the manifest by part; without an extra the painter works, less
    able. `scheduler` holds changes to the scheduler's own settings."""

    id: str
    name: str
    family: Literal["sdxl", "flux2", "zimage"]
    steps: Mapping[str, int]
    """Denoising steps by effort: `normal`, and perhaps `quick` and `quality`. Where an extra `unet-N` is named, an
    effort of N steps is offered only when that file is here."""
    guidance: float = 0.0
    """Above 1 the painter heeds what is to be avoided."""
    scheduler: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, str] = field(default_factory=dict)
    extras: Mapping[str, str] = field(default_factory=dict)
    start_strength: float = 0.85
    """How much of a start picture (a set's colours, blocks of a sketch) is given up to the noise."""
    set_strength: float = 0.6
    """How strongly the depth of a set is followed."""
    least_px: float = 512.0
    """The side of the least square that it paints well; smaller pictures are painted larger, then reduced. 0 paints
    everything as it is asked for."""
    most_px: float = 0.0
    """The side of the greatest square that it paints; larger pictures are painted smaller, then enlarged. 0 for one
    that paints any size."""
    latent_px: int = 8
    """How many pixels of the picture, a side, one of its latents stands for."""
    sizes: tuple[tuple[int, int], ...] = ()
    """Widths and heights it was trained at: a picture is painted at one of these where its shape is near enough, so
    that few sizes, and few engines, serve every format."""
    experimental: bool = False
    takes: str = ""
    """The kind of checkpoint (`sdxl`) of which every one on the machine becomes a painter; empty for a profile that is
    one painter itself."""
    said: tuple[str, ...] = ()
    """Of the profiles that take a kind, this one is for checkpoints whose name or metadata holds one of these words."""


# ------------------------------------------------------------------------------------------------ reading

_TEXTS = ("name", "takes")
_FIELDS = {
    "name", "family", "steps", "guidance", "scheduler", "parts", "extras", "start_strength", "set_strength",
    "least_px", "sizes", "experimental", "takes", "said",
}  # fmt: skip


def read_profiles(path: Path = PROFILES) -> dict[str, Profile]:
    """Every profile by id. Raises `EngineError` naming table and field, for unknown fields too."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(f"{path.name} cannot be read: {error}", "Install the project again.") from error
    return {name: _profile(f"{path.name} [{name}]", name, _full(path, name, tables)) for name in tables}


def _full(path: Path, name: str, tables: Mapping[str, Any]) -> Mapping[str, Any]:
    table = tables[name]
    if not isinstance(table, dict) or "like" not in table:
        return table
    model = tables.get(cast(str, table["like"])) if isinstance(table["like"], str) else None
    if not isinstance(model, dict) or "like" in model:
        raise EngineError(
            f"{path.name} [{name}]: like: expected a profile that is like no other, got {table['like']!r}"
        )
    return model | {key: value for key, value in table.items() if key != "like"}


def _profile(where: str, name: str, table: Any) -> Profile:
    if not isinstance(table, dict):
        raise EngineError(f"{where}: expected a table")
    if strange := set(table) - _FIELDS:
        raise EngineError(f"{where}: unknown field {min(strange)}", f"Known fields: {', '.join(sorted(_FIELDS))}")
    family = table.get("family")
    if family not in BASE_OF:
        raise EngineError(f"{where}: family: expected one of {', '.join(BASE_OF)}, got {family!r}")
    steps = _table(where, "steps", table, int)
    if "normal" not in steps or set(steps) - set(EFFORTS) or not all(1 <= count <= 200 for count in steps.values()):
        raise EngineError(f"{where}: steps: expected normal, and perhaps quick and quality, each 1 to 200")
    said = table.get("said", [])
    if not isinstance(said, list) or not all(isinstance(word, str) and word for word in said):
        raise EngineError(f"{where}: said: expected a list of words, got {said!r}")
    if not all(isinstance(table.get(text, ""), str) for text in _TEXTS):
        raise EngineError(f"{where}: expected text as {' and '.join(_TEXTS)}")
    if not isinstance(table.get("experimental", False), bool):
        raise EngineError(f"{where}: experimental: expected true or false")
    return Profile(
        id=name,
        name=table.get("name", name),
        family=cast(Any, family),
        steps=steps,
        guidance=_number(where, "guidance", table, 0.0, 30.0),
        scheduler=_table(where, "scheduler", table, (str, int, float, bool)),
        parts=_table(where, "parts", table, str),
        extras=_table(where, "extras", table, str),
        start_strength=_number(where, "start_strength", table, Profile.start_strength),
        set_strength=_number(where, "set_strength", table, Profile.set_strength, 2.0),
        least_px=_number(where, "least_px", table, Profile.least_px, 4096.0),
        sizes=_sizes(where, table.get("sizes", [])),
        experimental=table.get("experimental", False),
        takes=table.get("takes", ""),
        said=tuple(said),
    )


def _sizes(where: str, value: Any) -> tuple[tuple[int, int], ...]:
    good = isinstance(value, list) and all(
        isinstance(one, list) and len(one) == 2 and all(isinstance(side, int) and 64 <= side <= 4096 for side in one)
        for one in value
    )
    if not good:
        raise EngineError(f"{where}: sizes: expected [[width, height], …] in pixels, got {value!r}")
    return tuple((wide, high) for wide, high in value)


def _table(where: str, name: str, table: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    value = table.get(name, {})
    if not isinstance(value, dict) or not all(isinstance(item, kind) for item in value.values()):
        raise EngineError(f"{where}: {name}: expected a table, got {value!r}")
    return value


def _number(where: str, name: str, table: Mapping[str, Any], default: float, most: float = 1.0) -> float:
    value = table.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise EngineError(f"{where}: {name}: expected a number from 0 to {most:g}, got {value!r}")
    return float(value)


def recipe(profile: Profile, parts_digest: str) -> str:
    """16 hex digits for all that decides this painter's pictures besides a request: its weights, and what the profile
    says of how they are asked. Empty without weights."""
    if not parts_digest:
        return ""
    asked = (profile.family, sorted(profile.scheduler.items()), profile.start_strength, profile.set_strength)
    return hashlib.sha256(repr((parts_digest, *asked, profile.least_px, profile.sizes)).encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------------------ what it can do


def capabilities(profile: Profile, present: Collection[str]) -> Capabilities:
    """What a painter of this profile can be asked for, with these parts and extras here; why not, with the command that
    mends it, for the rest."""
    reasons: dict[str, str] = {}
    maps = _MAPS[profile.family]
    if not maps:
        reasons["controls"] = "This family of models follows no maps; give it a picture as a reference"
    elif "controls" not in present:
        reasons |= dict.fromkeys(maps, _needs("the ControlNet weights", profile, "controls"))
        maps = ()
    uses = _uses(profile, present, reasons)
    if profile.guidance <= 1:
        reasons["avoid"] = "It paints in so few steps that words to avoid have no effect"
    return Capabilities(
        prompt=True,
        sets=True,
        product_in_scene=True,
        controls=(*maps, "blocks"),
        references=uses,
        adapters=True,
        avoid=profile.guidance > 1,
        steps=_efforts(profile, present),
        guidance=profile.guidance,
        reasons=reasons,
    )


def _uses(profile: Profile, present: Collection[str], reasons: dict[str, str]) -> tuple[str, ...]:
    if profile.family == "flux2":
        return _USES  # it sees them beside the picture and is told in words what they are for
    if profile.family == "zimage":
        reasons["references"] = "This family of models takes no reference pictures"
        return ()
    if "image_encoder" not in present:
        reasons["references"] = _needs("the image encoder of the IP-Adapter", profile, "image_encoder")
        return ()
    uses: tuple[str, ...] = ()
    if "references" in present:
        uses += _USES[:-1]
    else:
        reasons |= dict.fromkeys(_USES[:-1], _needs("the IP-Adapter weights", profile, "references"))
    if "face" in present:
        uses += _USES[-1:]
    else:
        reasons["face"] = _needs("the face adapter", profile, "face")
    return uses


def _efforts(profile: Profile, present: Collection[str]) -> dict[str, int]:
    def held_back(count: int) -> bool:
        return (part := f"unet-{count}") in profile.extras and part not in present

    return {effort: count for effort, count in profile.steps.items() if not held_back(count)}


def _needs(what: str, profile: Profile, part: str) -> str:
    weights = profile.extras.get(part)
    return f"Needs {what}: {FETCH} {weights}" if weights else f"Needs {what}"
