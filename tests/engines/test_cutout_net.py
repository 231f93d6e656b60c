"""The cut-out network: the pictures it learns from, its training and export, and the file that ships."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.base import EngineError, Pixels, Plane
from engines.cutout.net import MODEL, Prior
from engines.nano.cutout_data import LEAST_COVER, MOST_COVER, PLACES, Pool, composite, place, thing
from tests.samples import SAMPLES

SIDE = 320
HELD_OUT_IOU = 0.78  # 0.84 when the file was made
REAL_IOU = 0.78  # 0.83 when the file was made


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Things and places of a seed no pool for training was drawn with."""
    return Pool.made(90_210, 36, 24)


@pytest.fixture(scope="module")
def prior() -> Prior:
    return Prior()


def iou(found: Plane, truth: Plane) -> float:
    a, b = found > 0.5, truth > 0.5
    return float((a & b).sum() / max((a | b).sum(), 1))


# ------------------------------------------------------------------------------------------------ data


def test_a_thing_fills_its_square_and_its_colour_is_held_by_its_alpha() -> None:
    for seed in range(12):
        rgba, _ = thing(np.random.default_rng(seed))
        rows, columns = np.flatnonzero(rgba[..., 3].max(1) > 127), np.flatnonzero(rgba[..., 3].max(0) > 127)
        assert max(np.ptp(rows), np.ptp(columns)) > 0.8 * len(rgba)
        assert (rgba[..., :3] <= rgba[..., 3:].astype(int) + 1).all()


def test_every_kind_of_place_is_drawn_and_is_no_flat_card() -> None:
    made = [place(np.random.default_rng(seed)) for seed in range(40)]
    assert len({kind for _, kind in made}) > 0.7 * len(PLACES)
    assert np.median([rgb.std() for rgb, _ in made]) > 10


def test_a_seed_decides_a_composite_and_another_seed_another(pool: Pool) -> None:
    first, again, other = (composite(np.random.default_rng(seed), pool) for seed in (4, 4, 5))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_a_pool_comes_back_from_disk_as_it_was(pool: Pool, tmp_path: Path) -> None:
    pool.save(tmp_path)
    loaded = Pool.load(tmp_path)
    assert all(np.array_equal(getattr(pool, name), array) for name, array in vars(loaded).items())


def test_composites_have_a_subject_that_shows(pool: Pool) -> None:
    apart = []
    for seed in range(40):
        picture, alpha = composite(np.random.default_rng(seed), pool)
        assert picture.shape == (*alpha.shape, 3) and picture.dtype == np.uint8
        assert alpha.min() >= 0 and alpha.max() <= 1 and alpha.max() > 0.9
        assert 0.5 * LEAST_COVER < alpha.mean() < MOST_COVER
        apart.append(_contrast(picture, alpha))
    assert np.median(apart) > 25 and np.mean(np.array(apart) > 8) > 0.85


def _contrast(picture: Pixels, alpha: Plane) -> float:
    """How far colours just inside the outline are from those just outside, 0–255, on average along it."""
    inside = (alpha > 0.9).astype(np.uint8)
    outside = (alpha < 0.1).astype(np.uint8)
    near = cv2.blur(inside.astype(np.float32), (9, 9)) * cv2.blur(outside.astype(np.float32), (9, 9)) > 0.05
    sums = [
        cv2.blur(picture.astype(np.float32) * m[..., None], (9, 9))
        / np.maximum(cv2.blur(m.astype(np.float32), (9, 9)), 1e-3)[..., None]
        for m in (inside, outside)
    ]
    return float(np.linalg.norm(sums[0] - sums[1], axis=2)[near].mean()) if near.any() else 0.0


# ------------------------------------------------------------------------------------------------ training


