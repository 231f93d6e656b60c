"""Depth and poses read by networks: small ones, made here in the layout of the real files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines import catalog
from engines.annotators import borrowed
from engines.annotators.depth import stretched
from engines.annotators.pose import FINDER, JOINTS, LIMBS, colour_of, draw, openpose
from engines.base import EngineError, Pixels
from studio.desk.engines import Engines
from studio.errors import BadInput
from studio.maps import write_map
from studio.pixels import encode_png, read_picture
from tests.engines import onnx_made

DEPTH_FILE = "depth-anything-v2-small/onnx/model.onnx"


def room(width: int = 320, height: int = 200) -> Pixels:
    """Redder and redder from left to right, with a blue ceiling that must not count."""
    photo = np.zeros((height, width, 3), np.uint8)
    photo[..., 0] = np.linspace(20, 240, width).astype(np.uint8)
    photo[: height // 4, :, 2] = 200
    return photo


# ------------------------------------------------------------------------------------------------ depth


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model folder with small files where the real ones would lie."""
    onnx_made.depth_reader(tmp_path / DEPTH_FILE)
    onnx_made.people_finder(tmp_path / "dwpose" / FINDER, PEOPLE)
    onnx_made.joint_finder(tmp_path / "dwpose" / JOINTS, STANDING)
    return tmp_path


@pytest.mark.parametrize("size", [(320, 200), (200, 320), (61, 517), (900, 40)])
def test_what_is_near_is_white_whatever_the_photos_shape(models: Path, size: tuple[int, int]) -> None:
    drawn = catalog.open_annotator("depth", [models]).annotate(room(*size))
    width, height = size
    assert drawn.shape == (height, width) and drawn.dtype == np.uint8
    across = drawn.mean(axis=0)
    assert across[0] < 4 and across[-1] > 251 and (np.diff(cv2.blur(across[None], (9, 1))[0]) > -0.5).all()
    assert np.abs(drawn[0].astype(int) - drawn[-1]).max() < 8, "the blue ceiling is no farther"


def test_a_file_with_fixed_sides_is_given_its_sides(tmp_path: Path) -> None:
    onnx_made.depth_reader(tmp_path / DEPTH_FILE, (70, 98))
    drawn = catalog.open_annotator("depth", [tmp_path]).annotate(room())
    assert drawn.shape == (200, 320) and drawn[:, 0].max() < 8 and drawn[:, -1].min() > 247


def test_less_detail_smooths_and_a_flat_wall_is_all_far(models: Path) -> None:
    reader = catalog.open_annotator("depth", [models])
    stripes = np.zeros((240, 240, 3), np.uint8)
    stripes[:, ::24] = stripes[:, 1::24] = stripes[:, 2::24] = 255
    coarse, usual = (float(reader.annotate(stripes, detail).std()) for detail in (0.0, 0.5))
    assert coarse < 0.5 * usual
    assert reader.annotate(np.full((50, 60, 3), 130, np.uint8)).max() == 0


@settings(deadline=None, max_examples=60)
@given(st.floats(0.01, 500), st.floats(-5, 5), st.integers(0, 9))
def test_depth_without_a_scale_is_stretched_alike(scale: float, shift: float, seed: int) -> None:
    plane = np.random.default_rng(seed).random((40, 30)).astype(np.float32)
    one, other = stretched(plane), stretched(plane * np.float32(scale) + np.float32(shift * scale))
    assert one.min() == 0 and one.max() == 1 and np.abs(one - other).max() < 1e-3


def test_another_network_is_refused_by_name(tmp_path: Path) -> None:
    onnx_made.people_finder(tmp_path / DEPTH_FILE, [])
    with pytest.raises(EngineError, match=r"model.onnx does not read depth"):
        catalog.open_annotator("depth", [tmp_path]).annotate(room())
    (tmp_path / DEPTH_FILE).write_bytes(b"\x80\x04pickle")
    with pytest.raises(EngineError, match="not a sound ONNX file"):
        catalog.open_annotator("depth", [tmp_path])


# ------------------------------------------------------------------------------------------------ pose

# Cells of the 32 px grid come last: 20×20 from row 8000 on. Row 10, column 10: its middle is at (336, 336).
PEOPLE = [(8000 + 10 * 20 + 10, 5.0, 12.0, 0.9), (8000 + 10 * 20 + 11, 5.0, 12.0, 0.7)]
# The box is 160×384 px about the middle; with air it is 360×480 (a quarter more, then the network's shape).
STANDING = {
    0: (144, 60, 0.9), 5: (190, 120, 0.9), 6: (100, 120, 0.9), 7: (200, 180, 0.9), 8: (90, 180, 0.9), 9: (205, 240, 0.9),
    10: (85, 240, 0.1), 11: (170, 240, 0.9), 12: (118, 240, 0.9), 13: (170, 300, 0.9), 14: (118, 300, 0.9),
    15: (170, 360, 0.9), 16: (118, 360, 0.9),
}  # fmt: skip


