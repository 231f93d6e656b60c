"""Damage done to finished ads, each with the check that has to notice it.

A damage works on pixels or composes with a wrong plan; the result is always encoded and decoded like a delivered ad. It
returns None where it does not apply to an ad (no product, no flat colour, no room).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from adsmith import Made, Pixels, decoded, deliver, hue_turned, kit, opposite, painted
from numpy.typing import NDArray

from studio.ad.compose import Plan, render
from studio.ad.delivered import Delivered
from studio.ad.layout import Flat, TextPlace, recoloured
from studio.ad.typeset import set_text
from studio.brand.fonts import load_fonts
from studio.brief.frame import safe_rect
from studio.color import cielab, delta_e00, hex_of, rgb_of
from studio.desk.metadata import Metadata, encode
from studio.geometry import Rect
from studio.model import FontFile, TypeChoice

ABOUT = Metadata(tool="Lockup test", source_type="composite")
Damage = Callable[[Made], Delivered | None]


@dataclass(frozen=True)
class Tamper:
    """`own` is the check that must fail; `also` are those that may, because they are then wrong too."""

    name: str
    own: str
    damage: Damage
    also: frozenset[str] = frozenset()


# ------------------------------------------------------------------------------------------------ tools


def _with(plan: Plan, **changes: object) -> Plan:
    """The plan with parts of its arrangement replaced."""
    arrangement = replace(plan.arrangement, **changes)  # type: ignore[arg-type]
    return replace(plan, grounded=replace(plan.grounded, arrangement=arrangement))


def _bare(plan: Plan) -> Plan:
    return _with(plan, logo=None)


def _text(made: Made, field: str = "headline") -> TextPlace | None:
    return next((p for p in made.plan.arrangement.texts if p.field == field), None)


def _but(made: Made, place: TextPlace, new: TextPlace | None) -> Plan:
    texts = tuple(new if p is place else p for p in made.plan.arrangement.texts)
    return _with(made.plan, texts=tuple(p for p in texts if p is not None))


def _logo_layer(made: Made) -> tuple[Pixels, Rect, int] | None:
    """The ad without its logo; the logo's box; its variant."""
    rect, index = made.plan.arrangement.logo, made.plan.grounded.logo_index
    if rect is None or index is None:
        return None
    return render(_bare(made.plan), made.brand), rect, index


def _lay(sheet: Pixels, art: Pixels, left: float, top: float) -> Pixels:
    """RGBA art on the sheet, at whole pixels, clipped."""
    out = sheet.copy()
    x, y = round(left), round(top)
    x0, y0 = max(x, 0), max(y, 0)
    x1, y1 = min(x + art.shape[1], out.shape[1]), min(y + art.shape[0], out.shape[0])
    if x1 <= x0 or y1 <= y0:
        return out
    part = art[y0 - y : y1 - y, x0 - x : x1 - x].astype(np.float32)
    alpha = part[..., 3:] / 255
    out[y0:y1, x0:x1] = np.rint(part[..., :3] * alpha + out[y0:y1, x0:x1] * (1 - alpha)).astype(np.uint8)
    return out


def _relogo(made: Made, change: Callable[[Pixels], Pixels], dx: float = 0, dy: float = 0) -> Delivered | None:
    """The logo laid on again after `change` of its RGBA, about the same middle plus a shift."""
    layer = _logo_layer(made)
    if layer is None:
        return None
    sheet, rect, index = layer
    art = change(made.brand.logos[index].rgba(round(rect.width)))
    x, y = (rect.left + rect.right) / 2 + dx, (rect.top + rect.bottom) / 2 + dy
    return deliver(made, _lay(sheet, art, x - art.shape[1] / 2, y - art.shape[0] / 2))


def _scaled(across: float, down: float) -> Callable[[Pixels], Pixels]:
    def change(art: Pixels) -> Pixels:
        size = max(round(art.shape[1] * across), 1), max(round(art.shape[0] * down), 1)
        how = cv2.INTER_AREA if across < 1 else cv2.INTER_CUBIC
        return cv2.resize(art, size, interpolation=how)  # type: ignore[return-value]

    return change