def test_training_lowers_the_loss_goes_on_after_a_stop_and_exports_what_it_has(pool: Pool, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    from engines.nano.cutout_train import Training, batch, export

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        picture, alpha = batch(pool, 1, 4, 96)
        training = Training.fresh(3, "cpu")
        losses = [training.learn(picture, alpha, 0.0, brief=False) for _ in range(10)]
        assert losses[-1] < 0.95 * losses[0]
        training.save(tmp_path / "at.npz")
        again = Training.fresh(4, "cpu")
        again.restore(tmp_path / "at.npz")
        assert again.step == training.step == 10
        after = [one.learn(picture, alpha, 0.5, brief=False) for one in (training, again)]
        assert after[0] == pytest.approx(after[1], rel=1e-4)
        assert export(training.mean, tmp_path / "net.onnx") < 1e-4  # of 1, against torch
        assert b'File "' not in (tmp_path / "net.onnx").read_bytes()  # nor where it was traced
    finally:
        torch.set_num_threads(threads)
    photo = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    assert Prior(tmp_path / "net.onnx")(photo).shape == (40, 60)


# ------------------------------------------------------------------------------------------------ the file that ships


def test_the_file_is_small_and_in_rembgs_layout(prior: Prior) -> None:
    assert MODEL.stat().st_size <= 8_000_000
    prior(np.zeros((8, 8, 3), np.uint8))
    session = prior._session
    assert [tuple(item.shape) for item in session.get_inputs()] == [(1, 3, SIDE, SIDE)]
    assert tuple(session.get_outputs()[0].shape) == (1, 1, SIDE, SIDE)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3000), (320, 320), (437, 211)])
def test_the_prior_has_the_pictures_shape_whatever_it_is(prior: Prior, shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    plane = prior(photo)
    assert plane.shape == shape and plane.dtype == np.float32
    assert np.isfinite(plane).all() and plane.min() >= 0 and plane.max() <= 1
    assert np.array_equal(plane, prior(photo))


def test_black_is_no_error(prior: Prior) -> None:
    assert np.isfinite(prior(np.zeros((30, 40, 3), np.uint8))).all()


def test_it_finds_things_it_never_saw(prior: Prior, pool: Pool) -> None:
    found, guessed = [], []
    for seed in range(40):
        picture, alpha = composite(np.random.default_rng([7, seed]), pool)
        large = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        found.append(iou(prior(large), cv2.resize(alpha, (SIDE, SIDE))))
        y, x = np.mgrid[-1 : 1 : alpha.shape[0] * 1j, -1 : 1 : alpha.shape[1] * 1j]
        guessed.append(iou((np.hypot(x, y) < 0.6).astype(np.float32), alpha))
    assert np.mean(found) > HELD_OUT_IOU
    assert np.mean(found) > np.mean(guessed) + 0.2  # a disc in the middle


def test_a_missing_or_damaged_file_is_told(tmp_path: Path) -> None:
    photo = np.zeros((8, 8, 3), np.uint8)
    with pytest.raises(EngineError):
        Prior(tmp_path / "cutout.onnx")(photo)
    (tmp_path / "cutout.onnx").write_bytes(MODEL.read_bytes()[:5000])
    with pytest.raises(EngineError):
        Prior(tmp_path / "cutout.onnx")(photo)


def test_rembg_loads_it_as_a_custom_model(prior: Prior, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    rembg = pytest.importorskip("rembg")
    from PIL import Image

    monkeypatch.setenv("U2NET_HOME", str(MODEL.parent))  # rembg takes custom models from its own folder only.
    session = rembg.new_session("u2net_custom", model_path=str(MODEL), providers=["CPUExecutionProvider"])
    agreed = []
    for seed in range(8):
        picture, _ = composite(np.random.default_rng([8, seed]), pool)
        large = cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        mask = np.asarray(session.predict(Image.fromarray(large))[0], np.float32) / 255
        ours = prior(large)
        # rembg stretches every mask to 0–1; the same is done to ours before they are compared.
        agreed.append(np.abs((ours - ours.min()) / np.ptp(ours) - mask).max())
    assert max(agreed) < 0.02


@pytest.mark.skipif(not (SAMPLES / "cutouts").is_dir(), reason="no sample photos here")
def test_it_sees_more_than_the_middle_of_real_photos(prior: Prior) -> None:
    found, guessed = [], []
    for folder in sorted((SAMPLES / "cutouts").iterdir()):
        photo = cv2.imread(str(folder / "photo.jpg"))[..., ::-1].copy()
        truth = cv2.imread(str(folder / "mask.png"), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
        assert json.loads((folder / "info.json").read_text("utf-8"))["kind"]
        found.append(iou(prior(photo), truth))
        y, x = np.mgrid[-1 : 1 : truth.shape[0] * 1j, -1 : 1 : truth.shape[1] * 1j]
        guessed.append(iou((np.hypot(x, y) < 0.6).astype(np.float32), truth))
    assert np.mean(found) > REAL_IOU
    assert np.mean(found) > np.mean(guessed) + 0.2  # a disc in the middle
