"""Fetching from the Hugging Face hub: a stand-in on this machine that breaks, lies and forgets."""

from __future__ import annotations

import hashlib
import json
import shutil
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from engines import catalog
from engines import weights as w
from engines.base import EngineError, Progress, Stopped
from engines.diffusion import offers
from engines.manifest import WeightFile, Weights, read_manifest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "owner/tiny"


def tensors(data: bytes) -> bytes:
    raw = json.dumps({"layer": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    return struct.pack("<Q", len(raw)) + raw + data


BIG = tensors(bytes(range(256)) * 4096)


@dataclass
class Hub:
    """What it holds, what it says of it, and what it does wrong next."""

    address: str = ""
    holds: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    status: int = 0
    asked: list[str] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)

    def siblings(self) -> list[dict[str, object]]:
        rows = []
        for name, data in self.holds.items():
            git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            row: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git}
            if name.endswith((".safetensors", ".bin")):
                sha256 = self.told.get(name) or hashlib.sha256(data).hexdigest()
                row["lfs"] = {"size": len(data), "sha256": sha256, "pointerSize": 134}
            rows.append(row)
        return rows


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    state = Hub(holds={
        "unet/config.json": b'{"a": 1}', "unet/model.safetensors": BIG, "unet/model.bin": b"\x80\x02.",
        "README.md": b"#", "other/config.json": b"{}", "chat_template.jinja": b"{{ m }}",
    })  # fmt: skip

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(self.path)
            if state.status:
                self.send_error(state.status)
                return
            if self.path.startswith("/api/models/"):
                self.answer(json.dumps({"id": REPO, "sha": COMMIT, "siblings": state.siblings()}).encode())
                return
            if "/resolve/" in self.path:
                assert f"/resolve/{COMMIT}/" in self.path
                self.send_response(302)
                self.send_header("Location", f"{state.address}/bytes/{self.path.partition(COMMIT + '/')[2]}")
                self.end_headers()
                return
            self.part(state.holds[self.path.removeprefix("/bytes/")])

        def part(self, data: bytes) -> None:
            wanted = self.headers.get("Range", "")
            state.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            cut, state.cut = state.cut, None
            self.wfile.write(data[start:] if cut is None else data[start:][:cut])

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    state.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", state.address)
    yield state
    server.shutdown()
    server.server_close()


def model(*files: str | WeightFile) -> Weights:
    listed = tuple(one if isinstance(one, WeightFile) else WeightFile(one, "", 0, "") for one in files)
    return Weights(
        "tiny", "Tiny", "openrail++", "https://example.org/licence", True, listed, repo=REPO, note="Read it."
    )


def fetch(weights: Weights, folder: Path, progress: Progress | None = None) -> dict[str, Path]:
    return w.fetch(weights, folder, accept_licence="openrail++", progress=progress)


def test_a_pattern_brings_what_may_be_opened_and_notes_digest_and_commit(hub: Hub, tmp_path: Path) -> None:
    shares: list[float] = []
    came = fetch(model("unet/*"), tmp_path, Progress(lambda share, text: shares.append(share)))
    assert set(came) == {"unet/config.json", "unet/model.safetensors"}
    assert came["unet/model.safetensors"].read_bytes() == BIG
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    note = came["unet/model.safetensors"].with_name("model.safetensors.sha256").read_text()
    assert note.startswith(f"{hashlib.sha256(BIG).hexdigest()}  model.safetensors\n")
    assert f"{REPO}@{COMMIT}" in note
    assert w.noted(came["unet/model.safetensors"]) == hashlib.sha256(BIG).hexdigest()
    assert w.noted(came["unet/config.json"]) == hashlib.sha256(b'{"a": 1}').hexdigest()
    assert w.find(model("unet/*"), [tmp_path]) == came


def test_what_is_here_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    fetch(model("unet/*"), tmp_path)
    sent = len(hub.ranges)
    fetch(model("unet/*"), tmp_path)
    assert len(hub.ranges) == sent


def test_a_changed_file_loses_its_note(hub: Hub, tmp_path: Path) -> None:
    path = fetch(model("unet/config.json"), tmp_path)["unet/config.json"]
    path.write_bytes(b'{"a": 2}')
    assert w.noted(path) == ""
    assert w.noted(tmp_path / "gone") == ""


def test_what_the_hub_replaced_is_fetched_anew(hub: Hub, tmp_path: Path) -> None:
    fetch(model("unet/*"), tmp_path)
    hub.holds["unet/model.safetensors"] = newer = tensors(bytes(reversed(range(256))) * 4096)
    assert fetch(model("unet/*"), tmp_path)["unet/model.safetensors"].read_bytes() == newer


def test_a_file_may_have_another_name_there(hub: Hub, tmp_path: Path) -> None:
    renamed = WeightFile("config.json", "", 0, "", source="unet/config.json")
    assert fetch(model(renamed), tmp_path)["config.json"].read_bytes() == b'{"a": 1}'


def test_nothing_is_asked_before_the_licence_is_accepted(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="has not been accepted") as refused:
        w.fetch(model("unet/*"), tmp_path, accept_licence="")
    assert "Read it." in refused.value.hint and not hub.asked


def test_a_broken_line_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.cut = 300_000
    with pytest.raises(EngineError, match="could not be fetched"):
        fetch(model("unet/model.safetensors"), tmp_path)
    assert fetch(model("unet/model.safetensors"), tmp_path)["unet/model.safetensors"].read_bytes() == BIG
    assert hub.ranges[-1] == "bytes=300000-"


