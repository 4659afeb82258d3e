"""Array types for signatures, and the conversion between logits and probabilities."""

from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

U8 = npt.NDArray[np.uint8]
I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating[Any]]


_EPSILON = 1e-6  # a probability of 0 or 1 has no finite logit
_Real = TypeVar("_Real", bound=np.floating[Any])


def sigmoid(logit: npt.NDArray[_Real]) -> npt.NDArray[_Real]:
    """Logit -> probability, same shape and type. Does not overflow."""
    half = logit.dtype.type(0.5)
    return np.asarray(half * (1 + np.tanh(half * logit)), logit.dtype)


def logit(probability: F32) -> F32:
    """Probability -> logit; always finite, because 0 and 1 are clipped."""
    p = np.clip(probability, _EPSILON, 1 - _EPSILON)
    return np.asarray(np.log(p / (1 - p)), np.float32)
