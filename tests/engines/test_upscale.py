"""The built-in upscaler: better than Lanczos on what it was not trained on; and its training, on a handful of pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engines import upscale
from engines.base import EngineError, Pixels, Progress
from engines.nano import upscaler_data
from engines.upscale.builtin import WEIGHTS, Builtin
from tests.bench.upscale_bench import KERNELS, by_lanczos, halved, psnr
from tests.samples import SAMPLES

PHOTOS = ("cutouts/mug/photo.jpg", "cutouts/lemur/photo.jpg", "cutouts/mountain-bike/photo.jpg")


def gain(picture: Pixels, kernel: str) -> float:
    """PSNR over Pillow's Lanczos, in dB, of doubling the picture's half."""
    small = halved(picture, kernel)
    made = upscale.light().enlarge(small, picture.shape[1], picture.shape[0], Progress()).pixels
    return psnr(made, picture) - psnr(by_lanczos(small), picture)


@pytest.mark.parametrize("kind", ["type", "render"])
def test_at_least_one_decibel_over_lanczos(kind: upscaler_data.Kind) -> None:
    pictures = [upscaler_data.make(kind, seed, "test", 160) for seed in range(2)]
    for kernel in KERNELS:
        gains = [gain(picture, kernel) for picture in pictures]
        assert np.mean(gains) >= 1.0, f"{kernel}: {gains}"


@pytest.mark.skipif(not (SAMPLES / "cutouts").is_dir(), reason="the sample photos are not here")
@pytest.mark.parametrize("photo", PHOTOS)
def test_no_worse_on_photos(photo: str) -> None:
    picture = np.asarray(Image.open(SAMPLES / photo).convert("RGB"))[100:340, 200:440]
    for kernel in KERNELS:
        assert gain(picture, kernel) >= 0.0


def test_the_splits_share_nothing() -> None:
    train, test = (set(upscaler_data.WORDS[split].split()) for split in ("train", "test"))
    assert not {word for word in train & test if len(word) > 3}
    again = upscaler_data.make("type", 1, "test", 96)
    assert np.array_equal(again, upscaler_data.make("type", 1, "test", 96))
    assert not np.array_equal(again, upscaler_data.make("type", 1, "train", 96))
    for name in upscaler_data.TEST_SETS:
        assert (upscaler_data.ROOT / "presets" / "sets" / f"{name}.toml").is_file()


def test_what_is_opened_says_what_it_is() -> None:
    opened = [upscale.light(), upscale.lanczos(), upscale.light(), upscale.lanczos()]  # opening one hides no other
    light, lanczos = opened[2:]
    assert (light.id, lanczos.id) == ("light", "lanczos") and light.recipe != lanczos.recipe
    network = Builtin()
    assert network.runtime.startswith("ONNX Runtime") and network.margin_px == 12
    assert 100_000 < WEIGHTS.stat().st_size < 1_500_000


def test_a_missing_or_broken_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        Builtin(tmp_path / "upscale-x2.onnx")
    (tmp_path / "short.onnx").write_bytes(WEIGHTS.read_bytes()[:5000])
    with pytest.raises(EngineError):
        Builtin(tmp_path / "short.onnx")


# ------------------------------------------------------------------------------------------------ training


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pool")
    for kind in ("type", "leaves"):
        for seed in range(2):
            Image.fromarray(upscaler_data.make(kind, seed, size_px=128)).save(folder / f"{kind}-train-{seed:04d}.png")
    return folder


def test_training_learns_goes_on_and_exports(pool: Path, tmp_path: Path) -> None:
    """Some steps of the real trainer: the loss falls, a checkpoint brings everything back, ONNX gives torch's numbers."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    import onnxruntime

    from engines.nano.upscaler_train import Patches, Training, export, train

    torch.set_num_threads(1)
    # 1. It learns: on a fixed batch, from the plain cubic downwards.
    training, (small, large) = Training.fresh(1, "cpu"), Patches(pool, 1).batch(2)
    losses = [training.learn(small, large, 0.0, brief=False) for _ in range(30)]
    assert losses[-1] < 0.97 * losses[0]
    # 2. It goes on where it was.
    training.save(tmp_path / "state.npz")
    again = Training.fresh(2, "cpu")
    again.restore(tmp_path / "state.npz")
    assert again.step == 30
    assert again.learn(small, large, 0.0, brief=False) == training.learn(small, large, 0.0, brief=False)
    train(Patches(pool, 1), again, again.seconds + 0.5, tmp_path / "state.npz", brief=False)
    assert again.step > 31
    # 3. The file gives what torch gives, at a size it was not traced with.
    assert export(training.mean, tmp_path / "net.onnx") < 1e-4
    picture = np.random.default_rng(1).random((1, 3, 37, 21), dtype=np.float32)
    (got,) = onnxruntime.InferenceSession(tmp_path / "net.onnx").run(None, {"picture": picture})
    with torch.no_grad():
        expected = training.mean(torch.from_numpy(picture)).numpy()
    assert np.asarray(got).shape == (1, 3, 74, 42) and np.abs(np.asarray(got) - expected).max() < 1e-4
    assert Builtin(tmp_path / "net.onnx").margin_px == 12


def test_the_network_looks_no_further_than_it_says() -> None:
    """A pixel changed outside the reach changes nothing; one just inside it does. The tiling rests on this."""
    network = Builtin()
    picture = np.random.default_rng(2).random((61, 61, 3), dtype=np.float32)
    before = network.enlarge(picture)[60:62, 60:62]
    for distance, changes in ((network.margin_px + 1, False), (network.margin_px - 1, True)):
        other = picture.copy()
        other[30 - distance, :] = 1 - other[30 - distance, :]
        assert (np.abs(network.enlarge(other)[60:62, 60:62] - before).max() > 1e-7) == changes
