"""The measures of the built-in model on pictures whose answer is known."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from engines.nano import measures
from engines.nano.card import card


def disc(x: int) -> np.ndarray:
    return cv2.circle(np.full((128, 128, 3), 220, np.uint8), (x, 64), 30, (30, 60, 160), -1, cv2.LINE_AA)


def outline(x: int) -> np.ndarray:
    return cv2.circle(np.zeros((128, 128), np.uint8), (x, 64), 30, 255, 1)


def test_edges_that_are_followed_score_and_others_do_not() -> None:
    assert measures.edge_f1(disc(50), outline(50)) > 0.9
    assert measures.edge_f1(disc(50), outline(80)) < 0.4
    assert measures.edge_f1(np.full((128, 128, 3), 90, np.uint8), outline(50)) == 0.0
    assert np.isnan(measures.edge_f1(disc(50), np.zeros((128, 128), np.uint8)))


def test_delta_e_knows_sharmas_pair_and_is_zero_for_the_same() -> None:
    assert measures.delta_e(np.array([0.6, 0.1, 0.05]), np.array([0.6, 0.1, 0.05])) == 0.0
    white, black = (measures.oklab(np.full((1, 1, 3), value, np.uint8))[0, 0] for value in (255, 0))
    assert measures.delta_e(white, black) == pytest.approx(100, abs=0.1)


def test_role_colours_are_medians_of_the_inner_area() -> None:
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = (200, 30, 30)
    roles = np.ones((16, 16), np.uint8)
    roles[:, 8:] = 3
    found = measures.role_colours(picture, roles)
    assert set(found) == {0, 2}
    assert found[2] == pytest.approx(measures.oklab(np.full((1, 1, 3), (200, 30, 30), np.uint8))[0, 0], abs=1e-3)


def test_the_same_set_is_no_distance_away_and_a_shifted_one_is_its_shift() -> None:
    rows = np.random.default_rng(0).normal(size=(400, 8))
    assert measures.frechet(rows, rows) == pytest.approx(0, abs=1e-3)
    assert measures.frechet(rows, rows + 2) == pytest.approx(8 * 4, rel=1e-3)


def test_precision_falls_outside_and_recall_where_all_is_alike() -> None:
    rng = np.random.default_rng(0)
    real = rng.normal(size=(200, 4))
    assert min(measures.precision_recall(rng.normal(size=(200, 4)), real)) > 0.7
    assert measures.precision_recall(real + 50, real) == (0.0, 0.0)
    precision, recall = measures.precision_recall(rng.normal(size=(200, 4)) * 0.01, real)
    assert precision > 0.9
    assert recall < 0.3


def test_blur_is_less_sharp_and_ranks_follow_order() -> None:
    assert measures.sharpness(cv2.GaussianBlur(disc(50), (0, 0), 2)) < 0.3 * measures.sharpness(disc(50))
    ramp = np.arange(100.0).reshape(10, 10)
    assert measures.rank_correlation(ramp, ramp**3) == pytest.approx(1)
    assert measures.rank_correlation(ramp, -ramp) == pytest.approx(-1)
    assert measures.overlap(ramp > 50, ramp > 50) == 1.0


def test_the_card_shows_teacher_and_students_side_by_side() -> None:
    row = {
        "attributes": {"mean": 0.5}, "palette": {"to asked, median": 7.25, "to asked, below 5": 0.2},
        "distribution": {"Fréchet": 3.0, "Fréchet of renders": 0.75}, "sharpness": 0.8, "to teacher": 0.125,
    }  # fmt: skip
    maps = {"edge F1": 0.61, "depth rank": 0.8, "mask IoU": 0.7}
    found = {
        "count": 8, "renders": {**row, "control": maps}, "teacher-32": row, "student-4": row, "control": {"followed": maps},
    }  # fmt: skip
    text = card({"weights": 20_900_000, "steps": {"teacher": 12, "control": 0}}, found, ((512, 512),))
    assert "| teacher-32 | 50% | 7.2 | 20% | 3.00 | 0.80 | 0.125 |" in text and "| student-4 |" in text
    assert "| real renders | 50% | 7.2 | 20% | 0.75 |" in text and "| followed | 0.61 | 0.80 | 0.70 |" in text
    assert "teacher: 12 steps" in text and "control: 0" not in text and "20.9 million" in text
    assert "Not measured yet" in card({"weights": 1, "steps": {}}, {}, ())
