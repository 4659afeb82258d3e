"""Made-up faces whose AUs are known: two Gaussian clusters of tokens for each AU, and a base model that errs."""

import numpy as np

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F32, I8, Bools
from knowledge_spreader.spec import UNKNOWN

AUS = (1, 12, 25)
THRESHOLDS = (0.5, 0.5, 0.5)
WIDTH, POINTS, RATE = 24, 6, 25


def made_up(
    recordings: int = 4,
    frames: int = 250,
    people: int = 4,
    *,
    knows: tuple[float, float, float] = (0.2, 4.0, 4.0),
    points: bool | float = True,
    apart: float = 3.0,
    seed: int = 0,
) -> tuple[Faces, I8]:
    """Faces at 25 frames per second, one in each frame, and their truth (T, 3).

    knows: how far apart the base model's logits of present and absent are. apart: how far the two clusters of tokens
    are. points: whether faces have landmarks, or the share of those that do.
    """
    rng = np.random.default_rng(seed)
    t = recordings * frames
    truth = np.repeat(rng.integers(0, 2, (t // 10 + 1, 3)), 10, axis=0)[:t]  # 0.4 s of each
    signs = 2 * truth - 1
    base = signs * np.array(knows) / 2 + rng.normal(0, 1, (t, 3))
    along = np.linalg.qr(rng.normal(size=(WIDTH, 3)))[0].T
    tokens = (signs @ along * apart / 2 + rng.normal(0, 1, (t, WIDTH))).astype(np.float32)
    seen = np.hstack([signs + rng.normal(0, 1, (t, 3)), rng.normal(0, 1, (t, POINTS - 3))]).astype(np.float32)
    has = rng.random(t) < float(points)
    recording = np.repeat(np.arange(recordings), frames).astype(np.int32)
    faces = Faces(
        recording=recording,
        person=np.array([f"p{r % people}" for r in recording.tolist()]),
        frame=np.tile(np.arange(frames), recordings).astype(np.int64),
        time_s=np.tile(np.arange(frames) / RATE, recordings),
        face=np.zeros(t, np.int32),
        width_px=np.full(t, 90, np.float32),
        crops=base.astype(np.float32),
        heard=np.where(has[:, None], base, np.nan).astype(np.float32),
        in_order=np.full(t, 0.9, np.float32),
        points=np.where(has[:, None], seen, np.nan).astype(np.float32),
        tokens=[tokens[recording == r] for r in range(recordings)],
    )
    return faces, truth.astype(np.int8)


def some(truth: I8, rows: Bools) -> I8:
    """The labels of these faces (T,); the others have none."""
    return np.where(rows[:, None], truth, np.int8(UNKNOWN))


def every(faces: Faces, n: int) -> Bools:
    return np.asarray(faces.frame % n == 0)


def names(faces: Faces) -> list[str]:
    return [f"r{r}.mp4" for r in range(int(faces.recording.max()) + 1)]


def all_tokens(faces: Faces) -> F32:
    return np.concatenate([np.asarray(one[0 : len(one)]) for one in faces.tokens])
