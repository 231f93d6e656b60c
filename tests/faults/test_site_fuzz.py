"""Pages and style sheets broken in every way a mutation can break them: no crash, and no case takes five seconds of a core."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.brand.site.proposals import Proposals
from studio.brand.website import infer
from studio.errors import BadInput
from tests.samples import SAMPLES

QUICK, ALL = 40, 2_000
LIMIT_S = 5.0

PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Example &ndash; Fresh bread daily</title>
<meta property="og:site_name" content="Example"><meta name="theme-color" content="#b3261e">
<link rel="stylesheet" href="main.css"><link rel="icon" href="icon.svg"><style>@layer base{a{color:oklch(.5 .2 30)}}
@media (prefers-color-scheme: dark){body{background:#111}} h1{font:700 3rem/1.1 "Example Serif",Georgia,serif}</style>
<script type="application/ld+json">{"@graph":[{"@type":"Organization","name":"Example","logo":{"url":"logo.svg"}}]}
</script></head><body style="--x: var(--y, #123)"><header class="site-header"><a href="/"><img src="logo.svg" alt="Example"
srcset="logo.svg 1x, logo.svg 2x"></a><nav><a href="#a">Shop</a></nav></header><main><section class="hero"
style="background-image:linear-gradient(90deg,#b3261e,hsl(20 80% 50%)),url(hero.png)"><h1>Bread that <em>keeps</em></h1>
<p>Baked at four, sold by noon.</p><a class="btn btn-primary" href="#">Order now</a></section>
<svg viewBox="0 0 10 10"><use href="#m"/><path id="m" d="M0 0h10v10z" fill="currentColor"/></svg>
<div class="alert alert-danger">Closed</div></main><footer>&copy; 2026 Example</footer></body></html>"""

SHEET = b"""@import url("more.css") layer(x) screen; :root{--brand:#b3261e;--soft:color-mix(in oklab,var(--brand) 20%,white)}
body{margin:0;background:var(--soft);color:#2b1b12;font:16px/1.5 "Example Sans",system-ui,sans-serif}
.btn{display:inline-block;padding:1em;border:1px solid transparent}.btn-primary{background:var(--brand);color:#fff}
.site-header{background:rgb(255 255 255 / .9);& a{color:inherit;&:hover{color:var(--brand)}}}
h1,h2{font-family:"Example Serif",serif}@supports (display:grid){.hero{display:grid}}
@font-face{font-family:"Example Sans";src:url(data:font/woff2;base64,d09GMg==) format("woff2")}
a:not(.btn):is(:link,:visited){color:lab(40% 60 30)}.logo::before{content:"";background:url(logo.svg) no-repeat}"""

MARK = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 10"><path d="M0 0h40v10H0z" fill="#b3261e"/></svg>'

HOSTILE = [
    b"<div>" * 3_000, b"<b><i>" * 800, b"((((" * 500, b"{{{{" * 500, b"[" * 1_000, b":is(" * 200, b":not(" * 200, b"calc(" * 300,
    b"var(--a)", b"--a:var(--b);--b:var(--a)", b"--a:var(--b)var(--b);--b:var(--c)var(--c);--c:xxxxxxxx", b"/*", b"*/", b"<!--",
    b"]]>", b"<![CDATA[", b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"&#x110000;", b"&#0;", b"@media (", b"@import 'main.css';", b"}",
    b"a b c d e f g h i j " * 40, b"*>*>*>*>*>*", b"url(", b"url('", b"#" + b"f" * 4_000, b"rgb(1e309 -1e309 nan / inf)", b"hsl(1e99,",
    b"9" * 5_000, b"\\" * 300, b"<svg>" * 200, b"<use href='#m'>", b"<base href='javascript:0'>", b"<base href='//[::1'>", b"<table>" * 100,
    b"<meta http-equiv=refresh content='0;url=index.html'>", b"font:" + b"a," * 2_000, b"linear-gradient(" * 100, b"<select><option>" * 100,
    b"{\"@graph\":" * 200, "\u202e\u0000\ud83d".encode("utf-8", "replace"), b"nth-child(99999999999n+", b"@layer a,b,c;" * 100, b"<frameset>",
    b"<p class='" + b"x " * 3_000 + b"'>", b"<a href='http://[bad'>", b"<img srcset='" + b"a 1x," * 1_000 + b"'>", b"<template>" * 50,
]  # fmt: skip


def mutated(data: bytes, dice: random.Random) -> bytes:
    """One to six mutations: cut, double, move, flip, drop in something hostile."""
    for _ in range(dice.randint(1, 6)):
        at, length = dice.randrange(len(data) + 1), dice.randint(1, 200)
        match dice.randrange(7):
            case 0:
                data = data[:at]
            case 1:
                data = data[:at] + data[at + length :]
            case 2:
                data = data[:at] + data[at : at + length] * dice.randint(2, 30) + data[at:]
            case 3:
                chunk = bytes(dice.randrange(256) for _ in range(dice.randint(1, 8)))
                data = data[:at] + chunk + data[at + len(chunk) :]
            case 4:
                other = dice.randrange(len(data) + 1)
                data = data[:at] + data[other : other + length] + data[at:]
            case _:
                data = data[:at] + dice.choice(HOSTILE) + data[at:]
    return data[:3_000_000]


def seeds() -> Iterator[tuple[bytes, bytes]]:
    """Pages with a style sheet: ours, and where present real ones."""
    yield PAGE, SHEET
    for site in sorted((SAMPLES / "sites").glob("*/index.html")) if SAMPLES.is_dir() else ():
        sheets = sorted(site.parent.rglob("*.css"), key=lambda path: path.stat().st_size)
        if site.stat().st_size < 80_000 and sheets and sheets[0].stat().st_size < 60_000:
            yield site.read_bytes(), sheets[0].read_bytes()


def fuzz(folder: Path, count: int, first_seed: int) -> float:
    """Read `count` mutated sites; the seconds of the slowest."""
    known = list(seeds())
    (folder / "logo.svg").write_bytes(MARK)
    (folder / "icon.svg").write_bytes(MARK)
    slowest = 0.0
    for seed in range(first_seed, first_seed + count):
        dice = random.Random(seed)
        page, sheet = dice.choice(known)
        which = dice.randrange(3)
        linked = page.replace(b"</head>", b"<link rel=stylesheet href=main.css></head>", 1)
        (folder / "index.html").write_bytes(mutated(linked, dice) if which != 1 else linked)
        (folder / "main.css").write_bytes(mutated(sheet, dice) if which != 0 else sheet)
        began = time.process_time()
        try:
            assert isinstance(infer(str(folder)), Proposals), seed
        except BadInput as error:
            assert error.hint, seed
        taken = time.process_time() - began
        assert taken < LIMIT_S, f"seed {seed} took {taken:.1f} s"
        slowest = max(slowest, taken)
    return slowest


def test_mutated_sites(tmp_path: Path) -> None:
    fuzz(tmp_path, QUICK, 0)


@pytest.mark.slow
def test_two_thousand_mutated_sites(tmp_path: Path) -> None:
    print(f"slowest {fuzz(tmp_path, ALL, 10_000):.2f} s")
