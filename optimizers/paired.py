"""Two prompts on the rows that both of them ran."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.compare import Arm, compare
from benchmarks.evidence.records import PairedDifference
from benchmarks.metrics.protocol import Metric
from benchmarks.models.prices import Price
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.expense import Expense, expense_of

Pair = tuple[Example, Rollout, Rollout]
"""A row for which both prompts have a score, with the rollouts of the one and of the other."""


def pairs(ours: Prompt, theirs: Prompt, rows: Sequence[Example], evaluator: Evaluator) -> list[Pair]:
    """Those of `rows` for which both prompts have a score. Rows that were chosen by what they would show are no fair
    sample, and must not be among `rows`."""
    both = ((row, evaluator.rollout(ours, row), evaluator.rollout(theirs, row)) for row in rows)
    return [(row, one, other) for row, one, other in both if one and other and not one.missing and not other.missing]


def difference(metric: Metric, found: Sequence[Pair], *, level: float = 0.95, seed: int) -> PairedDifference:
    """The one prompt's score minus the other's, over at least one pair, with the test that fits the metric."""
    return compare(
        metric,
        arm([one for _, one, _ in found]),
        arm([other for _, _, other in found]),
        [row for row, _, _ in found],
        level=level,
        seed=seed,
    )


def expenses(found: Sequence[Pair], price: Price | None) -> tuple[Expense, Expense] | None:
    """What the one prompt takes and what the other, on the rows to which both got replies; None if there are none."""
    replied = [(one, other) for _, one, other in found if one.reply is not None and other.reply is not None]
    ours, theirs = expense_of((one for one, _ in replied), price), expense_of((other for _, other in replied), price)
    return None if ours is None or theirs is None else (ours, theirs)


def arm(rollouts: Sequence[Rollout]) -> Arm:
    """What one prompt did, for rollouts that all have a score."""
    return Arm(
        answers=tuple(rollout.answer for rollout in rollouts),
        scores=tuple(rollout.score for rollout in rollouts if rollout.score is not None),
    )


def reach(prompts: Sequence[Prompt], rows: Sequence[Example], evaluator: Evaluator, calls: int) -> int:
    """On how many of `rows`, from the first, all `prompts` can be run for `calls` new calls and what the caps leave."""

    def too_far(count: int) -> bool:
        block = block_of(prompts, rows[:count])
        return len(evaluator.new(block)) > calls or not evaluator.affords(block)

    return bisect_left(range(1, len(rows) + 1), True, key=too_far)


def block_of(prompts: Sequence[Prompt], rows: Sequence[Example]) -> list[Assignment]:
    """All `prompts` on all `rows`, those of one prompt together."""
    return [Assignment(prompt=prompt, example=row) for prompt in prompts for row in rows]
