"""The proof: winner and baseline on test rows that the search never saw, once.

The winner is promoted only if the lower bound of its paired difference to the baseline is above 0. Looks at one test
split are counted, and each further look must clear a higher bar (see `benchmarks.evidence.looks`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from benchmarks.datasets.records import Example
from benchmarks.digests import digest
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.compare import Arm, compare, summarise
from benchmarks.evidence.looks import alpha_for_look
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.metrics.protocol import Metric
from benchmarks.models.protocol import FailureKind
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.journal import Journal
from optimizers.study import Candidate

MOST_MISSING = 0.01
"""A proof with a larger share of missing rows promotes nothing."""

ROWS_PER_BLOCK = 64
"""Both prompts take turns in blocks of this size, so that an endpoint that drifts hits both alike."""


class Looks(Protocol):
    """Counts the looks at a test split, over all jobs."""

    def count(self, test_digest: str, look: str) -> int:
        """Which look at the split this is, from 1; the same `look` again has its old number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Mean row scores on the `n` rows with one value of one slice column, with their paired difference (None when
    winner and baseline are one prompt)."""

    column: str
    value: str
    n: int
    winner: float
    baseline: float
    difference: PairedDifference | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the test split said.

    `difference` has the 95 % interval that is shown, `decisive` the one at level 1 - alpha_k that decides, for the
    `look`-th look at this split; both are None when winner and baseline are one prompt. `missing` is the share of
    rows left out because an answer of either prompt is missing.
    """

    n: int
    missing: float
    winner: Interval
    baseline: Interval
    difference: PairedDifference | None
    decisive: PairedDifference | None
    look: int | None
    slices: tuple[Slice, ...]
    winner_rollouts: tuple[Rollout, ...]
    baseline_rollouts: tuple[Rollout, ...]

    @property
    def proven(self) -> bool:
        """Whether the winner may be promoted."""
        return self.decisive is not None and self.decisive.low > 0 and self.missing <= MOST_MISSING


async def prove(
    winner: Candidate,
    baseline: Candidate,
    *,
    rows: Sequence[Example],
    test_digest: str,
    occasion: str,
    looks: Looks,
    journal: Journal,
    evaluator: Evaluator,
    seed: int,
) -> Proof | None:
    """The proof of `winner` against `baseline` on `rows` of the test split.

    Where attempts were lost or time runs out, it is on the rows that the caps still paid for, in their order; None if
    there are none. `occasion` names what else makes this a look of its own: the model and the epoch of the replies.
    """
    prompts = [winner.prompt] if winner is baseline else [winner.prompt, baseline.prompt]
    walked: list[Example] = []
    while part := rows[len(walked) : len(walked) + ROWS_PER_BLOCK]:
        while part and not evaluator.affords(_turns(prompts, part)):
            part = part[:-1]
        await evaluator.block(_turns(prompts, part))
        if not part or evaluator.out_of_time:
            break
        walked += part
    walked = [example for example in walked if _paid(prompts, example, evaluator)]
    examples, ours, theirs = _complete(winner, baseline, walked, evaluator)
    if not examples:
        return None
    arms = _arm(ours), _arm(theirs)
    metric = evaluator.metric
    look = None
    difference = decisive = None
    if winner is not baseline:
        proved = digest(sorted(example.id for example in walked))
        look = _look(journal, looks, test_digest, [winner.prompt.digest, baseline.prompt.digest, occasion, proved])
        difference = compare(metric, *arms, examples, level=0.95, seed=seed)
        decisive = compare(metric, *arms, examples, level=1 - alpha_for_look(look), seed=seed)
    return Proof(
        n=len(examples),
        missing=(len(walked) - len(examples)) / len(walked),
        winner=summarise(metric, arms[0], examples, level=0.95, seed=seed),
        baseline=summarise(metric, arms[1], examples, level=0.95, seed=seed),
        difference=difference,
        decisive=decisive,
        look=look,
        slices=tuple(_slices(examples, *arms, metric, compared=difference is not None)),
        winner_rollouts=tuple(ours),
        baseline_rollouts=tuple(theirs),
    )


def _paid(prompts: Sequence[Prompt], example: Example, evaluator: Evaluator) -> bool:
    """Whether the caps paid for the row: a row that lost attempts left no room for is not missing but out of reach."""
    rollouts = (evaluator.rollout(prompt, example) for prompt in prompts)
    return not any(rollout and rollout.problem == FailureKind.UNAFFORDABLE for rollout in rollouts)


def _turns(prompts: Sequence[Prompt], rows: Sequence[Example]) -> list[Assignment]:
    return [Assignment(prompt=prompt, example=example) for prompt in prompts for example in rows]


def _complete(
    winner: Candidate, baseline: Candidate, rows: Sequence[Example], evaluator: Evaluator
) -> tuple[list[Example], list[Rollout], list[Rollout]]:
    """The rows for which both prompts have a score, with their rollouts."""
    triples = [(e, evaluator.rollout(winner.prompt, e), evaluator.rollout(baseline.prompt, e)) for e in rows]
    complete = [(e, w, b) for e, w, b in triples if w and b and not w.missing and not b.missing]
    return [e for e, _, _ in complete], [w for _, w, _ in complete], [b for _, _, b in complete]


def _arm(rollouts: Sequence[Rollout]) -> Arm:
    return Arm(
        answers=tuple(r.answer for r in rollouts), scores=tuple(r.score for r in rollouts if r.score is not None)
    )


def _look(journal: Journal, looks: Looks, test_digest: str, identity: list[str]) -> int:
    settled = journal.recall("look")
    if settled is None:
        settled = {"look": looks.count(test_digest, digest(identity))}
        journal.record("look", settled)
    return int(settled["look"])


def _slices(examples: Sequence[Example], winner: Arm, baseline: Arm, metric: Metric, *, compared: bool) -> list[Slice]:
    test = exact_mcnemar if metric.binary else paired_t
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        for column, value in example.slices.items():
            places[column, value].append(position)
    slices = []
    for (column, value), positions in sorted(places.items()):
        ours, theirs = ([arm.scores[i] for i in positions] for arm in (winner, baseline))
        slices.append(
            Slice(
                column=column,
                value=value,
                n=len(positions),
                winner=sum(ours) / len(ours),
                baseline=sum(theirs) / len(theirs),
                difference=test(ours, theirs, 0.95) if compared else None,
            )
        )
    return slices
