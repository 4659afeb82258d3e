"""Heads of a model with other AUs: what belongs to an AU that both models have is kept."""

from torch import Tensor

PER_AU = {  # how a tensor's name ends -> its dimension that has a block per AU
    "project.weight": 0,
    "project.bias": 0,
    "pool.look": 0,
    "au_embedding": 0,
    "logit_weight": 0,
    "logit_bias": 0,
    "classifier.weight": 0,
    "classifier.bias": 0,
}


def dimension_of(name: str, tokens: bool) -> int | None:
    """The dimension of a head's tensor that has a block per AU. tokens: branch B has a token per AU."""
    if name.startswith("spatial_students.logits."):
        return 0
    if name.startswith("spatial_students.hidden.") and name.endswith(".weight") and tokens:
        return 1
    return next((dim for end, dim in PER_AU.items() if name.endswith(end)), None)


def with_shared(
    fresh: dict[str, Tensor], known: dict[str, Tensor], aus: tuple[tuple[int, ...], tuple[int, ...]], tokens: bool
) -> dict[str, Tensor]:
    """The heads `fresh`, with all of `known` but the blocks of AUs that `known` lacks.

    aus: those of `fresh` and of `known`. Both have the same kinds of heads.
    """
    mine, theirs = aus
    places = [(mine.index(au), theirs.index(au)) for au in mine if au in theirs]
    out = {}
    for name, x in fresh.items():
        dim = dimension_of(name, tokens)
        if dim is None:
            out[name] = known[name]
            continue
        blocks = x.clone().unflatten(dim, (len(mine), -1))  # type: ignore[no-untyped-call]
        source = known[name].unflatten(dim, (len(theirs), -1))  # type: ignore[no-untyped-call]
        for here, there in places:
            blocks.select(dim, here).copy_(source.select(dim, there))
        out[name] = blocks.flatten(dim, dim + 1)
    return out
