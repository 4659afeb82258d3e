"""The 68 points of iBUG 300-W, as OpenFace, dlib and py-feat number them, from the 478 of the face mesh.

     0-16  jaw, from the person's right ear over the chin to the left one     27-30, 31-35  bridge and base of the nose
    17-21  right brow, from outside; 22-26 left brow, from inside             36-41  right eye; 42-47 left eye
    48-59  outer lips, from the person's right corner over the upper one      60-67  inner lips

"Right" is the person's, on the left of a picture that is not mirrored. Each point is the one of the mesh that is
nearest in meaning; along jaw, lips and bridge they are chosen to be evenly spaced. Two things differ from 300-W's
annotations: the mesh follows the jaw also where it is hidden, on the far side of a turned head, where 300-W has the
visible outline; and the brows are their upper edges.
"""

import numpy as np

from knowledge_spreader.arrays import F32, Floats
from knowledge_spreader.errors import DataError

# fmt: off
INDEX = np.array([
    127, 234, 132, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 361, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 5, 1, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,  # outer lips
    78, 81, 13, 311, 308, 402, 14, 178,  # inner lips
])
# fmt: on
INDEX.setflags(write=False)


def landmarks_68(points_px: Floats) -> F32:
    """(478, 2 or 3) -> (68, 2), x and y in pixels of the picture. Raises DataError on another shape."""
    if points_px.ndim != 2 or points_px.shape[0] != 478 or points_px.shape[1] not in (2, 3):
        raise DataError(f"the 68 points are taken from points (478, 2 or 3); got {points_px.shape}")
    return np.asarray(points_px[INDEX, :2], np.float32)
