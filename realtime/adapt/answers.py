"""What ks-live would say of faces that were watched: logits with the model's own heads."""

import numpy as np

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F64
from knowledge_spreader.engines.ks_file.model_file import ModelFile


def answers(model: ModelFile, faces: Faces) -> F64:
    """(T, U) logits of all voices; of the crops alone where a face has no landmarks."""
    has = faces.has_points
    found = np.where(has[:, None], faces.heard, faces.crops).astype(np.float64)
    if model.own is None:
        return found
    for rows, tokens in faces.token_blocks():
        for seen in (True, False):
            mine = has[rows] == seen
            points = faces.points[rows][mine] if seen else None
            found[rows][mine] = model.own.heard(found[rows][mine], tokens[mine], points)
    return found
