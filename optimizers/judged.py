"""The rollouts of a job whose metric is a judge: each block of answers is followed by a block of verdicts.

Both go the way of all blocks, so a job that is run again takes the same course: the answers' decisions stand in the
job's journal as ever, those of the verdicts beside them.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.budget import JUDGE, Amount
from benchmarks.evaluation.judged import Answers, Grading, agreement_of
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import MOST_AT_ONCE, Assignment
from benchmarks.evidence.agreement import Agreement
from benchmarks.models.prices import Tariff, max_tokens
from benchmarks.models.protocol import LanguageModel
from benchmarks.tasks.human_labels import HumanLabel
from optimizers.evaluator import Cell, Evaluator
from optimizers.journal import Journal
from optimizers.progress import Notice, Tally, silent

CALLS_PER_ROLLOUT = 2
"""An answer and its verdict."""

AGREEMENT = "agreement"
"""The phase in which the judge grades what people have graded."""

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeModel:
    """The model that grades, how it is asked, and what that costs. `human_labels` are what it is compared with."""

    grading: Grading
    model: LanguageModel
    tariff: Tariff
    at_once: int = MOST_AT_ONCE
    human_labels: Sequence[HumanLabel] = ()
    seed: int = 0


class JudgedEvaluator(Evaluator):
    """An evaluator whose scores come from a judge. A block is over when its answers are graded; before the first one
    the judge is compared with people, which `agreement` tells (None where there are no labels, or was no time)."""

    def __init__(self, *, judge: JudgeModel, **fields: Any) -> None:
        super().__init__(**fields)
        grading = judge.grading
        self._grading = grading
        watched = {name: fields[name] for name in ("level", "clock") if name in fields}
        self.tally = _Calls(self.budget, fields.get("observer", silent), **watched)
        self._answers = Evaluator(**{**fields, "metric": Answers(self.metric.extractor)})
        self._answers.tally = self.tally
        budget, journal = self.budget.of(JUDGE), _Named(fields["journal"], "judge ")
        self._verdicts = Evaluator(
            **{
                **fields,
                **{"model": judge.model, "tariff": judge.tariff, "at_once": judge.at_once},
                **{"metric": grading.metric, "budget": budget, "journal": journal},
            }
        )
        self._verdicts.tally = _Verdicts(self.tally)
        self._asked = self._asked_firmly = 0
        self._judge = judge
        self._to_compare = judge.human_labels
        self._observer = fields.get("observer", silent)
        self.agreement: Agreement | None = None

    async def block(self, assignments: Sequence[Assignment]) -> None:
        """Runs and grades the assignments that were not run yet. See `Evaluator.block`; MetricError is raised if the
        judge cannot grade."""
        fresh = self.new(assignments)
        self.prompts.update((a.prompt.digest, a.prompt) for a in fresh)
        try:
            if fresh:
                await self._compare()
            answers = await self._run(self._answers, fresh)
            graded = await self._grading.graded([a.example for a in fresh], answers, self._ask)
        except _OutOfTime:
            return
        for assignment, rollout in zip(fresh, graded, strict=True):
            self.rollouts[_cell(assignment)] = rollout

    async def _compare(self) -> None:
        labels, self._to_compare = self._to_compare, ()
        if not labels:
            return
        phase, self.budget.phase = self.budget.phase, AGREEMENT
        try:
            examples = [self._grading.example(label.row, label.reply) for label in labels]
            verdicts = await self._grading.verdicts(examples, self._ask)
        finally:
            self.budget.phase = phase
        self.agreement = agreement_of(labels, verdicts, binary=self._grading.judge.binary, seed=self._judge.seed)
        self._observer(Notice(message=f"On replies that people have graded, {self.agreement}."))

    def affords(self, assignments: Sequence[Assignment]) -> bool:
        """Whether what is left, apart from what is held, pays for those of `assignments` that were not run yet, and for
        the comparison with people if it is still to come."""
        fresh = self.new(assignments)
        compared = [self._grading.assignment(label.row, label.reply) for label in self._to_compare]
        return not fresh or self.budget.affords(self.forecast(fresh) + self._verdicts.forecast(compared))

    def forecast(self, assignments: Sequence[Assignment]) -> Amount:
        """What `assignments` are expected to take in all, their verdicts included. Answers are taken to be as long as
        the longest so far, and as long as they may be before there are any."""
        again = Amount(calls=math.ceil(len(assignments) * self._asked_firmly / max(1, self._asked)))
        graded = Amount(calls=len(assignments))
        if self._sizes_matter:
            longest = max((len((r.answer or "").encode()) for r in self.rollouts.values()), default=None)
            graded = self._verdicts.forecast([self._graded_like(a, longest) for a in assignments])
        return self._answers.forecast(assignments) + graded + again

    def _graded_like(self, assignment: Assignment, longest: int | None) -> Assignment:
        size = BYTES_PER_TOKEN * max_tokens(assignment.prompt.parameters) if longest is None else longest
        return self._grading.assignment(assignment.example, " " * size)

    async def _ask(self, assignments: Sequence[Assignment]) -> Sequence[Rollout]:
        firmly = sum(assignment.prompt is self._grading.firm for assignment in assignments)
        self._asked_firmly += firmly
        self._asked += len(assignments) - firmly
        return await self._run(self._verdicts, assignments)

    async def _run(self, stage: Evaluator, assignments: Sequence[Assignment]) -> Sequence[Rollout]:
        """The rollouts of one stage, on the clock of the whole."""
        stage.elapsed_s, stage.reserve_s, stage._since = self.elapsed_s, self.reserve_s, self._since
        stage.out_of_time = False
        await stage.block(assignments)
        self.elapsed_s, self._since, self.out_of_time = stage.elapsed_s, stage._since, stage.out_of_time
        if self.out_of_time:
            raise _OutOfTime
        return [stage.rollouts[_cell(assignment)] for assignment in assignments]


class _Calls(Tally):
    """Counts the calls of both models, where others count rollouts."""

    def expect(self, calls_left: int) -> None:
        """The job may roll out `calls_left` more times."""
        super().expect(CALLS_PER_ROLLOUT * calls_left)


class _Verdicts(Tally):
    """Counts verdicts beside the answers of another tally: one that cannot be read is not the answer's mistake."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def count(self, rollout: Rollout) -> None:
        """One more verdict."""
        self._tally.count(rollout if rollout.missing else replace(rollout, problem=None))

    def resume_at(self, elapsed_s: float) -> None:
        """Passes on."""
        self._tally.resume_at(elapsed_s)

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Passes on."""
        async with self._tally.ticking():
            yield

    def report(self) -> None:
        """Passes on."""
        self._tally.report()


class _OutOfTime(Exception):
    """The seconds cap was reached."""


@dataclass(frozen=True, slots=True)
class _Named(Journal):
    """A journal within a journal: its points begin with `prefix`."""

    journal: Journal
    prefix: str

    def recall(self, point: str) -> Mapping[str, Any] | None:
        """What was settled at `point`."""
        return self.journal.recall(self.prefix + point)

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        """Settles `point`."""
        self.journal.record(self.prefix + point, fact)


def _cell(assignment: Assignment) -> Cell:
    return assignment.prompt.digest, assignment.example.id, assignment.repeat
