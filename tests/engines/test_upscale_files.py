"""Upscalers from files of others: real ONNX networks made here, and every way such a file can be wrong."""

from __future__ import annotations

import importlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import onnx_files, terms
from engines.base import EngineError, Progress
from engines.tiling import tiled
from engines.upscale import cost, onnx_file, spandrel_file
from tests.engines.onnx_made import FLOAT, enlarger, saved, segmenter, with_data_at


def licensed(path: Path, text: str = 'licence = "MIT"\ncommercial = true\n') -> Path:
    path.with_name(f"{path.name}.toml").write_text(text, "utf-8")
    return path


def picture(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).random((height, width, 3)).astype(np.float32)


def expected(tile: np.ndarray, scale: int) -> np.ndarray:
    """What `enlarger` computes, by numpy: a [1 2 1] blur both ways with the rim repeated, then repetition."""
    wide = np.pad(tile, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows = (wide[:-2] + 2 * wide[1:-1] + wide[2:]) / 4
    return ((rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / 4).repeat(scale, 0).repeat(scale, 1)


# ------------------------------------------------------------------------------------------------ ONNX that works


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_any_size_goes_through_and_the_scale_is_found(tmp_path: Path, scale: int) -> None:
    up = onnx_file.create(licensed(enlarger(tmp_path / "net.onnx", scale)))
    assert (up.scale, up.tile_px, up.margin_px, up.licence) == (scale, 256, 32, "MIT")
    assert up.runtime.startswith("ONNX Runtime 1.")
    for height, width in ((1, 1), (7, 30), (64, 40)):
        tile = picture(height, width)
        np.testing.assert_allclose(up.enlarge(tile), expected(tile, scale), atol=1e-6)


def test_half_precision_is_fed_in_half_precision(tmp_path: Path) -> None:
    up = onnx_file.create(licensed(enlarger(tmp_path / "net.onnx", half=True)))
    tile = picture(20, 33)
    made = up.enlarge(tile)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, expected(tile, 2), atol=2e-3)


def test_a_fixed_tile_takes_smaller_ones_and_refuses_larger(tmp_path: Path) -> None:
    up = onnx_file.create(licensed(enlarger(tmp_path / "net.onnx", sides=(64, 96))))
    assert (up.tile_px, up.margin_px) == (64, 8)
    tile = picture(50, 64)
    made = up.enlarge(tile)
    assert made.shape == (100, 128, 3)
    np.testing.assert_allclose(made, expected(tile, 2), atol=1e-6)
    with pytest.raises(ValueError, match="at most 64 px"):
        up.enlarge(picture(65, 20))


def test_whole_pictures_go_through_in_tiles_without_seams(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (150, 310, 3)).astype(np.uint8)
    made = [
        tiled(onnx_file.create(licensed(enlarger(tmp_path / f"{sides[0]}.onnx", sides=sides)))).enlarge(
            picture, 620, 300, Progress()
        )
        for sides in ((64, 64), (150, 310))
    ]
    assert made[0].pixels.shape == (300, 620, 3)
    assert made[0].tiles > made[1].tiles
    assert np.abs(made[0].pixels.astype(int) - made[1].pixels).max() <= 1


def test_a_network_that_wants_multiples_gets_them(tmp_path: Path) -> None:
    """Windows of 8: rows and columns are split and joined again, which other sides do not survive."""
    helper = onnx.helper
    nodes = [
        helper.make_node("SpaceToDepth", ["x"], ["deep"], blocksize=8),
        helper.make_node("DepthToSpace", ["deep"], ["same"], blocksize=8),
        helper.make_node("Resize", ["same", "", "twice"], ["y"], mode="nearest", nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
    ]  # fmt: skip
    constants = {"twice": np.array([1, 1, 2, 2], np.float32)}
    path = saved(
        tmp_path / "net.onnx", nodes, ("x", FLOAT, [1, 3, "h", "w"]), ("y", FLOAT, [1, 3, "h2", "w2"]), constants
    )
    up = onnx_file.create(licensed(path))
    tile = picture(13, 21)
    np.testing.assert_array_equal(up.enlarge(tile), tile.repeat(2, 0).repeat(2, 1))


def test_data_beside_the_file_is_read(tmp_path: Path) -> None:
    path = licensed(with_data_at(enlarger(tmp_path / "net.onnx"), "net.onnx_data"))
    tile = picture(9, 9)
    np.testing.assert_allclose(onnx_file.create(path).enlarge(tile), expected(tile, 2), atol=1e-6)


def test_the_recipe_follows_the_content_not_the_name(tmp_path: Path) -> None:
    first = onnx_file.create(licensed(enlarger(tmp_path / "a.onnx")))
    same = onnx_file.create(licensed(enlarger(tmp_path / "b.onnx")))
    other = onnx_file.create(licensed(enlarger(tmp_path / "c.onnx", scale=3)))
    assert first.recipe == same.recipe != other.recipe


# ------------------------------------------------------------------------------------------------ ONNX that does not


@pytest.mark.parametrize(
    "location", ["../outside.bin", "/etc/hostname", "a/../../outside.bin", "..\\outside.bin", "C:\\x"]
)
def test_a_file_that_reads_outside_its_folder_is_refused(tmp_path: Path, location: str) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(10_000))
    path = licensed(with_data_at(enlarger(tmp_path / "models" / "net.onnx"), location))
    with pytest.raises(EngineError, match="outside its own folder"):
        onnx_file.create(path)


def test_a_link_out_of_the_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(bytes(10_000))
    path = licensed(with_data_at(enlarger(tmp_path / "models" / "net.onnx"), "in.bin"))
    (path.parent / "in.bin").unlink()
    try:
        (path.parent / "in.bin").symlink_to(tmp_path / "outside.bin")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(EngineError, match="outside its own folder"):
        onnx_file.create(path)


def test_data_that_is_hidden_in_a_branch_is_found(tmp_path: Path) -> None:
    helper, external = onnx.helper, onnx.TensorProto.EXTERNAL
    tensor = onnx.TensorProto(name="w", data_type=FLOAT, dims=[1], data_location=external)
    tensor.external_data.add(key="location", value="../outside.bin")
    inner = helper.make_graph([helper.make_node("Constant", [], ["w"], value=tensor)], "inner", [], [])
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    model = helper.make_model(helper.make_graph([branch], "outer", [], []))
    path = tmp_path / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(EngineError, match="outside its own folder"):
        onnx_files.check_onnx(path)


def test_missing_data_is_named(tmp_path: Path) -> None:
    path = licensed(with_data_at(enlarger(tmp_path / "net.onnx"), "net.onnx_data"))
    (tmp_path / "net.onnx_data").unlink()
    with pytest.raises(EngineError, match=r"needs net\.onnx_data beside it"):
        onnx_file.create(path)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be read"),
        (b"this is a text, not a network\n" * 20, "not a sound ONNX file"),
        (b"<html>404</html>", "not a sound ONNX file"),
        (b"\x08\x09", "no graph"),
        (b"\x3a\x7f", "ends early"),
        (b"\x80\x02.", "not a sound ONNX file"),
        (b"\xff" * 40, "not a sound ONNX file"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    path = licensed(tmp_path / "net.onnx")
    path.write_bytes(data)
    with pytest.raises(EngineError, match=said):
        onnx_file.create(path)


def test_no_cut_anywhere_in_a_file_passes(tmp_path: Path) -> None:
    path = licensed(enlarger(tmp_path / "net.onnx"))
    data = path.read_bytes()
    for end in range(0, len(data), 37):
        path.write_bytes(data[:end])
        with pytest.raises(EngineError):
            onnx_file.create(path)


@given(at=st.integers(0, 1 << 20), bits=st.integers(1, 255))
def test_damage_is_read_past_or_refused(made_once: Path, at: int, bits: int) -> None:
    """Any byte changed: nothing but our own refusal comes out, and promptly."""
    data = bytearray(made_once.read_bytes())
    data[at % len(data)] ^= bits
    damaged = made_once.with_name("damaged.onnx")
    damaged.write_bytes(data)
    try:
        onnx_files.check_onnx(damaged)
    except EngineError as error:
        assert "\n" not in str(error)


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_data_at(enlarger(tmp_path_factory.mktemp("onnx") / "net.onnx"), "net.bin")


def test_a_network_of_another_kind_is_refused_with_what_was_found(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"320 × 320 px.*gave \(1, 1, 320, 320\)"):
        onnx_file.create(licensed(segmenter(tmp_path / "mask.onnx")))
    for name, shape in (
        ("grey", [1, 1, "h", "w"]),
        ("batch", [4, 3, "h", "w"]),
        ("flat", ["n", 3]),
        ("tiny", [1, 3, 8, 8]),
    ):
        node = onnx.helper.make_node("Identity", ["x"], ["y"])
        path = saved(tmp_path / f"{name}.onnx", [node], ("x", FLOAT, shape), ("y", FLOAT, shape), {})
        with pytest.raises(EngineError, match="1 in, 1 out: x tensor"):
            onnx_file.create(licensed(path))


def test_a_network_that_does_not_enlarge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="37 px became 53 × 37"):
        onnx_file.create(licensed(enlarger(tmp_path / "net.onnx", scale=1)))


def test_a_network_in_another_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"changes colours.*\(51, 128, 204\)"):
        onnx_file.create(licensed(enlarger(tmp_path / "net.onnx", gain=255.0)))


