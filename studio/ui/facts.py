"""What every tab has to know: formats, layouts, sets, looks and painters, as plain JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from engines.base import Offer
from studio.brief.frame import live_rect, safe_rect
from studio.geometry import Rect, fraction_of
from studio.model import Format
from studio.shelf import OnShelf
from studio.studio import Studio

GROUPS = {
    "Social": ("Meta", "Instagram", "LinkedIn", "X", "Pinterest", "YouTube"),
    "Display": ("Google", "Display", "Interstitial"),
    "Print": ("Print",),
    "Own": (),
}
EFFORTS = ("quick", "normal", "quality")
ESSENTIALS = ("meta-square", "meta-portrait", "meta-story", "meta-link", "display-300x250", "display-728x90")


def facts(studio: Studio) -> dict[str, Any]:
    """Everything that does not change while the studio is open."""
    presets = studio.presets()
    return {
        "formats": [_format(fmt) for fmt in presets.formats.values()],
        "groups": [group for group in GROUPS if any(_group(fmt) == group for fmt in presets.formats.values())],
        "essentials": [name for name in ESSENTIALS if name in presets.formats],
        "layouts": [layout.model_dump(mode="json") for layout in presets.layouts.values()],
        "sets": [
            {"id": name, "name": spec.get("name", name), "description": spec.get("description", ""), "spec": spec}
            for name, spec in presets.sets.items()
        ],
        "looks": [look.model_dump(mode="json") for look in presets.looks.values()],
        "painters": [painter(offer) for offer in studio.engines.offers("painter")],
        "home": str(studio.home),
    }


def painter(offer: Offer) -> dict[str, Any]:
    """A painter with what it can be asked for, and why not for what it cannot."""
    can = offer.capabilities
    return {
        "id": offer.id, "name": offer.name, "reason": offer.reason, "fix": offer.fix, "prompt": can.prompt,
        "sets": can.sets, "product_in_scene": can.product_in_scene, "controls": list(can.controls),
        "references": list(can.references), "adapters": can.adapters, "avoid": can.avoid,
        "steps": {effort: can.steps[effort] for effort in EFFORTS if effort in can.steps}, "guidance": can.guidance,
        "reasons": dict(can.reasons),
    }  # fmt: skip


def kit_line(one: OnShelf) -> dict[str, Any]:
    """A kit as lists show it."""
    kit = one.kit.kit
    return {
        "id": one.id,
        "name": kit.name,
        "tagline": kit.tagline,
        "changed": one.changed,
        "digest": one.kit.digest,
        "swatches": [{"role": s.role, "hex": s.hex, "locked": s.locked} for s in kit.palette],
        "fonts": list(dict.fromkeys((kit.type.heading.family, kit.type.body.family))),
        "logo": address(one.kit.folder / kit.logos[0].file) if kit.logos else "",
    }


def address(path: Path) -> str:
    """The address, relative to the page, that the studio serves a file of the workspace at."""
    return f"gradio_api/file={quote(path.as_posix(), safe='/:')}"


def _format(fmt: Format) -> dict[str, Any]:
    width, height = fmt.delivered_px
    sheet = Rect(0, 0, width, height)
    return {
        "id": fmt.id,
        "name": fmt.name,
        "channel": fmt.channel,
        "group": _group(fmt),
        "width": width,
        "height": height,
        "size": f"{fmt.width_mm:g} × {fmt.height_mm:g} mm" if fmt.width_mm else f"{width} × {height}",
        "safe": fraction_of(safe_rect(fmt), sheet).model_dump(),
        "live": fraction_of(live_rect(fmt), sheet).model_dump(),
        "limits": fmt.text_limits,
        "max_bytes": fmt.max_bytes,
        "file": fmt.files[0],
        "min_text_px": fmt.min_text_px,
    }


def _group(fmt: Format) -> str:
    return next((group for group, channels in GROUPS.items() if fmt.channel in channels), "Own")
