"""The stage, at thumbnail size: same request same pixels, everything where it was asked for, words left alone."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines import stage
from engines.base import EngineError, Painting, PaintRequest, ProductInScene, Progress, Region, Stopped
from engines.stage import tables as t
from engines.stage.arrange import arrange
from engines.stage.painter import trace
from engines.stage.product import build_relief
from engines.stage.scene import build_scene
from engines.stage.spec import Piece, check_set

SETS = Path(__file__).parents[2] / "presets" / "sets"
PALETTE = {
    "primary": "#e8572a",
    "secondary": "#f3b48c",
    "accent": "#c9a227",
    "background": "#fff6ee",
    "surface": "#f7efe8",
    "text": "#2b1a12",
}


def bottle(width: int = 60, height: int = 120) -> np.ndarray:
    """A dark rounded shape that fills its picture to the edges."""
    rgba = np.zeros((height, width, 4), np.uint8)
    cv2.rectangle(rgba, (0, height // 3), (width - 1, height - 1), (40, 44, 60, 255), -1)
    cv2.rectangle(rgba, (width // 3, 0), (2 * width // 3, height // 3), (40, 44, 60, 255), -1)
    return rgba


def placed(
    width_px: int, height_px: int, middle: float = 0.5, bottom: float = 0.78, tall: float = 0.5, pitch: float = 12.0
) -> ProductInScene:
    rgba = bottle()
    wide = tall * height_px * rgba.shape[1] / rgba.shape[0] / width_px
    return ProductInScene(rgba, Region(middle - wide / 2, bottom - tall, middle + wide / 2, bottom), pitch)


def request(width: int = 72, height: int = 72, name: str = "arch", **changes: Any) -> PaintRequest:
    spec = stage.load_set(SETS / f"{name}.toml")
    values: dict[str, Any] = {"seed": 5, "steps": 3, "palette": PALETTE, "set_spec": spec} | changes
    return PaintRequest(width, height, **values)


def paint(asked: PaintRequest, progress: Progress | None = None) -> Painting:
    return next(iter(stage.create().paint([asked], progress or Progress())))


def test_importing_the_stage_compiles_nothing() -> None:
    import subprocess

    code = "import sys, engines.stage; sys.exit('numba' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=SETS.parents[1], check=False).returncode == 0


def test_there_are_a_dozen_sets() -> None:
    assert len(list(SETS.glob("*.toml"))) >= 12


@pytest.mark.parametrize("path", sorted(SETS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_set_paints(path: Path) -> None:
    product = placed(64, 64, pitch=30)
    painting = paint(request(64, 64, path.stem, product=product))
    assert painting.picture.shape == (64, 64, 3) and painting.picture.dtype == np.uint8
    assert painting.depth is not None and painting.normals is not None
    assert np.isfinite(painting.depth).all() and 0 <= painting.depth.min() <= painting.depth.max() <= 1
    assert np.abs(np.linalg.norm(painting.normals, axis=-1) - 1).max() < 1e-3
    assert painting.picture.std() > 3


def test_the_same_request_gives_the_same_pixels() -> None:
    asked = request(product=placed(72, 72))
    first, second = paint(asked), paint(asked)
    assert np.array_equal(first.picture, second.picture)
    assert first.depth is not None and second.depth is not None and np.array_equal(first.depth, second.depth)


def test_another_seed_arranges_another_picture() -> None:
    pictures = [paint(request(seed=seed)).picture.astype(int) for seed in (1, 2, 3)]
    assert min(np.abs(pictures[0] - other).mean() for other in pictures[1:]) > 2


@pytest.mark.parametrize(("width", "height"), [(96, 96), (320, 50), (90, 200), (160, 90)])
def test_the_mask_lies_in_the_product_box(width: int, height: int) -> None:
    product = placed(width, height, middle=0.6, bottom=0.85, tall=0.6)
    mask = paint(request(width, height, product=product, steps=1)).mask
    assert mask is not None
    rows, columns = np.nonzero(mask)
    box = product.box
    found = (columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height)
    for have, want, size in zip(found, box, (width, height, width, height), strict=True):
        assert abs(have - want) * size <= 1.5


@pytest.mark.parametrize(("width", "height"), [(400, 400), (728, 90), (270, 480), (160, 600)])
def test_the_product_stands_where_its_box_is(width: int, height: int) -> None:
    """The contact point projects onto the middle of the box's lower edge, and the relief onto the box."""
    product = placed(width, height, middle=0.55, bottom=0.8, tall=0.5, pitch=25)
    asked = request(width, height, product=product)
    camera = arrange(check_set(asked.set_spec or {}), asked).camera
    relief = build_relief(product, camera)
    left, right, bottom, top = camera.window
    have = [(relief.window[0] - left) / (right - left), (top - relief.window[3]) / (top - bottom)]
    assert have == pytest.approx([product.box.left, product.box.top], abs=1e-9)
    assert relief.low[1] == pytest.approx(0, abs=0.02)
    box = product.box
    for x in (box.left, box.right):
        ray = camera.direction(x, box.bottom)
        assert (camera.eye - ray * camera.eye[1] / ray[1])[1] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["arch", "ring", "stairs", "slabs", "night"])
