"""What a test split of a given size can show, before anything is spent."""

from __future__ import annotations

import math
from statistics import NormalDist

from scipy.special import bdtrc


def smallest_detectable_difference(
    n: int, *, discordance: float = 0.2, alpha: float = 0.05, power: float = 0.8
) -> float:
    """The smallest true paired difference that `n` rows prove with probability `power`, in score units, in (0, 1].

    `discordance` is the share of rows on which the two prompts score differently (for scores between 0 and 1: the mean
    of the squared row differences), in (0, 1]; `alpha` is two-sided; `power` is at least 0.5. A difference can be no
    larger than the discordance, so where that would be too small to show anything, the answer is the difference at
    which every discordant row is a win. 1.0 means that no difference can be counted on.

    Solves n = (z_α √ψ + z_β √(ψ - δ²))² / δ² for δ, with ψ the discordance: Miettinen, "The matched pairs design in the
    case of all-or-none responses", Biometrics 24 (1968); Connor, "Sample size for testing differences in proportions
    for the paired-sample design", Biometrics 43 (1987). The exact McNemar test needs a few per cent more.
    """
    z_alpha = NormalDist().inv_cdf(1 - alpha / 2)
    z_beta = NormalDist().inv_cdf(power)
    if n <= z_alpha**2:
        return 1.0
    root = math.sqrt(n * (n + z_beta**2 - z_alpha**2))
    difference = math.sqrt(discordance) * (math.sqrt(n) * z_alpha + z_beta * root / math.sqrt(n)) / (n + z_beta**2)
    if difference <= discordance:
        return difference
    return 1 - ((root - z_alpha * z_beta) / (n + z_beta**2)) ** 2


def chance_at_best(n: int, share: float, *, alpha: float = 0.05) -> float:
    """The probability that `n` rows prove a prompt better that alone is right on a `share` of all rows, in [0, 1], and
    wrong on none that the other has right: the exact McNemar test at the two-sided level `alpha`."""
    wins = math.ceil(math.log2(2 / alpha))
    return float(bdtrc(wins - 1, n, share)) if n >= wins else 0.0
