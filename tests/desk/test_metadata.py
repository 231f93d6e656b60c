from __future__ import annotations

import contextlib
import io
import json
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import ad, shot
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from studio.desk import containers, provenance
from studio.desk.metadata import FileKind, Metadata, encode, read_metadata
from studio.errors import BadInput, LockupError
from studio.model import Picture, Words
from tests.samples import SAMPLES

KINDS: tuple[FileKind, ...] = ("jpg", "png", "webp")
SAMPLES = SAMPLES / "metadata"


def picture_like(width: int, height: int, seed: int = 1, noise: int = 12) -> NDArray[np.uint8]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 / width, y * 255 / height, (x + y) % 256], axis=-1)
    return np.clip(base + rng.normal(0, noise, base.shape), 0, 255).astype(np.uint8)


def about(headline: str = "Hello", **changes: Any) -> Metadata:
    one = shot(**changes)
    picture = Picture(
        shot_id=one.content_id, digest="d" * 64, width_px=24, height_px=16, engine=one.engine, runtime="numba",
        seconds=random.random(), facts={"denoise_seconds": random.random(), "samples": 12},
    )  # fmt: skip
    return provenance.describe(ad(one, headline), one, picture)


def saved(tmp_path: Path, data: bytes, kind: str) -> Path:
    path = tmp_path / f"ad.{kind}"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("headline", ["Hello", "Grüße, „Welt“", "你好 \U0001f600 & <b>"])
def test_everything_written_is_read_back(tmp_path: Path, kind: FileKind, headline: str) -> None:
    told = about(headline)
    found = read_metadata(saved(tmp_path, encode(picture_like(60, 40), kind, told), kind))
    assert told.ad and told.shot
    assert found["kind"] == kind and found["tool"] == provenance.TOOL
    assert found["digital_source_type"].endswith("/digitalCreation")
    assert found["parameters"] == told.parameters
    assert found["ad"] == told.ad.model_dump(mode="json") and found["ad_id"] == told.ad.content_id
    assert found["shot"] == told.shot.model_dump(mode="json") and "left_out" not in found
    assert found["picture"]["runtime"] == "numba" and "seconds" not in json.dumps(found["picture"])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_ad_gives_the_same_bytes_whatever_the_clock(kind: FileKind) -> None:
    pixels = picture_like(60, 40)
    assert encode(pixels, kind, about(), dpi=300) == encode(pixels, kind, about(), dpi=300)


@pytest.mark.parametrize("kind", KINDS)
def test_other_programs_see_srgb_and_the_parameters(kind: FileKind) -> None:
    told = about(prompt="a mug on a shelf", avoid="people")
    with Image.open(io.BytesIO(encode(picture_like(60, 40), kind, told, dpi=300))) as image:
        image.load()
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        assert "sRGB" in ImageCms.getProfileDescription(profile)
        if kind == "png":
            assert image.info["parameters"] == told.parameters
            assert json.loads(image.info["lockup"])["ad_id"] == told.ad.content_id  # type: ignore[union-attr]
        else:
            comment = image.getexif().get_ifd(0x8769)[0x9286]
            assert comment[:8] == b"UNICODE\0" and comment[8:].decode("utf-16-be") == told.parameters
            assert image.getexif()[0x0131] == provenance.TOOL
        xmp = image.info.get("xmp") or image.info["XML:com.adobe.xmp"].encode()
        assert b"http://cv.iptc.org/newscodes/digitalsourcetype/" in xmp
        if kind != "webp":
            assert round(image.info["dpi"][0]) == 300


def test_parameters_read_as_in_a1111() -> None:
    text = about(prompt="a mug,\non a shelf", avoid="people", engine="sdxl").parameters
    prompt, negative, last = text.split("\n")
    assert prompt == "a mug, on a shelf" and negative == "Negative prompt: people"
    pairs = dict(pair.split(": ", 1) for pair in last.split(", "))
    assert pairs["Steps"] == "4" and pairs["Seed"] == "1" and pairs["Size"] == "24x16" and pairs["Model"] == "sdxl"


def test_digital_source_types() -> None:
    kind = provenance.source_type
    photo = {
        "placement": {"product_digest": "e" * 64, "box": {"left": 0, "top": 0, "right": 1, "bottom": 1}, "pitch_deg": 0}
    }
    assert kind(None, shot()) == "algorithmicMedia"
    assert kind(ad(shot()), shot()) == "digitalCreation" == kind(ad(None), None)
    assert kind(ad(shot()), shot(**photo)) == "composite"
    assert kind(ad(shot()), shot(engine="nano")) == "compositeWithTrainedAlgorithmicMedia"
    assert kind(None, shot(engine="nano")) == "trainedAlgorithmicMedia"
    assert kind(None, shot(engine="nano", **photo)) == "compositeWithTrainedAlgorithmicMedia"
    assert provenance.describe(ad(None), None).parameters.startswith("Hello\n")


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(40, 500), height=st.integers(40, 400), noise=st.integers(0, 60),
    limit=st.integers(3_000, 200_000), kind=st.sampled_from(KINDS),
)  # fmt: skip
def test_no_file_is_ever_above_its_limit(width: int, height: int, noise: int, limit: int, kind: FileKind) -> None:
    try:
        data = encode(picture_like(width, height, noise=noise), kind, about("x" * 200), max_bytes=limit)
    except LockupError as error:
        assert f"{limit:,}" in str(error) and error.hint
        return
    assert len(data) <= limit
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (width, height) and image.mode == "RGB"