@pytest.mark.parametrize(
    ("width", "height", "calm", "middle", "tall"),
    [
        (208, 104, Region(0.05, 0.1, 0.5, 0.9), 0.76, 0.5),
        (100, 180, Region(0.08, 0.05, 0.92, 0.34), 0.5, 0.34),
        (364, 45, Region(0.05, 0.1, 0.62, 0.9), 0.84, 0.7),
    ],
)
def test_calm_stays_calm(name: str, width: int, height: int, calm: Region, middle: float, tall: float) -> None:
    product = placed(width, height, middle=middle, bottom=0.8, tall=tall)
    picture = paint(request(width, height, name, product=product, calm=(calm,), steps=4)).picture
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32), (0, 0), 1.0)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1)) / 8
    part = slope[int(calm.top * height) : int(calm.bottom * height), int(calm.left * width) : int(calm.right * width)]
    assert np.percentile(part, 95) < 6.0  # grey levels a pixel


@pytest.mark.parametrize("name", ["arch", "ring", "duo", "shelf"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_prop_stands_in_the_words(name: str, seed: int) -> None:
    calm = Region(0, 0, 0.36, 1)
    asked = request(120, 96, name, product=placed(120, 96, middle=0.66, pitch=25), calm=(calm,), seed=seed)
    checked = check_set(asked.set_spec or {})
    arranged = arrange(checked, asked)
    ids = np.round(trace(build_scene(checked, PALETTE, arranged, None, (), 5), 120, 96, 1, 5, Progress()).first[..., 4])
    props = [
        t.ID_FIRST_PRIM + i
        for i, solid in enumerate(arranged.solids)
        if isinstance(solid.paint, Piece) and solid.paint.place in ("near", "far")
    ]
    assert not np.isin(ids[:, : int(calm.right * 120)], props).any()


def test_spheres_stay_round_in_a_banner() -> None:
    spec = {
        "id": "balls",
        "name": "Balls",
        "podium": {"shape": "none"},
        "piece": [
            {"shape": "sphere", "size": [0.6], "at": [x, -0.4], "place": "fixed", "jitter": 0.0} for x in (-3.4, 1.5)
        ],
    }
    asked = request(720, 90, set_spec=spec, product=placed(720, 90, middle=0.62, tall=0.7))
    checked = check_set(spec)
    scene = build_scene(checked, PALETTE, arrange(checked, asked), None, (), 5)
    ids = np.round(trace(scene, 720, 90, 1, 5, Progress()).first[..., 4])
    for number in (t.ID_FIRST_PRIM, t.ID_FIRST_PRIM + 1):
        rows, columns = np.nonzero(ids == number)
        assert rows.size > 60
        assert np.ptp(columns) / np.ptp(rows) == pytest.approx(1.0, abs=0.09)


def test_the_product_darkens_its_podium() -> None:
    asked = request(96, 96, product=placed(96, 96, pitch=30), steps=6)
    checked = check_set(asked.set_spec or {})
    arranged = arrange(checked, asked)
    assert asked.product is not None
    relief = build_relief(asked.product, arranged.camera)
    lit = [
        trace(build_scene(checked, PALETTE, arranged, one, (), 5), 96, 96, 6, 5, Progress()).colour.mean(axis=-1)
        for one in (relief, None)
    ]
    box = asked.product.box
    foot = (slice(int((box.bottom - 0.06) * 96), int(box.bottom * 96)), slice(int(box.left * 96), int(box.right * 96)))
    assert lit[0][foot].mean() < 0.6 * lit[1][foot].mean()
    assert (lit[1] - lit[0] > 0.12 * lit[1]).sum() > 0.01 * 96 * 96


def test_the_backdrop_keeps_the_palette_colour() -> None:
    from engines.stage.colour import hex_to_linear, to_linear, to_oklab

    for colour in ("#e8572a", "#1f4d3a", "#6a3de8", "#f5b8c8", "#0b5fff"):
        picture = paint(request(96, 96, "cyclorama", palette=PALETTE | {"primary": colour}, steps=4)).picture
        lab = to_oklab(to_linear(np.median(picture[:20].reshape(-1, 3), axis=0) / 255.0))
        want = to_oklab(hex_to_linear(colour))
        turn = np.degrees(np.arctan2(lab[2], lab[1]) - np.arctan2(want[2], want[1]))
        assert abs((turn + 180) % 360 - 180) < 6


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"podiun": {}}, "podiun"),
        ({"podium": {"hight": 1}}, "podium.hight"),
        ({"piece": [{"shape": "sphere", "size": [1, 2]}]}, "piece.0"),
        ({"gobo": {"kind": "cat"}}, "gobo.kind"),
        ({"backdrop": {"tint": 2}}, "backdrop.tint"),
    ],
)
def test_a_mistake_in_a_set_names_the_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(EngineError, match=field) as wrong:
        stage.check_set({"id": "x", "name": "X"} | change)
    assert wrong.value.hint


