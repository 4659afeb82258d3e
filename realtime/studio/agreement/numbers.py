"""Figures of agreement between coders: Cohen's kappa, the Wexler ratio, two intraclass correlations.

None where a figure does not exist, such as kappa if both coders always say the same one thing.
"""

from knowledge_spreader.arrays import F64, Bools


def kappa(a: Bools, b: Bools) -> float | None:
    """Cohen's kappa of two coders who each said present or absent, (n,): agreement beyond chance; 1 is perfect.

    (p_o - p_e) / (1 - p_e): p_o the share on which they agree, p_e what two coders with these shares of "present" would
    reach by chance. Cohen, A coefficient of agreement for nominal scales, 1960.
    """
    if not len(a):
        return None
    observed = float((a == b).mean())
    by_chance = float(a.mean() * b.mean() + (1 - a.mean()) * (1 - b.mean()))
    return (observed - by_chance) / (1 - by_chance) if by_chance < 1 else None


def wexler(both: int, of_a: int, of_b: int) -> float | None:
    """The ratio of the FACS manual: twice the AUs that both scored, by all AUs that each of them scored.

    Scored means said to be present. Ekman, Friesen & Hager, FACS: the investigator's guide, 2002, after Wexler 1972.
    """
    return 2 * both / (of_a + of_b) if of_a + of_b else None


def icc(levels: F64) -> tuple[float | None, float | None]:
    """levels (n, k): n frames by k coders. (agreement, consistency) of a single coder's level.

    agreement: ICC(2,1) of Shrout & Fleiss 1979, McGraw & Wong's ICC(A,1); a coder who is always one level higher lowers
    it. consistency: ICC(3,1), ICC(C,1); that does not.
    """
    n, k = levels.shape
    if n < 2 or k < 2:
        return None, None
    mean = levels.mean()
    rows, columns = levels.mean(axis=1, keepdims=True), levels.mean(axis=0, keepdims=True)
    between = k * float(((rows - mean) ** 2).sum()) / (n - 1)  # mean squares: of frames,
    coders = n * float(((columns - mean) ** 2).sum()) / (k - 1)
    rest = float(((levels - rows - columns + mean) ** 2).sum()) / ((n - 1) * (k - 1))
    return (
        _ratio(between - rest, between + (k - 1) * rest + k * (coders - rest) / n),
        _ratio(between - rest, between + (k - 1) * rest),
    )


def _ratio(above: float, below: float) -> float | None:
    return above / below if abs(below) > 1e-12 else None
