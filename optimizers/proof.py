"""The proof: winner and baseline on test rows that the search never saw, once.

The winner is promoted only if the lower bound of its paired difference to the baseline is above 0. Looks at one test
split are counted, and each further look must clear a higher bar (see `benchmarks.evidence.looks`).

A fixed proof runs on all rows set aside for it. A sequential one looks after every few rows and ends when the case is
clear; what it reports holds whenever one looks (see `benchmarks.evidence.sequential`), which is paid for with wider
intervals.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from benchmarks.datasets.records import Example
from benchmarks.digests import digest
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.compare import Arm, compare, summarise
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.evidence.looks import alpha_for_look
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.paired_mean import paired_t
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.evidence.sequential import confidence_sequence, mean_sequence
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

ROWS_PER_LOOK = 16
"""A sequential proof looks after this many rows."""


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
    """What the test split said, on `n` rows of `planned`.

    `difference` has the 95 % interval that is shown, `decisive` the one at level 1 - alpha_k that decides, for the
    `look`-th look at this split; both are None when winner and baseline are one prompt. Where the `method` is
    sequential, all intervals are confidence sequences. `missing` is the share of rows left out because an answer of
    either prompt is missing.
    """

    method: Literal["fixed", "sequential"]
    n: int
    planned: int
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
    sequential: bool = False,
    margin: float = 0.0,
) -> Proof | None:
    """The proof of `winner` against `baseline` on `rows` of the test split.

    Where attempts were lost or time runs out, it is on the rows that the caps still paid for, in their order; None if
    there are none. `occasion` names what else makes this a look of its own: the model and the epoch of the replies.

    A `sequential` proof ends as soon as the lower bound is above 0, or the upper bound is below every difference that
    all of `rows` could be relied on to prove; where a winner may be worse by `margin`, below minus that. A metric that
    is no mean of row scores is proved on all rows: nothing like it is known for set functions.
    """
    prompts = [winner.prompt] if winner is baseline else [winner.prompt, baseline.prompt]
    sequential = sequential and winner is not baseline and evaluator.metric.mean_of_rows
    named = [winner.prompt.digest, baseline.prompt.digest, occasion]
    look: int | None = None
    walked: list[Example] = []
    while part := rows[len(walked) : len(walked) + (ROWS_PER_LOOK if sequential else ROWS_PER_BLOCK)]:
        while part and not evaluator.affords(_turns(prompts, part)):
            part = part[:-1]
        await evaluator.block(_turns(prompts, part))
        if not part or evaluator.out_of_time:
            break
        walked += part
        if sequential:
            look = look or _look(journal, looks, test_digest, [*named, "sequential", _rows_digest(rows)])
            if _clear(winner, baseline, walked, evaluator, level=1 - alpha_for_look(look), of=len(rows), margin=margin):
                break
    walked = [example for example in walked if _paid(prompts, example, evaluator)]
    examples, ours, theirs = _complete(winner, baseline, walked, evaluator)
    if not examples:
        return None
    if winner is not baseline:
        look = look or _look(journal, looks, test_digest, [*named, _rows_digest(walked)])
    judge = _Judge(metric=evaluator.metric, sequential=sequential, seed=seed)
    arms = _arm(ours), _arm(theirs)
    return Proof(
        method="sequential" if sequential else "fixed",
        n=len(examples),
        planned=len(rows),
        missing=(len(walked) - len(examples)) / len(walked),
        winner=judge.mean(arms[0], examples),
        baseline=judge.mean(arms[1], examples),
        difference=judge.difference(*arms, examples, level=0.95) if look else None,
        decisive=judge.difference(*arms, examples, level=1 - alpha_for_look(look)) if look else None,
        look=look,
        slices=tuple(judge.slices(examples, *arms, compared=look is not None)),
        winner_rollouts=tuple(ours),
        baseline_rollouts=tuple(theirs),
    )


def _clear(
    winner: Candidate,
    baseline: Candidate,
    walked: Sequence[Example],
    evaluator: Evaluator,
    *,
    level: float,
    of: int,
    margin: float,
) -> bool:
    """Whether the rows `walked`, of as many as `of`, leave no doubt about what a sequential proof will come to."""
    examples, ours, theirs = _complete(winner, baseline, walked, evaluator)
    if not examples:
        return False
    so_far = confidence_sequence(_arm(ours).scores, _arm(theirs).scores, level)
    if so_far.low > 0:
        return len(examples) >= (1 - MOST_MISSING) * len(walked)
    return so_far.high < (-margin if margin else smallest_detectable_difference(of, alpha=1 - level))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """How rows are judged: by tests for a number of rows that was fixed before, or by such as hold at any time."""

    metric: Metric
    sequential: bool
    seed: int

    def mean(self, arm: Arm, examples: Sequence[Example]) -> Interval:
        if self.sequential:
            return mean_sequence(arm.scores)
        return summarise(self.metric, arm, examples, level=0.95, seed=self.seed)

    def difference(self, winner: Arm, baseline: Arm, examples: Sequence[Example], *, level: float) -> PairedDifference:
        if self.sequential:
            return confidence_sequence(winner.scores, baseline.scores, level)
        return compare(self.metric, winner, baseline, examples, level=level, seed=self.seed)

    def slices(self, examples: Sequence[Example], winner: Arm, baseline: Arm, *, compared: bool) -> list[Slice]:
        test = confidence_sequence if self.sequential else exact_mcnemar if self.metric.binary else paired_t
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


def _rows_digest(rows: Sequence[Example]) -> str:
    return digest(sorted(example.id for example in rows))
