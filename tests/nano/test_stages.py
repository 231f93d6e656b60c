"""Every stage of the built-in model's training, a step or two each, on drawn scenes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from engines.nano import (
    adapters,
    assemble,
    autoencoder,
    condition,
    decoder,
    distil,
    encoders,
    evaluate,
    linear,
    nets,
    parcel,
    pool,
    reporter,
    teacher,
)
from engines.nano.learn import Stage, Task, steps_done, tensor
from tests.nano.scenes import Scenes


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return Task(tmp_path_factory.mktemp("run"), "tiny", 0.01, "cpu", 2)


@pytest.fixture(scope="module")
def learned(task: Task) -> Task:
    """After every stage has made at least one step."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "SHARD", 3)
        patch.setattr(pool, "BUCKETS", ((192, 128), (128, 128)))
        patch.setattr(autoencoder, "BUCKETS", ((256, 320),))
        patch.setattr(reporter, "BUCKETS", ((128, 128),))
        autoencoder.train(Scenes(), task)
        pool.fill(task.folder / "pool", Scenes(), autoencoder.opened(task), 12, 60.0)
        patch.setattr(condition, "learn_words", lambda folder, task, count=300: _few_words(folder, task))
        encoders.train(task)
        teacher.train(task)
        adapters.train_control(task)
        adapters.train_reference(task)
        distil.train_guided(task)
        for count in distil.HALVINGS:
            distil.train_halving(task, count)
        decoder.train(Scenes(), task)
        reporter.train(Scenes(), task)
    return task


LEARN_WORDS = condition.learn_words


def _few_words(folder: Path, task: Task) -> None:
    LEARN_WORDS(folder, task, 50)


def test_each_stage_leaves_its_checkpoint(learned: Task) -> None:
    students = [distil.stage_name(kind, learned) for kind in ("guided", 16, 8, 4)]
    for stage in ("autoencoder", "encoders", "teacher", "control", "reference", "decoder", "reporter", *students):
        assert steps_done(learned, stage) >= 1, stage


def test_a_stage_that_has_had_its_time_changes_nothing(learned: Task) -> None:
    before = steps_done(learned, "teacher"), (learned.folder / "teacher.npz").stat().st_size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "SHARD", 3)
        teacher.train(learned)
    assert (steps_done(learned, "teacher"), (learned.folder / "teacher.npz").stat().st_size) == before


def test_latents_have_unit_variance_and_come_back(learned: Task) -> None:
    net = autoencoder.opened(learned)
    picture = tensor([Scenes().picture(np.random.default_rng(1), (128, 128)).rgb], "cpu")
    latents = autoencoder.encoded(net, picture)
    assert latents.shape == (1, 16, 8, 8)
    assert 0.1 < float(latents.std()) < 10
    assert autoencoder.decoded(net, latents).shape == (1, 128, 128, 3)


def test_sharpening_the_decoder_leaves_the_latents_as_they_are(learned: Task) -> None:
    plain, sharpened = autoencoder.opened(learned), decoder.worn(autoencoder.opened(learned), learned)
    picture = tensor([Scenes().picture(np.random.default_rng(1), (128, 128)).rgb], "cpu")
    latents = autoencoder.encoded(plain, picture)
    assert torch.equal(latents, autoencoder.encoded(sharpened, picture))
    assert not torch.equal(plain.decoder(latents), sharpened.decoder(latents))


def test_a_shard_is_decided_by_its_number() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pool, "SHARD", 2)
        patch.setattr(pool, "BUCKETS", ((128, 128),))
        first, again, other = (pool.draw(Scenes(), number) for number in (3, 3, 4))
    assert np.array_equal(first["pictures"], again["pictures"]) and not np.array_equal(
        first["pictures"], other["pictures"]
    )
    assert first["edges"].shape == (2, 128, 16) and first["views"].shape == (2, 144, 144, 3)


@pytest.mark.slow
def test_many_processes_draw_the_same_shards(learned: Task, tmp_path: Path) -> None:
    net = autoencoder.opened(learned)
    for workers in (1, 2):
        assert pool.fill(tmp_path / str(workers), Scenes(), net, 33, 600.0, workers) == 64
    one, two = (np.load(tmp_path / str(workers) / "shard-00001.npz") for workers in (1, 2))
    assert all(np.array_equal(one[name], two[name]) for name in one.files)


