"""Answers on a data set: each frame encoded once, and still what the whole-clip forward says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from knowledge_spreader.clips.loader import ClipReader
from knowledge_spreader.clips.schedule import make_schedule
from knowledge_spreader.clips.training_data import Material, load_material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.predict import answer, predict_test, probability
from knowledge_spreader.method.network import make_model
from knowledge_spreader.spec import ModelSpec
from knowledge_spreader.training.trainer import train
from tests.paths import SHARED

CPU = torch.device("cpu")


@pytest.fixture
def material(quick_config: TrainConfig) -> Material:
    return load_material(quick_config, progress=False)


@pytest.mark.parametrize("switched", [{}, {"mark_key": True, "frame_pooling": "attention"}])
def test_cached_answers_equal_the_whole_clip_forward_for_each_key_position(
    material: Material, tiny_spec: ModelSpec, switched: dict[str, Any]
) -> None:
    torch.manual_seed(1)
    model = make_model(replace(tiny_spec, **switched)).eval()
    if model.temporal_teacher.key_mark is not None:
        torch.nn.init.normal_(model.temporal_teacher.key_mark)
    which = np.array([0, 1, 17, 38, 39, 40, 79])  # borders and both sides of a change of video
    got = answer(model, material, which, CPU)
    for m in range(5):
        rows = material.index.clip_rows(which, m, 5)
        videos = material.index.video[which]
        clip = torch.from_numpy(np.stack([material.crops[v].read(r) for v, r in zip(videos, rows, strict=True)]))
        with torch.no_grad():
            out = model(clip[:, m], clip, m=m)
        np.testing.assert_allclose(got.output[m], out.output.numpy(), atol=1e-5)
        np.testing.assert_allclose(got.o_a, out.o_a.numpy(), atol=1e-5)
    np.testing.assert_allclose(got.o_b, out.o_b.numpy(), atol=1e-5)
    np.testing.assert_allclose(got.in_order, out.in_order.numpy(), atol=1e-5)
    live = answer(model, material, which, CPU, live_only=True)
    np.testing.assert_allclose(live.output[0], got.output[4], atol=1e-6)


def test_each_frame_goes_through_each_backbone_once(material: Material, tiny_spec: ModelSpec) -> None:
    model = make_model(tiny_spec)
    seen = {"a": 0, "b": 0}
    model.base_a.register_forward_pre_hook(lambda _, args: seen.update(a=seen["a"] + len(args[0])))
    model.base_b.register_forward_pre_hook(lambda _, args: seen.update(b=seen["b"] + len(args[0])))
    answer(model, material, np.arange(len(material.index)), CPU)
    assert seen == {"a": 240, "b": 240}  # six videos of 40 frames


def test_nothing_to_answer_is_refused(material: Material, tiny_spec: ModelSpec) -> None:
    with pytest.raises(DataError, match="no frame to evaluate"):
        answer(make_model(tiny_spec), material, np.array([], np.int64), CPU)


def test_probability_is_the_logistic_function_without_overflow() -> None:
    p = probability(np.array([[-800.0, 0.0, np.log(3), 800.0]], np.float32))
    np.testing.assert_allclose(p, [[0, 0.5, 0.75, 1]], atol=1e-6)


def test_a_model_of_everybody_has_nobody_to_be_tested_on(quick_config: TrainConfig) -> None:
    summary = train(replace(quick_config, fold=0, epochs=1), progress=False)
    with pytest.raises(DataError, match="no test part"):
        predict_test(summary.best_path, "cpu")


def test_the_test_part_is_answered_whatever_the_label_budget(quick_config: TrainConfig) -> None:
    summary = train(replace(quick_config, labels=0.05, val_share=0.0, epochs=1), progress=False)
    predictions = predict_test(summary.best_path, "cpu")
    assert predictions.labels.shape == (2 * 40, 4)
    assert (predictions.labels >= 0).all()


def test_a_batch_shows_the_frames_of_its_plan(quick_config: TrainConfig, material: Material) -> None:
    schedule = make_schedule(quick_config, material, 0, 1)
    reader = ClipReader(material.index, material.crops, schedule, 16, 0.5, two_speeds=True)
    step = 2 * schedule.steps_per_epoch + 3  # unlabelled clips are there
    batch, plan = reader[step], schedule.plan(step)
    assert batch.m == step % 5
    for i, which in enumerate(plan.labelled):
        video = int(material.index.video[which])
        expected = material.crops[video].read(material.index.row[[which]])[0]
        assert (batch.labelled.pictures[i, batch.m].numpy() == expected).all()
        assert (batch.labels[i].numpy() == material.index.labels[which]).all()
        rows = material.index.clip_rows(np.array([which]), batch.m, 5)[0]
        assert (batch.labelled.truth[i].numpy() == material.videos[video].labels[rows]).all()
    assert batch.unlabelled is not None
    assert batch.unlabelled.faster is not None
    slow, fast = batch.unlabelled.pictures[:, batch.m], batch.unlabelled.faster[:, batch.m]
    assert torch.equal(slow, fast)  # both speeds meet at the key frame
    assert batch.labelled.faster is None


@pytest.mark.slow
def test_a_video_that_nobody_coded_comes_along_without_labels(quick_config: TrainConfig, tmp_path: Path) -> None:
    planted = Path(quick_config.root)
    head, *rows = [line.split(",") for line in planted.read_text().splitlines()]
    coded = [[str(planted.parent / row[0]), *row[1:]] for row in rows if row[1] != "s00"]
    row = [str(planted.parent / "s00_v0"), "s00", "0", "3", *[""] * (len(head) - 4)]  # one row, nothing known
    own = tmp_path / "own.csv"
    own.write_text("\n".join(",".join(cells) for cells in [head, *coded, row]))
    config = replace(quick_config, root=str(own), cache=str(tmp_path / "crops"), fold=0, labels=1.0, epochs=1)
    config = replace(config, val_share=0.0, unlabelled_from=1)
    material = load_material(config, False)
    schedule = make_schedule(config, material, 0, 1)
    names = np.array([material.videos[v].name for v in material.index.video])
    here = np.flatnonzero(names == "s00_v0")
    assert len(here) == 40
    assert set(schedule.unlabelled) == set(here)  # everything else is coded and has its label
    assert not set(schedule.labelled) & set(here)
    assert train(config, progress=False).best_path.is_file()


REAL = SHARED


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="no real faces at ../shared/data")
def test_real_faces_go_from_video_files_to_a_score(tmp_path: Path, quick_config: TrainConfig) -> None:
    clips = ["pyfeat_single_face.mp4", "intel_asl_milk.mkv", "pyfeat_face_noface.mov"]
    lines = ["video,subject,part,frame,AU12,AU25"]
    for i, clip in enumerate(clips):
        lines += [f"{REAL / 'media' / clip},{clip},{i + 1},{t},{t // 5 % 2},{t // 8 % 2}" for t in range(0, 50, 2)]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    config = replace(
        quick_config, root=str(tmp_path / "own.csv"), cache=str(tmp_path / "crops"), aligned=False, fold=3, side_px=64,
        epochs=1, val_share=0.5,
    )  # fmt: skip
    summary = train(config, progress=False)
    predictions = predict_test(summary.best_path, "cpu")
    assert predictions.labels.shape == (
        25,
        2,
    )  # fold 3 tests part 1; every second of its first 50 frames, a face in each
    no_face = (tmp_path / "crops" / "no_face.csv").read_text().splitlines()
    assert sum(line.startswith("pyfeat_face_noface,") for line in no_face) > 50
    assert not any(line.startswith("pyfeat_single_face,") for line in no_face)
