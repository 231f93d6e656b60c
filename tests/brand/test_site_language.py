"""Languages told from words, filler told from copy, tone counted: the judges of texts, apart from any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.brand.words.chaff import is_codelike, is_date, is_generic, is_legal, is_placeholder, is_pseudo_latin
from studio.brand.words.naming import language_of
from studio.brand.words.signs import bare, segments
from studio.brand.words.texts import tidied
from studio.brand.words.tone import tone_of
from studio.brand.words.tongue import language_told, tidy_tag
from tests.brand.sites_made import look_of, site_of

_TEXTS = {
    "en": "The bread is baked with the flour that we mill and you can have it for your table.",
    "de": "Das Brot ist für Sie und wird mit dem Mehl gebacken, das wir auf der Mühle mahlen.",
    "fr": "Le pain est pour vous et il est fait avec la farine que nous avons dans les moulins.",
    "es": "El pan es para ti y lo hacemos con la harina que más nos gusta por las mañanas.",
    "it": "Il pane è per voi e lo facciamo con la farina che viene dai campi della nostra terra.",
    "nl": "Het brood is voor u en wij bakken het met een beetje meel van de molen.",
    "pl": "Chleb jest dla was i robimy go z mąki, która jest do tego najlepsza na świecie.",
    "tr": "Ekmek sizin için ve bu un ile çok daha güzel olarak pişer, her gün bir tane.",
    "zh-TW": "我們每天烘焙新鮮的麵包，歡迎來到店裡，這個時間還有位置給您，請與我們聯繫。",
    "zh-CN": "我们每天烘焙新鲜的面包，欢迎来到店里，这个时间还有位置给您，请与我们联系。",
    "ja": "毎日焼きたてのパンをお届けします。どうぞお気軽にお越しください。お待ちしております。",
    "ko": "매일 갓 구운 빵을 준비합니다. 편하게 들러 주세요. 언제나 기다리고 있습니다.",
    "ar": "نخبز الخبز الطازج كل يوم في الفرن القديم، وأنتم على الرحب والسعة إلى مائدتنا الكبيرة.",
    "fa": "هر روز نان تازه می‌پزیم و برای شما که به ما سر می‌زنید چای گرم هم کنار آن داریم.",
    "he": "אנחנו אופים לחם טרי בכל יום ומזמינים אתכם לבוא ולשבת איתנו ליד השולחן.",
    "ru": "Мы печём свежий хлеб каждый день и ждём вас за нашим столом, это очень вкусно.",
    "uk": "Ми печемо свіжий хліб щодня і чекаємо на вас за нашим столом, це дуже смачно її.",
    "el": "Ψήνουμε φρέσκο ψωμί κάθε μέρα και σας περιμένουμε στο τραπέζι μας.",
}


@pytest.mark.parametrize("language", _TEXTS)
def test_a_language_is_told_from_its_script_and_words(language: str) -> None:
    assert language_told(_TEXTS[language]) == language
    # A declared region or dialect is kept, a declared language that cannot be is not.
    assert language_told(_TEXTS[language], "en").partition("-")[0] == language.partition("-")[0] or language in (
        "de", "fr", "es", "it", "nl", "pl", "tr"
    )  # fmt: skip


def test_what_a_page_declares_is_kept_where_it_can_be() -> None:
    assert language_told(_TEXTS["de"], "de_AT.UTF-8") == "de-AT"
    assert language_told(_TEXTS["zh-TW"], "zh") == "zh-TW"
    assert language_told(_TEXTS["zh-TW"], "zh-hk") == "zh-HK"
    assert language_told(_TEXTS["en"], "ar") == "en"
    assert language_told(" ".join([_TEXTS["de"]] * 4), "en") == "de"
    assert language_told("Bread", "fr") == "fr" and language_told("", "") == ""
    assert tidy_tag("not a tag") == "" and tidy_tag("sr_latn_rs") == "sr-Latn-RS"


def test_a_page_in_another_script_than_it_declares(tmp_path: Path) -> None:
    site = site_of(tmp_path, f'<html lang="en"><body><p>{_TEXTS["zh-TW"]}</p></body></html>')
    assert language_of(look_of(site)) == "zh-TW"


def test_tone_is_only_what_can_be_counted() -> None:
    assert tone_of(["Bread!"], [], [], "en") == ()
    short = ["We bake at night.", "You eat it warm.", "Our bread is rye.", "Your day is good.", "You and we agree."]
    assert tone_of([], short, [], "en") == ("short sentences", "speaks to you", "speaks as we")
    asked = ["Who bakes the bread?", "Where is the oven?", "It is over there in the old mill.", "It is warm."]
    assert "asks questions" in tone_of(asked, [], [], "en")
    formal = ["Wir backen für Sie.", "Wie wir Ihnen helfen.", "Brot, das Sie mögen.", "Für Ihre Küche gemacht."]
    assert "formal address (Sie)" in tone_of(formal, [], [], "de")
    near = ["Wir backen für dich.", "Hol dir dein Brot.", "So magst du es.", "Dein Tag beginnt."]
    assert "informal address (du)" in tone_of(near, [], [], "de")
    assert "imperatives" in tone_of(
        ["Get the bread now.", "Try our rolls.", "Taste it.", "Buy one."], [], ["Order it", "Go"], "en"
    )


def test_filler_is_told_from_words() -> None:
    assert is_pseudo_latin("Fresh bread lorem ipsum dolor sit amet") and not is_pseudo_latin(
        "Minimal error, maximal bread"
    )
    assert is_placeholder("Your text here") and not is_placeholder("Your bread is here today")
    assert not is_placeholder("Todo lo que te gusta") and not is_placeholder("Our story")
    assert is_generic("Home") and is_generic("首頁") and not is_generic("Example")
    assert is_legal("© 2026 Example") and not is_legal("Designed for reliability")
    assert is_codelike("pip install example") and not is_codelike("Bread & butter, 24/7")
    assert is_date("12 March 2026") and not is_date("March to the oven with us")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400))
def test_texts_of_any_kind_are_judged(text: str) -> None:
    for judge in (is_placeholder, is_generic, is_legal, is_codelike, is_date, is_pseudo_latin):
        assert judge(text) in (True, False)
    assert isinstance(language_told(text, text[:12]), str)
    assert tidied(tidied(text)) == tidied(text)
    assert all(part.strip() for part in segments(text))
    bare(text)
