"""The one place where p and interval are made to tell the same story."""

from __future__ import annotations

import math

from benchmarks.evidence.records import PairedDifference

_TINY = math.ulp(0.0)


def paired_difference(
    *, mean: float, low: float, high: float, p: float, n: int, test: str, level: float
) -> PairedDifference:
    """The record of a test whose interval (`low`, `high`) is already the inversion of its `p`.

    What is left to settle is rounding: ends are kept within [-1, 1] and around the mean, p is kept above 0 where it is
    too small for a float, and an end that meets 0 is put on the side that p says. At p = 1 - level the interval is open
    at 0, which the smallest positive float stands for.
    """
    low, high = max(-1.0, min(low, mean)), min(1.0, max(high, mean))
    p = min(1.0, max(_TINY, p))
    if p > 1 - level:
        low, high = min(low, 0.0), max(high, 0.0)
    elif mean > 0:
        low = max(low, _TINY)
    else:
        high = min(high, -_TINY)
    return PairedDifference(mean=mean, low=low, high=high, p=p, n=n, test=test, level=level)
