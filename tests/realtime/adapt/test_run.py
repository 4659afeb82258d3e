"""adapt_model() and suggest_frames() on real recordings, and what ks-live then says."""

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader import Options, watch
from knowledge_spreader.adapt.apart import in_audit
from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.answers import answers
from knowledge_spreader.realtime.adapt.cache import watch_recordings
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.adapt.run import AdaptedModel, adapt_model, suggest_frames
from knowledge_spreader.realtime.types import FrameResult
from tests.realtime.adapt.clips import labels, piece

PARTS = {"a.mp4": range(0, 60), "b.mp4": range(60, 120), "c.mp4": range(120, 180)}
LABELLED = (12, 25)
NOT_WATCHED = 16  # frames of a.mp4 that are compared in live runs; each takes a second


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, frames in PARTS.items():
        piece(folder / name, frames)
    return folder


@pytest.fixture(scope="module", params=["tiny", pytest.param("bundled", marks=pytest.mark.slow)])
def base(request: pytest.FixtureRequest, tiny_file: ModelFile) -> Path:
    return tiny_file.path if request.param == "tiny" else bundled_model()


@pytest.fixture(scope="module")
def place(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapted")


@pytest.fixture(scope="module")
def mine(base: Path, place: Path, videos: Path) -> AdaptedModel:
    """Learned from labels of two AUs."""
    table = labels(
        place / "labels.csv", {str(videos / name): frames for name, frames in PARTS.items()}, LABELLED, step=5
    )
    options = Options(model=str(base), threads=1)
    return adapt_model([videos], [table], place / "mine.ks", options=options, cache=place / "cache")


@cache
def live(model: Path, video: Path, voices: str) -> tuple[FrameResult, ...]:
    with watch(video, options=Options(model=str(model), voices=voices, threads=1)) as run:
        return tuple(result for _, result in zip(range(NOT_WATCHED), run, strict=False))


def rows(model: Path, video: Path, voices: str, name: str) -> np.ndarray:
    found = [getattr(row, name) for result in live(model, video, voices) for row in result.faces]
    return np.array([np.nan if value is None else value for value in found], np.float64)


def test_labels_of_two_aus_gave_heads_of_these_alone(mine: AdaptedModel, place: Path) -> None:
    own = open_model(place / "mine.ks").own
    assert own is not None
    assert own.learned
    assert set(own.learned) <= set(LABELLED)
    assert own.points is not None
    assert own.notes["base"] == mine.model.base_id
    assert mine.adapted.report["recordings"] == 3


@pytest.mark.parametrize("voices", ["all", "crops"])
def test_aus_without_labels_are_the_base_models_to_the_bit(
    mine: AdaptedModel, base: Path, videos: Path, voices: str
) -> None:
    own = mine.model.own
    assert own is not None
    others = [u for u, au in enumerate(own.of) if au not in own.learned]
    video = videos / "a.mp4"
    before, after = (rows(path, video, voices, "probability") for path in (base, mine.model.path))
    assert before.shape == after.shape
    assert len(before) >= NOT_WATCHED - 1
    assert (before[:, others] == after[:, others]).all()
    assert (before[:, own.places] != after[:, own.places]).any()
    for name in ("occurrence", "disagreement"):
        old, new = (rows(path, video, voices, name) for path in (base, mine.model.path))
        assert (old[:, others] == new[:, others]).all()
    old, new = (rows(path, video, voices, "intensity") for path in (base, mine.model.path))
    assert np.array_equal(old[..., others] if old.ndim > 1 else old, new[..., others] if new.ndim > 1 else new, True)


def test_the_papers_model_is_the_bases(mine: AdaptedModel, base: Path, videos: Path) -> None:
    for name in ("probability", "occurrence"):
        old, new = (rows(path, videos / "a.mp4", "paper", name) for path in (base, mine.model.path))
        assert (old == new).all()


def test_live_says_what_was_learned_from(mine: AdaptedModel, base: Path, videos: Path, place: Path) -> None:
    """Tokens are kept in half precision: a thousandth of probability is between them. Those of the tiny model, which
    is not trained, hardly differ from face to face, so that its heads have large weights.
    """
    near = 1e-3 if base == bundled_model() else 1e-2
    options = Options(model=str(base), threads=1)
    watched = watch_recordings(find_recordings([videos]), options, place / "cache")
    learned = sigmoid(answers(mine.model, watched.faces))
    first = (watched.faces.recording == 0) & (watched.faces.frame < NOT_WATCHED)
    said = rows(mine.model.path, videos / "a.mp4", "all", "probability")
    assert said == pytest.approx(learned[first], abs=near)
    own = mine.model.own
    assert own is not None
    crops = own.heard(watched.faces.crops[first], next(watched.faces.token_blocks())[1][: first.sum()], None)
    said = rows(mine.model.path, videos / "a.mp4", "crops", "probability")
    assert said == pytest.approx(sigmoid(crops), abs=near)


def test_equal_inputs_give_equal_bytes(mine: AdaptedModel, base: Path, videos: Path, place: Path) -> None:
    options = Options(model=str(base), threads=1)
    again = adapt_model([videos], [place / "labels.csv"], place / "b.ks", options=options, cache=place / "cache")
    assert again.model.path.read_bytes() == mine.model.path.read_bytes()


def test_an_adapted_base_is_refused(mine: AdaptedModel, videos: Path, place: Path) -> None:
    with pytest.raises(DataError, match="was adapted already; give the model that it was adapted from"):
        adapt_model(
            [videos], [place / "labels.csv"], place / "c.ks", options=Options(model=str(mine.model.path)), cache=place
        )


def test_it_may_be_asked_what_it_is_unsure_of(mine: AdaptedModel, videos: Path, place: Path) -> None:
    options = Options(model=str(mine.model.path), threads=1)
    found = suggest_frames([videos], 5, options=options, cache=place / "cache", seen=lambda path, n: pytest.fail(path))
    assert len(found.chosen) == 5
    assert found.notes == ()


def test_a_budget_that_cannot_be_reached_is_told(mine: AdaptedModel, base: Path, videos: Path, place: Path) -> None:
    found = suggest_frames([videos], 100, options=Options(model=str(base), threads=1), cache=place / "cache")
    assert 9 < len(found.chosen) < 16
    assert found.notes == (
        f"{len(found.chosen)} frames, not 100: no others are half a second from them and from labels",
    )


@pytest.mark.parametrize(("budget", "count"), [(6, 6), (0.05, 9)])
def test_suggested_frames_are_as_many_as_wanted_and_say_which_are_kept_apart(
    base: Path, videos: Path, place: Path, mine: AdaptedModel, budget: float, count: int
) -> None:
    options = Options(model=str(base), threads=1)
    found = suggest_frames([videos], budget, options=options, cache=place / "cache")
    assert len(found.rows()) == count
    for row in found.rows():
        assert row["time_s"] == pytest.approx(row["frame"] / 25)
        assert in_audit(row["recording"].file_name, row["time_s"]) == (row["why"] == "apart")
    assert {row["recording"].name for row in found.rows() if row["why"] == "spread"} == set(PARTS)


def test_what_has_labels_is_not_suggested_again(base: Path, videos: Path, place: Path, mine: AdaptedModel) -> None:
    options = Options(model=str(base), threads=1)
    some = labels(place / "some.csv", {str(videos / "a.mp4"): PARTS["a.mp4"]}, LABELLED, step=30)
    found = suggest_frames([videos], 6, labels=[some], options=options, cache=place / "cache")
    of_a = [row["frame"] for row in found.rows() if row["recording"].name == "a.mp4"]
    assert not [frame for frame in of_a if min(abs(frame - labelled) for labelled in (0, 30)) < 12]
    with pytest.raises(DataError, match=r"--budget 0\.001 of 180 frames with a face is none; ask for more"):
        suggest_frames([videos], 0.001, options=options, cache=place / "cache")


def test_recordings_without_a_face_are_refused(base: Path, place: Path) -> None:
    from tests.realtime.clips import write_clip

    nobody = write_clip(place / "nobody.mp4", 10)
    options = Options(model=str(base), threads=1)
    table = place / "nobody.csv"
    table.write_text("frame,AU12\n1,1\n")
    for run in (
        lambda: suggest_frames([nobody], 3, options=options, cache=place / "cache"),
        lambda: adapt_model([nobody], [table], place / "d.ks", options=options, cache=place / "cache"),
    ):
        with pytest.raises(DataError, match="no face that could be answered in any recording"):
            run()
    assert not (place / "d.ks").exists()


def test_labels_everywhere_leave_nothing_to_suggest(mine: AdaptedModel, base: Path, videos: Path, place: Path) -> None:
    with pytest.raises(DataError, match="every frame with a face has a label, or lies within half a second of one"):
        suggest_frames(
            [videos],
            2,
            labels=[place / "labels.csv"],
            options=Options(model=str(base), threads=1),
            cache=place / "cache",
        )


def test_labels_in_a_folder_of_their_own_find_the_recordings_by_name(
    base: Path, videos: Path, place: Path, mine: AdaptedModel
) -> None:
    elsewhere = place / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    table = labels(elsewhere / "labels.csv", PARTS, LABELLED, step=5)
    options = Options(model=str(base), threads=1)
    again = adapt_model([videos], [table], place / "e.ks", options=options, cache=place / "cache")
    assert again.model.weights_id == mine.model.weights_id
    alone = elsewhere / "alone"
    alone.mkdir(exist_ok=True)
    for name in PARTS:  # a file for each recording, named like it
        with table.open() as file:
            mine_rows = [row[1:] for row in csv.reader(file) if row[0] in ("video", name)]
        (alone / name).with_suffix(".csv").write_text("\n".join(map(",".join, mine_rows)))
    third = adapt_model([videos], [alone], place / "f.ks", options=options, cache=place / "cache")
    assert third.model.weights_id == mine.model.weights_id
