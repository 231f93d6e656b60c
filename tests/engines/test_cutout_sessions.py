"""rembg's sessions from real ONNX files made here, with no network at all, and every way a file can be wrong."""

from __future__ import annotations

import hashlib
import io
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest

from engines import weights
from engines.base import KEEP, REMOVE, CutRequest, EngineError, Progress, Stopped
from engines.cutout import sessions
from tests.engines.onnx_made import FLOAT, saved, segmenter, with_data_at

pytest.importorskip("rembg")


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No socket can be opened, pooch cannot fetch, and no folder of the person running this is looked into."""

    def refused(*args: object, **kwargs: object) -> None:
        pytest.fail("something reached for the network")

    monkeypatch.setattr(socket, "socket", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    monkeypatch.setattr("pooch.retrieve", refused)
    for name in ("U2NET_HOME", "XDG_DATA_HOME", "LOCKUP_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "rembg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))


@pytest.fixture
def photo() -> np.ndarray:
    """A bright disc with a soft edge, 60 px wide, in a dark 200 × 140 picture."""
    y, x = np.mgrid[:140, :200]
    disc = np.clip(30.5 - np.hypot(x - 90, y - 70), 0, 1)[..., None]
    return (disc * np.array([240, 200, 220]) + (1 - disc) * np.array([20, 30, 10])).round().astype(np.uint8)


def disc(radius: float) -> np.ndarray:
    y, x = np.mgrid[:140, :200]
    return np.hypot(x - 90, y - 70) < radius


def licensed(path: Path) -> Path:
    path.with_name(f"{path.name}.toml").write_text('licence = "Apache-2.0"\ncommercial = true\n', "utf-8")
    return path


def manifest(folder: Path, name: str, data: bytes, **fields: Any) -> Path:
    """A manifest of one session, known by its MD5 as rembg publishes it."""
    lines = {"name": name, "licence": "MIT", "commercial": True, "md5": hashlib.md5(data).hexdigest()} | fields
    path = folder / "weights.toml"
    path.write_text(
        f'[{name}]\nname = "{lines["name"]}"\nlicence = "{lines["licence"]}"\n'
        f"commercial = {str(lines['commercial']).lower()}\n"
        f'[[{name}.files]]\npath = "{name}.onnx"\nurl = "http://127.0.0.1:9/{name}.onnx"\nmd5 = "{lines["md5"]}"\n',
        "utf-8",
    )
    return path


@pytest.fixture
def birefnet(tmp_path: Path) -> tuple[Path, Path]:
    """A models folder with a stand-in for BiRefNet (logits at 1024 × 1024) and the manifest that knows it."""
    path = segmenter(tmp_path / "models" / "birefnet-general" / "birefnet-general.onnx", 1024, steep=8.0, logits=True)
    return tmp_path / "models", manifest(tmp_path, "birefnet-general", path.read_bytes())


def cut(engine: sessions.SessionCutout, picture: np.ndarray, strokes: np.ndarray | None = None) -> Any:
    return engine.cut(CutRequest(picture, strokes), Progress())


# ------------------------------------------------------------------------------------------------ cutting


def test_a_custom_file_cuts(tmp_path: Path, photo: np.ndarray) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    made = cut(engine, photo)
    assert made.rgba.shape == (140, 200, 4)
    alpha = made.rgba[..., 3]
    assert alpha[disc(27)].min() == 255
    assert alpha[~disc(34)].max() == 0
    np.testing.assert_array_equal(made.rgba[disc(27)][:, :3], photo[disc(27)])
    assert made.engine == "custom:net.onnx"
    assert made.runtime.startswith("ONNX Runtime 1.")
    assert made.facts["licence"] == "Apache-2.0"
    assert made.confidence > 0.8
    assert made.unsure[disc(25) | ~disc(36)].max() < 30
    np.testing.assert_array_equal(cut(engine, photo).rgba, made.rgba)


def test_a_named_session_cuts_from_the_models_folder(birefnet: tuple[Path, Path], photo: np.ndarray) -> None:
    folder, known = birefnet
    engine = sessions.create("birefnet-general", [folder], manifest=known)
    made = cut(engine, photo)
    assert made.rgba[..., 3][disc(27)].min() == 255
    assert made.rgba[..., 3][~disc(34)].max() == 0
    assert "md5:" in engine.recipe


def test_a_large_photo_gets_edges_as_fine_as_its_own(tmp_path: Path, photo: np.ndarray) -> None:
    """The model sees 320 px of 1600: the edge is drawn from the photo, and its colours are the product's."""
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx", steep=3.0)))
    y, x = np.mgrid[:1120, :1600]
    true = np.clip(240.5 - np.hypot(x - 720, y - 560), 0, 1)
    colour, ground = np.array([240, 200, 220]), np.array([20, 30, 10])
    large = (true[..., None] * colour + (1 - true[..., None]) * ground).round().astype(np.uint8)
    rgba = cut(engine, large).rgba.astype(float)
    edge = (true > 0) & (true < 1)
    assert np.abs(rgba[..., 3] / 255 - true)[edge].mean() < 0.1
    seen = edge & (rgba[..., 3] > 40)
    assert np.abs(rgba[seen][:, :3] - colour).max() < 25
    assert rgba[..., 3][true == 1].min() > 250
    assert rgba[..., 3][true == 0].max() < 5