def in_photo(x: float, y: float) -> tuple[int, int]:
    """A place of the joints' network in a 640×640 photo."""
    scale = 480 / 384
    return round(336 + (x - 144) * scale), round(336 + (y - 192) * scale)


def person_photo() -> Pixels:
    photo = np.full((640, 640, 3), 90, np.uint8)
    photo[:4, :4] = (255, 0, 0)
    return photo


def test_a_person_is_drawn_in_openposes_colours_where_they_stand(models: Path) -> None:
    drawn = catalog.open_annotator("pose", [models]).annotate(person_photo())
    assert drawn.shape == (640, 640, 3)
    for coco, own in ((0, 0), (6, 2), (5, 5), (8, 3), (7, 6), (12, 8), (11, 11), (16, 10), (15, 13)):
        x, y = in_photo(*STANDING[coco][:2])
        assert tuple(drawn[y, x]) == colour_of(own), f"joint {coco}"
    neck = in_photo(145, 120)
    assert tuple(drawn[neck[1], neck[0]]) == colour_of(1)
    unsure, eye = in_photo(*STANDING[10][:2]), in_photo(0, 0)
    assert not drawn[unsure[1] - 3 : unsure[1] + 4, unsure[0] - 3 : unsure[0] + 4].any()
    assert not drawn[:40].any() and not drawn[:, :150].any() and eye[0] < 200
    thigh = in_photo(118, 270)
    assert tuple(drawn[thigh[1], thigh[0]]) == tuple(round(0.6 * one) for one in colour_of(7))


def test_the_same_person_found_twice_is_drawn_once(models: Path, tmp_path: Path) -> None:
    both = catalog.open_annotator("pose", [models]).annotate(person_photo())
    onnx_made.people_finder(tmp_path / "alone" / "dwpose" / FINDER, PEOPLE[:1])
    onnx_made.joint_finder(tmp_path / "alone" / "dwpose" / JOINTS, STANDING)
    alone = catalog.open_annotator("pose", [tmp_path / "alone"]).annotate(person_photo())
    assert (both == alone).all()


def test_a_wide_photo_is_seen_whole_and_drawn_at_its_size(models: Path) -> None:
    photo = cv2.resize(person_photo(), (1280, 1280), interpolation=cv2.INTER_NEAREST)[:900]
    drawn = catalog.open_annotator("pose", [models]).annotate(np.asarray(photo, np.uint8))
    x, y = in_photo(*STANDING[0][:2])
    assert drawn.shape == (900, 1280, 3) and tuple(drawn[2 * y, 2 * x]) == colour_of(0)


def test_nobody_is_said_and_nothing_is_made_up(models: Path) -> None:
    empty = person_photo()
    empty[:4, :4] = (0, 0, 255)
    with pytest.raises(EngineError, match="Nobody was found in the photo"):
        catalog.open_annotator("pose", [models]).annotate(empty)
    with pytest.raises(EngineError, match="only 8×90 px"):
        catalog.open_annotator("pose", [models]).annotate(np.zeros((90, 8, 3), np.uint8))


def test_the_neck_is_as_sure_as_the_lesser_shoulder() -> None:
    places = np.arange(34, dtype=np.float32).reshape(17, 2)
    likely = np.linspace(0.2, 1, 17).astype(np.float32)
    joints, sure = openpose(places, likely)
    assert (joints[1] == (places[5] + places[6]) / 2).all() and sure[1] == min(likely[5], likely[6])
    assert (joints[14] == places[2]).all() and (joints[17] == places[3]).all()


def test_a_person_half_out_of_the_picture_is_drawn_as_far_as_seen() -> None:
    canvas = np.zeros((60, 60, 3), np.uint8)
    places = np.full((18, 2), 30, np.float32)
    places[2], places[5] = (-50, 30), (110, 30)
    draw(canvas, places, np.ones(18, bool))
    assert canvas[30, 0].any() and canvas[30, 59].any() and len(LIMBS) == 17


# ------------------------------------------------------------------------------------------------ through the doors


