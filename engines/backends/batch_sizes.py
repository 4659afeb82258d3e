"""Batch sizes that a GPU engine prepares. A batch is padded to the next prepared size; larger ones are split."""

BUCKETS = (1, 2, 4, 8, 16, 32, 64)


def bucket(n: int) -> int:
    """The smallest prepared batch size of n or more; n is 1 to 64."""
    assert 1 <= n <= BUCKETS[-1], n
    return next(size for size in BUCKETS if size >= n)


def parts(n: int) -> list[slice]:
    """Slices that split n rows into parts of at most the largest size."""
    return [slice(i, min(i + BUCKETS[-1], n)) for i in range(0, n, BUCKETS[-1])]