def test_the_brush_has_the_last_word_where_it_went(tmp_path: Path, photo: np.ndarray) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    strokes = np.zeros(photo.shape[:2], np.uint8)
    strokes[60:80, 70:80], strokes[100:120, 150:170] = REMOVE, KEEP
    plain, made = cut(engine, photo), cut(engine, photo, strokes)
    assert made.rgba[62:78, 72:78, 3].max() == 0
    assert made.rgba[102:118, 152:168, 3].min() == 255
    assert made.unsure[strokes > 0].max() == 0
    far = np.abs(np.mgrid[:140, :200][1] - 120) < 15
    np.testing.assert_allclose(made.rgba[far][:, 3], plain.rgba[far][:, 3], atol=2)


def test_a_stroke_does_not_ask_the_model_again(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    real, asked = sessions._mask, []
    monkeypatch.setattr(sessions, "_mask", lambda session, picture: asked.append(1) or real(session, picture))
    strokes = np.zeros(photo.shape[:2], np.uint8)
    strokes[60:80, 70:80] = REMOVE
    plain = cut(engine, photo)
    cut(engine, photo.copy(), strokes)
    np.testing.assert_array_equal(cut(engine, photo.copy()).rgba, plain.rgba)
    assert len(asked) == 1
    cut(engine, photo[::-1].copy())
    assert len(asked) == 2


def test_nothing_to_find_is_said(tmp_path: Path, photo: np.ndarray) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    with pytest.raises(EngineError, match="No product was found"):
        cut(engine, np.full((50, 60, 3), 80, np.uint8))
    with pytest.raises(EngineError, match="too small"):
        cut(engine, photo[:10])


def test_stopping_stops(tmp_path: Path, photo: np.ndarray) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    with pytest.raises(Stopped):
        engine.cut(CutRequest(photo), Progress(should_stop=lambda: True))


def test_confidence_tells_a_clear_mask_from_a_vague_one() -> None:
    y, x = np.mgrid[:400, :400]
    away = np.hypot(x - 200, y - 200) - 120
    sharp, soft, vague = (np.clip(0.5 - away / width, 0, 1).astype(np.float32) for width in (2, 8, 60))
    marks = [sessions.confidence(mask) for mask in (sharp, soft, vague)]
    assert marks[0] > 0.85
    assert marks[1] == pytest.approx(0.5, abs=0.05)
    assert marks[2] < 0.1
    assert sessions.confidence(np.full((90, 90), 0.4, np.float32)) == 0
    dusty = np.where(np.hypot(x - 40, y - 40) < 30, 0.5, sharp).astype(np.float32)
    assert sessions.confidence(dusty) < marks[0] - 0.04


# ------------------------------------------------------------------------------------------------ the graphics card


def test_a_full_graphics_card_is_said_and_the_cpu_takes_over(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = sessions.create_custom(licensed(segmenter(tmp_path / "net.onnx")))
    real = sessions._open_rembg

    def opened(name: str, path: Path, asked: list[str]) -> Any:
        session = real(name, path, [sessions.CPU])
        if asked == [sessions.CPU]:
            return session

        def full(picture: object) -> None:
            raise RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer of size 9")

        inner = session.inner_session
        return SimpleNamespace(predict=full, inner_session=SimpleNamespace(
            get_providers=lambda: asked, get_inputs=inner.get_inputs, get_outputs=inner.get_outputs))  # fmt: skip

    monkeypatch.setattr(sessions, "_open_rembg", opened)
    monkeypatch.setattr(sessions, "providers", lambda sizes: ["CUDAExecutionProvider", sessions.CPU])
    for _ in range(2):
        made = cut(engine, photo)
        assert made.facts["gpu"] == "the graphics card ran out of memory; this ran on the CPU"
        assert made.facts["device"].startswith("CPU")
        assert made.rgba[70, 90, 3] == 255


# ------------------------------------------------------------------------------------------------ where files lie


@pytest.mark.parametrize(
    ("variables", "place"),
    [
        ({"LOCKUP_MODELS": "a"}, "a/birefnet-general"),
        ({"REMBG_HOME": "b"}, "b/models/birefnet-general"),
        ({"U2NET_HOME": "c"}, "c/models/birefnet-general"),
        ({"U2NET_HOME": "d"}, "d"),
        ({"XDG_DATA_HOME": "e", "REMBG_HOME": ""}, "e/rembg/models/birefnet-general"),
        ({"XDG_DATA_HOME": "f"}, "f/.u2net"),
        ({"REMBG_HOME": ""}, "home/.rembg/models/birefnet-general"),
        ({}, "home/.u2net"),
    ],
)
def test_files_are_used_where_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], place: str, photo: np.ndarray
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value) if value else "")
    path = segmenter(tmp_path / place / "birefnet-general.onnx", 1024, steep=8.0, logits=True)
    engine = sessions.create("birefnet-general", manifest=manifest(tmp_path, "birefnet-general", path.read_bytes()))
    assert cut(engine, photo).rgba[70, 90, 3] == 255
    assert sorted(p.name for p in path.parent.iterdir() if p.is_file()) == ["birefnet-general.onnx"]


