"""Colour arithmetic against published values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import color

# Sharma, Wu, Dalal 2005, table 1: Lab, Lab, CIEDE2000. Rows chosen for their corner cases: hue near 0/360, grey, 180° apart.
PAIRS = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0),
    ((50, 0, 0), (50, -1, 2), 2.3669),
    ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
    ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
    ((50, -0.001, 2.49), (50, 0.0009, -2.49), 4.8045),
    ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
    ((50, 2.5, 0), (50, 0, -2.5), 4.3065),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
    ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
    ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
]
HEX = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")


@pytest.mark.parametrize(("a", "b", "distance"), PAIRS)
def test_ciede2000_agrees_with_the_published_pairs(a, b, distance):
    assert float(color.delta_e00(a, b)) == pytest.approx(distance, abs=1e-4)
    assert float(color.delta_e00(b, a)) == pytest.approx(distance, abs=1e-4)


def test_contrast_is_not_rounded_up():
    assert color.contrast_hex("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)
    assert color.contrast_hex("#767676", "#ffffff") == pytest.approx(4.542, abs=1e-3)
    assert color.contrast_hex("#ff0000", "#ffffff") == pytest.approx(3.998, abs=1e-3)
    assert color.contrast_hex("#000000", "#ffffff") == pytest.approx(21.0)


@given(HEX)
def test_every_colour_survives_oklab_and_back(hex_color):
    assert color.hex_of(color.from_oklab(color.oklab(color.rgb_of(hex_color)))) == hex_color


@given(HEX, HEX)
def test_mixing_starts_and_ends_at_its_colours(a, b):
    assert color.mix(a, b, 0.0) == a
    assert color.mix(a, b, 1.0) == b


@given(HEX, HEX)
def test_distance_is_zero_only_for_the_same_colour(a, b):
    distance = color.delta_e00_hex(a, b)
    assert distance >= 0
    assert (distance < 1e-9) == (a == b)


def test_arrays_broadcast():
    field = np.zeros((4, 5, 3))
    assert color.cielab(field).shape == (4, 5, 3)
    assert color.delta_e00(color.cielab(field), color.cielab([255, 255, 255])).shape == (4, 5)
