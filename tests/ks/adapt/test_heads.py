"""heads.py: what was learned is linear, other AUs are untouched, and text gives back every bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.adapt.heads import HeadSet, OwnHeads
from knowledge_spreader.errors import ModelError

AUS = (1, 4, 12, 25)


def a_set(n: int = 2, tokens: int = 6, points: int = 0, seed: int = 0) -> HeadSet:
    rng = np.random.default_rng(seed)
    one = {name: rng.normal(size=n).astype(np.float32) for name in ("scale", "bias")}
    weights = (rng.normal(size=(n, width)).astype(np.float32) for width in (tokens, points))
    return HeadSet(*weights, **one, thresholds=(0.25, 0.75, 0.6)[:n])


def own(**changed: Any) -> OwnHeads:
    return replace(OwnHeads(AUS, (4, 25), a_set(), a_set(points=3, seed=1), shown=(25,), notes={"f1": 0.5}), **changed)


def test_aus_that_were_not_learned_are_the_base_models_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    base, tokens, points = rng.normal(size=(50, 4)), rng.normal(size=(50, 6)), rng.normal(size=(50, 3))
    for seen in (points, None):
        heard = own().heard(base, tokens, seen)
        assert (heard[:, [0, 2]] == base[:, [0, 2]]).all()
        assert (heard[:, [1, 3]] != base[:, [1, 3]]).all()
        assert heard[7] == pytest.approx(own().heard(base[7], tokens[7], None if seen is None else seen[7]), abs=1e-12)


def test_a_logit_is_base_and_scale_and_weights_and_bias() -> None:
    heads = HeadSet(
        np.array([[1, 2]], np.float32),
        np.array([[10]], np.float32),
        np.array([0.5], np.float32),
        np.array([100], np.float32),
        (0.5,),
    )
    assert heads.logits(np.array([4.0]), np.array([1.0, 1.0]), np.array([2.0])) == [4 * 1.5 + 3 + 20 + 100]


def test_a_face_without_landmarks_has_its_own_heads_and_without_a_set_for_landmarks_all_have_these() -> None:
    base, tokens, points = np.zeros(4), np.ones(6), np.ones(3)
    alone = own(points=None)
    assert (own().heard(base, tokens, None) == alone.heard(base, tokens, points)).all()
    assert (own().heard(base, tokens, None) != own().heard(base, tokens, points)).any()


def test_thresholds_of_learned_aus_alone_are_their_own() -> None:
    assert own().thresholds((0.1, 0.2, 0.3, 0.4), points=False) == (0.1, 0.25, 0.3, 0.75)


def test_text_gives_back_every_bit() -> None:
    read = OwnHeads.from_dict(own().to_dict())
    assert read.to_dict() == own().to_dict()
    assert read.identity == own().identity
    assert (read.crops.token_weight == own().crops.token_weight).all()
    assert (read.of, read.learned, read.shown, read.notes) == (AUS, (4, 25), (25,), {"f1": 0.5})
    assert OwnHeads.from_dict(own(points=None).to_dict()).points is None


def test_another_weight_is_another_identity() -> None:
    moved = replace(a_set(), bias=a_set().bias + np.float32(1e-6))
    assert own(crops=moved).identity != own().identity
    assert own(notes={}).identity == own().identity


def damaged(**changed: Any) -> dict[str, Any]:
    values = own().to_dict()
    return values | {"crops": values["crops"] | changed}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"learned": 3},
        own().to_dict() | {"learned": [5, 25]},
        own().to_dict() | {"learned": [4]},
        own().to_dict() | {"crops": None},
        damaged(bias={"shape": [2], "data": "no base64 !"}),
        damaged(bias={"shape": [2], "data": "AAAA"}),
        damaged(bias={"shape": [2], "data": "AADAfwAAwH8="}),  # nan
        damaged(token_weight={"shape": [2], "data": "AAAAAAAAAAA="}),  # no columns
        damaged(thresholds=[0.5, 1.5]),
        damaged(thresholds=[0.5]),
    ],
)
def test_what_are_no_heads_is_refused_in_one_line(values: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match="own heads") as refused:
        OwnHeads.from_dict(values)
    assert "\n" not in str(refused.value)
