"""A geometry voice of few numbers, for tests."""

from dataclasses import replace

import numpy as np

from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice


def a_voice(n_aus: int, **changed: object) -> GeometryVoice:
    """Hears jawOpen alone, for the first AU; the crops decide the others."""
    weight = np.zeros((n_aus, len(FEATURES)))
    weight[0, FEATURES.index("jawOpen")] = 1.0
    zeros, ones = np.zeros(n_aus), np.ones(n_aus)
    first = np.eye(n_aus)[0]
    voice = GeometryVoice(
        middle=np.zeros(len(FEATURES)),
        spread=np.ones(len(FEATURES)),
        weight=weight,
        bias=zeros,
        offset=zeros,
        crops_share=ones - 0.5 * first,
        points_share=0.5 * first,
        alone_offset=0.25 * ones,
        alone_factor=ones,
        alone_weight=np.zeros((n_aus, 0)),
        thresholds=(0.6,) * n_aus,
    )
    return replace(voice, **changed)
