"""The key changes with whatever changes results, and with nothing else."""

from dataclasses import fields, replace
from pathlib import Path

from knowledge_spreader.realtime.batch.keys import content_id, key_of, settings_of
from knowledge_spreader.realtime.options import Options

CHANGED = {
    **{"device": "openvino", "precision": "fp32", "face_runtime": "mediapipe", "policy": "stills", "person": False},
    **{"neutral_s": 1.0, "hysteresis": 0.1, "min_face_px": 20.0, "voices": "crops", "pose": False},
    **{"landmarks": "68", "blendshapes": True, "max_faces": 1, "rate": 30.0},
}
NOT_ASKED = {
    "model": "its weights are in the key",
    "threads": "it changes their last bits alone",
    "features": "in no table",
    "audio": "in no table",
    **dict.fromkeys(("camera_size", "camera_rate", "camera_backend", "camera_format"), "no camera"),
    **dict.fromkeys(("rtsp_transport", "timeout_s"), "no stream"),
}


def test_each_option_that_changes_results_changes_the_key_and_no_other_is_forgotten() -> None:
    plain = settings_of(Options())
    keys = {key_of("c", "w", plain), key_of("d", "w", plain), key_of("c", "v", plain)}
    for name, value in CHANGED.items():
        keys.add(key_of("c", "w", settings_of(replace(Options(), **{name: value}))))
    assert len(keys) == 3 + len(CHANGED)
    assert {field.name for field in fields(Options)} == {*CHANGED, *NOT_ASKED, "face_model"}
    assert settings_of(replace(Options(), threads=7)) == plain


def test_a_face_model_of_ones_own_counts_by_its_content(tmp_path: Path) -> None:
    for name, text in {"a": "one", "b": "one", "c": "two"}.items():
        (tmp_path / name).write_text(text)
    a, b, c = (settings_of(Options(face_model=str(tmp_path / name))) for name in "abc")
    assert a == b
    assert a != c


def test_a_video_counts_by_its_bytes_alone_and_an_image_by_its_name_too(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4", "a.png", "b.png"):
        (tmp_path / name).write_text("same")
    ids = {name: content_id(tmp_path / name) for name in ("a.mp4", "b.mp4", "a.png", "b.png")}
    assert ids["a.mp4"] == ids["b.mp4"]
    assert len(set(ids.values())) == 3
