"""Recordings of equal content are one piece of work."""

from pathlib import Path

from knowledge_spreader.realtime.batch.keys import content_id
from knowledge_spreader.realtime.batch.recordings import find
from knowledge_spreader.realtime.batch.twins import groups


def grouped(folder: Path) -> list[list[str]]:
    jobs = find([str(folder)], folder / "results").jobs
    return [[Path(job.path).name for job in group] for group in groups(jobs, lambda job: "")]


def test_equal_bytes_are_one_group_and_equal_sizes_are_not(tmp_path: Path) -> None:
    middle = {"a": b"1", "b": b"2", "c": b"1", "d": b"1"}  # what lies between the ends that are compared first
    for name, byte in middle.items():
        (tmp_path / f"{name}.mp4").write_bytes(bytes(1 << 17) + byte + bytes(1 << 17))
    (tmp_path / "d.mp4").write_bytes(b"another size")
    assert grouped(tmp_path) == [["a.mp4", "c.mp4"], ["b.mp4"], ["d.mp4"]]


def test_only_what_may_be_equal_is_read_to_its_end(tmp_path: Path) -> None:
    for name, text in {"a": "one", "b": "one", "c": "two", "d": "three"}.items():
        (tmp_path / f"{name}.mp4").write_text(text)
    jobs = find([str(tmp_path)], tmp_path / "results").jobs
    read = {job.name[-5:]: job.content for group in groups(jobs, lambda job: "") for job in group}
    same = content_id(tmp_path / "a.mp4")
    assert read == {"a.mp4": same, "b.mp4": same, "c.mp4": "", "d.mp4": ""}


def test_a_known_content_is_not_read(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_text(name)
    jobs = find([str(tmp_path)], tmp_path / "results").jobs
    (group,) = groups([jobs[0], jobs[0]], lambda job: "known")
    assert [job.content for job in group] == ["known", "known"]


def test_images_are_equal_with_their_names_alone(tmp_path: Path) -> None:
    """The names are in the results."""
    for folder, name in (("x", "1.png"), ("y", "1.png"), ("z", "2.png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("picture")
    assert grouped(tmp_path) == [["x", "y"], ["z"]]
