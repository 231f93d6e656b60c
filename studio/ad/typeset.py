"""Words to lines: measured with the shaper that will draw them, so what fits here fits in the ad.

Line breaking, kerning, ligatures, joining scripts and bidirectional order are Skia's and ICU's; this file decides size
and measure. Pure: fonts come in as a `FontSet`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, NamedTuple

import skia

from studio.brand.fonts import FontSet, TypeRole
from studio.brief.frame import is_right_to_left
from studio.color import rgb_of
from studio.errors import DoesNotFit

Align = Literal["left", "center", "right"]
_ICU = skia.Unicodes.ICU.Make()
_ALIGN = {
    "left": skia.textlayout.TextAlign.kLeft,
    "center": skia.textlayout.TextAlign.kCenter,
    "right": skia.textlayout.TextAlign.kRight,
}
# Scripts whose marks stand well above and below Latin ones need more room between lines.
_TALL_SCRIPTS = ("ARABIC", "THAI", "DEVANAGARI", "BENGALI", "TAMIL", "KHMER", "MYANMAR", "TIBETAN", "HEBREW")


class TypeStyle(NamedTuple):
    """How words are set. `leading` is the line height in sizes, `tracking` extra space between letters in sizes."""

    role: TypeRole
    size_px: float
    color_hex: str = "#000000"
    align: Align = "left"
    leading: float = 1.2
    tracking: float = 0.0


@dataclass(frozen=True, eq=False)
class Block:
    """Words set to a measure. `ink_width_px` is the longest line, `lines` their count."""

    text: str
    style: TypeStyle
    width_px: float
    height_px: float
    ink_width_px: float
    lines: int
    paragraph: skia.textlayout.Paragraph

    def paint(self, canvas: skia.Canvas, left: float, top: float) -> None:
        self.paragraph.paint(canvas, left, top)


def clean(text: str) -> str:
    """Words as they are set: composed, on one line, control characters gone, no break before a unit or sign."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if c.isspace() and c not in "\u00a0\u202f" else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cs"))
    text = " ".join(part for part in text.split(" ") if part)
    for sign in "%€$£!?:;»":
        text = text.replace(f" {sign}", f"\u00a0{sign}")
    return text


def set_text(text: str, style: TypeStyle, width_px: float, fonts: FontSet, word_colors: bool = False) -> Block:
    """`text` set to a measure of `width_px`. With `word_colors` every word gets the colour of its index + 1 (24 bits),
    so that a drawing without smoothing tells which pixel belongs to which word."""
    tall = any(unicodedata.name(c, "").startswith(_TALL_SCRIPTS) for c in text)
    leading = max(style.leading, 1.4) if tall else style.leading
    builder = skia.textlayout.ParagraphBuilder.make(_paragraph_style(style, leading, fonts), fonts.collection, _ICU)
    right_to_left = is_right_to_left(text)
    base = _text_style(style, leading, fonts)
    builder.pushStyle(base)
    # An isolate carries the base direction, which this paragraph style cannot be given.
    builder.addText("\u2067" if right_to_left else "")
    if word_colors:
        for index, word in enumerate(text.split(" ")):
            code = index + 1
            marked = style._replace(color_hex=f"#{code & 255:02x}{code >> 8 & 255:02x}80")
            builder.pushStyle(_text_style(marked, leading, fonts))
            builder.addText(word + " ")
            builder.pop()
    else:
        builder.addText(text)
    builder.addText("\u2069" if right_to_left else "")
    paragraph = builder.Build()
    paragraph.layout(width_px)
    lines = max(round(paragraph.Height / (style.size_px * leading)), 1)
    return Block(text, style, width_px, paragraph.Height, paragraph.LongestLine, lines, paragraph)


def longest_word_px(text: str, style: TypeStyle, fonts: FontSet) -> tuple[float, str]:
    """Width of the widest piece that must not be broken, and the piece. Words may be broken after a hyphen, and between
    characters of scripts written without spaces."""
    widths = [(_unbreakable_px(piece, style, fonts), piece) for piece in _pieces(text)]
    return max(widths, default=(0.0, ""))


def fits(block: Block, widest_px: float) -> bool:
    """Whether no piece of `widest_px` is broken and no line is longer than the measure."""
    return widest_px <= block.width_px and block.ink_width_px <= block.width_px + 0.01


def _pieces(text: str) -> list[str]:
    return [piece for word in text.split(" ") for piece in re.findall(r"[^-\u2010]+[-\u2010]*|[-\u2010]+", word)]


def _unbreakable_px(piece: str, style: TypeStyle, fonts: FontSet) -> float:
    paragraph = set_text(piece, style, 1e6, fonts).paragraph
    spaceless = any(unicodedata.east_asian_width(c) in "WF" or "\u0e00" <= c <= "\u0eff" for c in piece)
    # The shaper's own minimum lets punctuation be parted from its word, so it serves spaceless scripts only.
    return paragraph.MinIntrinsicWidth + style.size_px if spaceless and len(piece) > 2 else paragraph.LongestLine + 0.5


def balanced(block: Block, widest_px: float, fonts: FontSet) -> Block:
    """The same words in the same number of lines, set to the narrowest measure that allows it: lines of like length."""
    if block.lines < 2:
        return block
    low, high = max(widest_px, block.ink_width_px / 2), block.width_px
    for _ in range(7):
        middle = (low + high) / 2
        trial = set_text(block.text, block.style, middle, fonts)
        low, high = (low, middle) if trial.lines == block.lines and fits(trial, widest_px) else (middle, high)
    return set_text(block.text, block.style, high, fonts)


def refuse_missing(field: str, text: str, role: TypeRole, fonts: FontSet) -> None:
    """Raises `DoesNotFit` naming the characters that no font at hand can draw; boxes are never drawn."""
    if missing := fonts.missing(text, role):
        names = ", ".join(f"{c} (U+{ord(c):04X} {unicodedata.name(c, 'unnamed').title()})" for c in missing[:3])
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise DoesNotFit(
            field,
            f"{field}: no font at hand can draw {names}{more}",
            "Add a font with these characters to the kit, or install one (the Noto fonts cover most scripts)",
        )


def _text_style(style: TypeStyle, leading: float, fonts: FontSet) -> skia.textlayout.TextStyle:
    out = skia.textlayout.TextStyle()
    out.setFontFamilies(fonts.stack(style.role))
    out.setFontSize(style.size_px)
    out.setFontStyle(fonts.face(style.role).typeface.fontStyle())
    out.setColor(skia.Color(*rgb_of(style.color_hex)))
    out.setHeight(leading)
    out.setHeightOverride(True)
    out.setHalfLeading(True)
    if style.tracking:
        out.setLetterSpacing(style.tracking * style.size_px)
    return out


def _paragraph_style(style: TypeStyle, leading: float, fonts: FontSet) -> skia.textlayout.ParagraphStyle:
    out = skia.textlayout.ParagraphStyle()
    out.setTextStyle(_text_style(style, leading, fonts))
    out.setTextAlign(_ALIGN[style.align])
    return out