def test_stopping_keeps_what_came(hub: Hub, tmp_path: Path) -> None:
    said: list[str] = []
    progress = Progress(lambda share, text: said.append(text), lambda: len(said) > 2)
    with pytest.raises(Stopped):
        fetch(model("unet/model.safetensors"), tmp_path, progress)
    kept = (tmp_path / "tiny/unet/model.safetensors.part").stat().st_size
    assert 0 < kept < len(BIG)
    fetch(model("unet/model.safetensors"), tmp_path)
    assert hub.ranges[-1] == f"bytes={kept}-"


@pytest.mark.parametrize("name", ["unet/model.safetensors", "unet/config.json"])
def test_another_file_than_the_hub_promised_is_not_kept(hub: Hub, tmp_path: Path, name: str) -> None:
    real = hub.siblings()
    for row in real:
        if row["rfilename"] == name:
            row["blobId"] = "0" * 40
            if "lfs" in row:
                row["lfs"] = {"size": len(BIG), "sha256": "0" * 64, "pointerSize": 134}
    hub.siblings = lambda: real  # type: ignore[method-assign]
    with pytest.raises(EngineError, match="arrived damaged"):
        fetch(model(name), tmp_path)
    assert not [path for path in (tmp_path / "tiny").rglob("*") if path.is_file()]


def test_a_pickle_under_a_safetensors_name_is_not_kept(hub: Hub, tmp_path: Path) -> None:
    hub.holds["unet/model.safetensors"] = b"\x80\x04cposix\nsystem\n" * 9
    with pytest.raises(EngineError, match="not a sound safetensors file"):
        fetch(model("unet/model.safetensors"), tmp_path)
    assert not (tmp_path / "tiny/unet/model.safetensors").exists()


def test_the_disk_is_looked_at_first(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(EngineError, match="the disk has") as refused:
        fetch(model("unet/*"), tmp_path)
    assert "LOCKUP_MODELS" in refused.value.hint and not hub.ranges


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_hub_that_refuses_is_said_plainly(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.status = status
    with pytest.raises(EngineError, match="could not be asked for") as refused:
        fetch(model("unet/*"), tmp_path)
    assert "models folder" in refused.value.hint


def test_a_hub_that_is_not_there_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EngineError, match="could not be asked for"):
        fetch(model("unet/*"), tmp_path)


def test_a_machine_that_is_offline_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")  # a name that nobody may ever own
    with pytest.raises(EngineError, match=r"could not be asked for: .* seems to be offline$"):
        fetch(model("unet/*"), tmp_path)


def test_a_file_that_is_gone_is_named(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no longer holds unet/gone\.json"):
        fetch(model("unet/gone.json"), tmp_path)


def test_names_that_leave_the_folder_are_passed_over(hub: Hub, tmp_path: Path) -> None:
    hub.holds |= {"../out.json": b"{}", "unet/../../out.json": b"{}"}
    fetch(model("unet/*"), tmp_path / "models")
    assert not (tmp_path / "out.json").exists()


def test_what_the_manifest_states_holds_against_the_hub(hub: Hub, tmp_path: Path) -> None:
    stated = WeightFile("unet/model.safetensors", "", 0, "a" * 64)
    with pytest.raises(EngineError, match="arrived damaged"):
        fetch(model(stated), tmp_path)


# ------------------------------------------------------------------------------------------------ painters


def test_a_painter_wants_all_its_licences_by_name(hub: Hub, tmp_path: Path) -> None:
    fetch_door = catalog.doors((), tmp_path)["fetch"]
    for said in ("", "MIT", "openrail++, MIT", "openrail"):
        with pytest.raises(EngineError, match="have not been accepted") as refused:
            fetch_door("sdxl-lightning", said, Progress())
        assert '--accept "openrail++, MIT, Apache-2.0"' in refused.value.hint
    assert not hub.asked and not list(tmp_path.iterdir())


def test_a_painter_is_fetched_whole_and_then_ready(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = {"tiny": model("unet/*"), "small": replace(model("other/*"), id="small", licence="MIT", about_bytes=9)}
    profile = offers.read_profiles()["sdxl-lightning"]
    made = replace(profile, id="made", parts={"base": "tiny"}, extras={"controls": "small"})
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(offers, "read_manifest", lambda: manifest)
    monkeypatch.setattr(offers.parts, "read_manifest", lambda: manifest)
    monkeypatch.setattr(offers, "read_profiles", lambda: {"made": made})
    assert [weights.id for weights in offers.fetchable("made", [tmp_path])] == ["tiny", "small"]
    shares: list[float] = []
    offers.fetch("made", tmp_path, [tmp_path], "MIT, openrail++", Progress(lambda share, text: shares.append(share)))
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)
    assert offers.fetchable("made", [tmp_path]) == ()
    found = offers.parts.found(made, [tmp_path])
    assert found.parts.paths == {"base": tmp_path / "tiny/unet", "controls": tmp_path / "small/other"}
    assert not found.missing and not found.lacking and len(found.parts.digest) == 16


def test_terms_that_forbid_paid_ads_are_not_enough(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = replace(model("unet/*"), licence="CC-BY-NC-4.0", commercial=False)
    monkeypatch.setattr(offers, "read_manifest", lambda: {"tiny": closed})
    with pytest.raises(EngineError, match="does not allow paid ads"):
        offers.fetch("tiny", tmp_path, [tmp_path], "CC-BY-NC-4.0")
    assert not hub.asked


def test_every_profile_names_models_that_may_go_into_paid_ads() -> None:
    manifest = read_manifest()
    for profile in offers.read_profiles().values():
        for name in (*profile.parts.values(), *profile.extras.values()):
            assert manifest[name].commercial and manifest[name].licence_url.startswith("https://")