# ------------------------------------------------------------------------------------------------ licences


def test_a_licence_is_needed_and_can_be_stated(tmp_path: Path) -> None:
    path = enlarger(tmp_path / "net.onnx")
    with pytest.raises(EngineError, match=r"licence of net\.onnx is not stated") as refusal:
        onnx_file.create(path)
    assert "--licence" in refusal.value.hint
    assert onnx_file.create(path, "Apache-2.0").licence == "Apache-2.0"


@pytest.mark.parametrize("name", ["CC-BY-NC-4.0", "CC BY-NC-SA 4.0", "Non-Commercial", "research only"])
def test_non_commercial_is_refused_whoever_says_it(tmp_path: Path, name: str) -> None:
    path = licensed(enlarger(tmp_path / "net.onnx"), f'licence = "{name}"\ncommercial = true\n')
    with pytest.raises(EngineError, match="does not allow paid ads"):
        onnx_file.create(path)
    with pytest.raises(EngineError, match="does not allow paid ads"):
        onnx_file.create(path, name)
    assert onnx_file.create(path, "agreed with its owner, 2026").licence == "agreed with its owner, 2026"


def test_a_licence_nobody_judged_must_be_accepted_by_stating_it(tmp_path: Path) -> None:
    path = licensed(enlarger(tmp_path / "net.onnx"), 'licence = "OpenRAIL"\nlicence_url = "https://example.org/rail"\n')
    with pytest.raises(EngineError, match="nobody says whether") as refusal:
        onnx_file.create(path)
    assert "https://example.org/rail" in refusal.value.hint
    assert onnx_file.create(path, "OpenRAIL").licence == "OpenRAIL"


