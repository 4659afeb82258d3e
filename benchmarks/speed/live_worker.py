"""One run of the live pipeline, or of MediaPipe's FaceLandmarker, in a separate process.

    live_worker.py '{"kind": "file", "video": ..., "model": ..., "precision": "fp32", ...}'

writes one JSON object to stdout: {"fps", "latency_ms", "stages_ms", "frames", "rss_mb", ...}, or {"error": text}.
"""

import json
import os
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import av

from knowledge_spreader.arrays import U8
from knowledge_spreader.benchmarks.speed.engine_worker import peak_rss_mb
from knowledge_spreader.displayed import displayed
from knowledge_spreader.errors import KSError, MissingError
from knowledge_spreader.realtime.ahead import ahead
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.watch import watch


def main(argv: Sequence[str]) -> int:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not mix into the answers
    request = json.loads(argv[0])
    try:
        reply = _landmarker(request) if request["kind"] == "landmarker" else _watch(request)
    except KSError as exc:
        reply = {"error": str(exc)}
    print(json.dumps({**reply, "rss_mb": round(peak_rss_mb(), 1)}), file=answers, flush=True)
    return 0


def _watch(request: Mapping[str, Any]) -> dict[str, Any]:
    """A recording with every frame ("file"), or played in real time by `streams` sources ("live")."""
    live = request["kind"] == "live"
    options = Options(
        model=request["model"],
        device=request["device"],
        precision=request["precision"],
        threads=request["threads"],
        face_model=request["face_model"],
        face_runtime=request["face_runtime"],
        policy="live" if live else "every-frame",
        **request.get("options", {}),
    )
    faces = results = 0
    with watch(*[request["video"]] * request.get("streams", 1), options=options) as run:
        for result in run:
            results += 1
            faces += sum(row.success for row in result.faces)
        report = run.report()
    return {**report, "answers_per_frame": round(faces / max(results, 1), 3)}


def _landmarker(request: Mapping[str, Any]) -> dict[str, Any]:
    """MediaPipe's pipeline on the same file: landmarks and 52 blendshapes for each frame.

    ahead: frames are decoded by another thread meanwhile, as in ks-live; else in turn with the landmarks.
    """
    try:
        import mediapipe as mp
        from mediapipe.tasks.python import vision
        from mediapipe.tasks.python.core.base_options import BaseOptions
    except (ImportError, OSError) as exc:
        raise MissingError(
            f"MediaPipe cannot be loaded ({exc}); run: pip install 'knowledge-spreader[mediapipe]'"
        ) from exc
    options = vision.FaceLandmarkerOptions(
        base_options=BaseOptions(model_asset_buffer=Path(request["landmarker"]).read_bytes()),
        running_mode=vision.RunningMode.VIDEO,
        output_face_blendshapes=True,
    )
    stages, faces, frames = Stages(), 0, 0
    decoded = _decoded(request["video"], stages)
    with (
        vision.FaceLandmarker.create_from_options(options) as landmarker,
        closing(ahead(decoded, 4, "read ahead") if request["ahead"] else decoded) as pictures,
    ):
        start = time.perf_counter()
        for picture, time_s in pictures:
            with stages.measure("landmarks + blendshapes"):
                image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
                found = landmarker.detect_for_video(image, round(time_s * 1000))
            faces += len(found.face_blendshapes)
            frames += 1
        seconds = time.perf_counter() - start
    return {
        "fps": round(frames / seconds, 2),
        "stages_ms": stages.report(),
        "frames": {"in": frames, "analysed": frames, "dropped": {}},
        "answers_per_frame": round(faces / max(frames, 1), 3),
    }


def _decoded(video: str, stages: Stages) -> Generator[tuple[U8, float], None, None]:
    """The pictures (H, W, 3) of a file and their times, decoded as ks-live does."""
    with av.open(video) as container:
        container.streams.video[0].thread_type = "AUTO"
        frames = container.decode(video=0)
        while True:
            with stages.measure("read"):
                frame = next(frames, None)
                picture = None if frame is None else displayed(frame)
            if frame is None or picture is None:
                return
            yield picture, float(frame.time or 0.0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