def test_rembg_looks_in_the_same_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rembg.sessions import sessions as theirs

    kind = theirs["birefnet-general"]
    for variables in (
        {},
        {"U2NET_HOME": "u"},
        {"XDG_DATA_HOME": "x"},
        {"REMBG_HOME": ""},
        {"XDG_DATA_HOME": "x", "REMBG_HOME": ""},
    ):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, str(tmp_path / value) if value else "")
            if variables.get("REMBG_HOME") == "":
                patch.delenv("REMBG_HOME")
            homes, flat = sessions.rembg_folders()
            assert Path(kind.rembg_home()) == homes[0]
            assert Path(kind.legacy_home()) == flat


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"birefnet-general\.onnx was not found") as refusal:
        sessions.create("birefnet-general", [tmp_path / "nowhere"])
    assert f"do not exist: {tmp_path / 'nowhere'}" in refusal.value.hint
    assert "Fetch it" in refusal.value.hint


class Answer(io.BytesIO):
    """What a server would send."""

    status = 200

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.headers = {"Content-Length": str(len(body))}


def test_fetching_is_asked_for_and_goes_round_rembg(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: np.ndarray
) -> None:
    body = segmenter(tmp_path / "source.onnx", 1024, steep=8.0, logits=True).read_bytes()
    known, asked = manifest(tmp_path, "birefnet-general", body), []

    def answer(request: Any, timeout: float) -> Answer:
        asked.append(request.full_url)
        return Answer(body)

    monkeypatch.setattr(weights, "_opener", lambda: SimpleNamespace(open=answer))
    with pytest.raises(EngineError, match="licence MIT, which has not been accepted"):
        sessions.fetch_session("birefnet-general", tmp_path / "models", accept_licence="", manifest=known)
    assert not asked
    said: list[float] = []
    path = sessions.fetch_session(
        "birefnet-general", tmp_path / "models", accept_licence="MIT", manifest=known,
        progress=Progress(lambda share, text: said.append(share)),
    )  # fmt: skip
    assert asked == ["http://127.0.0.1:9/birefnet-general.onnx"]
    assert said[-1] == pytest.approx(1)
    assert path.with_name("birefnet-general.onnx.sha256").read_text().startswith(hashlib.sha256(body).hexdigest())
    engine = sessions.create("birefnet-general", [tmp_path / "models"], manifest=known)
    assert cut(engine, photo).rgba[70, 90, 3] == 255


# ------------------------------------------------------------------------------------------------ wrong files


def test_a_file_that_differs_is_refused(birefnet: tuple[Path, Path], photo: np.ndarray) -> None:
    """A sound network, but not the one the manifest knows."""
    folder, known = birefnet
    path = folder / "birefnet-general" / "birefnet-general.onnx"
    segmenter(path, 1024, steep=9.0, logits=True)
    engine = sessions.create("birefnet-general", [folder], manifest=known)
    with pytest.raises(EngineError, match="damaged, cut short, or is another file") as refusal:
        cut(engine, photo)
    assert "md5:" in refusal.value.hint


