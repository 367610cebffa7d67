"""Which way of writing instructions is worth its calls: a bandit on realised gain per cost.

Gain is taken to arrive in grains, as events of a Poisson process whose rate per unit of cost differs between
arms. Under a gamma prior the rate's posterior is a gamma distribution again, from which Thompson sampling draws
(Thompson, "On the likelihood that one unknown probability exceeds another", 1933; the gamma-Poisson conjugacy as in
Gelman et al., "Bayesian Data Analysis", section 2.6).
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

GRAIN = 0.02
"""The gain that counts as one event: two points of score, about what luck brings to the best of a few candidates."""

PRIOR_EVENTS = 2.0
PRIOR_COST = 40.0
"""What every arm is credited with before it was tried: two events for 40 calls, which is optimistic, so that all arms
are tried."""

FADING = 0.8
"""What a trial counts after another round: the better the leader, the less is to be gained, and by other means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What trying an arm in a round has brought: `gain` in score, at least 0, for `cost` in calls."""

    round: int
    arm: str
    gain: float
    cost: float


def choose(arms: Sequence[str], trials: Sequence[Trial], count: int, rng: random.Random) -> list[str]:
    """`count` choices among `arms`, each arm as often as it is likely to be the one with the most gain per cost.

    The choices depend on `trials` as a set, not on their order.
    """
    latest = max((trial.round for trial in trials), default=0)
    rates = {}
    for arm in arms:
        mine = [(FADING ** (latest - trial.round), trial) for trial in trials if trial.arm == arm]
        events = PRIOR_EVENTS + math.fsum(weight * max(0.0, trial.gain) / GRAIN for weight, trial in mine)
        rates[arm] = events, 1.0 / (PRIOR_COST + math.fsum(weight * trial.cost for weight, trial in mine))
    return [max(arms, key=lambda arm: rng.gammavariate(*rates[arm])) for _ in range(count)] if arms else []
