"""A TensorFlow Lite model on the CPU, run by OpenVINO; and the three that come with this package.

ks/face/models/NOTICE.md says where they are from.
"""

import hashlib
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32
from knowledge_spreader.errors import DataError, MissingError, one_line

BLAZE_FACE = "blaze_face_short_range.tflite"
FACE_MESH = "face_landmarks_detector.tflite"
BLENDSHAPES = "face_blendshapes.tflite"
SHA256 = {
    BLAZE_FACE: "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f",
    FACE_MESH: "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    BLENDSHAPES: "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
}

Shape = tuple[int, ...]


class TfliteModel:
    """Runs one item at a time: batches cost the same per item on a CPU, and a new batch size costs half a second.

    item: the shape of one item, without the batch axis.
    answers: name of an output -> its values per item. Other outputs are ignored.
    pixels: None if the model takes float32; else the model takes uint8 v as (v - pixels[0]) / pixels[1].
    threads: 0 leaves the choice to OpenVINO, which takes one per physical core. More than one hardly helps: with two,
    the mesh takes 6.4 ms instead of 8.0 and half as much work again, the two small models gain nothing.

    Raises MissingError without OpenVINO or the file, DataError if the file is not this model. Not thread-safe.
    """

    def __init__(
        self,
        path: Path,
        item: Shape,
        answers: dict[str, int],
        *,
        pixels: tuple[float, float] | None = None,
        threads: int = 1,
    ) -> None:
        from knowledge_spreader import quiet_openvino  # takes 0.2 s; who only reads crops does not need it

        openvino = quiet_openvino.openvino

        self._item, self._answers = item, answers
        self._dtype = np.dtype(np.float32 if pixels is None else np.uint8)
        _check_magic(path)
        properties: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": "f32",  # left alone, OpenVINO computes in bf16 where the CPU can
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            # Pinned, every model binds its first thread to the first core, and two models share that one.
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            properties["INFERENCE_NUM_THREADS"] = threads
        core = quiet_openvino.core()
        try:
            model = core.read_model(path)
            model.reshape([1, *item])
            if pixels is not None:
                steps = openvino.preprocess.PrePostProcessor(model)
                steps.input().tensor().set_element_type(openvino.Type.u8)
                steps.input().preprocess().convert_element_type(openvino.Type.f32).mean(pixels[0]).scale(pixels[1])
                model = steps.build()
            compiled = core.compile_model(model, "CPU", properties)
            sizes = {name: int(np.prod(compiled.output(name).shape)) for name in answers}
        except RuntimeError as exc:
            raise _not_this(path, f"OpenVINO cannot run it on {item} values") from exc
        if sizes != answers:
            raise _not_this(path, f"its outputs are {sizes} instead of {answers}")
        self._outputs = [compiled.output(name) for name in answers]
        self._request = compiled.create_infer_request()

    def __call__(self, items: npt.NDArray[Any]) -> list[F32]:
        """(B, *item) -> (B, values) float32 for each answer, in their order. B may be 0."""
        if items.dtype != self._dtype or items.shape[1:] != self._item or items.ndim != len(self._item) + 1:
            wanted = f"{self._dtype} (B, {', '.join(map(str, self._item))})"
            raise DataError(f"a face model takes {wanted}; got {items.dtype} {items.shape}")
        found = [np.empty((len(items), size), np.float32) for size in self._answers.values()]
        for i in range(len(items)):
            results = self._request.infer([np.ascontiguousarray(items[i : i + 1])], share_inputs=True)
            for values, output in zip(found, self._outputs, strict=True):
                values[i] = results[output].reshape(-1)
        return found


def packaged_model(
    name: str,
    item: Shape,
    answers: dict[str, int],
    *,
    pixels: tuple[float, float] | None = None,
    threads: int = 1,
) -> TfliteModel:
    """One of the three models of this package. Raises DataError if its bytes are not the known ones."""
    return TfliteModel(packaged_path(name), item, answers, pixels=pixels, threads=threads)


def packaged_path(name: str) -> Path:
    """The file of such a model. Raises DataError if its bytes are not the known ones."""
    path = Path(str(files("knowledge_spreader.face") / "models" / name))
    check_sha256(path, SHA256[name])
    return path


def check_sha256(path: Path, wanted: str) -> None:
    got = hashlib.sha256(_read(path)).hexdigest()
    if got != wanted:
        raise DataError(
            f"{path}: SHA-256 is {got[:12]}... instead of {wanted[:12]}...; install knowledge-spreader again"
        )


def _check_magic(path: Path) -> None:
    """OpenVINO writes pages to stderr about a file of another kind, so it gets none."""
    head = _read(path)[:8]
    if head[4:] != b"TFL3" or path.suffix != ".tflite":
        raise _not_this(path, "a .tflite file has TFL3 at its fifth byte")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise MissingError(f"{path}: cannot read the face model ({one_line(exc)}); check the path") from exc


def _not_this(path: Path, why: str) -> DataError:
    return DataError(f"{path}: this is not the face model that is wanted ({why}); name another or leave the option out")