def _sticker(sheet: Pixels, x: float, y: float, radius: float, color: tuple[int, int, int]) -> Pixels:
    out = sheet.copy()
    cv2.circle(out, (round(x), round(y)), max(round(radius), 2), color, -1, cv2.LINE_AA)
    return out


def _loud(sheet: Pixels, x: float, y: float) -> tuple[int, int, int]:
    """A colour that stands off what is there."""
    here = sheet[min(max(round(y), 0), sheet.shape[0] - 1), min(max(round(x), 0), sheet.shape[1] - 1)].astype(int)
    options = [(20, 160, 70), (240, 40, 120), (30, 60, 220), (250, 230, 40)]
    return max(options, key=lambda c: int(np.abs(np.array(c) - here).sum()))


def _moved(place: TextPlace, dx: float, dy: float) -> TextPlace:
    r = place.rect
    return replace(place, rect=Rect(r.left + dx, r.top + dy, r.right + dx, r.bottom + dy))


def _reset(made: Made, place: TextPlace, width: float | None = None, **style: object) -> TextPlace:
    block = place.block
    changed = block.style._replace(**style)  # type: ignore[arg-type]
    new = set_text(block.text, changed, width or block.width_px, made.brand.fonts)
    return replace(place, block=new)


# ------------------------------------------------------------------------------------------------ logo


def logo_removed(made: Made) -> Delivered | None:
    layer = _logo_layer(made)
    return deliver(made, layer[0]) if layer else None


def logo_recolored(made: Made) -> Delivered | None:
    layer = _logo_layer(made)
    if layer is None:
        return None
    ink = made.brand.logos[layer[2]].rgba(64)
    color = hex_of(np.median(ink[ink[..., 3] > 200][:, :3], axis=0))
    want = np.array(rgb_of(opposite(color)), np.uint8)

    def change(art: Pixels) -> Pixels:
        out = art.copy()
        out[..., :3] = want
        return out

    return _relogo(made, change)


def logo_hue(made: Made) -> Delivered | None:
    """One step of hue: 60 degrees; logos without a hue are given none."""
    layer = _logo_layer(made)
    if layer is None:
        return None
    art = made.brand.logos[layer[2]].rgba(64)
    ink = art[art[..., 3] > 200][:, :3]
    turned = hue_turned(ink[None], 60)[0]
    if float(np.median(delta_e00(cielab(ink), cielab(turned)))) < 12:
        return None
    return _relogo(made, lambda a: np.concatenate([hue_turned(a[..., :3], 60), a[..., 3:]], axis=2))


def logo_moved(made: Made) -> Delivered | None:
    rect = made.plan.arrangement.logo
    if rect is None:
        return None
    safe = made.plan.arrangement.frame.safe
    down = 0.35 * rect.height * (1 if rect.bottom < (safe.top + safe.bottom) / 2 else -1)
    across = 0.12 * rect.width * (1 if rect.left < (safe.left + safe.right) / 2 else -1)
    return _relogo(made, lambda art: art, across, down)


