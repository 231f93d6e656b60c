"""Whole pictures through upscalers that see tiles: exact sizes, no seams, colours and alpha kept, memory and stops."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import tiling
from engines.base import EngineError, Pixels, Plane, Progress, Stopped
from engines.tiling import count_passes, upscale
from engines.upscale.builtin import Builtin
from engines.upscale.resampling import Lanczos
from studio.color import cielab, delta_e00
from tests.samples import ROOT


class Sharpen(Lanczos):
    """Looks four pixels far, hard: a margin too small shows."""

    id = "sharpen"
    margin_px = 4
    tile_px = 40

    def __init__(self, change: Callable[[Plane], Plane] = lambda tile: tile) -> None:
        self.seen: list[tuple[int, int]] = []
        self.change = change

    def enlarge(self, tile: Plane) -> Plane:
        self.seen.append(tile.shape[:2])
        doubled = super().enlarge(self.change(tile))
        return (doubled + 0.8 * (doubled - np.roll(doubled, 2, axis=1))).astype(np.float32)


def speckled(width: int, height: int, channels: int = 3, seed: int = 3) -> Pixels:
    """Noise over a slope: every seam and shift shows."""
    rng = np.random.default_rng(seed)
    slope = np.linspace(40, 200, width)[None, :, None] * np.ones((height, 1, channels))
    return np.clip(slope + rng.normal(0, 25, slope.shape), 0, 255).astype(np.uint8)


def largest_difference(a: Pixels, b: Pixels) -> int:
    return int(np.abs(a.astype(int) - b.astype(int)).max())


# ------------------------------------------------------------------------------------------------ sizes and passes


@pytest.mark.parametrize(
    ("factor", "scale", "passes"),
    [
        (1, 2, 0),
        (1.01, 2, 1),
        (2.5, 2, 1),
        (2.51, 2, 2),
        (5, 2, 2),
        (5.1, 2, 3),
        (40, 2, 3),
        (5, 4, 1),
        (9, 4, 1),
        (3.5, 3, 1),
    ],
)
def test_passes_serve_up_to_a_quarter_more(factor: float, scale: int, passes: int) -> None:
    assert count_passes(factor, scale) == passes


@settings(max_examples=40, deadline=None)
@given(
    width=st.integers(1, 40),
    height=st.integers(1, 40),
    more_width=st.integers(0, 150),
    more_height=st.integers(0, 150),
    channels=st.sampled_from([3, 4]),
)
def test_any_size_comes_out_exactly(width: int, height: int, more_width: int, more_height: int, channels: int) -> None:
    picture = speckled(width, height, channels)
    made = upscale(picture, width + more_width, height + more_height, Lanczos(), Progress())
    assert made.pixels.shape == (height + more_height, width + more_width, channels)
    assert made.pixels.dtype == np.uint8 and not made.pixels.flags.writeable


def test_the_same_size_is_the_same_picture() -> None:
    picture = speckled(31, 17, 4)
    made = upscale(picture, 31, 17, Lanczos(), Progress())
    assert made.passes == made.tiles == 0 and np.array_equal(made.pixels, picture)


@pytest.mark.parametrize("shape", [(1, 1), (2, 30_000), (30_000, 2)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    height, width = shape
    made = upscale(np.full((height, width, 3), (200, 60, 10), np.uint8), 2 * width, 2 * height, Lanczos(), Progress())
    assert made.pixels.shape == (2 * height, 2 * width, 3)
    assert np.abs(made.pixels.astype(int) - (200, 60, 10)).max() <= 1


def test_the_position_is_kept() -> None:
    """Enlarged and reduced again it lies where it was: no shift by parts of a pixel, at whole factors and others."""
    import cv2

    picture = np.asarray(cv2.GaussianBlur(speckled(60, 60), (0, 0), 2.0), np.uint8)
    for size in (120, 137, 240, 500):
        made = upscale(picture, size, size, Lanczos(), Progress()).pixels
        back = cv2.resize(made, (60, 60), interpolation=cv2.INTER_AREA)
        assert np.abs(back.astype(int) - picture.astype(int)).mean() < 1


@pytest.mark.parametrize("asked", [(39, 80), (80, 39), (20_000, 20_000)])
def test_smaller_and_too_large_are_refused(asked: tuple[int, int]) -> None:
    with pytest.raises(EngineError) as refused:
        upscale(speckled(40, 40), *asked, Lanczos(), Progress())
    assert refused.value.hint


@pytest.mark.parametrize(
    "picture", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32), np.zeros((0, 4, 3), np.uint8)]
)
def test_other_arrays_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="expected H×W×3"):
        upscale(picture, 8, 8, Lanczos(), Progress())


def test_what_is_left_to_lanczos_is_said() -> None:
    facts = upscale(speckled(10, 10), 120, 120, Lanczos(), Progress()).facts
    assert facts["network_factor"] == 8 and facts["lanczos_factor"] == 1.5 and "1.50 times" in facts["note"]
    assert "note" not in upscale(speckled(10, 10), 40, 40, Lanczos(), Progress()).facts


# ------------------------------------------------------------------------------------------------ seams


@pytest.mark.parametrize("size", [(180, 140), (203, 171), (360, 280)])
@pytest.mark.parametrize("channels", [3, 4])
def test_tiled_equals_whole(size: tuple[int, int], channels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    picture, whole, small = speckled(90, 70, channels), Sharpen(), Sharpen()
    whole.tile_px = 4096
    expected = upscale(picture, *size, whole, Progress())
    monkeypatch.setattr(tiling, "PIECE_PX", 96)
    made = upscale(picture, *size, small, Progress())
    assert made.tiles > 4 * expected.tiles
    assert max(max(seen) for seen in small.seen) <= small.tile_px
    assert largest_difference(made.pixels, expected.pixels) <= 1


def test_a_margin_too_small_would_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above sees seams: with no margin they are there."""
    picture, whole, small = speckled(90, 70), Sharpen(), Sharpen()
    whole.tile_px, small.margin_px = 4096, 0
    expected = upscale(picture, 180, 140, whole, Progress())
    monkeypatch.setattr(tiling, "PIECE_PX", 96)
    assert largest_difference(upscale(picture, 180, 140, small, Progress()).pixels, expected.pixels) > 10


