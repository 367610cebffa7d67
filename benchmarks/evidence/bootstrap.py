"""Intervals for what a set of rows is worth together, such as macro-F1: a stratified bootstrap.

Rows are drawn again within each expected answer, and both prompts are judged on the same draw. The standard deviation
over draws is the standard error, and limits are Student's around the value on all rows, moved outwards by the skew of
the draws. Percentiles of the draws would need ever more draws as looks at the test split raise the level, could give
p = 0, and err more: when proofs of two equally good prompts were simulated (five classes, the rarest of 3 %, 100 to 500
rows), one was wrongly proven better in at most 4 % of them, with percentiles in up to 6 %, where 2.5 % is nominal.

A stratum of m rows is drawn m - 1 times, because m draws would understate the error of small classes by √((m - 1)/m):
Efron, "The Jackknife, the Bootstrap and Other Resampling Plans" (1982), section 8; McCarthy and Snowden, "The
bootstrap and finite population sampling" (1985). An answer that occurs once cannot vary by itself: such answers form
one stratum, and a single one joins the next rarest. The spread of a class of few rows is itself uncertain, which
Student's degrees of freedom allow for: Satterthwaite, "An approximate distribution of estimates of variance
components", Biometrics Bulletin 2 (1946).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.evidence.inversion import paired_difference
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.evidence.student import student_limits, student_p

Rows = NDArray[np.intp]
Aggregate = Callable[[Rows], float]
"""What the rows at these positions are worth together, in [0, 1]; a position may occur more than once."""


def bootstrap_interval(
    aggregate: Aggregate, expected: Sequence[str], *, level: float = 0.95, seed: int, resamples: int = 2_000
) -> Interval:
    """The value of `aggregate` on all rows with its interval.

    `expected` holds the expected answer of each row, at least one, in parallel to the positions `aggregate` takes. The
    same `seed` gives the same interval.
    """
    strata = _strata(expected)
    error, skew = _spread([aggregate(rows) for rows in _resamples(strata, resamples, seed)])
    n = len(expected)
    mean = aggregate(np.arange(n))
    low, high = student_limits(mean, error, degrees=_degrees(expected), n=n, level=level, lowest=0.0, skew=skew)
    return Interval(mean=mean, low=max(0.0, low), high=min(1.0, high), n=n, level=level)


def paired_bootstrap(
    winner: Aggregate,
    baseline: Aggregate,
    expected: Sequence[str],
    *,
    level: float = 0.95,
    seed: int,
    resamples: int = 2_000,
) -> PairedDifference:
    """Winner minus baseline on all rows, with a test and the interval that inverts it.

    `expected` holds the expected answer of each row, at least one, in parallel to the positions both aggregates take.
    The same `seed` gives the same result, and with the arms exchanged its mirror image.
    """

    def difference(rows: Rows) -> float:
        return winner(rows) - baseline(rows)

    strata = _strata(expected)
    error, skew = _spread([difference(rows) for rows in _resamples(strata, resamples, seed)])
    n = len(expected)
    degrees = _degrees(expected)
    mean = difference(np.arange(n))
    low, high = student_limits(mean, error, degrees=degrees, n=n, level=level, lowest=-1.0, skew=skew)
    p = student_p(mean, error, degrees=degrees, n=n, skew=skew)
    return paired_difference(mean=mean, low=low, high=high, p=p, n=n, test="paired bootstrap", level=level)


def _strata(expected: Sequence[str]) -> list[Rows]:
    """Positions by expected answer, rarest first, each stratum of two rows or more if there are two."""
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for position, answer in enumerate(expected):
        positions[answer].append(position)
    by_size = sorted(positions.values(), key=len)
    single = [rows[0] for rows in by_size if len(rows) == 1]
    strata = [rows for rows in by_size if len(rows) > 1]
    if len(single) == 1 and strata:
        strata[0] = [*single, *strata[0]]
    elif single:
        strata = [single, *strata]
    return [np.array(rows, dtype=np.intp) for rows in strata]


def _spread(draws: Sequence[float]) -> tuple[float, float]:
    """The standard deviation and the skew of `draws`."""
    off = np.asarray(draws) - np.mean(draws)
    error = math.sqrt(float((off * off).sum()) / (off.size - 1))
    return error, float((off * off * off).mean()) / error**3 if error > 1e-12 else 0.0


def _degrees(expected: Sequence[str]) -> float:
    """The degrees of freedom of the standard error, by Welch and Satterthwaite's formula for an unweighted mean over
    classes whose rows vary alike; 0 for a single row. A class of two rows decides as much about macro-F1 as one of 200,
    and says hardly anything about its own spread; one of a single row is taken to say as much."""
    sizes = Counter(expected).values()
    if len(expected) == 1:
        return 0
    return sum(1 / size for size in sizes) ** 2 / sum(1 / size**2 / max(1, size - 1) for size in sizes)


def _resamples(strata: Sequence[Rows], resamples: int, seed: int) -> Iterator[Rows]:
    """Positions drawn with replacement, one fewer than there are in each stratum."""
    rng = np.random.default_rng(seed)
    sizes = np.array([rows.size for rows in strata])
    draws = np.maximum(sizes - 1, 1)
    first = np.repeat(np.cumsum(sizes) - sizes, draws)
    size = np.repeat(sizes, draws)
    order = np.concatenate(strata)
    for _ in range(resamples):
        yield order[first + rng.integers(size)]
