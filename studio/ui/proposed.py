"""A brand as it was read, as a sheet to look at: every value with where it was found and how sure that is.

Every word of it comes from outside and is escaped; pictures and fonts are the kit's own files, never the site's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from studio.brand.kit import LoadedKit
from studio.brand.site.proposals import Colour, Copy, Mark, Proposals, Typeface, Words
from studio.brand.site.typefaces import SYSTEM
from studio.color import contrast_hex
from studio.model import TypeChoice
from studio.ui.show import link

SURE, LIKELY, PERHAPS = 0.8, 0.5, 0.25
"""From which confidence on a value is called sure, likely, perhaps; below the last it is a guess."""
_MOST = {"colours": 12, "logos": 6, "headlines": 6, "actions": 6, "remarks": 6}
_HEADLINE_CHARS = 60
_ROLES = {"primary": "Primary", "accent": "Accent", "background": "Background", "text": "Text"}
_GROUNDS = {"light": "For light ground", "dark": "For dark ground", "any": "For any ground"}
_LANGUAGES = {
    "ar": "Arabic", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian",
    "it": "Italian", "ja": "Japanese", "ko": "Korean", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian",
    "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "th": "Thai",
    "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


def sheet(found: Proposals, kit: LoadedKit, source: str) -> str:
    """The whole proposal. `source` is what the designer gave; `kit` the kit made of it, whose files are shown."""
    parts = [
        _head(found, kit),
        _section("Colours", "swatches", _swatches(found.palette)),
        _section("Type", "faces", _faces(found, kit)),
        _section("Logo" if found.logos else "Icon", "marks", _marks(found, kit.folder)),
        _words(found.copy_),
        _section("Pictures and voice", "manner", _manner(found)),
        _remarks("Not found", found.not_found),
        _remarks("Worth knowing", found.warnings),
    ]
    return (
        f'<details class="proposed" open><summary><span>Read from {escape(source[:120])}</span></summary>'
        f"{''.join(parts)}</details>"
    )


def reading(source: str) -> str:
    """While a brand is being read; after a few seconds it says that this may take a while."""
    return (
        f'<div class="reading" role="status"><b>Reading {escape(source[:80])}</b>'
        "<small>A slow site can take up to 40 seconds</small></div>"
    )


def first_words(copy: Copy) -> tuple[str, str]:
    """The headlines that fit an ad, at most two, a line each, and the call to action; empty where there is none."""
    short = [words.text for words in copy.headlines if len(words.text) <= _HEADLINE_CHARS]
    return "\n".join(short[:2]), copy.actions[0].text if copy.actions else ""


def sureness(confidence: float) -> str:
    """A confidence, 0–1, in words and percent; a weak one looks it."""
    limits = ((SURE, "sure"), (LIKELY, "likely"), (PERHAPS, "perhaps"))
    said = next((word for least, word in limits if confidence >= least), "a guess")
    weak = ' class="weak"' if confidence < LIKELY else ""
    return f"<em{weak}>{said}, {confidence:.0%}</em>"


# ------------------------------------------------------------------------------------------------ the parts


def _head(found: Proposals, kit: LoadedKit) -> str:
    name, tagline = found.name, found.tagline
    facts = [f"Name {sureness(name.confidence)}" if name else "No name found"]
    facts += [f"tagline {sureness(tagline.confidence)}"] if tagline else []
    facts += [escape(_language(found.language))] if found.language else []
    said = f'<p class="tagline" dir="auto">{escape(tagline.text)}</p>' if tagline else ""
    return (
        f'<div class="head"><h2 dir="auto">{escape(name.text if name else kit.kit.name)}</h2>{said}'
        f'<p class="facts">{" · ".join(facts)}</p>'
        '<p class="facts">All of it is a proposal: nothing is locked until you confirm it. '
        f"The kit is chosen in the brief and kept as <b>{escape(kit.folder.name)}</b>.</p></div>"
    )


def _language(tag: str) -> str:
    main, _, rest = tag.partition("-")
    name = _LANGUAGES.get(main.lower())
    return f"{name} ({tag})" if name and rest else name or f"Language {tag}"


def _section(title: str, kind: str, inside: Iterator[str], beside: str = "") -> str:
    body = "".join(inside)
    return f'<section><h3>{title}{beside}</h3><div class="{kind}">{body}</div></section>' if body else ""


def _swatches(palette: Sequence[Colour]) -> Iterator[str]:
    for colour in palette[: _MOST["colours"]]:
        weak = " weak" if colour.confidence < LIKELY else ""
        ink = "#000000" if contrast_hex("#000000", colour.hex) >= contrast_hex("#ffffff", colour.hex) else "#ffffff"
        shades = "".join(f'<i style="background:{hex_}" title="{hex_}"></i>' for hex_ in colour.alternatives[:5])
        near = f'<p class="near">Also {shades}</p>' if shades else ""
        yield (
            f'<figure class="swatch{weak}"><div style="background:{colour.hex};color:{ink}">'
            f"<span>{colour.hex}</span></div><figcaption><b>{_ROLES[colour.role]}</b> <q>proposal</q>"
            f"{sureness(colour.confidence)}{_source(colour.source)}"
            f"{near}</figcaption></figure>"
        )


def _faces(found: Proposals, kit: LoadedKit) -> Iterator[str]:
    headline, action = first_words(found.copy_)
    lines = [headline.partition("\n")[0], found.tagline.text if found.tagline else "", kit.kit.name]
    texts = [words.text for words in found.copy_.headlines if len(words.text) > _HEADLINE_CHARS]
    body_text = next((text for text in (*texts, lines[1], lines[0], action) if text), kit.kit.name)
    samples = (
        ("Headings", found.heading, kit.kit.type.heading, next(filter(None, lines), "")),
        ("Body", found.body, kit.kit.type.body, body_text),
    )
    for part, face, choice, text in samples:
        if face is not None:
            yield _face(part, face, choice, text, kit)


def _face(part: str, face: Typeface, choice: TypeChoice, text: str, kit: LoadedKit) -> str:
    """A specimen in the very files that were kept; a face without is named, never imitated."""
    files = [(kept, kit.folder / "fonts" / kept.file) for kept in face.kept]
    rules = [(kept.weight, path) for kept, path in files if path.is_file()]
    own = f"read-{part.lower()}-{kit.digest[:12]}"
    family = "The visitor’s system font" if face.family == SYSTEM else face.family
    caption = f"<figcaption><b>{part}</b> <q>proposal</q>{sureness(face.confidence)}{_source(face.source)}</figcaption>"
    if rules:
        loaded = "".join(
            f'@font-face{{font-family:"{own}";font-weight:{weight};src:url("{link(path)}")}}' for weight, path in rules
        )
        how = f"style=\"font-family:'{own}';font-weight:{_nearest(face.weight, [weight for weight, _ in rules])}\""
        note = f"Kept in the kit. {escape(face.licence)}".strip()
        shown = f'<p class="family" {how} dir="auto">{escape(family)}</p><p class="text" {how} dir="auto">'
        return (
            f'<figure class="face {part.lower()}"><style>{loaded}</style>{shown}{escape(text[:180])}</p>'
            f"<small>{note}</small>{caption}</figure>"
        )
    return (
        f'<figure class="face {part.lower()} named"><p class="family">{escape(family)}</p>'
        f"<small>{_not_kept(face, choice)}</small>{caption}</figure>"
    )


def _not_kept(face: Typeface, choice: TypeChoice) -> str:
    stand_in = escape(choice.family)
    if face.family == SYSTEM:
        return f"No typeface of its own. {stand_in} sets the ads"
    if not choice.stands_for:
        return f"{stand_in} is on this machine and sets the ads"
    get = "Ask the client for its files"
    if face.link.startswith("https://"):
        get = f'<a href="{escape(face.link)}" target="_blank" rel="noopener noreferrer">Get the typeface</a>'
    return f"Not shown in its own letters: no open font file came with the page. {stand_in} stands in. {get}"


def _nearest(weight: int, there: Sequence[int]) -> int:
    return min(there, key=lambda one: abs(one - weight))


def _marks(found: Proposals, folder: Path) -> Iterator[str]:
    """Each logo on the ground it is for; one for any, on both. The icon only where there is no logo."""
    for mark in found.logos[: _MOST["logos"]]:
        path = folder / "logos" / mark.file
        grounds = ("light", "dark") if mark.on == "any" else (mark.on,)
        if path.is_file():
            yield from (_mark(mark, path, ground) for ground in grounds)
    if not found.logos and found.icon is not None and (path := folder / "references" / found.icon.file).is_file():
        yield _mark(found.icon, path, "dark" if found.icon.on == "dark" else "light")


def _mark(mark: Mark, path: Path, ground: str) -> str:
    size = f"{mark.width_px} × {mark.height_px} px" if mark.width_px and mark.height_px else ""
    vector = "SVG" if path.suffix.lower() == ".svg" else ""
    facts = " · ".join(filter(None, (_GROUNDS[mark.on], vector or size)))
    notes = "".join(f"<small>{escape(note)}</small>" for note in mark.notes[:2])
    return (
        f'<figure class="mark"><div class="on-{ground}"><img alt="{escape(path.stem)}, on {ground} ground" '
        f'src="{link(path)}"></div><figcaption><b>{facts}</b> {sureness(mark.confidence)}'
        f"{_source(mark.source)}{notes}</figcaption></figure>"
    )


def _words(copy: Copy) -> str:
    headlines, actions = copy.headlines[: _MOST["headlines"]], copy.actions[: _MOST["actions"]]
    use = '<button type="button" name="words">Use its words</button>' if any(first_words(copy)) else ""
    said = "".join(f"<li>{_said(words)}</li>" for words in headlines)
    asked = "".join(f"<li>{_said(words)}</li>" for words in actions)
    columns = [f'<ol class="heads">{said}</ol>'] if said else []
    columns += [f'<ol class="actions">{asked}</ol>'] if asked else []
    return _section("Words", "said", iter(columns), use)


def _said(words: Words) -> str:
    return f'<span dir="auto" title="{escape(words.source)}">{escape(words.text)}</span>{sureness(words.confidence)}'


def _manner(found: Proposals) -> Iterator[str]:
    for title, words in (("Photography", found.photography), ("Voice", found.copy_.tone)):
        if words:
            yield f"<p><b>{title}</b> {escape(', '.join(words))}</p>"


def _remarks(title: str, remarks: Sequence[str]) -> str:
    lines = [f"<li>{escape(remark)}</li>" for remark in remarks]
    first, more = lines[: _MOST["remarks"]], lines[_MOST["remarks"] :]
    folded = f"<details><summary>{len(more)} more</summary><ul>{''.join(more)}</ul></details>" if more else ""
    return _section(title, "remarks", iter([f"<ul>{''.join(first)}</ul>{folded}"] if first else []))


def _source(source: str) -> str:
    return f'<small class="source" title="{escape(source)}">{escape(source)}</small>' if source else ""