def test_tiled_equals_whole_with_the_built_in_network(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, network = speckled(90, 70), Builtin()
    expected = upscale(picture, 203, 171, network, Progress())
    monkeypatch.setattr(tiling, "PIECE_PX", 112)
    network.tile_px = 64
    made = upscale(picture, 203, 171, network, Progress())
    assert made.tiles > 4 * expected.tiles
    assert largest_difference(made.pixels, expected.pixels) <= 1


def test_the_same_request_gives_the_same_pixels() -> None:
    picture, network = speckled(50, 40), Builtin()
    first, second = (upscale(picture, 130, 104, network, Progress()).pixels for _ in range(2))
    assert np.array_equal(first, second)


def test_nothing_is_rounded_between_passes() -> None:
    upscaler = Sharpen()
    steps: list[Plane] = []
    upscaler.change = lambda tile: steps.append(tile * 255) or tile
    upscale(speckled(30, 30), 120, 120, upscaler, Progress())
    first, last = steps[0], steps[-1]
    assert np.abs(first - np.rint(first)).max() < 1e-3  # eight bits came in
    assert (np.abs(last - np.rint(last)) > 0.05).mean() > 0.5


# ------------------------------------------------------------------------------------------------ colours


@pytest.mark.parametrize(
    "colour", [(0, 0, 0), (255, 255, 255), (232, 87, 42), (12, 40, 160), (128, 128, 128), (250, 240, 20)]
)
@pytest.mark.parametrize("factor", [2, 4])
def test_flats_keep_their_colour(colour: tuple[int, int, int], factor: int) -> None:
    picture = np.full((40, 40, 3), colour, np.uint8)
    made = upscale(picture, 40 * factor, 40 * factor, Builtin(), Progress()).pixels
    assert delta_e00(cielab(made.mean((0, 1))), cielab(colour)) <= 0.5
    assert np.abs(made.astype(int) - colour).max() <= 2


def test_a_network_that_shifts_colours_is_put_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "PIECE_PX", 64)
    picture = np.full((70, 70, 3), (120, 90, 60), np.uint8)
    made = upscale(picture, 140, 140, Sharpen(lambda tile: 0.9 * tile + 0.08), Progress()).pixels
    assert delta_e00(cielab(made.reshape(-1, 3)), cielab((120, 90, 60))).max() <= 0.5


# ------------------------------------------------------------------------------------------------ alpha


