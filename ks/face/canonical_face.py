"""Rigid points of an average adult face in millimetres: where the face mesh's points are on a head that does not move.

x points to the picture's right (the person's left), y down, z away from the camera, for a face that looks into it. The
origin is inside the head, at the height of the nose bridge. The outer corners of the eyes are 89 mm apart.

The places and weights are facts of MediaPipe's canonical face model and of its geometry pipeline (Apache-2.0,
Copyright The MediaPipe Authors), as in `geometry_pipeline_metadata_landmarks.binarypb` of the file that
ks/face/models/NOTICE.md names; millimetres instead of centimetres, and y and z turned round.
"""

import numpy as np

# Index on the person's right, its mirror image on the left, weight, x, y, z of the right one.
_POINTS = (
    (4, 4, 0.07091, 0.0, 4.63, -75.87),
    (6, 6, 0.03210, 0.0, -24.73, -57.89),
    (10, 10, 0.00845, 0.0, -82.62, -44.82),
    (33, 263, 0.05872, -44.46, -26.64, -31.73),
    (54, 284, 0.00767, -62.79, -66.15, -14.26),
    (67, 297, 0.00908, -35.24, -80.06, -37.29),
    (117, 346, 0.00979, -52.59, -9.46, -29.74),
    (119, 348, 0.01457, -33.01, -8.62, -38.73),
    (121, 350, 0.01859, -18.21, -14.68, -42.24),
    (127, 356, 0.00520, -77.43, -23.65, 20.05),
    (129, 358, 0.12063, -17.86, 9.78, -48.50),
    (132, 361, 0.00556, -72.71, 28.91, 22.52),
    (133, 362, 0.05329, -18.56, -25.85, -37.58),
    (136, 365, 0.06689, -50.85, 71.79, -7.15),
    (143, 372, 0.01482, -64.08, -22.36, -15.61),
    (147, 376, 0.01426, -62.35, 19.44, -16.64),
    (198, 420, 0.02546, -12.47, -2.30, -56.81),
    (205, 425, 0.04725, -38.33, 15.37, -41.38),
)
_BOTH = [
    *((right, weight, x, y, z) for right, _, weight, x, y, z in _POINTS),
    *((left, weight, -x, y, z) for right, left, weight, x, y, z in _POINTS if left != right),
]

INDEX = np.array([row[0] for row in _BOTH])  # (33,) of the 478 points
WEIGHT = np.array([row[1] for row in _BOTH]) / sum(row[1] for row in _BOTH)  # (33,) sums to 1
PLACE_MM = np.array([row[2:] for row in _BOTH])  # (33, 3)
for _array in (INDEX, WEIGHT, PLACE_MM):
    _array.setflags(write=False)