@pytest.mark.parametrize("text", ["licence = 3", 'commercial = "yes"', 'licence = "MIT"\nextra = 1', "licence = "])
def test_terms_that_cannot_be_read_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(EngineError, match=r"net\.onnx\.toml"):
        terms.terms_beside(licensed(tmp_path / "net.onnx", text))


# ------------------------------------------------------------------------------------------------ safetensors


def tensors(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A sound safetensors file of zeros."""
    table, at = {}, 0
    for name, shape in shapes.items():
        size = 4 * int(np.prod(shape))
        table[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + bytes(at))
    return licensed(path)


@pytest.mark.parametrize("suffix", ["pth", "pt", "ckpt", "bin", "pkl", "PTH"])
def test_pickles_are_never_opened(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(EngineError, match="may run code") as refusal:
        spandrel_file.create(tmp_path / f"net.{suffix}", "MIT")
    assert "safetensors" in refusal.value.hint


def test_an_unsound_header_is_refused_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spandrel_file, "_libraries", lambda: pytest.fail("loaded"))
    path = tensors(tmp_path / "net.safetensors", {"a": (4,)})
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        spandrel_file.create(path)
    path = tensors(tmp_path / "nc.safetensors", {"a": (4,)})
    licensed(path, 'licence = "CC-BY-NC-SA-4.0"')
    with pytest.raises(EngineError, match="does not allow paid ads"):
        spandrel_file.create(path)


@pytest.mark.parametrize(
    "failure",
    [
        ImportError("No module named 'spandrel'", name="spandrel"),
        RuntimeError("operator torchvision::nms does not exist"),
    ],
)
def test_without_spandrel_the_remedy_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    real = importlib.import_module

    def missing(name: str) -> object:
        if name == "spandrel":
            raise failure
        return real(name)

    monkeypatch.setattr(spandrel_file, "import_module", missing)
    with pytest.raises(EngineError, match="cannot be used") as refusal:
        spandrel_file.create(tensors(tmp_path / "net.safetensors", {"a": (4,)}))
    assert '-e ".[gpu]"' in refusal.value.hint


def test_costs_are_said_next_to_a_light_network() -> None:
    assert cost.said(cost.RRDB_TFLOP) == "about 15× the light network"
    assert cost.said(cost.LIGHT_TFLOP) == "about as much as the light network"
    assert cost.said(0.075) == "less than the light network"


# The rest needs spandrel, which needs torchvision.


def made(path: Path, net: object) -> Path:
    from safetensors.torch import save_file

    save_file({name: value.contiguous() for name, value in net.state_dict().items()}, path)  # type: ignore[attr-defined]
    return licensed(path)


@pytest.mark.parametrize("kind", ["Compact", "SPAN", "ESRGAN", "DAT"])
def test_spandrel_gives_what_the_plain_network_gives(tmp_path: Path, kind: str) -> None:
    pytest.importorskip("spandrel", exc_type=ImportError)
    torch = pytest.importorskip("torch")
    torch.manual_seed(7)
    module = importlib.import_module(f"spandrel.architectures.{kind}")
    arguments = {
        "Compact": {"num_feat": 16, "num_conv": 4, "upscale": 2},
        "SPAN": {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 16, "upscale": 2},
        "ESRGAN": {"num_filters": 16, "num_blocks": 2, "scale": 4},
        "DAT": {
            "embed_dim": 20,
            "split_size": [4, 4],
            "depth": [2],
            "num_heads": [2],
            "upscale": 2,
            "expansion_factor": 2.0,
        },
    }[kind]
    net = getattr(module, kind)(**arguments).eval()
    up = spandrel_file.create(made(tmp_path / "net.safetensors", net), device="cpu")
    tile = picture(24, 32)
    with torch.no_grad():
        plain = net(torch.from_numpy(tile.transpose(2, 0, 1)[None]))[0].clamp(0, 1).permute(1, 2, 0).numpy()
    assert up.scale == arguments.get("upscale", arguments.get("scale"))
    assert up.cost
    np.testing.assert_allclose(up.enlarge(tile), plain, atol=1e-5)
    assert up.enlarge(picture(13, 17)).shape == (13 * up.scale, 17 * up.scale, 3)


def test_what_spandrel_does_not_know_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("spandrel", exc_type=ImportError)
    with pytest.raises(EngineError, match="no architecture that is known"):
        spandrel_file.create(tensors(tmp_path / "net.safetensors", {"a": (4,)}))
    shapes = {
        "body.0.weight": (8, 3, 3, 3),
        "body.0.bias": (8,),
        "body.1.weight": (8,),
        "body.2.weight": (12, 8, 3, 3),
        "body.2.bias": (12,),
    }
    wrong = tensors(tmp_path / "wrong.safetensors", shapes | {"body.1.weight": (5,)})
    with pytest.raises(EngineError, match="does not fit its architecture"):
        spandrel_file.create(wrong)


def test_these_modules_load_nothing_heavy() -> None:
    import subprocess

    code = "import sys, engines.upscale.onnx_file, engines.upscale.spandrel_file, engines.cutout.sessions; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert not {"torch", "onnxruntime", "spandrel", "rembg", "numba", "pymatting"} & set(done.stdout.split())