def test_a_parcel_carries_stages_in_small_files_and_they_go_on(learned: Task, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parcel, "MOST_BYTES", 300_000)
        files = parcel.pack(learned.folder, tmp_path / "parcel", ["autoencoder", "teacher"])
    assert len(files) > 2 and max(file.stat().st_size for file in files) < 500_000
    there = replace(learned, folder=tmp_path / "there", seconds=0.0)
    assert parcel.unpack(tmp_path / "parcel", there.folder) == ["autoencoder", "autoencoder-spread", "teacher"]
    ours, theirs = teacher.opened(learned).state_dict(), teacher.opened(there).state_dict()
    assert all(torch.allclose(ours[name], theirs[name], atol=2e-3) for name in ours)
    assert autoencoder.opened(there).config["scaling_factor"] == autoencoder.opened(learned).config["scaling_factor"]
    stage = Stage.begin(teacher.Teacher(there), there, "teacher", 1e-3)
    assert stage.step == steps_done(learned, "teacher")
    stage.down(sum(p.sum() for p in stage.net.parameters()), 0.0)


def test_the_student_wears_what_was_learned(learned: Task, tmp_path: Path) -> None:
    model = assemble.gathered(learned)
    assemble.write(model, tmp_path, {"steps": 4})
    read = assemble.read(tmp_path)
    student = distil.opened(learned, 4)
    for name, value in student.unet.state_dict().items():
        assert torch.allclose(read.unet.state_dict()[name], value, atol=2e-3), name
    assert read.reference["image_proj"].keys() == model.reference["image_proj"].keys()


def test_the_encoders_that_tell_the_student_are_the_teachers(learned: Task) -> None:
    taught, student = teacher.opened(learned), distil.opened(learned, 4)
    for name, value in taught.told.state_dict().items():
        assert torch.equal(student.told.state_dict()[name], value), name
    assert not torch.equal(taught.unet.conv_out.weight, student.unet.conv_out.weight)


@pytest.mark.slow
def test_the_measures_are_taken(learned: Task) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluate, "BUCKETS", ((128, 128),))
        found = evaluate.measure(Scenes(), Scenes(), learned, (4, 2), lambda line: None)
    assert {"renders", "teacher-32", "student-4", "student-2", "control"} <= found.keys()
    assert found["teacher-32"]["to teacher"] == 0.0 < found["student-4"]["to teacher"]
    assert {"followed", "without", "shuffled"} == found["control"].keys()
    assert {"followed", "of another"} == found["reference"].keys()
    assert (learned.folder / "sheet.png").exists()


@pytest.mark.parametrize("size", ["full", "tiny"])
def test_the_autoencoder_starts_as_a_linear_one_that_shows_the_picture(size: str) -> None:
    torch.manual_seed(1)
    net = nets.autoencoder(nets.SIZES[size])
    sample = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4) * 2 - 1, (128, 128), mode="bilinear")
    linear.begin(net, sample)
    with torch.no_grad():
        latents = net.encoder(sample)
        middle = net.encoder((sample[:2] + sample[2:]) / 2)
        assert torch.allclose(middle, (latents[:2] + latents[2:]) / 2, atol=1e-3), "it is linear"
        assert torch.allclose(latents.std((0, 2, 3)), torch.ones(16), atol=1e-3)
        apart = (net.decoder(latents) - sample)[..., 16:-16, 16:-16]  # the border sees zeros
    assert float(apart.pow(2).mean().sqrt()) < 0.25 * float(sample.std())


def test_role_means_are_of_each_roles_area() -> None:
    roles = torch.zeros(1, 4, 4, dtype=torch.long)
    roles[0, :, 2:] = 3
    planes = torch.zeros(1, 2, 4, 4)
    planes[0, 1, :, 2:] = 5.0
    means = teacher.role_means(planes, roles)
    assert means[0, 3].tolist() == [0.0, 5.0] and means[0, 0].tolist() == [0.0, 0.0]
    assert teacher.role_means(planes[..., ::2, ::2], roles)[0, 3].tolist() == [0.0, 5.0]


def test_guidance_of_one_is_what_the_teacher_says(learned: Task) -> None:
    taught, words = teacher.opened(learned), condition.Words(learned)
    told = taught.told(words.ids(["a jar"]), None, torch.zeros(1, 6))
    noisy, steps = torch.randn(1, 16, 8, 8), torch.tensor([600])
    with torch.no_grad():
        plain = condition.predict(taught.unet, noisy, steps, told)
        assert torch.allclose(distil.guided(taught.unet, noisy, steps, told, torch.ones(1)), plain, atol=1e-2)
        assert not torch.allclose(
            distil.guided(taught.unet, noisy, steps, told, torch.full((1,), 9.0)), plain, atol=1e-6
        )
