"""A saved page of a brand that does not exist, with a logo, an open typeface, and words that try to be markup."""

from __future__ import annotations

import zipfile
from pathlib import Path

from studio.brand.fonts import font_path

HOSTILE = "<img/src=x/onerror=alert(1)>${alert(2)}{{value}}"
PAGE = f"""<!doctype html><html lang="en-GB"><head><title>Example Bakery</title>
<meta property="og:site_name" content="Example Bakery"><link rel="stylesheet" href="main.css"></head><body>
<header><a href="/"><img class="logo" src="logo.svg" alt="Example Bakery"></a></header>
<main><h1>Bread with time</h1><h2>Baked before sunrise</h2>
<p>Slow dough, stone mills and a short walk from the oven to your table, every single morning.</p>
<a class="button {HOSTILE}" href="/order">Order a loaf</a></main></body></html>"""
STYLE = """@font-face{font-family:"Example Face";src:url(face.otf)}
body{background:#fffaf0;color:#2a1d14;font-family:"Example Face",sans-serif}
h1,h2{font-family:"Example Face",sans-serif;color:#2a1d14}
header{background:#fffaf0}.button{background:#c2410c;color:#ffffff;padding:10px}"""
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 60" width="200" height="60" onload="alert(3)">'
    '<script>alert(4)</script><path fill="#c2410c" d="M0 0h60v60h-60zM80 20h120v20h-120z"/></svg>'
)


def example_zip(file: Path) -> Path:
    """Write it to `file`."""
    face = font_path("package:font_hanken_grotesk/files/HankenGrotesk-Regular.otf", file.parent)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in (("index.html", PAGE), ("main.css", STYLE), ("logo.svg", LOGO)):
            archive.writestr(name, data)
        archive.write(face, "face.otf")
    return file
