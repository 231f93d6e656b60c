from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import adsmith


@pytest.fixture(scope="session")
def small_ads() -> list[adsmith.Made]:
    """At least twenty different small ads: formats × families, both kits, several scripts, scenes and file types."""
    formats = ("display-300x250", "display-336x280", "display-300x600", "display-970x250", "x-card")
    moods, words, files = ("light", "dark", "busy"), ("latin", "latin", "short"), ("jpg", "png")
    wants = []
    for number, (name, family) in enumerate((f, layout) for f in formats for layout in adsmith.layouts()):
        wanted = adsmith.Wanted(
            name, family, ("demo", "plain")[number % 2], words[number % 3], moods[(number // 2) % 3],
            files[(number // 3) % 2], number % 9,  # type: ignore[arg-type]
        )  # fmt: skip
        wants.append(wanted)
    return adsmith.make_all(wants)