def test_stop_takes_effect_within_a_band() -> None:
    reports: list[float] = []

    def note(fraction: float, text: str) -> None:
        reports.append(fraction)

    progress = Progress(on_report=note, should_stop=lambda: len(reports) >= 4)
    with pytest.raises(Stopped):
        paint(replace(request(640, 640), steps=12), progress)
    assert len(reports) == 4 and reports[-1] < 0.7


def test_progress_only_rises_and_ends_at_one() -> None:
    reports: list[float] = []
    list(stage.create().paint([request(), request(seed=9)], Progress(lambda fraction, text: reports.append(fraction))))
    assert reports == sorted(reports) and reports[-1] == pytest.approx(1.0)


def test_nonsense_is_refused_in_plain_words() -> None:
    with pytest.raises(EngineError, match="no set"):
        paint(request(set_spec=None))
    with pytest.raises(EngineError, match="px a side"):
        paint(request(20000, 64))
    with pytest.raises(EngineError, match="no colour"):
        paint(request(palette=PALETTE | {"primary": "reddish"}))


def test_prints_are_traced_smaller_and_tiny_banners_larger() -> None:
    from engines.stage.painter import MOST_PIXELS, render_size

    width, height = render_size(4961, 7016)
    assert width * height <= MOST_PIXELS * 1.01 and width / height == pytest.approx(4961 / 7016, rel=2e-3)
    assert render_size(320, 50) == (960, 150)
    assert render_size(1080, 1920) == (1080, 1920)


@pytest.mark.parametrize(("colour", "lightness"), [("#15161a", 0.2), ("#15161a", 0.05), ("#ffffff", 0.97)])
def test_a_product_stands_apart_from_a_like_backdrop(colour: str, lightness: float) -> None:
    from engines.stage.colour import role_colour, to_oklab
    from engines.stage.scene import set_apart

    palette = dict.fromkeys(PALETTE, colour)
    back = set_apart(check_set({"id": "x", "name": "X"}), palette, np.array([lightness, 0.0, 0.0])).backdrop
    assert abs(to_oklab(role_colour(palette, back.colour, back.tint, back.shade))[0] - lightness) > 0.085


@pytest.mark.parametrize("path", sorted(SETS.glob("*.toml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", [1, 2])
def test_backdrop_pieces_only_graze_the_words(path: Path, seed: int) -> None:
    """For every set beside, and under, a block of words: nothing solid but the podium covers much of it."""
    for width, height, calm, middle in (
        (192, 60, Region(0.04, 0.15, 0.48, 0.85), 0.75),
        (90, 160, Region(0.06, 0.05, 0.94, 0.36), 0.5),
    ):
        asked = request(
            width,
            height,
            path.stem,
            seed=seed,
            calm=(calm,),
            product=placed(width, height, middle=middle, bottom=0.82, tall=0.42, pitch=14),
        )
        checked = check_set(asked.set_spec or {})
        arranged = arrange(checked, asked)
        scene = build_scene(checked, PALETTE, arranged, None, (), 5)
        ids = np.round(trace(scene, width, height, 1, 5, Progress()).first[..., 4])
        part = ids[int(calm.top * height) : int(calm.bottom * height), int(calm.left * width) : int(calm.right * width)]
        pieces = [t.ID_FIRST_PRIM + i for i, solid in enumerate(arranged.solids) if isinstance(solid.paint, Piece)]
        assert np.isin(part, pieces).mean() < 0.13