def test_a_tight_limit_costs_quality_before_colour_resolution() -> None:
    pixels = picture_like(600, 500, noise=30)
    free = len(encode(pixels, "jpg", about()))
    for share, layers in ((0.8, 1), (0.25, 2)):
        data = encode(pixels, "jpg", about(), max_bytes=int(free * share))
        with Image.open(io.BytesIO(data)) as image:
            assert image.layer[0][1] == layers  # type: ignore[attr-defined]
        assert len(data) > free * share * 0.85


def test_what_cannot_fit_says_how_to_mend_it() -> None:
    with pytest.raises(LockupError, match="do not fit") as caught:
        encode(picture_like(300, 250, noise=80), "png", about(), max_bytes=50_000)
    assert "jpg" in caught.value.hint
    with pytest.raises(BadInput):
        encode(picture_like(10, 10), "gif", about())  # type: ignore[arg-type]


def test_a_large_set_gives_way_to_its_digest_in_a_small_file(tmp_path: Path) -> None:
    rng = random.Random(1)
    told = about(set_spec={"points": [rng.random() for _ in range(900)]})
    whole = read_metadata(saved(tmp_path, encode(picture_like(300, 250), "jpg", told), "jpg"))
    assert len(whole["shot"]["set_spec"]["points"]) == 900
    data = encode(picture_like(300, 250), "jpg", told, max_bytes=50_000)
    small = read_metadata(saved(tmp_path, data, "jpg"))
    assert len(data) <= 50_000 and small["left_out"] == ["shot.set_spec"]
    assert len(small["shot"]["set_spec"]["digest"]) == 64 and small["ad"]["words"]["headline"] == "Hello"
    tiny = read_metadata(saved(tmp_path, encode(picture_like(60, 50), "jpg", told, max_bytes=6_000), "jpg"))
    assert told.ad and tiny["ad_id"] == told.ad.content_id and tiny["left_out"]


def test_words_longer_than_a_segment_are_cut_not_refused(tmp_path: Path) -> None:
    one = shot(prompt="ä" * 70_000)
    told = provenance.describe(None, one)
    found = read_metadata(saved(tmp_path, encode(picture_like(60, 50), "jpg", told), "jpg"))
    assert found["parameters"].startswith("ää")


def test_a_square_post_is_encoded_quickly() -> None:
    pixels, told = picture_like(1080, 1080), about()
    encode(pixels, "jpg", told)
    started = time.perf_counter()
    encode(pixels, "jpg", told)
    assert time.perf_counter() - started < 0.15  # about 10 ms on an idle core


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.*")), ids=lambda path: path.name)
def test_other_tools_files_are_reported_raw(path: Path) -> None:
    if path.suffix == ".json" or path.stat().st_size == 0:
        with pytest.raises(BadInput, match="not a picture"):
            read_metadata(path)
        return
    truth = json.loads((SAMPLES / "truth.json").read_text())[path.name]
    found = read_metadata(path)
    text = " ".join(found["texts"].values())
    assert str(truth["seed"]) in text
    if "parameters" in truth["container"] or "UserComment" in truth["container"]:
        assert str(truth["seed"]) in found["parameters"]


def whole_files() -> list[bytes]:
    return [encode(picture_like(20, 10), kind, about()) for kind in KINDS]


FILES = whole_files()


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_junk_is_reported_never_raised(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    base = bytearray(data.draw(st.sampled_from(FILES)))
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(base) - 1))
        base[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if len(base) < 2:
            break
    cut = data.draw(st.integers(0, len(base)))
    path = tmp_path_factory.getbasetemp() / "junk.bin"
    path.write_bytes(bytes(base[:cut]))
    with contextlib.suppress(BadInput):
        assert isinstance(read_metadata(path), dict)


@settings(max_examples=200, deadline=None)
@given(block=st.binary(max_size=200))
def test_exif_of_any_bytes_is_a_text_or_nothing(block: bytes) -> None:
    for head in (b"", b"MM\0*\0\0\0\x08", b"II*\0\x08\0\0\0"):
        assert isinstance(containers.exif_comment(head + block), str | None)


def test_a_compressed_text_cannot_unfold_without_end(tmp_path: Path) -> None:
    bomb = containers.png_text("lockup", " " * 50_000_000, compress=True)
    path = saved(tmp_path, containers.png_with(encode(picture_like(20, 10), "png", about()), [bomb]), "png")
    assert len(read_metadata(path)["texts"]["lockup"]) <= containers.TEXT_BYTES


def test_words_are_kept_out_of_the_markup(tmp_path: Path) -> None:
    told = about('"/><evil a="').model_copy(update={"ai_system": '"><evil/>'})
    found = read_metadata(saved(tmp_path, encode(picture_like(20, 10), "webp", told), "webp"))
    assert found["ai_system"] == '"><evil/>' and found["ad"]["words"] == Words(headline='"/><evil a="').model_dump()
