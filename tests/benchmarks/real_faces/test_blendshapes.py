"""MediaPipe's blendshapes as AUs."""

import pytest

from knowledge_spreader.benchmarks.real_faces.blendshapes import aus_of


def test_blendshapes_become_aus_by_the_table() -> None:
    names = "browOuterUp browDown eyeWide cheekSquint eyeSquint noseSneer mouthUpperUp mouthSmile mouthDimple"
    names += " mouthFrown mouthStretch mouthPress eyeBlink mouthLowerDown"
    shapes = {f"{name}{side}": 0.0 for name in names.split() for side in ("Left", "Right")}
    shapes |= {"browInnerUp": 0.1, "mouthShrugLower": 0.2, "jawOpen": 0.5, "mouthClose": 0.4}
    shapes |= {"mouthSmileLeft": 0.6, "mouthSmileRight": 0.8, "mouthLowerDownLeft": 0.3, "mouthLowerDownRight": 0.1}
    aus = aus_of(shapes)
    assert (aus[1], aus[17], aus[26]) == (0.1, 0.2, 0.5)
    assert aus[12] == pytest.approx(0.7)
    assert aus[25] == pytest.approx(0.2)  # jawOpen - mouthClose is 0.1, mouthLowerDown 0.2
    assert 23 not in aus
    assert len(aus) == 17