def test_what_is_not_here_says_what_mends_it_and_what_is_here_can_be_opened(models: Path, tmp_path: Path) -> None:
    here = {one.id: one.reason for one in catalog.listed("annotator", [models])}
    away = {one.id: one for one in catalog.listed("annotator", [tmp_path / "empty"])}
    for kind in ("depth", "pose"):
        assert here[kind] == "" and away[kind].reason and "engines fetch" in away[kind].fix


def test_the_command_writes_depth_and_a_pose_as_pictures_of_the_photos_size(models: Path, tmp_path: Path) -> None:
    engines = Engines(annotator=lambda kind: catalog.open_annotator(kind, [models]))
    photo = tmp_path / "photo.png"
    photo.write_bytes(encode_png(person_photo()))
    for kind in ("depth", "pose"):
        said = write_map(engines, photo, tmp_path / f"{kind}.png", kind)
        assert said["px"] == [640, 640] and read_picture(tmp_path / f"{kind}.png").shape[:2] == (640, 640)
    with pytest.raises(BadInput):
        write_map(engines, photo, tmp_path / "pose.jpg", "pose")


# ------------------------------------------------------------------------------------------------ controlnet-aux

HED = """
import numpy as np, torch
class ControlNetHED_Apache2(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = torch.nn.Parameter(torch.zeros(3))
class HEDdetector:
    def __init__(self, network):
        self.network = network
    @classmethod
    def from_pretrained(cls, *anything, **more):
        raise AssertionError("this would fetch")
    def __call__(self, picture, detect_resolution, image_resolution, output_type):
        assert output_type == "np" and detect_resolution % 64 == 0
        grey = np.zeros((detect_resolution, detect_resolution, 3), np.uint8)
        grey[:, : int(detect_resolution * float(self.network.norm.detach()[0]))] = 255
        return grey
"""


@pytest.fixture
def lent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A stand-in for the package, and a model folder with weights for it."""
    import torch
    from safetensors.torch import save_file

    package = tmp_path / "site" / "controlnet_aux"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "hed.py").write_text(HED)
    monkeypatch.syspath_prepend(str(package.parent))
    (tmp_path / borrowed.FOLDER).mkdir()
    save_file({"norm": torch.tensor([0.5, 0, 0])}, tmp_path / borrowed.FOLDER / "ControlNetHED.safetensors")
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("controlnet_aux")]:
        del sys.modules[name]


def test_a_lent_detector_reads_with_weights_that_lie_here(lent: Path) -> None:
    offers = {one.id: one.reason for one in catalog.listed("annotator", [lent])}
    assert offers["softedge-hed"] == "" and "mlsd_large_512_fp32.safetensors" in offers["edges-mlsd"]
    assert "controlnet_aux.hed" not in sys.modules, "listing imports nothing"
    drawn = catalog.open_annotator("softedge-hed", [lent]).annotate(room())
    assert drawn.shape == (200, 320) and drawn[:, :150].min() == 255 and drawn[:, 170:].max() == 0


def test_pickles_are_no_weights_and_wrong_ones_are_refused(lent: Path) -> None:
    import torch
    from safetensors.torch import save_file

    file = lent / borrowed.FOLDER / "ControlNetHED.safetensors"
    save_file({"other": torch.zeros(2)}, file)
    with pytest.raises(EngineError, match="another network"):
        catalog.open_annotator("softedge-hed", [lent])
    file.write_bytes(b"\x80\x04not weights at all")
    with pytest.raises(EngineError):
        catalog.open_annotator("softedge-hed", [lent])
    file.rename(file.with_suffix(".pth"))
    with pytest.raises(EngineError, match=r"softedge-hed cannot be used here: ControlNetHED.safetensors"):
        catalog.open_annotator("softedge-hed", [lent])


def test_only_what_is_allowed_is_lent_and_without_the_package_it_says_so(lent: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="no kind of map called zoe"):
        borrowed.create("zoe", [lent])
    with pytest.raises(EngineError, match="cannot be loaded"):
        files = lent / borrowed.FOLDER
        (files / "mlsd_large_512_fp32.safetensors").write_bytes((files / "ControlNetHED.safetensors").read_bytes())
        borrowed.create("edges-mlsd", [lent])


def test_without_the_package_nothing_of_it_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(borrowed, "find_spec", lambda name: None)
    assert borrowed.offered([tmp_path]) == ()
    (tmp_path / borrowed.FOLDER).mkdir()
    (tmp_path / borrowed.FOLDER / "ControlNetHED.safetensors").write_bytes(b"")
    (offer,) = borrowed.offered([tmp_path])
    assert offer.fix == "pip install controlnet-aux"
