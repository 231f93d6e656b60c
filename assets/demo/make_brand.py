"""Writes the demo brand: Solbrae, an invented maker of small-batch suncare. Run: python assets/demo/make_brand.py"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent))

from studio.brand.fonts import font_path  # noqa: E402
from studio.brand.kit import save_kit  # noqa: E402
from studio.model import BrandKit, BrandType, FontFile, Logo, Swatch, TypeChoice, Voice  # noqa: E402

CORAL, SEA, SUN, CREAM, SAND, INK = "#f0653c", "#1d5c5a", "#ffc24d", "#fff6ec", "#fbdfc8", "#2a1a17"
MANROPE = "package:font_manrope/files/Manrope-{}.ttf"
HANKEN = "package:font_hanken_grotesk/files/HankenGrotesk-{}.otf"
HEIGHT = 200.0
"""The logo's x-height in its own units: the sun stands a little taller."""


def wordmark(letters_hex: str, sky_hex: str, hill_hex: str) -> str:
    """ "solbrae" in outlines, its o a sun going down behind a hill."""
    font = TTFont(font_path(MANROPE.format("ExtraBold"), HERE))
    glyphs, cmap = font.getGlyphSet(), font.getBestCmap()
    scale = HEIGHT / font["OS/2"].sxHeight
    tight = -0.018 * font["head"].unitsPerEm * scale
    radius = HEIGHT * 0.545
    baseline = 300.0
    paths: list[str] = []
    sun = ""
    x = 0.0
    for letter in "solbrae":
        if letter == "o":
            x += HEIGHT * 0.05
            sun = sun_svg(x + radius, baseline - HEIGHT / 2, radius, sky_hex, hill_hex)
            x += 2 * radius + HEIGHT * 0.07
            continue
        name = cmap[ord(letter)]
        pen = SVGPathPen(glyphs, lambda value: f"{value:.1f}".rstrip("0").rstrip("."))
        glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, x, baseline)))
        paths.append(pen.getCommands())
        x += glyphs[name].width * scale + tight
    box = f"0 0 {x:.0f} 340"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">\n'
        f'  <path fill="{letters_hex}" d="{" ".join(paths)}"/>\n{sun}</svg>\n'
    )


def sun_svg(x: float, y: float, r: float, sky_hex: str, hill_hex: str) -> str:
    """A disc in two parts, a fine gap between them: the sun, and a round hill that it sets behind."""
    gap = r * 0.085

    def edge(shift: float) -> tuple[float, float, float, float]:
        """Where a ridge, moved down by `shift`, meets the circle: left and right points."""
        left_y, right_y = 0.62 * r + shift, 0.26 * r + shift
        return -((r * r - left_y * left_y) ** 0.5), left_y, (r * r - right_y * right_y) ** 0.5, right_y

    def ridge(ends: tuple[float, float, float, float]) -> str:
        left, left_y, right, right_y = ends
        return (
            f"C{x + left * 0.35:.1f} {y + left_y - 0.50 * r:.1f} {x + right * 0.30:.1f} {y + right_y - 0.42 * r:.1f} "
            f"{x + right:.1f} {y + right_y:.1f}"
        )

    upper, lower = edge(-gap), edge(gap)

    def part(ends: tuple[float, float, float, float], sweep: str) -> str:
        start = f"{x + ends[0]:.1f} {y + ends[1]:.1f}"
        return f"M{start}{ridge(ends)}A{r:.1f} {r:.1f} 0 {sweep} {start}Z"

    sky, hill = part(upper, "1 0"), part(lower, "0 1")
    return f'  <path fill="{sky_hex}" d="{sky}"/>\n  <path fill="{hill_hex}" d="{hill}"/>\n'


def mark(sky_hex: str, hill_hex: str) -> str:
    sun = sun_svg(100, 100, 96, sky_hex, hill_hex)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 200">\n{sun}</svg>\n'


def kit() -> BrandKit:
    def swatch(role: str, hex_color: str, name: str) -> Swatch:
        return Swatch.model_validate({"role": role, "hex": hex_color, "name": name, "source": "made for the demo"})

    return BrandKit(
        name="Solbrae",
        tagline="Made for long light",
        palette=(
            swatch("primary", CORAL, "Coral"),
            swatch("secondary", SEA, "Deep sea"),
            swatch("accent", SUN, "Low sun"),
            swatch("background", CREAM, "Cream"),
            swatch("surface", SAND, "Warm sand"),
            swatch("text", INK, "Driftwood"),
        ),
        type=BrandType(
            heading=TypeChoice(
                family="Manrope",
                weight=800,
                files=tuple(
                    FontFile(file=MANROPE.format(name), weight=weight)
                    for name, weight in (("Medium", 500), ("SemiBold", 600), ("Bold", 700), ("ExtraBold", 800))
                ),
            ),
            body=TypeChoice(
                family="Hanken Grotesk",
                weight=500,
                files=tuple(
                    FontFile(file=HANKEN.format(name), weight=weight)
                    for name, weight in (("Regular", 400), ("Medium", 500), ("SemiBold", 600), ("Bold", 700))
                ),
            ),
        ),
        logos=(
            Logo(file="logos/solbrae-on-light.svg", on="light", clear_space_fraction=0.25, min_width_px=56),
            Logo(file="logos/solbrae-on-dark.svg", on="dark", clear_space_fraction=0.25, min_width_px=56),
            # In one colour, for backgrounds that would swallow the sun.
            Logo(file="logos/solbrae-one-color.svg", on="any", clear_space_fraction=0.25, min_width_px=56),
        ),
        voice=Voice(
            tone=("warm", "plain", "unhurried"), banned=("anti-ageing", "miracle", "chemical-free", "100% protection")
        ),
        photography=("low golden sun", "long soft shadows", "terracotta and sand", "one object, much air"),
    )


def main() -> None:
    folder = HERE / "brand"
    (folder / "logos").mkdir(parents=True, exist_ok=True)
    for name, content in (
        ("solbrae-on-light", wordmark(INK, CORAL, SEA)),
        ("solbrae-on-dark", wordmark(CREAM, SUN, CREAM)),
        ("solbrae-one-color", wordmark(INK, INK, INK)),
        ("solbrae-mark", mark(CORAL, SEA)),
    ):
        (folder / "logos" / f"{name}.svg").write_text(content, encoding="utf-8", newline="\n")
    save_kit(kit(), folder)


if __name__ == "__main__":
    main()
