"""Which language words are in, told from their script and commonest words; no model, a page has plenty of both."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

_MOST = 20_000
_TAG = re.compile(r"([a-zA-Z]{2,3})(?:[-_]([a-zA-Z]{4}))?(?:[-_]([a-zA-Z]{2}|\d{3}))?(?:[-_.@].*)?")
_SCRIPTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "Latin": r"[A-Za-zÀ-ɏḀ-ỿ]",
        "Han": r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]",
        "Kana": r"[\u3041-\u30fa\u31f0-\u31ff]",
        "Hangul": r"[\uac00-\ud7af\u1100-\u11ff]",
        "Arabic": r"[\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\ufb50-\ufdff\ufe70-\ufefc]",
        "Hebrew": r"[\u05d0-\u05ea]",
        "Cyrillic": r"[\u0400-\u04ff]",
        "Greek": r"[\u0370-\u03ff\u1f00-\u1fff]",
        "Thai": r"[\u0e01-\u0e3a\u0e40-\u0e4e]",
        "Devanagari": r"[\u0900-\u097f]",
        "Bengali": r"[\u0980-\u09ff]",
        "Tamil": r"[\u0b80-\u0bff]",
        "Georgian": r"[\u10a0-\u10ff]",
        "Armenian": r"[\u0531-\u058f]",
    }.items()
}
_OF_SCRIPT: Mapping[str, frozenset[str]] = {
    "Han": frozenset(("zh", "ja", "yue", "ko")),
    "Kana": frozenset(("ja",)),
    "Hangul": frozenset(("ko",)),
    "Arabic": frozenset(("ar", "fa", "ur", "ps", "ckb", "ku", "ug", "sd", "az", "arz")),
    "Hebrew": frozenset(("he", "iw", "yi")),
    "Cyrillic": frozenset(("ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg", "tt", "uz", "bs")),
    "Greek": frozenset(("el",)),
    "Thai": frozenset(("th",)),
    "Devanagari": frozenset(("hi", "mr", "ne", "sa")),
    "Bengali": frozenset(("bn", "as")),
    "Tamil": frozenset(("ta",)),
    "Georgian": frozenset(("ka",)),
    "Armenian": frozenset(("hy",)),
}
"""The languages that are written in a script; the commonest first is what its words are taken for."""
_ALSO_LATIN = frozenset("az ku uz sr bs tt kk".split())
_FIRST = {"Hebrew": "he", "Greek": "el", "Thai": "th", "Devanagari": "hi", "Hangul": "ko", "Kana": "ja",
          "Bengali": "bn", "Tamil": "ta", "Georgian": "ka", "Armenian": "hy"}  # fmt: skip
_COMMON: Mapping[str, frozenset[str]] = {
    "en": frozenset("the and of to in is for you your with that this are our from we it be have all more how".split()),
    "de": frozenset("der die und das mit für ist ein eine auf von den im zu nicht sie wir ihre auch dem bei".split()),
    "fr": frozenset("le la les des et une est pour dans vous nous votre sur avec du au notre plus qui pas aux".split()),
    "es": frozenset("el los las y una es para con por del su que más nuestro tu nuestra sus como al esta lo".split()),
    "it": frozenset("il di che e per un una con del della è sono gli nel alla più dei nostro delle come".split()),
    "pt": frozenset("o os e uma para com por do da não mais que em dos das seu sua você nosso ao são como".split()),
    "nl": frozenset("de het een en van voor met je is wij ons onze op niet zijn ook bij naar uw jouw dat deze".split()),
    "sv": frozenset("och att för är som med på en det vi av till din dig inte har om ett våra eller från".split()),
    "da": frozenset("og at for er som med på en det vi af til din dig ikke har om et vores eller fra".split()),
    "nb": frozenset("og å for er som med på en det vi av til din deg ikke har om et våre eller fra".split()),
    "fi": frozenset("ja on ei että se kanssa myös ovat meidän voit sinun tai kun niin joka sekä oma kaikki".split()),
    "pl": frozenset("i w na z do się nie jest to dla że oraz po od jak nasze o przez są za czy naszej".split()),
    "cs": frozenset("a v na se je pro s z do že jsme nebo jako ve jsou naše od po za také si aby".split()),
    "ro": frozenset("și în de la cu pentru este care pe din sau mai un o nu sunt ale vă noastre".split()),
    "hu": frozenset("a az és hogy nem egy is van meg ez már csak vagy mint nálunk ki el minden".split()),
    "tr": frozenset("ve bir bu için ile da de daha olarak çok en ne sizin bizim gibi olan her mı".split()),
    "id": frozenset("dan yang di untuk dengan ini dari kami anda adalah pada dalam kita tidak ke atau akan".split()),
    "vi": frozenset("và của là cho các với bạn một những được không trong có chúng tôi để khi này".split()),
}  # fmt: skip
# Everyday characters that only one of the two ways of writing Chinese has.
_TRADITIONAL = frozenset(
    "們這個來時說對開會國學發麼樣還過讓點與為種現見間關電話機實網頁體題應當經買賣車長門問開頭東樂氣無專業"
    "務產單員錢統設計資訊臺灣聯繫歡迎觀貨運費線號價優選擇購連結專業訂閱營"
)
_SIMPLIFIED = frozenset(
    "们这个来时说对开会国学发么样还过让点与为种现见间关电话机实网页体题应当经买卖车长门问开头东乐气无专业"
    "务产单员钱统设计资讯台湾联系欢迎观货运费线号价优选择购连结专业订阅营"
)
_ONLY_TRADITIONAL, _ONLY_SIMPLIFIED = _TRADITIONAL - _SIMPLIFIED, _SIMPLIFIED - _TRADITIONAL
_WORD = re.compile(r"[^\W\d_]+")


def tidy_tag(text: str) -> str:
    """A declared language as BCP 47 spells it: `zh_tw` is `zh-TW`; empty for what is no tag."""
    match = _TAG.fullmatch(text.strip()[:40])
    if match is None or match[1].lower() in ("und", "xx", "mul", "zxx", "www"):
        return ""
    language, script, region = match[1].lower(), (match[2] or "").title(), (match[3] or "").upper()
    return "-".join(part for part in (language, script, region) if part)


def scripts_in(text: str) -> Counter[str]:
    """How many letters of each script; one of Chinese or Japanese counts as two, being about half a word."""
    found: Counter[str] = Counter()
    text = text[:_MOST]
    for name, pattern in _SCRIPTS.items():
        count = len(pattern.findall(text))
        if count:
            found[name] = count * 2 if name in ("Han", "Kana", "Hangul") else count
    return found


def language_told(text: str, declared: str = "") -> str:
    """The language of `text` as a BCP 47 tag, `declared` (any spelling) where that can be; empty if nothing tells.

    A declared one is dropped when the letters are of another script, or when another language's commonest words are
    many times as frequent."""
    tag = tidy_tag(declared)
    scripts = scripts_in(text)
    letters = sum(scripts.values())
    if letters < 40:
        return tag or (_guess(text, scripts) if letters >= 12 else "")
    main = _main_script(scripts, letters)
    said = tag.partition("-")[0]
    if said and main != "Latin" and said in _OF_SCRIPT[main]:
        return _refined(tag, text, main)
    if said and main == "Latin" and not _foreign(said, tag):
        return _checked_latin(tag, text)
    return _guess(text, scripts) or tag


def _main_script(scripts: Counter[str], letters: int) -> str:
    """The script most words are in. Names and technical terms are Latin everywhere, so a third is enough for others."""
    others = Counter({name: count for name, count in scripts.items() if name != "Latin"})
    if not others or sum(others.values()) < 0.3 * letters:
        return "Latin"
    if others["Kana"] > 0.05 * (others["Han"] + others["Kana"]) and others["Kana"] + others["Han"] > others["Hangul"]:
        return "Kana"
    return others.most_common(1)[0][0]


def _foreign(language: str, tag: str) -> bool:
    """Whether a language is never written in Latin letters."""
    known = any(language in found for found in _OF_SCRIPT.values())
    return known and language not in _ALSO_LATIN and "-Latn" not in tag


def _guess(text: str, scripts: Counter[str]) -> str:
    letters = sum(scripts.values())
    main = _main_script(scripts, letters)
    if main == "Latin":
        return _latin(text)
    if main == "Han":
        return _refined("zh", text, main)
    if main == "Arabic":
        return _arabic(text)
    if main == "Cyrillic":
        return _cyrillic(text)
    return _FIRST.get(main, "")


def _refined(tag: str, text: str, script: str) -> str:
    """A declared Chinese with the way it is written, where only `zh` was said."""
    if tag != "zh" or script != "Han":
        return tag
    traditional = sum(char in _ONLY_TRADITIONAL for char in text[:_MOST])
    simplified = sum(char in _ONLY_SIMPLIFIED for char in text[:_MOST])
    if traditional + simplified < 2:
        return "zh"
    return "zh-TW" if traditional > 2 * simplified else "zh-CN" if simplified > 2 * traditional else "zh"


def _arabic(text: str) -> str:
    counts = Counter(text[:_MOST])
    if sum(counts[char] for char in "ٹڈڑںےھ") > 0.02 * sum(counts[char] for char in "اوهیي" + "ے") + 2:
        return "ur"
    persian = sum(counts[char] for char in "پچژگکی")
    arabic = sum(counts[char] for char in "يكةىأإ")
    return "fa" if persian > arabic else "ar"


def _cyrillic(text: str) -> str:
    counts = Counter(text[:_MOST].lower())
    if sum(counts[char] for char in "іїєґ") > counts["ы"] + counts["э"]:
        return "be" if counts["ў"] else "uk"
    if sum(counts[char] for char in "ђћљњџј") > 2:
        return "sr"
    return "ru" if counts["ы"] + counts["э"] > 0 or not counts["ъ"] else "bg"


def _hits(text: str) -> Counter[str]:
    words = Counter(_WORD.findall(text[:_MOST].lower()))
    found: Counter[str] = Counter()
    for language, common in _COMMON.items():
        found[language] = sum(words[word] for word in common)
    return found


def _latin(text: str) -> str:
    hits = _hits(text).most_common(2)
    (best, most), (_, next_most) = hits
    return best if most >= 3 and most > next_most * 1.15 else ""


def _checked_latin(tag: str, text: str) -> str:
    """The declared language unless the words are plainly another's: templates leave `en` in place."""
    said = tag.partition("-")[0]
    said = "nb" if said == "no" else said
    if said not in _COMMON:
        return tag
    hits = _hits(text)
    best, most = hits.most_common(1)[0]
    return best if most >= 20 and most > 3 * hits[said] + 5 else tag
