"""Brand fidelity of a finished ad: passed ÷ tested, every check with its number, limit and remedy. Pure.

Measured on the decoded file, not on the plan: what was meant is drawn again and compared with what is there. One thing
that is wrong should fail one check, so each part is read before it is judged: a moved logo is not also missing.

Check ids, all stable: size bytes file_type · words banned_words text_limits · type_family type_size type_spacing
type_place type_color type_contrast · logo_present logo_drawing logo_shape logo_size logo_place logo_color
logo_clear_space logo_contrast · palette scene_true flat_colors · product_true product_place product_unoccluded ·
safe_zone overlap nothing_added compression.
"""

from __future__ import annotations

from collections.abc import Iterator

from studio.ad.cutout import product_checks
from studio.ad.delivered import Delivered, check
from studio.ad.lettering import lettering_checks, read
from studio.ad.mark import mark_checks, read_mark
from studio.ad.surface import flat_checks, overlap_check, read_flats, read_scene, scene_checks, sheet_checks
from studio.results import Check, Score

__all__ = ["Delivered", "score_ad"]


def score_ad(ad: Delivered) -> Score:
    """Every check that applies. A file of the wrong size is not measured further: nothing is where it should be."""
    checks = [*_file(ad)]
    if checks[0].passed:
        readings, mark, scene = read(ad), read_mark(ad), read_scene(ad)
        # What moved or grew is known by now: it is nothing added, and no flat colour gone wrong.
        owned = [r.found.grown(max(4.0, 0.2 * r.place.block.style.size_px)) for r in readings]
        owned += [mark.found.grown(max(4.0, 0.1 * mark.found.width)), mark.rect.grown(2)] if mark is not None else []
        flats = read_flats(ad, owned)
        checks += lettering_checks(ad, readings)
        checks += _wording(ad)
        checks += mark_checks(ad, mark)
        checks += scene_checks(scene)
        checks += flat_checks(ad, flats)
        checks += product_checks(ad)
        checks.append(overlap_check(ad))
        checks += sheet_checks(ad, scene, flats, owned)
    return Score(checks=tuple(checks))


def _file(ad: Delivered) -> Iterator[Check]:
    fmt = ad.spec.format
    width, height = fmt.delivered_px
    got = f"{ad.pixels.shape[1]}×{ad.pixels.shape[0]}"
    want = f"{width}×{height}"
    yield check("size", got == want, got, want, f"{got} px, {fmt.name} is {want}", "Make the ad again in this format")
    most = fmt.max_bytes or 0
    yield check("bytes", not most or ad.bytes <= most, ad.bytes, most or "none",
                f"{ad.bytes:,} bytes of at most {most:,}" if most else f"{ad.bytes:,} bytes, no limit",
                "Lower the quality")  # fmt: skip
    types = ", ".join(fmt.files)
    yield check("file_type", ad.file_type in fmt.files, ad.file_type, types, f"a {ad.file_type} file",
                f"Save as {types}")  # fmt: skip


def _wording(ad: Delivered) -> Iterator[Check]:
    """No banned word, and nothing longer than the channel shows."""
    banned = ad.brand.kit.voice.banned_in(" ".join(text for _, text in ad.spec.words.items()))
    yield check("banned_words", not banned, ", ".join(banned) or "none", "none", f"{len(banned)} banned words",
                f"Rewrite without {', '.join(banned)}")  # fmt: skip
    limits = ad.spec.format.text_limits
    over = [f"{f} {len(t)}/{limits[f]}" for f, t in ad.spec.words.items() if f in limits and len(t) > limits[f]]
    longer = f"{len(over)} {'field is' if len(over) == 1 else 'fields are'} longer than the channel shows"
    yield check("text_limits", not over, ", ".join(over) or "within", "channel limits", longer,
                f"Shorten: {', '.join(over)}")  # fmt: skip
