"""The six key points of the crop from the 478 points of the face mesh.

The mesh's points do not lie where BlazeFace's do. The difference, in each face's own frame (origin between the eyes,
unit eye distance, x along the eyes to the person's left, y down), is a linear function of five of its points. It was
fitted by ridge regression on 2,226 real faces of about 1,580 people. Crops from the mesh and from BlazeFace then differ
by 3.9 px of 224 (root mean square of the corners, cross-validated; 4.5 px with a constant difference), much of which
is BlazeFace's own scatter. So a model that was trained on the crops of one can be used on those of the other.
"""

import numpy as np

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError

# Mesh points whose mean stands for each key point. Corners of the eyes, because irises move with the gaze.
_FROM = ((33, 133), (362, 263), (1,), (13, 14), (234,), (454,))
_TELLING = (1, 10, 152, 234, 454)  # nose tip, top of the forehead, chin, right and left side of the face
# fmt: off
# (11, 12): x and y of the telling points and 1, times these, are x and y of BlazeFace's point minus the mesh's.
_SHIFT = np.array([
    (0.057, -0.011, 0.123, -0.008, -0.525, 0.113, -0.205, 0.147, -0.161, -0.040, -0.066, -0.119),
    (-0.083, 0.161, -0.013, 0.199, -0.053, -0.367, -0.021, 0.040, -0.095, -0.088, 0.037, -0.066),
    (0.302, -0.044, 0.188, 0.068, 0.153, 0.015, -0.022, 0.114, 0.002, -0.190, -0.050, 0.167),
    (-0.050, 0.011, -0.039, 0.008, -0.044, -0.100, -0.041, 0.068, -0.047, 0.123, -0.063, 0.137),
    (-0.007, 0.090, 0.115, -0.097, 0.137, -0.159, -0.015, -0.174, 0.029, 0.324, 0.187, -0.074),
    (-0.068, -0.007, 0.058, 0.001, -0.036, 0.171, -0.039, -0.026, -0.128, 0.098, 0.179, 0.116),
    (0.179, 0.056, -0.058, 0.083, -0.180, 0.105, -0.136, -0.032, -0.214, -0.001, 0.290, 0.028),
    (0.029, 0.163, -0.027, -0.152, 0.090, -0.146, 0.012, 0.114, 0.068, -0.369, 0.012, -0.119),
    (-0.068, -0.065, 0.218, -0.075, -0.134, -0.035, -0.103, 0.138, 0.216, -0.025, -0.195, -0.034),
    (-0.135, -0.030, -0.037, 0.247, -0.162, -0.265, -0.051, -0.163, -0.153, 0.259, -0.027, -0.054),
    (0.401, 0.014, -0.414, 0.025, 0.012, 0.066, 0.010, -0.053, -0.175, 0.004, 0.093, 0.028),
])
# fmt: on


def key_points(points_px: Floats) -> F64:
    """(478, 2 or more) -> (6, 2), in the order of ks/face/alignment.py. Raises DataError if both eyes are one point."""
    if points_px.ndim != 2 or points_px.shape[0] != 478:
        raise DataError(f"a face mesh must have 478 points; got {points_px.shape}")
    six = np.stack([points_px[list(these), :2].mean(0) for these in _FROM]).astype(np.float64)
    along = six[1] - six[0]
    if not np.isfinite(points_px[:, :2]).all() or not along.any():
        raise DataError("a face mesh must have finite points and two eyes")
    axes = np.stack([along, (-along[1], along[0])])  # of the face's own frame
    telling = (points_px[list(_TELLING), :2] - six[:2].mean(0)) @ axes.T / (along @ along)
    shift = (np.append(telling, 1.0) @ _SHIFT).reshape(6, 2)
    return np.asarray(six + shift @ axes, np.float64)
