"""Built engines, kept: other keys for whatever changes an engine, whole files or none, the longest unused makes room."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.accelerate.cache import ENGINE, EngineCache
from engines.accelerate.key import Key
from engines.accelerate.seals import SIDECAR
from engines.accelerate.shapes import SHAPES, Shape, read_shape
from engines.base import EngineError, Progress, Stopped

KEY = Key("unet", 1, "a" * 64, "fp16", (Shape(1024, 1024),), "rtx", "1.7.1.116", "8.9")
DATA = b"an engine" * 100
hexes = st.text("0123456789abcdef", min_size=64, max_size=64)
shapes = st.builds(
    Shape,
    st.integers(1, 32).map(lambda n: n * 64),
    st.integers(1, 32).map(lambda n: n * 64),
    st.integers(1, 8),
    st.integers(1, 4),
)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "graph": st.sampled_from(["unet", "controlnet", "vae_decoder", "text_encoder"]),
    "graph_version": st.integers(1, 99),
    "weights": hexes,
    "precision": st.sampled_from(["fp16", "fp32", "fp8"]),
    "shapes": st.lists(shapes, max_size=3).map(tuple),
    "flavour": st.sampled_from(["rtx", "trt", "onnx"]),
    "version": st.text("0123456789.", min_size=1, max_size=12),
    "target": st.sampled_from(["8.6", "8.9", "12.0", "any"]),
    "loras": st.lists(st.tuples(hexes, st.floats(-2, 2)), max_size=3).map(tuple),
}
keys = st.builds(Key, **FIELDS)


# ------------------------------------------------------------------------------------------------ keys


def test_every_field_is_tried() -> None:
    assert {field.name for field in fields(Key)} == set(FIELDS)


@given(keys, st.sampled_from(sorted(FIELDS)), st.data())
def test_any_changed_field_is_another_engine(key: Key, name: str, data: st.DataObject) -> None:
    changed = replace(key, **{name: data.draw(FIELDS[name])})
    assert (changed.digest == key.digest) == (changed == key)


@given(keys)
def test_keys_are_64_hex_digits_and_survive_their_sidecar(key: Key) -> None:
    assert len(key.digest) == 64 and int(key.digest, 16) >= 0
    told = json.loads(json.dumps(key.told()))
    again = Key.of(told)
    assert again == key and again.digest == key.digest


@given(keys, keys, shapes)
def test_an_engine_serves_what_is_among_its_shapes(key: Key, other: Key, shape: Shape) -> None:
    one = replace(key, shapes=(shape,))
    assert replace(key, shapes=(*key.shapes, shape)).serves(one) and replace(key, shapes=()).serves(one)
    assert key.serves(one) == (not key.shapes or shape in key.shapes)
    assert other.serves(key) == (key == other) or replace(other, shapes=()) == replace(key, shapes=())


@given(keys, st.randoms())
def test_loras_are_a_set(key: Key, random: Any) -> None:
    mixed = list(key.loras)
    random.shuffle(mixed)
    assert replace(key, loras=tuple(mixed)).digest == key.digest


def test_a_loras_weight_and_a_second_zero() -> None:
    one = replace(KEY, loras=(("b" * 64, 0.8),))
    assert len({KEY.digest, one.digest, replace(KEY, loras=(("b" * 64, 0.7),)).digest}) == 3
    assert replace(KEY, loras=(("b" * 64, -0.0),)) == replace(KEY, loras=(("b" * 64, 0),))
    assert replace(KEY, loras=(("b" * 64, -0.0),)).digest == replace(KEY, loras=(("b" * 64, 0),)).digest


def test_the_same_key_has_the_same_digest_everywhere() -> None:
    """A digest that changes makes every engine on every machine be built again: raise `key.FORMAT` when it must."""
    assert KEY.digest.startswith("7a2272b8696da067"), KEY.digest


# ------------------------------------------------------------------------------------------------ shapes


def test_shapes_read_as_they_are_written() -> None:
    for shape in (*SHAPES, Shape(512, 768, 4)):
        assert read_shape(str(shape)) == shape


@pytest.mark.parametrize(
    "text", ["", "1024", "1000x1000", "0x64", "64x0", "4096x64", "1024x1024x9", "1024x1024x0", "-64x64", "1e3x64"]
)
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(EngineError):
        read_shape(text)


# ------------------------------------------------------------------------------------------------ whole or not at all


def test_what_was_put_is_got_with_its_sidecar(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "engines")
    assert cache.get(KEY) is None and not (tmp_path / "engines").exists()
    path = cache.put(KEY, memoryview(DATA), {"seconds": {"build": 61.5}, "libraries": {"tensorrt_rtx": "1.7.1.116"}})
    assert cache.get(KEY) == path and path.read_bytes() == DATA
    (entry,) = cache.entries()
    assert entry.key == KEY.told() and entry.facts["seconds"] == {"build": 61.5}
    said = json.loads((path.parent / SIDECAR).read_text("utf-8"))
    assert set(said) == {"format", "digest", "key", "main", "files", "made", "facts"} and said["digest"] == KEY.digest
    assert not [left for left in cache.folder.iterdir() if left.name.startswith(".")]


def test_a_graph_with_its_weights_is_kept_as_one(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    key = replace(KEY, flavour="onnx", target="any")
    with cache.building(key):
        made = cache.aside(key)
        (made / "model.onnx").write_bytes(b"graph")
        (made / "weights").mkdir()
        (made / "weights" / "data.bin").write_bytes(DATA)
        path = cache.put(key, made, main="model.onnx")
    assert cache.get(key) == path and path.name == "model.onnx" and not made.exists()
    (path.parent / "weights" / "data.bin").unlink()
    assert cache.get(key) is None and "data.bin" in cache.failures(key)[0]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_whatever_tears_an_engine_it_is_gone_and_can_be_made_anew(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    cache = EngineCache(tmp_path_factory.mktemp("torn"))
    path = cache.put(KEY, DATA)
    torn = data.draw(st.sampled_from([path, path.parent / SIDECAR]))
    whole = torn.read_bytes()
    way = data.draw(st.sampled_from(["cut", "longer", "other", "gone", "foreign"]))
    at = data.draw(st.integers(0, len(whole) - 1))
    if way == "cut":
        torn.write_bytes(whole[:at])
    elif way == "longer":
        torn.write_bytes(whole + b"}")
    elif way == "other":
        torn.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    elif way == "foreign":
        torn.write_bytes(data.draw(st.binary(max_size=2000).filter(lambda other: other != whole)))
    else:
        torn.unlink()
    got = cache.get(KEY)
    if got is None:
        assert not path.parent.exists() and cache.failures(KEY) and cache.may_rebuild(KEY)
    else:  # the sidecar's facts may change; the engine may not
        assert torn.name == SIDECAR and way == "other" and got.read_bytes() == DATA
    assert cache.put(KEY, DATA).read_bytes() == DATA and cache.get(KEY) is not None


def test_a_large_file_cut_short_or_torn_at_its_end_shows(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    path = cache.put(KEY, bytes(20_000_000))
    assert cache.get(KEY)
    with path.open("rb+") as file:
        file.seek(-10, os.SEEK_END)
        file.write(b"x")
    assert cache.get(KEY) is None
    path = cache.put(KEY, bytes(20_000_000))
    os.truncate(path, 19_999_999)
    assert cache.get(KEY) is None and len(cache.failures(KEY)) == 2


def test_an_engine_under_anothers_name_is_not_taken(tmp_path: Path) -> None:
    cache, other = EngineCache(tmp_path), replace(KEY, target="12.0")
    cache.put(other, DATA).parent.rename(tmp_path / KEY.digest)
    assert cache.get(KEY) is None and not (tmp_path / KEY.digest).exists()


def test_a_sidecar_names_no_files_elsewhere(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "engines")
    path = cache.put(KEY, DATA)
    outside = tmp_path / "outside.bin"
    outside.write_bytes(DATA)
    said = json.loads((path.parent / SIDECAR).read_text("utf-8"))
    said["main"], said["files"] = "../../outside.bin", {"../../outside.bin": said["files"][ENGINE]}
    (path.parent / SIDECAR).write_text(json.dumps(said), "utf-8")
    assert cache.get(KEY) is None and outside.read_bytes() == DATA


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = EngineCache(tmp_path)
    cache.put(replace(KEY, version="2"), DATA)

    def full(file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EngineError, match="No space left"):
        cache.put(KEY, DATA)
    assert cache.get(KEY) is None and len(cache.entries()) == 1 and not list(tmp_path.glob(".*.part"))


# ------------------------------------------------------------------------------------------------ failures


def test_an_engine_that_will_not_load_is_built_again_once(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    assert cache.may_rebuild(KEY)
    cache.put(KEY, DATA)
    cache.condemn(KEY, "the runtime refused it")
    assert cache.get(KEY) is None and cache.may_rebuild(KEY)
    assert "the runtime refused it" in cache.why_none(KEY)
    cache.put(KEY, DATA)
    cache.condemn(KEY, "again")
    assert cache.failures(KEY) == ("the runtime refused it", "again") and not cache.may_rebuild(KEY)
    cache.put(KEY, DATA)
    cache.prove(KEY)
    assert cache.may_rebuild(KEY) and cache.failures(KEY) == () and cache.get(KEY)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"shapes": (Shape(768, 1408),)}, "for 768×1408 px"),
        ({"target": "12.0"}, "compute capability 12.0"),
        ({"version": "1.6.0"}, "version 1.6.0"),
        ({"loras": (("b" * 64, 1.0),)}, "with other LoRAs"),
        ({"weights": "c" * 64}, "other weights"),
        ({"shapes": (Shape(1024, 1024, windows=2),)}, "for 1024×1024 px, longer words"),
        ({"precision": "fp32"}, "in fp32"),
        ({"graph_version": 2}, "another version of the studio"),
    ],
)
def test_why_there_is_none_names_what_the_nearest_is_for(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    cache = EngineCache(tmp_path)
    assert cache.why_none(KEY) == "no engine is built"
    cache.put(replace(KEY, graph="controlnet"), DATA)
    assert cache.why_none(KEY) == "no engine is built"
    cache.put(replace(KEY, **{"weights": "d" * 64, "version": "0", "target": "7.5", "graph_version": 9} | other), DATA)
    cache.put(replace(KEY, **other), DATA)
    assert cache.why_none(KEY).endswith(said) and " and " not in cache.why_none(KEY)


# ------------------------------------------------------------------------------------------------ room


def test_the_longest_unused_makes_room(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=10_000_000)
    many = [replace(KEY, version=str(number)) for number in range(4)]
    for number, key in enumerate(many[:3]):
        os.utime(cache.put(key, bytes(3_000_000)).parent / SIDECAR, (number + 1, number + 1))
    assert cache.get(many[0])  # used now, so the second is the longest unused
    cache.put(many[3], bytes(3_000_000))
    assert [cache.get(key) is not None for key in many] == [True, False, True, True]
    assert cache.failures(many[1]) == ()


def test_room_is_made_beforehand_and_the_newest_stays(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path, limit_bytes=2_000_000)
    cache.put(KEY, bytes(3_000_000))
    assert cache.get(KEY)  # alone above the limit: of no use to delete what was just built
    kernels = tmp_path / KEY.digest / "what a runtime compiled.bin"
    kernels.write_bytes(b"kernels")  # it is no part of the engine, and goes with it
    assert cache.get(KEY) and cache.trim(1) == [KEY.digest] and not cache.entries() and not kernels.exists()


def test_what_a_killed_build_left_is_swept_and_a_running_ones_is_not(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    dead, alive = cache.aside(KEY), replace(KEY, version="2")
    with cache.building(alive):
        running = cache.aside(alive)
        for folder in (dead, running):
            os.utime(folder, (1, 1))
        EngineCache(tmp_path).trim()
        assert not dead.exists() and running.exists()
    assert not running.exists()


# ------------------------------------------------------------------------------------------------ two processes


def _keep(folder: str, number: int) -> None:
    cache = EngineCache(Path(folder))
    for _ in range(12):
        cache.put(KEY, DATA)
        got = cache.get(KEY)
        assert got is None or got.read_bytes() == DATA
        if number:
            cache.condemn(KEY, "to have it written again")


def test_two_processes_never_see_half_an_engine(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    both = [spawn.Process(target=_keep, args=(str(tmp_path), number)) for number in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert [one.exitcode for one in both] == [0, 0]
    assert not list(tmp_path.glob(".*.part")) and not list(tmp_path.glob(".*.gone"))


def test_one_builds_the_other_waits_and_can_be_stopped(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path)
    said: list[str] = []
    with cache.building(KEY):
        waiting = Progress(lambda fraction, text: said.append(text), lambda: len(said) > 1)
        with pytest.raises(Stopped), EngineCache(tmp_path).building(KEY, waiting):
            raise AssertionError("two at once")
        with EngineCache(tmp_path).building(replace(KEY, version="2")):
            pass
    assert "another window" in said[0].lower()
    with EngineCache(tmp_path).building(KEY):
        pass


def test_a_lock_is_gone_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from engines.accelerate.cache import EngineCache\n"
        "from tests.engines.accelerate.test_cache import KEY\n"
        "with EngineCache(Path(sys.argv[1])).building(KEY): os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == 9
    with EngineCache(tmp_path).building(KEY, Progress(should_stop=lambda: True)):
        pass


def test_a_look_at_the_cache_loads_no_torch() -> None:
    code = "import sys, engines.accelerate.cache\nassert not {'torch', 'diffusers', 'onnxruntime'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
