"""Looking for a cheaper prompt as good as the winner.

A search spends its rows on what scores best, so a prompt that is cheaper and nearly as good was stopped early, and
nobody knows it. A few of those that the rows do not show to be worse run on, so that the front can speak of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.datasets.records import Example
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from optimizers.evaluator import Evaluator
from optimizers.expense import Expense
from optimizers.front import LEAST_SHARE
from optimizers.objective import Objective
from optimizers.paired import arm, block_of, expenses, pairs, reach
from optimizers.study import PRIOR_ROWS, Candidate

MOST = 3
"""So many prompts run on at most."""

FEWER_TOKENS = 0.9
"""What takes more than this share of the winner's tokens is not worth the calls."""


async def look_for_cheaper(
    winner: Candidate,
    candidates: Iterable[Candidate],
    rows: Sequence[Example],
    evaluator: Evaluator,
    objective: Objective,
    *,
    calls: int,
) -> None:
    """Runs a few of `candidates` on those of `rows` that the winner ran, from the first, for at most `calls` calls.

    They are within the bounds, take clearly fewer tokens than the winner, and no 95 % interval shows that they are
    worse; of those the ones that lose least so far. As many run as reach half of the winner's rows, which the front
    asks for; none if the calls do not pay for one.
    """
    own = pairs(winner.prompt, winner.prompt, rows, evaluator)
    walked = [row for row, _, _ in own]
    gains = [(_gain(c, winner, rows, evaluator, objective), c) for c in candidates]
    hopes = sorted(((gain, c) for gain, c in gains if gain is not None), key=lambda hope: (-hope[0], hope[1].trial))
    for count in range(0 if evaluator.out_of_time else min(MOST, len(hopes)), 0, -1):
        prompts = [candidate.prompt for _, candidate in hopes[:count]]
        far = reach(prompts, walked, evaluator, calls)
        if far >= LEAST_SHARE * len(walked):
            await evaluator.block(block_of(prompts, walked[:far]))
            return


def _gain(
    candidate: Candidate, winner: Candidate, rows: Sequence[Example], evaluator: Evaluator, objective: Objective
) -> float | None:
    """What `candidate` scores above the winner on the rows so far, drawn towards nothing as they are few; None if it is
    no cheaper, beyond a bound, or shown to be worse."""
    both = pairs(candidate.prompt, winner.prompt, rows, evaluator)
    took = expenses(both, objective.price)
    if took is None or not _clearly_cheaper(*took) or objective.too_dear(candidate.prompt, rows, evaluator):
        return None
    test = exact_mcnemar if evaluator.metric.binary else paired_t
    found = test(arm([one for _, one, _ in both]).scores, arm([other for _, _, other in both]).scores, 0.95)
    return found.mean * found.n / (found.n + PRIOR_ROWS) if found.high >= 0 else None


def _clearly_cheaper(own: Expense, its: Expense) -> bool:
    tokens = own.prompt_tokens + own.completion_tokens
    return own.cheaper_than(its) and tokens <= FEWER_TOKENS * (its.prompt_tokens + its.completion_tokens)
