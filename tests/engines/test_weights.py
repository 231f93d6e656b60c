"""Weights: the manifest, offline folders, and downloads that break in every way. A server on this machine only."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import weights as w
from engines.base import EngineError, Progress, Stopped
from engines.tensors import read_header


def safetensors(data: bytes = b"\x00" * 4096, header: dict | None = None) -> bytes:
    entry = {"layer": {"dtype": "F32", "shape": [len(data) // 4], "data_offsets": [0, len(data)]}}
    raw = json.dumps(entry if header is None else header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


BODY = safetensors(bytes(range(256)) * 4096)  # a megabyte and a header


@dataclass
class Behaviour:
    """What the server does next: `cut` ends the first answer there; `ranges` says whether it can resume."""

    body: bytes = BODY
    cut: int | None = None
    ranges: bool = True
    status: int = 0
    redirect: str = ""
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def site() -> Iterator[tuple[str, Behaviour]]:
    behaviour = Behaviour()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            behaviour.asked.append(wanted)
            if behaviour.redirect:
                self.send_response(302)
                self.send_header("Location", behaviour.redirect)
                self.end_headers()
                return
            if behaviour.status:
                self.send_error(behaviour.status)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and behaviour.ranges else 0
            part = behaviour.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(behaviour.body) - 1}/{len(behaviour.body)}")
            self.end_headers()
            cut, behaviour.cut = behaviour.cut, None
            self.wfile.write(part if cut is None else part[:cut])

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/model.safetensors", behaviour
    server.shutdown()
    server.server_close()


def model(url: str, body: bytes = BODY) -> w.Weights:
    digest = hashlib.sha256(body).hexdigest()
    file = w.WeightFile("unet/model.safetensors", url, len(body), digest)
    return w.Weights("tiny", "Tiny", "Apache-2.0", "http://127.0.0.1/licence", True, (file,))


def fetch(weights: w.Weights, folder: Path, progress: Progress | None = None) -> Path:
    return w.fetch(weights, folder, accept_licence="Apache-2.0", progress=progress)["unet/model.safetensors"]


# ------------------------------------------------------------------------------------------------ fetching


def test_a_file_arrives_whole_and_is_found_again(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    shares: list[float] = []
    path = fetch(model(url), tmp_path, Progress(lambda share, text: shares.append(share)))
    assert path.read_bytes() == BODY
    assert [p.name for p in path.parent.iterdir()] == ["model.safetensors"]
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)
    assert w.find(model(url), [tmp_path / "elsewhere", tmp_path]) == {"unet/model.safetensors": path}
    fetch(model(url), tmp_path)
    assert len(behaviour.asked) == 1


def test_nothing_is_fetched_before_the_licence_is_accepted_by_name(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    for said in ("", "yes", "MIT"):
        with pytest.raises(EngineError, match=r"under the licence Apache-2\.0, which has not been accepted"):
            w.fetch(model(url), tmp_path, accept_licence=said)
    assert not behaviour.asked


def test_a_broken_download_goes_on_where_it_stopped(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.cut = 300_000
    with pytest.raises(EngineError, match="could not be fetched") as refusal:
        fetch(model(url), tmp_path)
    assert "goes on where it stopped" in refusal.value.hint
    assert fetch(model(url), tmp_path).read_bytes() == BODY
    assert behaviour.asked == ["", "bytes=300000-"]


def test_a_server_that_cannot_resume_starts_again(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.cut, behaviour.ranges = 300_000, False
    with pytest.raises(EngineError):
        fetch(model(url), tmp_path)
    assert fetch(model(url), tmp_path).read_bytes() == BODY


def test_stopping_keeps_what_came_and_goes_on_later(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, _ = site
    with pytest.raises(Stopped):
        fetch(model(url), tmp_path, Progress(should_stop=lambda: True))
    assert not (tmp_path / "tiny/unet/model.safetensors").exists()
    assert fetch(model(url), tmp_path).read_bytes() == BODY


def test_a_corrupt_file_is_thrown_away(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.body = BODY[:-1] + b"\xff" if BODY[-1:] != b"\xff" else BODY[:-1] + b"\x00"
    with pytest.raises(EngineError, match="arrived damaged"):
        fetch(model(url), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
    behaviour.body = BODY
    assert fetch(model(url), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("body", [BODY + b"more", BODY[:-10]])
def test_another_size_than_promised_is_refused(site: tuple[str, Behaviour], tmp_path: Path, body: bytes) -> None:
    url, behaviour = site
    behaviour.body = body
    with pytest.raises(EngineError, match=f"expected {len(BODY)} bytes"):
        fetch(model(url), tmp_path)
    assert not (tmp_path / "tiny/unet/model.safetensors").exists()


def test_the_right_digest_of_an_unsound_file_is_refused_too(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.body = b"\x80\x02this is a pickle"
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        fetch(model(url, behaviour.body), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_the_servers_refusal_is_passed_on_in_one_line(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.status = 404
    with pytest.raises(EngineError, match="the server answered 404"):
        fetch(model(url), tmp_path)


@pytest.mark.parametrize("to", ["file:///etc/hostname", "ftp://127.0.0.1/model"])
def test_redirects_stay_on_the_web(site: tuple[str, Behaviour], tmp_path: Path, to: str) -> None:
    url, behaviour = site
    behaviour.redirect = to
    with pytest.raises(EngineError, match="could not be fetched"):
        fetch(model(url), tmp_path)


def test_nobody_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="could not be fetched"):
        fetch(model("http://127.0.0.1:9/model.safetensors"), tmp_path)


def test_a_full_disk_is_told_before_anything_is_fetched(
    site: tuple[str, Behaviour], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, behaviour = site
    usage = w.shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(w.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(EngineError, match="and the disk has"):
        fetch(model(url), tmp_path)
    assert not behaviour.asked


# ------------------------------------------------------------------------------------------------ without size and SHA-256


def vague(url: str, body: bytes = BODY) -> w.Weights:
    """As some sources publish a file: an address and an MD5."""
    file = w.WeightFile("unet/model.safetensors", url, 0, "", hashlib.md5(body).hexdigest())
    return w.Weights("tiny", "Tiny", "Apache-2.0", "http://127.0.0.1/licence", True, (file,))


def test_a_file_of_unknown_size_arrives_and_its_sha256_is_noted(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    shares: list[float] = []
    path = fetch(vague(url), tmp_path, Progress(lambda share, text: shares.append(share)))
    assert path.read_bytes() == BODY
    assert shares[-1] == pytest.approx(1.0)
    noted = path.with_name("model.safetensors.sha256").read_text()
    assert noted.splitlines()[0] == f"{hashlib.sha256(BODY).hexdigest()}  model.safetensors"
    fetch(vague(url), tmp_path)
    assert len(behaviour.asked) == 1
    w.verify(vague(url).files[0], path)


def test_what_was_noted_is_held_to(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    """A file with the right MD5 and another SHA-256 than on the day it came is refused."""
    url, _ = site
    path = fetch(vague(url), tmp_path)
    path.with_name("model.safetensors.sha256").write_text(f"{'0' * 64}  model.safetensors\n")
    with pytest.raises(EngineError, match="damaged, cut short, or is another file"):
        w.verify(vague(url).files[0], path)


def test_a_download_of_unknown_size_goes_on_where_it_stopped(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.cut = 300_000
    with pytest.raises(EngineError, match=f"expected {len(BODY)} bytes, got 300000"):
        fetch(vague(url), tmp_path)
    assert fetch(vague(url), tmp_path).read_bytes() == BODY
    assert behaviour.asked == ["", "bytes=300000-"]


def test_a_whole_part_is_not_fetched_twice(site: tuple[str, Behaviour], tmp_path: Path) -> None:
    url, behaviour = site
    behaviour.status = 416
    part = tmp_path / "tiny/unet/model.safetensors.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(BODY)
    assert fetch(vague(url), tmp_path).read_bytes() == BODY
    assert behaviour.asked == [f"bytes={len(BODY)}-"]


def test_a_truncated_file_of_unknown_size_is_found_out_and_fetched_again(
    site: tuple[str, Behaviour], tmp_path: Path
) -> None:
    url, _ = site
    path = tmp_path / "tiny/unet/model.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(BODY[:-1])
    with pytest.raises(EngineError, match="damaged, cut short"):
        w.verify(vague(url).files[0], path)
    assert fetch(vague(url), tmp_path).read_bytes() == BODY


@pytest.mark.parametrize("body", [BODY + b"more", BODY[:-10], b"<html>gone</html>"])
def test_another_body_than_the_md5_promises_is_thrown_away(
    site: tuple[str, Behaviour], tmp_path: Path, body: bytes
) -> None:
    url, behaviour = site
    behaviour.body = body
    with pytest.raises(EngineError, match="arrived damaged"):
        fetch(vague(url), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_body_without_end_is_not_taken(
    site: tuple[str, Behaviour], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, _ = site
    monkeypatch.setattr(w, "MOST_BYTES", 100_000)
    with pytest.raises(EngineError, match="got more"):
        fetch(vague(url), tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


# ------------------------------------------------------------------------------------------------ what is there


def test_offline_folders_come_first_and_sizes_count(tmp_path: Path) -> None:
    weights = model("http://127.0.0.1:9/x")
    folders = w.model_folders(tmp_path / "own", {"LOCKUP_MODELS": f"{tmp_path / 'usb'}"})
    assert folders == (tmp_path / "usb", tmp_path / "own")
    for folder in folders:
        path = folder / "tiny/unet/model.safetensors"
        path.parent.mkdir(parents=True)
        path.write_bytes(BODY)
    found = w.find(weights, folders)
    assert found == {"unet/model.safetensors": tmp_path / "usb/tiny/unet/model.safetensors"}
    (tmp_path / "usb/tiny/unet/model.safetensors").write_bytes(BODY[:-1])
    found = w.find(weights, folders)
    assert found == {"unet/model.safetensors": tmp_path / "own/tiny/unet/model.safetensors"}
    assert w.find(replace(weights, id="other"), folders) is None


@pytest.mark.parametrize("name", ["model.bin", "model.ckpt", "model.pt", "model.pth", "model.pkl", "model"])
def test_pickles_are_refused_by_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02.")
    with pytest.raises(EngineError, match="may run code"):
        w.check_file(tmp_path / name)


def test_the_shipped_manifest_reads() -> None:
    shipped = w.read_manifest()
    assert {"birefnet-general", "birefnet-general-lite", "isnet-general-use"} <= set(shipped)
    for weights in shipped.values():
        assert weights.repo or all(file.url.startswith("https://") for file in weights.files)
        assert weights.licence_url.startswith("https://")
    assert not shipped["bria-rmbg"].commercial


GOOD = f"""
[tiny]
licence = "MIT"
commercial = true
source = "https://example.org/tiny/"
[[tiny.files]]
path = "model.safetensors"
bytes = 10
sha256 = "{"a" * 64}"
"""


def test_size_and_sha256_may_be_unknown_where_an_md5_is_known(tmp_path: Path) -> None:
    text = GOOD.replace("bytes = 10", "").replace(f'sha256 = "{"a" * 64}"', f'md5 = "{"b" * 32}"')
    (tmp_path / "m.toml").write_text(text)
    read = w.read_manifest(tmp_path / "m.toml")["tiny"]
    assert (read.bytes, read.files[0].digest) == (0, f"md5:{'b' * 32}")


def test_a_manifest_entry_reads(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(GOOD)
    read = w.read_manifest(tmp_path / "m.toml")["tiny"]
    assert (read.licence, read.commercial, read.bytes) == ("MIT", True, 10)
    assert read.files[0].url == "https://example.org/tiny/model.safetensors"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "model.safetensors"', 'path = "../model.safetensors"', "relative path"),
        ('path = "model.safetensors"', 'path = "/model.safetensors"', "relative path"),
        ('path = "model.safetensors"', 'path = "C:/model.safetensors"', "relative path"),
        ('path = "model.safetensors"', 'path = "model.ckpt"', "may run code"),
        ("bytes = 10", "bytes = 0", "bytes"),
        ("bytes = 10", 'bytes = "10"', "bytes"),
        ("a" * 64, "A" * 64, "sha256"),
        ("https://example.org/tiny/", "file:///tmp/", "http"),
        ("commercial = true", "", "commercial"),
        ("commercial = true", "commercial = true\ntrusted = true", "unknown field trusted"),
        ("[tiny]", "[tiny", "cannot be read"),
        (f'sha256 = "{"a" * 64}"', "", "expected a sha256, or the md5"),
        ("sha256", "md5", "32 hex digits"),
    ],
)
def test_a_bad_manifest_says_where(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "m.toml").write_text(GOOD.replace(old, new))
    with pytest.raises(EngineError, match=said):
        w.read_manifest(tmp_path / "m.toml")


# ------------------------------------------------------------------------------------------------ headers


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    return path


def test_a_sound_header_reads(tmp_path: Path) -> None:
    header = {
        "b": {"dtype": "F16", "shape": [2, 2], "data_offsets": [4, 12]},
        "a": {"dtype": "I32", "shape": [], "data_offsets": [0, 4]},
        "empty": {"dtype": "F32", "shape": [0, 5], "data_offsets": [12, 12]},
        "__metadata__": {"format": "pt"},
    }
    tensors = read_header(written(tmp_path, safetensors(bytes(12), header)))
    assert set(tensors) == {"a", "b", "empty"}
    assert tensors["b"].shape == (2, 2)


def one(**changes: object) -> dict:
    return {"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]} | changes}


TWICE = b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"\x05", "header says"),
        (struct.pack("<Q", 1 << 63) + b"{}", "header says"),
        (struct.pack("<Q", 200_000_000) + b"{}", "header says"),
        (struct.pack("<Q", 3) + b"{}", "header says"),
        (struct.pack("<Q", 2) + b"[]", "does not start"),
        (struct.pack("<Q", 2) + b"{\xff", "not JSON"),
        (struct.pack("<Q", 100_000) + b'{"a":' + b"[" * 99_995, "not JSON"),
        (struct.pack("<Q", len(TWICE)) + TWICE + bytes(16), "twice"),
        (safetensors(bytes(16), one(dtype="PICKLE")), "unknown kind"),
        (safetensors(bytes(16), one(dtype=["F32"])), "unknown kind"),
        (safetensors(bytes(16), one(shape=[5])), "takes 16 bytes, its shape 20"),
        (safetensors(bytes(16), one(shape=[-4])), "whole numbers"),
        (safetensors(bytes(16), one(shape=[True])), "whole numbers"),
        (safetensors(bytes(16), one(shape=[1 << 40, 1 << 40])), "impossibly large"),
        (safetensors(bytes(16), one(data_offsets=[16, 0])), "takes -16"),
        (safetensors(bytes(16), one(data_offsets=[0])), "whole numbers"),
        (safetensors(bytes(16), one(extra=1)), "does not have"),
        (safetensors(bytes(17), one()), "the file holds 17"),
        (safetensors(bytes(12), one()), "the file holds 12"),
        (safetensors(bytes(24), one(data_offsets=[8, 24])), "gap"),
        (safetensors(bytes(16), one() | {"b": one()["a"]}), "overlap"),
        (safetensors(bytes(16), one() | {"__metadata__": {"a": 1}}), "metadata"),
    ],
)
def test_unsound_headers_are_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(EngineError, match=said):
        read_header(written(tmp_path, data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
ENTRY = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F16", "BOOL", "F4", "X", ""]) | JSON,
        "shape": st.lists(st.integers(-2, 1 << 62), max_size=4) | JSON,
        "data_offsets": st.lists(st.integers(-2, 1 << 62), max_size=3) | JSON,
    }
)


@given(header=st.dictionaries(st.text(max_size=6), ENTRY | JSON, max_size=4) | JSON, data=st.binary(max_size=64))
def test_any_header_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, header: object, data: bytes) -> None:
    raw = json.dumps(header).encode()
    path = tmp_path_factory.mktemp("header") / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(raw)) + raw + data)
    _read_or_refused(path, len(data))


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("bytes") / "m.safetensors"
    path.write_bytes(data)
    _read_or_refused(path, len(data))


def _read_or_refused(path: Path, data_bytes: int) -> None:
    try:
        tensors = read_header(path)
    except EngineError:
        return
    assert sum(tensor.end - tensor.begin for tensor in tensors.values()) <= data_bytes
