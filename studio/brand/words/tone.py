"""How a text speaks, in plain words, as far as it can be counted. Nothing is said where there is little to count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import median

from studio.brand.words.tongue import language_told

_LEAST_SENTENCES = 4
_LEAST_ADDRESSED = 3
_SPLIT = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？؟])")
_CJK = re.compile(r"[\u3400-\u9fff\u3040-\u30ff]")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_VERBS = frozenset(
    "add apply ask be become begin book bring browse build buy call check choose claim click come compare complete "
    "contact create customize design discover donate download drink eat enjoy enter experience explore feel find "
    "fly get give go grow hear help hire join keep launch learn let listen look love make meet order pay plan play "
    "read register request rent reserve save see sell send share shop showcase sign start stay stop subscribe "
    "support take talk taste tell travel try use view visit watch wear work write".split()
)
# Second persons of one and the other kind. German `Sie` counts only inside a sentence, where it cannot be "she".
_ADDRESS = {
    "de": (r"\b[Dd](?:u|ir|ich|ein\w{0,2})\b", r"(?<=[\w,] )(?:Sie|Ihnen|Ihre?[nmrs]?)\b", "du", "Sie"),
    "fr": (r"(?i)\b(?:tu|toi|ton|ta|tes)\b", r"(?i)\b(?:vous|votre|vos)\b", "tu", "vous"),
    "es": (r"(?i)\b(?:tú|tu|tus|ti|contigo)\b", r"(?i)\b(?:usted|ustedes)\b", "tú", "usted"),
    "nl": (r"(?i)\b(?:je|jij|jou|jouw)\b", r"(?i)\b(?:u|uw)\b", "je", "u"),
    "it": (r"(?i)\b(?:tu|tuo|tua|tuoi|tue)\b", r"\b(?:Lei|Suo|Sua)\b", "tu", "Lei"),
    "ru": (r"(?i)\b(?:ты|тебе|тебя|твой|твоя|твои)\b", r"(?i)\b(?:вы|вам|вас|ваш\w{0,3})\b", "ты", "вы"),
    "fa": (r"\bتو\b", r"\bشما\b", "تو", "شما"),
    "zh": ("你", "您", "你", "您"),
}


def tone_of(headlines: Sequence[str], running: Sequence[str], actions: Sequence[str], declared: str) -> tuple[str, ...]:
    """A few plain words for how a site speaks, from its headlines, its running text and its buttons.

    `declared` is the language as the page says itself. At most six words, in a fixed order; none below four sentences.
    """
    told, whole_ones = _sentences(headlines), _sentences(running)
    sentences = told + whole_ones
    if len(sentences) < _LEAST_SENTENCES:
        return ()
    found: list[str] = []
    # Headlines are short everywhere; only running text tells.
    if len(whole_ones) >= _LEAST_SENTENCES:
        length = median(_length(one) for one in whole_ones)
        found += ["short sentences"] if length <= 9 else ["long sentences"] if length >= 20 else []
    whole = " ".join(sentences)
    language = language_told(whole, declared).partition("-")[0]
    found += _address(whole, language)
    for words, marks in (("asks questions", "?؟？"), ("exclaims", "!！")):
        if (ends := sum(one[-1] in marks for one in sentences)) >= 2 and ends >= 0.12 * len(sentences):
            found.append(words)
    counted = sum(any(char.isdigit() for char in one) for one in sentences)
    if counted >= max(3, 0.25 * len(sentences)):
        found.append("numbers and facts")
    starts = [word[0].lower() for one in (*sentences, *actions) if (word := _WORD.findall(one[:60]))]
    if language == "en" and len(starts) >= 6 and sum(word in _VERBS for word in starts) >= 0.3 * len(starts):
        found.append("imperatives")
    return tuple(found[:6])


def _sentences(texts: Sequence[str]) -> list[str]:
    kept = tuple(dict.fromkeys(texts))[:60]
    return [part.strip() for text in kept for part in _SPLIT.split(text) if len(part.strip()) > 3]


def _length(sentence: str) -> float:
    """In words; two Chinese or Japanese characters are one."""
    return len(_CJK.sub(" ", sentence).split()) + len(_CJK.findall(sentence)) / 2


def _address(text: str, language: str) -> list[str]:
    if language == "en":
        words = [word.lower() for word in _WORD.findall(text)]
        found = []
        if (you := sum(word in ("you", "your", "yours", "you're", "you’re") for word in words)) >= _LEAST_ADDRESSED:
            found += ["speaks to you"] if you >= 0.02 * len(words) else []
        if (own := sum(word in ("we", "our", "us", "we're", "we’re") for word in words)) >= _LEAST_ADDRESSED:
            found += ["speaks as we"] if own >= 0.02 * len(words) else []
        return found
    if language not in _ADDRESS:
        return []
    near, far, near_word, far_word = _ADDRESS[language]
    informal, formal = len(re.findall(near, text)), len(re.findall(far, text))
    if max(informal, formal) < _LEAST_ADDRESSED or min(informal, formal) > 0.25 * max(informal, formal):
        return []
    return [f"informal address ({near_word})" if informal > formal else f"formal address ({far_word})"]
