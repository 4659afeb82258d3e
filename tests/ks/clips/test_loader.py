"""clips.loader: a batch holds the crops of its clips."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.clips.frame_index import index_frames
from knowledge_spreader.clips.loader import ClipReader
from knowledge_spreader.clips.schedule import Schedule
from knowledge_spreader.datasets.types import Video


@pytest.fixture
def reader(tmp_path: Path) -> ClipReader:
    """Two videos of 20 frames; each crop of 2 x 2 px is filled with 100 * video + frame."""
    videos, crops, frames = [], [], np.arange(20, dtype=np.int32)
    for i in range(2):
        path = tmp_path / f"{i}.u8"
        path.write_bytes(b"".join(bytes([100 * i + frame]) * 12 for frame in range(20)))
        videos.append(Video(f"v{i}", f"s{i}", path, frames, frames, np.zeros((20, 1), np.int8)))
        crops.append(VideoCrops(path, 2, np.ones(20, bool)))
    every = np.arange(40)
    schedule = Schedule(0, every[5:15], every[25:35], 3, 4, 1, n_frames=3, key_shift=True)
    return ClipReader(index_frames(videos, [c.found for c in crops], 3), crops, schedule, 4, 0.5, two_speeds=True)


@pytest.mark.parametrize("step", range(4))
def test_a_batch_holds_the_crops_of_consecutive_and_of_every_second_frame_of_its_clips(
    reader: ClipReader, step: int
) -> None:
    batch, plan = reader[step], reader.schedule.plan(step)
    assert batch.unlabelled is not None
    assert batch.unlabelled.faster is not None
    assert batch.labelled.pictures.shape == (3, 3, 2, 2, 3)
    assert batch.unlabelled.faster.shape == (4, 3, 2, 2, 3)
    for pictures, keys, apart in [
        (batch.labelled.pictures, plan.labelled, 1),
        (batch.unlabelled.pictures, plan.unlabelled, 1),
        (batch.unlabelled.faster, plan.unlabelled, 2),
    ]:
        shown = pictures.numpy().astype(int)
        assert (shown == shown[..., :1, :1, :1]).all()
        video, frame = keys // 20, keys % 20
        expected = 100 * video[:, None] + frame[:, None] + apart * (np.arange(3) - plan.m)
        np.testing.assert_array_equal(shown[..., 0, 0, 0], expected)