def logo_replaced(made: Made) -> Delivered | None:
    layer = _logo_layer(made)
    if layer is None:
        return None
    sheet, rect, index = layer
    ink = made.brand.logos[index].rgba(64)
    color = hex_of(np.median(ink[ink[..., 3] > 200][:, :3], axis=0))
    other = np.zeros((round(rect.height), round(rect.width), 4), np.uint8)
    other[..., :3] = rgb_of(color)
    h, w = other.shape[:2]
    cv2.rectangle(other, (0, 0), (w // 3, h - 1), (*rgb_of(color), 255), -1)
    cv2.circle(other, (w * 2 // 3, h // 2), max(h // 2 - 1, 1), (*rgb_of(color), 255), -1)
    return deliver(made, _lay(sheet, other, rect.left, rect.top))


def logo_rotated(made: Made) -> Delivered | None:
    def change(art: Pixels) -> Pixels:
        w = art.shape[1]
        pad = cv2.copyMakeBorder(art, w // 6, w // 6, w // 12, w // 12, cv2.BORDER_CONSTANT)
        big = cv2.cvtColor(pad, cv2.COLOR_RGBA2mRGBA)
        middle = (big.shape[1] / 2 - 0.5, big.shape[0] / 2 - 0.5)
        turned = cv2.warpAffine(big, cv2.getRotationMatrix2D(middle, 5, 1), (big.shape[1], big.shape[0]))
        return cv2.cvtColor(turned, cv2.COLOR_mRGBA2RGBA)  # type: ignore[return-value]

    return _relogo(made, change)


def logo_crowded(made: Made) -> Delivered | None:
    layer = _logo_layer(made)
    if layer is None:
        return None
    _, rect, index = layer
    clear = made.brand.kit.logos[index].clear_space_fraction * rect.height
    sheet = render(made.plan, made.brand)
    below = rect.bottom + clear < made.plan.size_px[1]
    x, y = (rect.left + rect.right) / 2, rect.bottom + 0.6 * clear if below else rect.top - 0.6 * clear
    out, color = sheet.copy(), _loud(sheet, x, y)
    half, tall = max(0.18 * rect.width, 3), max(0.35 * clear, 1.5)
    cv2.rectangle(out, (round(x - half), round(y - tall)), (round(x + half), round(y + tall)), color, -1)
    return deliver(made, out)


# ------------------------------------------------------------------------------------------------ words


def wrong_family(made: Made) -> Delivered | None:
    place = _text(made)
    if place is None or not place.block.text.isascii():
        return None
    serif = TypeChoice(
        family="Source Serif Pro",
        files=(FontFile(file="package:font_source_serif_pro/files/SourceSerifPro-Regular.ttf"),),
    )
    kit_ = made.brand.kit.model_copy(
        update={"type": made.brand.kit.type.model_copy(update={"heading": serif, "body": serif})}
    )
    fonts = load_fonts(kit_, kit(made.wanted.kit).folder)
    if "heading" not in fonts.faces or "erif" in made.brand.fonts.face("heading").family:
        return None
    block = set_text(place.block.text, place.block.style, place.block.width_px, fonts)
    return deliver(made, render(_but(made, place, replace(place, block=block)), made.brand))


def text_smaller(made: Made) -> Delivered | None:
    place = _text(made)
    if place is None:
        return None
    new = _reset(made, place, size_px=place.block.style.size_px * 0.86)
    return deliver(made, render(_but(made, place, new), made.brand))


def text_recolored(made: Made) -> Delivered | None:
    place = _text(made)
    if place is None:
        return None
    red, green, blue = rgb_of(place.block.style.color_hex)
    # A tinted ink of the same lightness class, so that only the colour is wrong.
    dark = red + green + blue < 380
    new = recoloured(place, "#004a2f" if dark else "#ffe08a", made.brand.fonts)
    return deliver(made, render(_but(made, place, new), made.brand))


def text_faint(made: Made) -> Delivered | None:
    """What lies behind the headline is changed to something near its ink."""
    place = _text(made)
    if place is None or place.ground == "action":
        return None
    ink = np.array(rgb_of(place.block.style.color_hex), float)
    whole = render(made.plan, made.brand).astype(np.float32)
    box = place.ink.grown(0.3 * place.block.style.size_px)
    left, top, right, bottom = (max(v, 0) for v in box.rounded())
    under = render(_but(made, place, None), made.brand).astype(np.float32)[top:bottom, left:right]
    toward = ink - under.mean(axis=(0, 1))
    stand = np.sqrt(((whole[top:bottom, left:right] - under) ** 2).sum(axis=2))
    cover = np.clip(stand / max(float(np.percentile(stand, 99.5)), 1), 0, 1)[..., None]
    ground = under + 0.72 * toward
    whole[top:bottom, left:right] = ground * (1 - cover) + ink * cover
    return deliver(made, np.clip(whole, 0, 255).astype(np.uint8))


def word_cut(made: Made) -> Delivered | None:
    """The last word of the headline painted over with what is behind it."""
    place = _text(made)
    if place is None or " " not in place.block.text:
        return None
    sheet, bare = render(made.plan, made.brand), render(_but(made, place, None), made.brand)
    from studio.ad import measure

    patch = measure.take_patch(bare, sheet, sheet, place.ink.grown(8), 10**9)
    index = measure.word_map(place, made.brand.fonts, patch)
    count = len(place.block.text.split(" "))
    zone = measure.widened(index == count, max(2, 0.05 * place.block.style.size_px))
    zone &= ~((index > 0) & (index < count))
    left, top, right, bottom = patch.window.rounded()
    sheet[top:bottom, left:right][zone] = bare[top:bottom, left:right][zone]
    return deliver(made, sheet)


def letters_spaced(made: Made) -> Delivered | None:
    place = _text(made)
    if place is None or not place.block.text.isascii():
        return None
    new = _reset(made, place, width=place.block.width_px * 1.25, tracking=place.block.style.tracking + 0.06)
    slack = new.block.width_px - new.block.ink_width_px
    start = {"left": 0.0, "center": slack / 2, "right": slack}[new.block.style.align]
    if new.rect.left + start + new.block.ink_width_px > made.plan.size_px[0]:
        return None
    return deliver(made, render(_but(made, place, new), made.brand))


def text_moved(made: Made) -> Delivered | None:
    place = _text(made)
    if place is None:
        return None
    return deliver(made, render(_but(made, place, _moved(place, 0, 0.25 * place.block.style.size_px + 2)), made.brand))


def text_unsafe(made: Made) -> Delivered | None:
    """The headline across the edge of the safe zone: planned like that."""
    place = _text(made)
    if place is None or place.ground == "action":
        return None
    safe = safe_rect(made.spec.format)
    box = place.ink
    near_left = box.left - safe.left < safe.right - box.right
    dx = safe.left - box.left - 5 if near_left else safe.right - box.right + 5
    new = _moved(place, dx, 0)
    others = [p.ink for p in made.plan.arrangement.texts if p is not place]
    others += [f.rect for f in made.plan.arrangement.flats if f.kind in ("action", "badge")]
    others += [r for r in (made.plan.arrangement.logo, made.plan.product_rect) if r]
    if any(new.ink.grown(3).meets(other) for other in others):
        return None
    return deliver(made, plan=_but(made, place, new))


def texts_overlap(made: Made) -> Delivered | None:
    a, b = _text(made), _text(made, "body") or _text(made, "price")
    if a is None or b is None or b.ground == "badge":
        return None
    spot, there = a.ink, b.ink
    plan = _but(made, b, _moved(b, spot.left - there.left, spot.top + 0.3 * spot.height - there.top))
    return deliver(made, plan=plan)


# ------------------------------------------------------------------------------------------------ sheet


def sticker_unsafe(made: Made) -> Delivered | None:
    width, height = made.plan.size_px
    sheet, safe = render(made.plan, made.brand), safe_rect(made.spec.format)
    room = min(safe.left, safe.top, width - safe.right, height - safe.bottom)
    if room < 6:
        return None
    radius = room / 2 - 2
    out, color = sheet.copy(), _loud(sheet, width / 2, room / 2)
    long = max(0.05 * width, 8)
    top, low = round(room / 2 - radius), round(room / 2 + radius)
    cv2.rectangle(out, (round(width / 2 - long), max(top, 0)), (round(width / 2 + long), low), color, -1)
    return deliver(made, out)


def sticker_in_scene(made: Made) -> Delivered | None:
    spot = _free_spot(made)
    if spot is None:
        return None
    sheet = render(made.plan, made.brand)
    return deliver(made, _sticker(sheet, *spot, _loud(sheet, spot[0], spot[1])))


def _free_spot(made: Made) -> tuple[float, float, float] | None:
    """Middle and radius of a free place on the scene or sheet, inside the safe zone."""
    frame, arrangement = made.plan.arrangement.frame, made.plan.arrangement
    taken = [p.ink.grown(0.5 * p.block.style.size_px) for p in arrangement.texts]
    taken += [f.rect.grown(3) for f in arrangement.flats if f.kind not in ("sheet", "panel")]
    taken += [arrangement.logo.grown(0.5 * arrangement.logo.height)] if arrangement.logo else []
    taken += [made.plan.product_rect.grown(0.06 * made.plan.product_rect.height)] if made.plan.product_rect else []
    radius = 0.02 * (made.plan.size_px[0] * made.plan.size_px[1]) ** 0.5
    random = np.random.default_rng(1)
    for _ in range(400):
        x = random.uniform(
            frame.safe.left + radius + 3, max(frame.safe.right - radius - 3, frame.safe.left + radius + 4)
        )
        y = random.uniform(
            frame.safe.top + radius + 3, max(frame.safe.bottom - radius - 3, frame.safe.top + radius + 4)
        )
        box = Rect(x - radius - 2, y - radius - 2, x + radius + 2, y + radius + 2)
        if not any(box.meets(rect) for rect in taken) and box.within(frame.safe, 0):
            return x, y, radius
    return None


def scene_hue(made: Made) -> Delivered | None:
    if made.plan.scene is None:
        return None
    scene = hue_turned(made.plan.scene, 50)
    off = delta_e00(cielab(made.plan.scene[::9, ::9]), cielab(scene[::9, ::9]))
    return deliver(made, render(replace(made.plan, scene=scene), made.brand)) if float(off.mean()) > 3 else None


def scene_world(made: Made) -> Delivered | None:
    """The scene painted in another brand's colours, and planned so."""
    if made.plan.scene is None:
        return None
    scene = made.plan.scene.astype(np.float32)
    light = scene.mean(axis=2, keepdims=True)
    # Acid green: no kit here has it.
    world = np.clip(light * np.array([0.5, 0.8, 0.1]) + np.array([30, 60, 0]), 0, 255).astype(np.uint8)
    return deliver(made, plan=replace(made.plan, scene=world))


def scene_swapped(made: Made) -> Delivered | None:
    if made.plan.scene is None:
        return None
    height, width = made.plan.scene.shape[:2]
    other = painted(kit(made.wanted.kit).kit, width, height, made.wanted.seed + 1, made.wanted.scene == "dark")
    return deliver(made, render(replace(made.plan, scene=other), made.brand))


def _largest_flat(made: Made, kinds: tuple[str, ...]) -> Flat | None:
    """The flat colour that shows most: a sheet covered by picture and panel shows none."""
    sheet = render(made.plan, made.brand)
    shown = {
        i: int((sheet == np.array(rgb_of(f.hex), np.uint8)).all(axis=2).sum())
        for i, f in enumerate(made.plan.arrangement.flats)
        if f.kind in kinds
    }
    best = max(shown, key=lambda i: shown[i], default=None)
    return made.plan.arrangement.flats[best] if best is not None and shown[best] > 400 else None


def flat_off(made: Made) -> Delivered | None:
    """The largest flat colour three units of CIEDE2000 off."""
    flat = _largest_flat(made, ("sheet", "panel", "action", "badge"))
    if flat is None:
        return None
    base = np.array(rgb_of(flat.hex), float)
    way = np.array([-1.0, 0.4, -1.0]) if base.mean() > 128 else np.array([1.0, 0.2, 1.0])
    color = base
    for step in range(1, 60):
        color = np.clip(base + way * step, 0, 255)
        if float(delta_e00(cielab(color), cielab(base))) >= 3:
            break
    changed = tuple(replace(f, hex=hex_of(color)) if f is flat else f for f in made.plan.arrangement.flats)
    return deliver(made, render(_with(made.plan, flats=changed), made.brand))


def flat_graded(made: Made) -> Delivered | None:
    """A panel or sheet given a gradient of about one twelfth of the range."""
    flat = _largest_flat(made, ("sheet", "panel"))
    if flat is None:
        return None
    sheet = render(made.plan, made.brand)
    left, top, right, bottom = (max(v, 0) for v in flat.rect.rounded())
    part = sheet[top:bottom, left:right].astype(np.float32)
    same = (np.abs(part - np.array(rgb_of(flat.hex))).max(axis=2) <= 2)[..., None]
    sign = -1 if np.mean(rgb_of(flat.hex)) > 128 else 1
    ramp = sign * np.linspace(0, 22, part.shape[0], dtype=np.float32)[:, None, None]
    sheet[top:bottom, left:right] = np.clip(part + same * ramp, 0, 255).astype(np.uint8)
    return deliver(made, sheet)


# ------------------------------------------------------------------------------------------------ product


def _product(made: Made, change: Callable[[Pixels], Pixels], dx: int = 0, dy: int = 0) -> Delivered | None:
    product, rect = made.plan.product, made.plan.product_rect
    if product is None or rect is None:
        return None
    new = change(product)
    grow_x, grow_y = (new.shape[1] - product.shape[1]) / 2, (new.shape[0] - product.shape[0]) / 2
    left, top = round(rect.left - grow_x + dx), round(rect.top - grow_y + dy)
    spot = Rect(left, top, left + new.shape[1], top + new.shape[0])
    return deliver(made, render(replace(made.plan, product=new, product_rect=spot), made.brand))


def product_hue(made: Made) -> Delivered | None:
    return _product(made, lambda rgba: np.concatenate([hue_turned(rgba[..., :3], 100), rgba[..., 3:]], axis=2))


def product_stretched(made: Made) -> Delivered | None:
    return _product(made, _scaled(1.08, 1.0))


def product_shifted(made: Made) -> Delivered | None:
    rect = made.plan.product_rect
    by = max(round(0.03 * rect.height), 3) if rect else 0
    return _product(made, lambda rgba: rgba, by, 0)


def product_denoised(made: Made) -> Delivered | None:
    """A light blur, delivered as PNG: what a generator's clean-up does."""
    product = made.plan.product
    if product is None:
        return None
    soft = np.concatenate([cv2.bilateralFilter(product[..., :3].copy(), 5, 30, 3), product[..., 3:]], axis=2)
    plan = replace(made.plan, product=np.ascontiguousarray(soft))
    return deliver(made, render(plan, made.brand), kind="png", max_bytes=None)


def product_covered(made: Made) -> Delivered | None:
    product, rect = made.plan.product, made.plan.product_rect
    if product is None or rect is None:
        return None
    sheet = render(made.plan, made.brand)
    x, y = (rect.left + rect.right) / 2, rect.top + 0.6 * rect.height
    return deliver(made, _sticker(sheet, x, y, 0.16 * min(rect.width, rect.height), _loud(sheet, x, y)))


# ------------------------------------------------------------------------------------------------ file and wording


def wrong_size(made: Made) -> Delivered:
    sheet = render(made.plan, made.brand)
    return deliver(made, np.ascontiguousarray(sheet[:, :-1]))


def over_bytes(made: Made) -> Delivered:
    tight = made.spec.format.model_copy(update={"max_bytes": 2_000})
    return deliver(made, spec=made.spec.model_copy(update={"format": tight}), max_bytes=None)


def wrong_type(made: Made) -> Delivered:
    kinds = tuple(kind for kind in ("png", "jpg") if kind != made.wanted.file)
    other = made.spec.format.model_copy(update={"files": kinds})
    return deliver(made, spec=made.spec.model_copy(update={"format": other}))


def banned_word(made: Made) -> Delivered | None:
    word = made.spec.words.headline.split(" ")[0]
    if not word:
        return None
    voice = made.brand.kit.voice.model_copy(update={"banned": (word,)})
    brand = replace(made.brand, kit=made.brand.kit.model_copy(update={"voice": voice}))
    return deliver(replace(made, brand=brand))


def too_long(made: Made) -> Delivered:
    short = made.spec.format.model_copy(update={"text_limits": {"headline": 4}})
    return deliver(made, spec=made.spec.model_copy(update={"format": short}))


def pressed_hard(made: Made) -> Delivered:
    """Saved again as JPEG at quality 6."""
    bgr = np.ascontiguousarray(render(made.plan, made.brand)[..., ::-1])
    data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 6])[1]
    pixels: NDArray[np.uint8] = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]  # type: ignore[assignment]
    kind = "jpg" if made.wanted.file == "png" else made.wanted.file
    fmt = made.spec.format.model_copy(update={"files": ("jpg", "png", "webp")})
    data = encode(np.ascontiguousarray(pixels), kind, ABOUT)
    return decoded(made, data, kind, made.spec.model_copy(update={"format": fmt}))


ANY = frozenset({"*"})
TAMPERS: tuple[Tamper, ...] = (
    Tamper("logo removed", "logo_present", logo_removed),
    Tamper("logo stretched 8 %", "logo_shape", lambda m: _relogo(m, _scaled(1.08, 1.0)), frozenset({"safe_zone"})),
    Tamper("logo recoloured", "logo_color", logo_recolored, frozenset({"logo_contrast"})),
    Tamper("logo hue turned", "logo_color", logo_hue, frozenset({"logo_contrast"})),
    Tamper("logo shrunk 15 %", "logo_size", lambda m: _relogo(m, _scaled(0.85, 0.85))),
    Tamper("logo enlarged 15 %", "logo_size", lambda m: _relogo(m, _scaled(1.15, 1.15)), frozenset({"safe_zone"})),
    Tamper("logo moved", "logo_place", logo_moved, frozenset({"logo_clear_space", "words", "safe_zone"})),
    Tamper("logo mirrored", "logo_drawing", lambda m: _relogo(m, lambda a: np.ascontiguousarray(a[:, ::-1]))),
    Tamper("logo rotated 5°", "logo_shape", logo_rotated, frozenset({"safe_zone"})),
    Tamper("logo replaced", "logo_drawing", logo_replaced),
    # Ink so near to a logo is partly read as the logo's own.
    Tamper("logo crowded", "logo_clear_space", logo_crowded, frozenset({"nothing_added", "safe_zone", "logo_color"})),
    Tamper("wrong family", "type_family", wrong_family),
    Tamper("text smaller", "type_size", text_smaller),
    Tamper("text recoloured", "type_color", text_recolored, frozenset({"type_contrast"})),
    Tamper(
        "text faint",
        "type_contrast",
        text_faint,
        frozenset({"flat_colors", "nothing_added", "safe_zone", "logo_color", "logo_shape", "logo_clear_space"}),
    ),
    Tamper("word cut out", "words", word_cut),
    Tamper("letters spaced", "type_spacing", letters_spaced, frozenset({"safe_zone", "product_unoccluded", "words"})),
    Tamper("text moved", "type_place", text_moved),
    Tamper("text outside safe zone", "safe_zone", text_unsafe, frozenset({"overlap"})),
    Tamper("texts overlap", "overlap", texts_overlap),
    Tamper("sticker outside safe zone", "safe_zone", sticker_unsafe),
    Tamper("sticker in scene", "nothing_added", sticker_in_scene),
    Tamper("sticker on product", "product_unoccluded", product_covered),
    Tamper("product hue turned", "product_true", product_hue),
    Tamper("product stretched 8 %", "product_place", product_stretched),
    Tamper("product shifted", "product_place", product_shifted),
    Tamper("product denoised", "product_true", product_denoised),
    Tamper("scene hue turned", "scene_true", scene_hue, frozenset({"palette"})),
    Tamper("scene of another world", "palette", scene_world, frozenset({"type_contrast", "logo_contrast"})),
    Tamper("scene swapped", "scene_true", scene_swapped, frozenset({"palette", "type_contrast", "logo_contrast"})),
    Tamper("flat colour off", "flat_colors", flat_off),
    Tamper("flat colour graded", "flat_colors", flat_graded, frozenset({"type_color"})),
    Tamper("wrong size", "size", wrong_size),
    Tamper("over bytes", "bytes", over_bytes),
    Tamper("wrong file type", "file_type", wrong_type),
    Tamper("banned word", "banned_words", banned_word),
    Tamper("too long for channel", "text_limits", too_long),
    Tamper("pressed hard", "compression", pressed_hard, ANY),
)
