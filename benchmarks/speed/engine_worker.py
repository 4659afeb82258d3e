"""One engine in a separate process, so that the memory and threads of other engines do not affect its figures.

The parent writes one JSON object per line to stdin and reads one for each from stdout:

    {"op": "run", "batch": 1, "seconds": 0.5, "least": 2, "warm_up_s": 0.2}
        -> {"ms": {"frame": [...], ...}, "rss_mb": 212.0}
    {"op": "stages", "batch": 1}  (medians of the encoder, on a GPU)
        -> {"h2d_ms": ..., "compute_ms": ..., "d2h_ms": ...}

The first line of stdout says what was opened, or why it could not be.
"""

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.benchmarks.speed.timing import take
from knowledge_spreader.engines.backends.gpu_timing import Staged
from knowledge_spreader.engines.base import Engine, feature_width
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import ModelSpec

STREAM, WHOLE_CLIP = "stream", "whole_clip"  # roles
STREAM_PARTS = ("encoder", "head", "frame")
STAGES = ("h2d_ms", "compute_ms", "d2h_ms")
ON_GPU = ("tensorrt", "torch-cuda")
_STAGED = 20  # calls

Call = Callable[[], Sequence[float]]


def main(argv: Sequence[str]) -> int:
    """argv: role, backend, precision, model file, threads. Ends when stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # libraries that print must not mix into the answers
    role, backend, precision, path, threads = argv
    try:
        told, calls, engine = _open(role, backend, precision, open_model(path), int(threads))
    except KSError as exc:
        _say(answers, {"error": str(exc)})
        return 2
    _say(answers, {**told, "rss_mb": peak_rss_mb()})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "stages":
                reply = stages(engine, request["batch"])
            else:
                reply = _run(calls(request["batch"]), role, request)
        except (KSError, MemoryError) as exc:
            reply = {"error": str(exc) or "out of memory"}
        _say(answers, reply)
    return 0


def _say(answers: TextIO, reply: dict[str, Any]) -> None:
    answers.write(json.dumps(reply) + "\n")
    answers.flush()


def _run(call: Call, role: str, request: dict[str, Any]) -> dict[str, Any]:
    told = take(call, request["seconds"], request["least"], request["warm_up_s"])
    names = STREAM_PARTS if role == STREAM else (WHOLE_CLIP,)
    return {"ms": dict(zip(names, zip(*told, strict=True), strict=True)), "rss_mb": peak_rss_mb()}


def _open(
    role: str, backend: str, precision: str, model: ModelFile, threads: int
) -> tuple[dict[str, Any], Callable[[int], Call], Engine | None]:
    """Facts about the engine, a function batch size -> the call to time, and the engine of a stream (else None)."""
    if role == STREAM:
        engine = open_engine(model, backend, precision, threads=threads)
        about = {"version": engine.choice.version, "device": engine.choice.device}
        return about, lambda batch: stream_call(engine, batch), engine
    n = model.spec.n_frames
    passes = f"{n + 1} backbone passes"
    if backend in ("torch", "torch-cuda"):
        forward = _torch_forward(model, backend, precision, threads)
        return {"naive": f"{passes}, torch's eager forward"}, lambda batch: _clip_call(forward, model.spec, batch), None
    if backend == "tensorrt":  # its plans take batches of frames, not of clips
        engine = open_engine(model, backend, precision)
        told = f"all {n} frames through both branches, {2 * n} backbone passes, on this backend"
        return {"naive": told}, lambda batch: _clip_call(_encode_all(engine), model.spec, batch), None
    engine = _clip_engine(backend, precision, model, threads)
    return (
        {"naive": f"{passes} on this backend"},
        lambda batch: _clip_call(_encode_all(engine), model.spec, batch),
        None,
    )


def _clip_engine(backend: str, precision: str, model: ModelFile, threads: int) -> Engine:
    """An engine for a model of whole_clip.py, which open_engine refuses: it gives fewer answers than faces."""
    if backend == "openvino":
        from knowledge_spreader.engines.backends.openvino_engine import OpenVINOEngine

        return OpenVINOEngine(model, precision, threads=threads)
    from knowledge_spreader.engines.backends.onnx_engine import OnnxEngine

    return OnnxEngine(model, precision, threads=threads)


def stream_call(engine: Engine, batch: int) -> Call:
    """A call that returns ms of encoder, head and both together, for one new frame of each face."""
    faces = noise(batch, engine.spec)
    width = feature_width(engine.spec)
    window = np.random.default_rng(1).random((batch, engine.spec.n_frames, width), np.float32)

    def call() -> tuple[float, float, float]:
        begun_s = time.perf_counter()
        encoded = engine.encode(faces)
        encoded_s = time.perf_counter()
        engine.predict(encoded.o_a, window)
        done_s = time.perf_counter()
        return 1e3 * (encoded_s - begun_s), 1e3 * (done_s - encoded_s), 1e3 * (done_s - begun_s)

    return call


def _clip_call(answer: Callable[[U8], object], spec: ModelSpec, batch: int) -> Call:
    faces = noise(batch * spec.n_frames, spec)

    def call() -> tuple[float]:
        begun_s = time.perf_counter()
        answer(faces)
        return (1e3 * (time.perf_counter() - begun_s),)

    return call


def _encode_all(engine: Engine) -> Callable[[U8], object]:
    """A function faces (B*N, H, W, 3) -> the prediction for B clips."""
    n = engine.spec.n_frames

    def answer(faces: U8) -> object:
        encoded = engine.encode(faces)
        clips = len(faces) // n
        o_a = encoded.o_a if len(encoded.o_a) == clips else np.ascontiguousarray(encoded.o_a[n - 1 :: n])
        return engine.predict(o_a, encoded.feature.reshape(clips, n, -1))

    return answer


def _torch_forward(model: ModelFile, backend: str, precision: str, threads: int) -> Callable[[U8], object]:
    """The naive eager forward of the torch model, copies to and from the GPU included."""
    import torch

    from knowledge_spreader.engines.backends.torch_model import answering_weights, folded
    from knowledge_spreader.engines.backends.torch_weights import fill
    from knowledge_spreader.method.network import make_model

    if threads:
        torch.set_num_threads(threads)
    device = "cuda" if backend == "torch-cuda" else "cpu"
    network = folded(make_model(model.spec))
    with torch.no_grad():
        fill(answering_weights(network), model)
    kind = {"fp16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
    network = network.to(device, kind).to(memory_format=torch.channels_last)
    n = model.spec.n_frames

    @torch.inference_mode()
    def answer(faces: U8) -> object:
        clip = torch.from_numpy(faces).to(device).view(-1, n, *faces.shape[1:])
        return network(clip[:, -1], clip).output.float().sigmoid().cpu().numpy()

    return answer


def noise(count: int, spec: ModelSpec) -> U8:
    """(count, side, side, 3) uint8 noise as faces: the content does not change the duration."""
    return np.random.default_rng(0).integers(0, 256, (count, spec.side_px, spec.side_px, 3), np.uint8)


def stages(engine: Engine | None, batch: int) -> dict[str, Any]:
    """Median ms of the encoder's stages, or {"error": text}."""
    if engine is None or not isinstance(engine, Staged):
        return {"error": "this engine cannot measure copying and computing separately"}
    faces = noise(batch, engine.spec)
    engine.stages_ms(faces)
    told = [engine.stages_ms(faces) for _ in range(_STAGED)]
    return {name: statistics.median(getattr(t, name) for t in told) for name in STAGES}


def peak_rss_mb() -> float:
    """Peak resident memory of this process so far, MB (10^6 bytes)."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would include the parent's memory before exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
