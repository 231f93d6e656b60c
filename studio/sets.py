"""Sets by themselves: rendered with their maps, and what each says where a brief leaves it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

from engines.base import Painter, Progress
from studio.ad import compose
from studio.brand.kit import load_kit
from studio.desk.files import write_whole
from studio.geometry import Rect, contain, fraction_of
from studio.model import Placement, Role, Shot
from studio.orders import View
from studio.picture import make
from studio.pixels import encode_png
from studio.presets import load_sets, read_toml
from studio.studio import Studio


def render_set(
    studio: Studio, painter: Painter, set_file: Path, out: Path, kit_folder: Path, product: Path | None, view: View
) -> dict[str, Any]:
    """Render one set with its maps into `out`; `set_file` may be the id of a shipped set."""
    known = load_sets()
    spec = known[str(set_file)] if str(set_file) in known else read_toml(set_file)
    kit = load_kit(kit_folder).kit
    cutout = studio.product(product).product if product else None
    placement = None
    if cutout is not None:
        width, height = view.width_px, view.height_px
        slot = contain(cutout.aspect, Rect(0.25 * width, 0.25 * height, 0.75 * width, 0.8 * height))
        box = fraction_of(slot, Rect(0, 0, width, height))
        placement = Placement(product_digest=cutout.digest, box=box, pitch_deg=cutout.pitch_deg)
    roles: tuple[Role, ...] = get_args(Role)
    shot = Shot(
        engine=painter.id, recipe=make.RECIPE, width_px=view.width_px, height_px=view.height_px, seed=view.seed,
        steps=view.samples, palette={role: kit.hex(role) for role in roles}, allowed=kit.palette,
        set_id=set_file.stem, set_spec=spec, placement=placement,
    )  # fmt: skip
    made = make.make_picture(shot, painter, cutout, Progress())
    pixels = made.pixels
    if cutout is not None and placement is not None:
        pixels = compose.with_product(pixels, cutout.rgba, placement)
    files = {}
    for name, image in {"picture": pixels, **made.maps}.items():
        write_whole(out / f"{name}.png", encode_png(image))
        files[name] = str(out / f"{name}.png")
    return {"files": files, "seconds": round(made.seconds, 2), "engine": made.engine, "facts": dict(made.facts)}


def rest_values(spec: Mapping[str, Any]) -> dict[str, float | None]:
    """What a set (parsed TOML) itself says for each field of `SetEdits` that changes it; None where it has no such
    thing. A set that is silent gets the stage's own value."""
    said: dict[str, float | None] = {}
    for field, (table, key, silent) in _RESTS.items():
        missing = table == "gobo" and "gobo" not in spec
        said[field] = None if missing else float(spec.get(table, {}).get(key, silent))
    return said


# The defaults of `engines/stage/spec.py`, which the studio does not import; a test holds the two together.
_RESTS: Mapping[str, tuple[str, str, float]] = {
    "pitch_deg": ("view", "pitch_deg", 10.0), "distance": ("view", "distance", 6.5), "blur": ("view", "blur", 0.035),
    "brightness": ("view", "brightness", 1.0), "key_turn": ("key", "turn", -52.0),
    "key_height": ("key", "height", 42.0), "key_strength": ("key", "strength", 1.0),
    "key_warmth": ("key", "warmth", 0.25), "sky_strength": ("sky", "strength", 0.2),
    "gobo_strength": ("gobo", "strength", 0.6),
}  # fmt: skip