@pytest.mark.parametrize("end", [0, 10, -1])
def test_a_file_cut_short_is_refused(birefnet: tuple[Path, Path], photo: np.ndarray, end: int) -> None:
    folder, known = birefnet
    path = folder / "birefnet-general" / "birefnet-general.onnx"
    path.write_bytes(path.read_bytes()[:end])
    engine = sessions.create("birefnet-general", [folder], manifest=known)
    with pytest.raises(EngineError, match=r"not a sound ONNX file|cannot be read|damaged"):
        cut(engine, photo)


def test_turning_rembgs_checksums_off_does_not_turn_ours_off(
    birefnet: tuple[Path, Path], photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    test_a_file_that_differs_is_refused(birefnet, photo)


def test_a_text_named_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_text("Not Found\n" * 50)
    with pytest.raises(EngineError, match="not a sound ONNX file"):
        sessions.create_custom(tmp_path / "net.onnx", "MIT")
    with pytest.raises(EngineError, match="cannot be read"):
        sessions.create_custom(tmp_path / "missing.onnx", "MIT")
    with pytest.raises(EngineError, match="is not an ONNX file"):
        sessions.create_custom(tmp_path / "net.pth", "MIT")


def test_data_outside_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    path = with_data_at(segmenter(tmp_path / "models" / "net.onnx"), "../secret.bin")
    with pytest.raises(EngineError, match="outside its own folder"):
        sessions.create_custom(path, "MIT")


@pytest.mark.parametrize(
    ("given", "made"),
    [([1, 3, 256, 256], [1, 3, 256, 256]), ([1, 1, 320, 320], [1, 1, 320, 320]), (["n", 3], ["n", 3])],
)
def test_another_layout_is_refused_with_what_was_found(
    tmp_path: Path, photo: np.ndarray, given: list[Any], made: list[Any]
) -> None:
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    path = saved(tmp_path / "net.onnx", [node], ("x", FLOAT, given), ("y", FLOAT, made), {})
    with pytest.raises(EngineError, match=r"not in the layout.*input x tensor\(float\)"):
        cut(sessions.create_custom(path, "MIT"), photo)


# ------------------------------------------------------------------------------------------------ what is on offer


@pytest.mark.parametrize("name", sessions.UPLOADS)
def test_sessions_that_upload_are_refused(name: str) -> None:
    with pytest.raises(EngineError, match="sends the photo to a server"):
        sessions.create(name)
    with pytest.raises(EngineError, match="sends the photo to a server"):
        sessions._session_class(name)


def test_every_session_of_rembg_that_uploads_is_known_to() -> None:
    """A new one in a later rembg shows up here, and is refused by its own `is_local` meanwhile."""
    from rembg.sessions import sessions as theirs

    assert {name for name, kind in theirs.items() if not kind.is_local()} == set(sessions.UPLOADS)
    assert all(theirs[name].is_local() for name in sessions.SESSIONS)


def test_the_manifest_says_what_rembg_says() -> None:
    """Addresses and digests are read off the source of the rembg that is installed."""
    import inspect

    from rembg.sessions import sessions as theirs

    for known in (weights.read_manifest()[name] for name in sessions.SESSIONS):
        source, file = inspect.getsource(theirs[known.id].download_models), known.files[0]
        assert file.url in source
        assert file.digest in source
        assert file.path == f"{theirs[known.id].name()}.onnx"


def test_non_commercial_is_hidden_and_refused_until_a_licence_is_stated(tmp_path: Path) -> None:
    assert [offer.id for offer in sessions.offered([tmp_path])] == [
        name for name in sessions.SESSIONS if name != "bria-rmbg"
    ]
    shown = sessions.offered([tmp_path], {"bria-rmbg": "agreed with its owner"})
    assert [offer.id for offer in shown] == list(sessions.SESSIONS)
    assert all(offer.path is None and "in none of the model folders" in offer.reason for offer in shown)
    with pytest.raises(EngineError, match="does not allow paid ads"):
        sessions.create("bria-rmbg", [tmp_path])
    with pytest.raises(EngineError, match="not on this machine"):
        sessions.create("bria-rmbg", [tmp_path], "agreed with its owner")


def test_a_custom_file_needs_a_licence(tmp_path: Path) -> None:
    path = segmenter(tmp_path / "net.onnx")
    with pytest.raises(EngineError, match=r"licence of net\.onnx is not stated"):
        sessions.create_custom(path)
    assert sessions.create_custom(path, "own work").licence == "own work"


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(EngineError, match="no cut-out model called u2net") as refusal:
        sessions.create("u2net")
    assert "birefnet-general" in refusal.value.hint
