from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from fakes import shot

from studio.desk import schema
from studio.desk.store import Store
from studio.errors import BadInput, DeskError
from studio.model import Picture


def picture_of(store: Store, seed: int) -> Picture:
    return Picture(
        shot_id=shot(seed).content_id, digest=store.put_blob(b"pixels"), width_px=1, height_px=1, engine="stage",
        runtime="test", seconds=1.0, maps={"depth": store.put_blob(b"depth")},
    )  # fmt: skip


def test_a_blob_is_kept_once_under_its_digest_and_mended_when_damaged(store: Store) -> None:
    digest = store.put_blob(b"hello")
    path = store.blob_path(digest)
    assert path.parent.name == digest[:2] and store.get_blob(digest) == b"hello"
    path.write_bytes(b"hel")
    with pytest.raises(DeskError, match="damaged"):
        store.get_blob(digest)
    assert store.put_blob(b"hello") == digest
    assert store.get_blob(digest) == b"hello"
    path.unlink()
    with pytest.raises(DeskError, match="gone"):
        store.get_blob(digest)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "ABCDEF", "a" * 65, "a" * 64 + "\n"])
def test_what_is_not_a_digest_never_becomes_a_path(store: Store, digest: str) -> None:
    for ask in (store.blob_path, store.kit_path):
        with pytest.raises(BadInput):
            ask(digest)


def test_a_picture_is_found_until_a_blob_of_it_is_gone(store: Store) -> None:
    picture = picture_of(store, 1)
    store.save_picture(picture, shot(1))
    assert store.picture(picture.shot_id) == picture
    assert store.shot(picture.shot_id) == shot(1)
    store.blob_path(picture.maps["depth"]).unlink()
    assert store.picture(picture.shot_id) is None
    assert store.picture("0" * 16) is None


def test_a_transaction_is_kept_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(RuntimeError), store.transaction():
        store.save_picture(picture_of(store, 1))
        raise RuntimeError
    assert store.rows("SELECT * FROM pictures") == []


def test_leftovers_older_than_an_hour_are_removed_at_the_start(tmp_path: Path) -> None:
    import os

    folder = tmp_path / "pictures" / "ab"
    folder.mkdir(parents=True)
    old, new = folder / ".lockup-1-a.part", folder / ".lockup-1-b.part"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    Store(tmp_path).close()
    assert not old.exists() and new.exists()


@pytest.mark.parametrize("version", range(len(schema.MIGRATIONS) + 1))
def test_every_older_index_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    db = sqlite3.connect(tmp_path / "desk.sqlite", isolation_level=None)
    for number, step in enumerate(schema.MIGRATIONS[:version], 1):
        step(db)
        db.execute(f"PRAGMA user_version = {number}")
    if version:
        db.execute("INSERT INTO pictures VALUES ('abc', '{}', NULL, 1.0)")
    db.close()
    with Store(tmp_path) as store:
        assert store.rows("PRAGMA user_version")[0][0] == len(schema.MIGRATIONS)
        assert len(store.rows("SELECT * FROM pictures")) == (1 if version else 0)
        assert store.rows("SELECT * FROM jobs") == []
    Store(tmp_path).close()


def test_a_failed_step_leaves_the_version_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (id INTEGER)")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(schema, "MIGRATIONS", (schema.MIGRATIONS[0], broken))
    with pytest.raises(DeskError, match="full"):
        Store(tmp_path)
    monkeypatch.undo()
    with Store(tmp_path) as store:
        assert store.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_an_index_from_a_newer_lockup_is_refused(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "desk.sqlite")
    db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(DeskError, match="newer"):
        Store(tmp_path)
