"""A full disk, a folder that may not be written, an index that is damaged or held: said plainly, and nothing half."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import QuickHands, ask, batch, contents, parts

from studio import settings
from studio.desk import files
from studio.desk import store as store_module
from studio.desk.queue import Queue
from studio.desk.store import Store
from studio.desk.worker import Worker
from studio.errors import DeskError


@pytest.mark.parametrize("step", ["write", "sync", "rename"])
@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "disk is full"), (errno.EROFS, "may not be written"), (errno.EIO, "could not be written")],
)
def test_a_refused_write_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, code: int, words: str
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(code, os.strerror(code))

    target = tmp_path / "ad.png"
    files.write_whole(target, b"old")
    if step == "write":
        monkeypatch.setattr(files, "_write_synced", refuse)
    elif step == "sync":
        monkeypatch.setattr(os, "fsync", refuse)
    else:
        monkeypatch.setattr(files, "replace", refuse)
    with pytest.raises(DeskError, match=words) as caught:
        files.write_whole(target, b"new")
    assert caught.value.hint and target.read_bytes() == b"old"
    assert list(parts(tmp_path)) == []


def test_a_swept_aside_file_is_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = files.replace, []

    def swept_first(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == 1:
            source.unlink()
        real(source, target)

    monkeypatch.setattr(files, "replace", swept_first)
    files.write_whole(tmp_path / "a", b"data")
    assert (tmp_path / "a").read_bytes() == b"data" and len(calls) == 2


def test_a_disk_that_fills_up_stops_the_worker_and_costs_nothing(
    store: Store, queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ask(queue, tmp_path / "out", *batch(6))
    real, left = files._write_synced, [4]

    def filling(path: Path, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            path.write_bytes(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(files, "_write_synced", filling)
    with pytest.raises(DeskError, match="disk is full"):
        Worker(queue, store, QuickHands()).run(until_idle=True)
    done = queue.counts(run)["compose"].done
    assert 0 < done < 6 and len(contents(tmp_path / "out")) == done and not list(parts(tmp_path / "out"))
    assert queue.counts(run)["compose"].queued == 6 - done
    monkeypatch.undo()
    Worker(queue, store, QuickHands()).run(until_idle=True)
    assert len(contents(tmp_path / "out")) == 6 and queue.counts(run)["compose"].done == 6


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounting a tiny disk needs root on Linux")
    folder = tmp_path / "tiny"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True, check=False
    ).returncode:
        pytest.skip("this machine does not let us mount a tiny disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


def test_a_really_full_disk(tiny_disk: Path) -> None:
    with Store(tiny_disk) as store:
        queue = Queue(store)
        run = ask(queue, tiny_disk / "out", *batch(6))
        with pytest.raises(DeskError, match="full"):
            for size in range(100):
                store.put_blob(bytes([size]) * 20_000)
        with pytest.raises(DeskError, match="full"):
            store.check()
        for path in (tiny_disk / "pictures").rglob("*.png"):
            path.unlink()
        Worker(queue, store, QuickHands()).run(until_idle=True)
        assert queue.counts(run)["compose"].done == 6


def test_a_workspace_that_may_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeskError, match="cannot be made"):
        Store(tmp_path / "file" / "home")
    if os.name == "nt" or os.geteuid() == 0:
        return
    (tmp_path / "locked").mkdir(mode=0o500)
    with pytest.raises(DeskError):
        Store(tmp_path / "locked")


@pytest.mark.parametrize(
    "junk",
    [b"this is no database, but it is long enough to look like a file" * 40, b"SQLite format 3\0" + b"\xff" * 5000],
)
def test_a_damaged_index_is_named_with_the_way_out(tmp_path: Path, junk: bytes) -> None:
    (tmp_path / "desk.sqlite").write_bytes(junk)
    with pytest.raises(DeskError, match="damaged") as caught:
        Store(tmp_path)
    assert "Move that file" in caught.value.hint
    assert (tmp_path / "desk.sqlite").read_bytes() == junk


def test_an_index_damaged_in_the_middle(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        ask(Queue(store), tmp_path / "out", *batch(300))
    data = bytearray((tmp_path / "desk.sqlite").read_bytes())
    for at in range(4096, len(data), 4096):
        data[at : at + 4096] = b"\x7f" * len(data[at : at + 4096])
    (tmp_path / "desk.sqlite").write_bytes(bytes(data))
    with pytest.raises(DeskError, match="damaged"), Store(tmp_path) as store:
        Queue(store).runs()


def test_a_held_index_is_waited_for_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(tmp_path).close()
    monkeypatch.setattr(store_module, "BUSY_MS", 50)
    other = sqlite3.connect(tmp_path / "desk.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Store(tmp_path) as store, pytest.raises(DeskError, match="held by another program"):
        store.check()
    other.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("database or disk is full", "full"),
        ("attempt to write a readonly database", "may not be written"),
        ("odd", "refused: odd"),
    ],
)
def test_what_the_index_says_is_put_into_words(store: Store, text: str, words: str) -> None:
    with pytest.raises(DeskError, match=words), store.transaction():
        raise sqlite3.OperationalError(text)
    store.check()


def test_where_the_workspace_is(tmp_path: Path) -> None:
    assert settings.home({"STUDIO_HOME": str(tmp_path)}) == tmp_path.resolve()
    assert settings.home({"STUDIO_HOME": " "}).name == settings.home({}).name == "lockup"
    assert settings.engine_environment(tmp_path, tmp_path, {}) == {}
    found = settings.engine_environment(tmp_path, tmp_path / "missing", {})
    assert found == {"NUMBA_CACHE_DIR": str(tmp_path / "cache" / "numba")}
    assert settings.engine_environment(tmp_path, tmp_path / "missing", {"NUMBA_CACHE_DIR": "x"}) == {}
