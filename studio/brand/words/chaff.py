"""Words that stand on pages but say nothing of a brand: placeholders, lorem ipsum, legal and cookie text, code."""

from __future__ import annotations

import re
import unicodedata

_LATIN = frozenset(
    "lorem ipsum dolor amet consectetur consectetuer adipiscing adipisicing elit eiusmod tempor incididunt labore "
    "dolore magna aliqua enim minim veniam quis nostrud exercitation ullamco laboris nisi aliquip commodo consequat "
    "duis aute irure reprehenderit voluptate velit esse cillum fugiat nulla pariatur excepteur sint occaecat "
    "cupidatat proident culpa officia deserunt mollit anim laborum perspiciatis unde omnis iste natus voluptatem "
    "accusantium doloremque laudantium totam aperiam eaque ipsa quae inventore veritatis quasi architecto beatae "
    "vitae dicta explicabo nemo ipsam quia voluptas aspernatur odit fugit consequuntur magni dolores ratione sequi "
    "nesciunt neque porro quisquam dolorem adipisci numquam eius modi tempora incidunt quaerat vestibulum curabitur "
    "pellentesque suspendisse aenean vivamus praesent maecenas phasellus fusce donec mauris tincidunt faucibus "
    "sollicitudin ullamcorper sagittis molestie bibendum ultricies ultrices tristique senectus netus malesuada fames "
    "egestas turpis pretium vulputate dapibus eleifend euismod luctus rutrum blandit iaculis scelerisque hendrerit "
    "viverra porttitor facilisis facilisi volutpat venenatis dignissim convallis condimentum fermentum interdum "
    "imperdiet feugiat lacinia laoreet lectus libero ligula lobortis mattis metus morbi nullam nunc odio orci ornare "
    "pharetra placerat posuere proin purus quisque rhoncus risus semper sodales sapien tellus tortor urna ut varius "
    "vehicula cras justo aliquam congue cursus dictum diam efficitur elementum eros erat erit etiam gravida integer "
    "itaque recusandae saepe temporibus autem quibusdam assumenda repellendus voluptatibus maiores alias "
    "perferendis doloribus asperiores repellat cumque nihil impedit quo minus maxime placeat facere possimus".split()
)
_LATIN_ENDING = re.compile(
    r"(?:us|um|is|it|ur|em|am|at|nt|que|ae|os|as|es|or|ra|re|io|ia|et|ut|ed|in|il|on|en|o|i|a|e|x)"
)
_PLACEHOLDERS = re.compile(
    r"(?i)(?:your|the|our|my|some|a|another|example|sample|dummy|placeholder|insert|enter|add|edit|product|project|"
    r"company|site|website|page|blog|post|section|card|item|feature|service|client|customer|team member|menu|button|"
    r"link|main|sub|main|blog post|default|featurette|slide|label)?\s?"
    r"(?:name|title|sub-?title|heading|sub-?heading|headline|text|tagline|slogan|logo|brand|caption|description|content|"
    r"copy|placeholder|slide|label|card|item|product|company|website|site|paragraph|featurette|section|project)"
    r"(?:\s?(?:here|goes here|text|name|title|heading|(?:label|number)?\s?#?\d{1,2}|one|two|three|four|[a-c]))?[.:!…]*"
)
_PLACEHOLDER_PARTS = re.compile(
    r"(?i)\bipsum\b|raw denim|jean shorts austin|anim pariatur|"
    r"your (?:text|content|headline|company|website|logo|name|title) (?:goes )?here|"
    r"goes here\b|this is (?:a |an |the |some )?(?:sample|dummy|placeholder|example|demo) (?:text|page|post|content)|"
    r"placeholder|dummy text|click (?:here )?to edit|add your (?:own )?text|edit (?:this|me)\b|hello world!?$|"
    r"untitled|just another wordpress|\[[a-z ]+\]|\{\{|%[a-z_]+%|<%|\$\{|"
    r"(?-i:\bTODO\b|\bTBD\b|XXX|\bNaN\b)|\bundefined\b|"
    r"blindtext|platzhalter|texte d.exemple|texto de ejemplo|texto de relleno|"
    r"لورم|لوريم|هذا النص هو مثال|متن ساختگی|占位|示例文本|範例文字|這裡是標題|这里是标题|"
    r"ダミーテキスト|サンプルテキスト"
)
_CONSENT = re.compile(
    r"(?i)\bcookies?\b|\bgdpr\b|\bccpa\b|consent|einwilligung|datenschutz|privacy|confidentialit|privacidad|privacidade|"
    r"隐私|隱私|プライバシー|クッキー|ملفات تعريف الارتباط|الخصوصية|حریم خصوصی|کوکی|конфиденциальност|файлы cookie"
)
_LEGAL = re.compile(
    r"(?i)all rights reserved|alle rechte vorbehalten|tous droits r|todos los derechos|todos os direitos|"
    r"tutti i diritti|copyright|©|\(c\) ?\d{4}|terms (?:of|and|&)|allgemeine gesch|impressum|imprint|legal notice|"
    r"mentions l.gales|aviso legal|nutzungsbedingungen|trademarks? of|registered trademark|licen[sc]ed under|"
    r"under the terms|hereby|\bliabilit|\bwarrant(?:y|ies) of|merchantab|disclaimer|without notice|\bpursuant to|"
    r"版权所有|版權所有|保留所有|著作権|حقوق النشر|جميع الحقوق|کلیه حقوق|تمامی حقوق|все права защищены|"
    r"recaptcha|by (?:clicking|continuing|signing up|subscribing|providing|submitting)|you agree to|icp备|"
    r"creative commons|mit license|apache license|gnu (?:general|free)"
)
_CODE = re.compile(
    r"[{};<>]\s*\S|=>|::|\(\)|^\s*[$>#]\s|\b(?:npm|pip|yarn|apt|brew|git|curl|sudo|wget|bower|cargo) (?:i|install|add|"
    r"clone|get|-)|https?://|www\.|\.(?:js|css|html|json|py|min)\b|[a-z]+_[a-z]+_|[a-z]\w*\([^ )]*\)|^@\w+$|\w@\w+\.\w"
)
# Wallet addresses and checksums: long runs of letters and digits that are no word of any language.
_TOKEN = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9]{20,}\b|\b[0-9a-fA-F]{24,}\b")
_MONTHS = (
    r"jan\w*|feb\w*|mar(?:ch|s|z|zo)?|apr\w*|ma[iy]o?|june?|july?|juin|juillet|aug\w*|ao[uû]t|sep\w*|o[ck]t\w*|nov\w*|"
    r"de[cz]\w*|märz|déc\w*|févr?\w*|enero|januar|janeiro"
)
_DATE = re.compile(
    rf"(?i)\W*(?:on |am |le |posted |updated |published )*(?:\d{{1,4}}[-./年]\s?\d{{1,2}}[-./月]\s?\d{{1,4}}日?|"
    rf"(?:\w{{2,9}},? )?\d{{1,2}}(?:st|nd|rd|th|\.)? (?:de )?(?:{_MONTHS})\.?(?: de)?,? ?\d{{0,4}}|"
    rf"(?:{_MONTHS})\.? \d{{1,2}}(?:st|nd|rd|th)?(?:,? ?\d{{4}})?|(?:{_MONTHS}) \d{{4}}|"
    rf"\d+ (?:min\w*|hours?|days?|weeks?|months?|years?) (?:ago|read))(?:[ ,|·•—–-].{{0,40}})?\W*"
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_KEY = re.compile(r"[\W_]+")
# `Company` and `Foundation` are part of what people say, so they are none.
_LEGAL_FORM = re.compile(
    r"(?i)[,\s]+(?:(?:gmbh|ag|ug|se)(?: ?& ?co\.?(?: ?(?:kgaa|kg|ohg))?)?|inc|ltd|limited|llc|llp|corp|corporation|co|"
    r"kg|ohg|e\.? ?k|e\.? ?v|s\.?a|s\.?a\.?s|s\.?a\.?r\.?l|s\.?r\.?l|s\.?l|s\.?p\.?a|b\.?v|n\.?v|oy|ab|a/?s|aps|plc|"
    r"pty|ltda)\.?$"
)
# "Example & Co." is one name; nobody is called "Example &". "Vitamin E Inc." ends in a capital.
_JOINED = re.compile(r"(?:[&+]|\b(?:[Aa]nd|AND|[Uu]nd|UND|et|ET|y|e))$")
_PICTURE_FILE = re.compile(r"(?i)\.(?:png|jpe?g|jfif|gif|svgz?|webp|avif|ico|bmp|tiff?|heic|eps|psd)\W*$")
_GENERIC = frozenset(
    "home homepage startseite start accueil inicio início inici principal hjem hem etusivu główna anasayfa главная "
    "welcome willkommen bienvenue bienvenidos benvenuti welkom index untitled document page website site title logo "
    "brand company demo test landing landingpage dashboard login signin signup menu navigation main search "
    "contact about blog news shop store products services portfolio gallery faq help support documentation docs "
    "overview introduction close open back next previous image photo picture icon top error forbidden loading "
    "redirecting default template theme header footer english deutsch français español "
    "首页 首頁 主页 主頁 网站首页 欢迎 歡迎 ホーム トップページ トップ 홈 메인 الرئيسية خانه หน้าแรก".split()
)
_GENERIC_PHRASES = frozenset(
    "home page|my site|my website|your website|your company|your company name|company name|brand name|your brand|"
    "your logo|your name|page title|site title|site name|untitled document|new page|landing page|web site|web app|"
    "react app|vite app|next app|nuxt app|main menu|contact us|about us|help contents|toggle navigation|"
    "skip to content|skip to main content|front page|start page|getting started|read more|learn more|site logo|"
    "company logo|header logo|back to top|personal portfolio|404 not found|403 forbidden|just a moment|please wait|"
    "official site|official website|pagina principal|página principal|página inicial|pagina iniziale|strona główna|"
    "ana sayfa|trang chủ|الصفحة الرئيسية|صفحه اصلی|דף הבית|sign in|sign up|log in|online shop|online store|"
    "shop homepage|create react app|hello world|welcome back|coming soon|under construction|page not found|"
    "access denied|attention required|one moment|home index|index of|my blog|free template|html template|"
    "website template|bootstrap template|product site|documentation site|welcome page|go home|home link|"
    "to homepage|zur startseite|retour à l'accueil|personal website".split("|")
)


def key_of(text: str) -> str:
    """What makes two spellings the same: letters and digits only, without case, marks, and the form of a company."""
    plain = unicodedata.normalize("NFKD", without_legal_form(text))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return _KEY.sub("", plain.casefold()).replace("ي", "ی").replace("ك", "ک")


def without_legal_form(text: str) -> str:
    """A name as people say it: `Example GmbH` is Example. What is joined by an and stays: `Example & Co.`."""
    plain = text.strip()
    form = _LEGAL_FORM.search(plain)
    if form is None:
        return plain.strip(" ,.")
    return plain if _JOINED.search(plain[: form.start()]) else plain[: form.start()].strip(" ,.")


def ends_in_form(text: str) -> bool:
    """Whether a text ends as companies do, so that its last dot ends no sentence."""
    return _LEGAL_FORM.search(text.strip()) is not None


def is_picture_file(text: str) -> bool:
    """Whether a text is the name of a picture's file, as tools leave it in alternative texts."""
    return _PICTURE_FILE.search(text) is not None


_LANGUAGE_CODES = frozenset(
    "ar bg bn ca cs da de el en es et eu fa fi fr gl he hi hr hu id it ja ko lt lv ms nb nl nn no pl pt ro ru sk sl sr "
    "sv ta th tr uk ur vi zh".split()
)
"""Of switches between languages: lower case, as ISO 639-1 writes them."""


def is_generic(text: str) -> bool:
    """Whether every page could be called that."""
    plain = text.strip(" .!?…:-–—|»«›‹→←#'\"“”").casefold()
    return (
        not key_of(plain)
        or plain in _GENERIC_PHRASES
        or text.strip() in _LANGUAGE_CODES
        or (" " not in plain and plain in _GENERIC)
        or plain.isdigit()
        or is_placeholder(text)
    )


def is_placeholder(text: str) -> bool:
    """Whether the words only keep a place: `Product name`, `Heading 1`, lorem ipsum."""
    plain = text.strip()
    if len(plain) < 60 and _PLACEHOLDERS.fullmatch(plain) and plain.casefold() not in ("brand", "company", "product"):
        return True
    return _PLACEHOLDER_PARTS.search(plain) is not None or is_pseudo_latin(plain)


def is_pseudo_latin(text: str) -> bool:
    """Whether it is filler that looks like Latin, also with real words before or after it."""
    words = [word.casefold() for word in _WORD.findall(text[:2_000])]
    if len(words) < 2:
        return False
    hits = sum(word in _LATIN for word in words)
    if hits >= 3 and hits >= 0.2 * len(words):
        return True
    if hits >= 2 and hits >= 0.5 * len(words):
        return True
    endings = sum(_LATIN_ENDING.search(word, max(0, len(word) - 3)) is not None for word in words)
    return hits >= 2 and len(words) >= 6 and endings >= 0.8 * len(words)


def is_consent(text: str) -> bool:
    return _CONSENT.search(text) is not None


def is_legal(text: str) -> bool:
    return _LEGAL.search(text) is not None


def is_codelike(text: str) -> bool:
    """Whether it is code, an address, a key or the like."""
    return _CODE.search(text) is not None or _TOKEN.search(text) is not None


def is_date(text: str) -> bool:
    """Whether it is only a date, or a date and who wrote when."""
    return len(text) < 80 and _DATE.fullmatch(text.strip()) is not None
