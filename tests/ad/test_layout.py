"""Words never overflow, overlap or leave the safe zone; what cannot fit is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.ad.layout import arrange
from studio.ad.typeset import clean
from studio.brand.kit import load_kit
from studio.brief.frame import frame, rules_for
from studio.errors import DoesNotFit
from studio.model import WORD_FIELDS, Words
from studio.presets import load_formats, load_layouts

ROOT = Path(__file__).resolve().parents[2]
FORMATS, LAYOUTS = load_formats(), load_layouts()
KIT = load_kit(ROOT / "assets" / "demo" / "brand")
LOGO = KIT.kit.logos[0]

ALPHABETS = {
    "latin": st.characters(codec="latin-1", categories=("L", "N", "P", "Zs", "S")),
    "arabic": st.sampled_from("ابتثجحخدذرزسشصضطظعغفقكلمنهويةى ،؟ 0123456789"),
    "hebrew": st.sampled_from("אבגדהוזחטיכלמנסעפצקרשתםןץףך  123,."),
    "chinese": st.sampled_from(
        "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年得就那要下以生会自着去，。！"
    ),
    "japanese": st.sampled_from("あいうえおかきくけこさしすせそアイウエオカキクケコ日本語夏光海「」、。ー"),
    "emoji": st.sampled_from("😀🎉☀️🌊❤️🔥 abc "),
    "anything": st.characters(),
}
GERMAN = st.lists(
    st.sampled_from(["Sonnenschutz", "milch", "verordnung", "straßen", "bahn", "gesellschaft", "ö", " ", "-"]),
    max_size=24,
).map(lambda parts: "".join(parts)[:200])
TEXT = st.one_of(GERMAN, *(st.text(alphabet, max_size=200) for alphabet in ALPHABETS.values()))
WORDS = st.builds(
    Words,
    headline=TEXT,
    body=TEXT,
    action=st.one_of(st.just(""), TEXT.map(lambda text: text[:24])),
    price=st.one_of(st.just(""), TEXT.map(lambda text: text[:12])),
    legal=TEXT,
)


def check(words: Words, format_id: str, family: str, product_aspect: float | None) -> str:
    """Arrange and demand every promise; returns "set" or the field that was refused."""
    fmt = FORMATS[format_id]
    framed = frame(rules_for(LAYOUTS[family], fmt), fmt, words, product_aspect)
    fonts = KIT.fonts.for_words(text for _, text in words.items())
    try:
        made = arrange(framed, words, fonts, KIT.logos[0].aspect, LOGO.clear_space_fraction, LOGO.min_width_px)
    except DoesNotFit as refusal:
        assert refusal.field in (*WORD_FIELDS, "logo")
        assert refusal.field in str(refusal)
        return refusal.field
    parts = [(place.field, place.ink) for place in made.texts]
    for field, ink in parts:
        assert ink.within(framed.safe, 1.0), f"{field} leaves the safe zone"
    for place in made.texts:
        assert place.block.ink_width_px <= place.rect.width + 1.01, f"{place.field} overflows its measure"
        assert place.block.style.size_px >= fmt.min_text_px - 1e-6, f"{place.field} is too small"
    buttons = [(flat.kind, flat.rect) for flat in made.flats if flat.kind == "action"]
    solid = [(f, r) for f, r in parts if f != "action"] + buttons
    if made.logo is not None:
        assert made.logo.within(framed.safe, 1.0)
        solid.append(("logo", made.logo))
    for index, (name, rect) in enumerate(solid):
        for other, there in solid[index + 1 :]:
            assert not rect.grown(-1).meets(there.grown(-1)), f"{name} lies on {other}"
    said = {place.field for place in made.texts} | set(made.omitted)
    assert {field for field, text in words.items() if clean(text)} <= said, "words vanished without being named"
    return "set"


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    WORDS, st.sampled_from(sorted(FORMATS)), st.sampled_from(sorted(LAYOUTS)), st.sampled_from([None, 0.5, 1.0, 2.4])
)
def test_any_words_are_set_or_refused_by_name(words, format_id, family, aspect):
    check(words, format_id, family, aspect)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(WORDS, st.sampled_from(sorted(LAYOUTS)), st.sampled_from([None, 0.5, 1.0, 2.4]))
def test_a_thousand_briefs_in_every_format(words, family, aspect):
    for format_id in FORMATS:
        check(words, format_id, family, aspect)