def disc(edge: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    """A red disc with a soft edge; `edge` is the colour stored where nothing is seen."""
    y, x = np.mgrid[:64, :64]
    alpha = np.clip(24.5 - np.hypot(x - 31.5, y - 31.5), 0, 1)
    rgba = np.empty((64, 64, 4), np.uint8)
    rgba[..., :3] = np.where(alpha[..., None] > 0, (220, 30, 30), edge)
    rgba[..., 3] = np.rint(alpha * 255)
    return rgba


@pytest.mark.parametrize("make", [Lanczos, Builtin])
@pytest.mark.parametrize("edge", [(0, 0, 0), (0, 255, 0)])
def test_no_fringe_from_hidden_colours(make: type, edge: tuple[int, int, int]) -> None:
    made = upscale(disc(edge), 256, 256, make(), Progress()).pixels
    seen = made[made[..., 3] > 0][:, :3].astype(int)
    assert np.abs(seen - (220, 30, 30)).max() <= 3


def test_alpha_neither_rings_nor_moves() -> None:
    rgba = disc()
    rgba[20:44, 20:44, 3] = 128  # a half transparent window: ringing would leave its level
    made = upscale(rgba, 256, 256, Lanczos(), Progress()).pixels[..., 3]
    assert (made[84:172, 84:172] == 128).all()
    assert made[0].max() == 0
    row = made[128, :75].astype(int)
    assert (np.diff(row) >= 0).all() and row[-1] == 255
    assert abs(made.mean() - rgba[..., 3].mean()) < 0.5


def test_nothing_visible_and_everything_faint() -> None:
    empty = np.zeros((20, 20, 4), np.uint8)
    assert not upscale(empty, 40, 40, Lanczos(), Progress()).pixels[..., 3].any()
    faint = np.full((20, 20, 4), (10, 200, 90, 4), np.uint8)
    made = upscale(faint, 40, 40, Lanczos(), Progress()).pixels
    assert np.abs(made.astype(int) - (10, 200, 90, 4)).max() <= 1


# ------------------------------------------------------------------------------------------------ memory and stops


class Tight(Sharpen):
    """Runs out of memory above a tile side."""

    def __init__(self, most_px: int) -> None:
        super().__init__()
        self.tile_px, self.most_px = 128, most_px

    def enlarge(self, tile: Plane) -> Plane:
        if max(tile.shape) > self.most_px:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().enlarge(tile)


def test_out_of_memory_takes_smaller_tiles() -> None:
    picture, whole = speckled(150, 120), Sharpen()
    whole.tile_px = 4096
    made = upscale(picture, 300, 240, Tight(40), Progress())
    assert made.facts["tiles_halved"] == 2 and made.facts["tile_px"] == 32
    assert largest_difference(made.pixels, upscale(picture, 300, 240, whole, Progress()).pixels) <= 1


def test_out_of_memory_whatever_is_said_at_last() -> None:
    with pytest.raises(EngineError, match="not enough memory") as refused:
        upscale(speckled(60, 60), 120, 120, Tight(8), Progress())
    assert "lanczos" in refused.value.hint


def test_other_faults_are_not_taken_for_it() -> None:
    def fault(tile: Plane) -> Plane:
        raise ZeroDivisionError("broken")

    with pytest.raises(EngineError, match="failed"):
        upscale(speckled(60, 60), 120, 120, Sharpen(fault), Progress())


@pytest.mark.parametrize("change", [lambda tile: tile * np.nan, lambda tile: tile[1:]])
def test_a_broken_piece_is_refused(change: Callable[[Plane], Plane]) -> None:
    with pytest.raises(EngineError, match="broken piece"):
        upscale(speckled(60, 60), 120, 120, Sharpen(change), Progress())


def test_a_stop_is_heard_at_the_next_tile() -> None:
    upscaler = Sharpen()
    with pytest.raises(Stopped):
        upscale(speckled(200, 200), 800, 800, upscaler, Progress(should_stop=lambda: len(upscaler.seen) >= 3))
    assert len(upscaler.seen) == 3


def test_progress_only_grows_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiling, "PIECE_PX", 96)
    said: list[tuple[float, str]] = []
    upscale(speckled(90, 70), 360, 280, Sharpen(), Progress(lambda fraction, words: said.append((fraction, words))))
    fractions = [fraction for fraction, _ in said]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and len(set(fractions)) > 20
    assert "part 2 of 12" in " ".join(words for _, words in said)


MEASURE = """
import resource, sys
import numpy as np
from engines.base import Progress
from engines.upscale import {engine}
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rng = np.random.default_rng(1)
picture = rng.integers(0, 256, ({side}, {side}, {channels}), np.uint8)
made = {engine}().enlarge(picture, 12_000, 12_000, Progress())
assert made.pixels.shape == (12_000, 12_000, {channels})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read as Linux reports it")
@pytest.mark.parametrize(
    ("engine", "side", "channels"), [("light", 6000, 3), ("lanczos", 3000, 3), ("lanczos", 10_000, 4)]
)
def test_a_print_of_144_megapixels_fits_into_4_gb(engine: str, side: int, channels: int) -> None:
    code = MEASURE.format(engine=engine, side=side, channels=channels)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 4096, f"{done.stdout} MB"
