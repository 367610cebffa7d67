"""Running blocks of rollouts for one job, so that a job that is run again takes the same course.

A block is what is sent between two decisions. Its replies are in the ledger; what else came of it (rows that are
missing, the seconds it took, that time ran out) is in the journal. Results are looked at only when a block is over.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.budget import Amount, Budget, Charge
from benchmarks.datasets.records import Example
from benchmarks.digests import digest
from benchmarks.errors import BudgetError, EndpointDown, EndpointError, MetricError, StorageError
from benchmarks.evaluation.rollout import REFUSALS, Rollout, request_for
from benchmarks.evaluation.run import MOST_AT_ONCE, Assignment, run
from benchmarks.metrics.protocol import Metric
from benchmarks.models.deadline import grace_of, withdraw_within
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import FailureKind, LanguageModel, Remembering
from benchmarks.prompts.prompt import Prompt
from optimizers.journal import Journal, spent_in_vain
from optimizers.progress import Observer, Tally, silent, unknown_level

MOST_MISSING_IN_A_BLOCK = 0.5
"""A block with a larger share of missing rows says something about the endpoint, nothing about prompts."""

_TOKENS_PER_BOUND = 0.6
_MARGIN = 1.1


Cell = tuple[str, str, int]


class Evaluator:
    """The rollouts of one job: it runs them in blocks and remembers them.

    `rollouts` maps (prompt digest, example id, repeat) to the rollout, `prompts` those digests to the prompts.
    `elapsed_s` is the time the job has taken up to the end of its last block, interruptions not counted. `reserve_s` is
    what blocks must leave of the seconds cap; `out_of_time` says that a block met that limit. `tally` counts rollouts
    for whoever watches.
    """

    def __init__(
        self,
        *,
        model: LanguageModel,
        metric: Metric,
        budget: Budget,
        tariff: Tariff,
        journal: Journal,
        observer: Observer = silent,
        level: Callable[[], int | None] = unknown_level,
        at_once: int = MOST_AT_ONCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.metric = metric
        self.budget = budget
        self.rollouts: dict[Cell, Rollout] = {}
        self.prompts: dict[str, Prompt] = {}
        self.elapsed_s = 0.0
        self.reserve_s = 0.0
        self.out_of_time = False
        self._model = model
        self._tariff = tariff
        self._journal = journal
        self._at_once = at_once
        self.tally = Tally(budget, observer, level=level, clock=clock)
        self._clock = clock
        self._since = clock()
        self._blocks = 0
        self._sizes_matter = budget.caps.tokens is not None or budget.caps.usd is not None
        self._tokens_per_bound = 0.0

    def rollout(self, prompt: Prompt, example: Example) -> Rollout | None:
        """The first rollout of `prompt` on `example`, if there was one."""
        return self.rollouts.get((prompt.digest, example.id, 0))

    def scores(self, prompt: Prompt, examples: Sequence[Example]) -> list[float | None]:
        """Row scores of `prompt`, parallel to `examples`; None where missing or not run."""
        found = (self.rollout(prompt, example) for example in examples)
        return [rollout.score if rollout else None for rollout in found]

    def new(self, assignments: Sequence[Assignment]) -> list[Assignment]:
        """The assignments that were not run yet, each once."""
        unseen = {_cell(a): a for a in assignments if _cell(a) not in self.rollouts}
        return list(unseen.values())

    def affords(self, assignments: Sequence[Assignment]) -> bool:
        """Whether what is left, apart from what is held, pays for those of `assignments` that were not run yet."""
        fresh = self.new(assignments)
        return not fresh or self.budget.affords(self.forecast(fresh))

    def forecast(self, assignments: Sequence[Assignment]) -> Amount:
        """What `assignments` are expected to take in all.

        Calls are counted exactly. Tokens and dollars, where they are capped, are forecast from the largest possible
        and what calls of this job have taken of it so far, with a margin; one call's largest possible is added.
        """
        if not self._sizes_matter:
            return Amount(calls=len(assignments))
        bounds = [self._tariff.bound(request_for(a.prompt, a.example, a.repeat)) for a in assignments]
        share = min(1.0, (self._tokens_per_bound or _TOKENS_PER_BOUND) * _MARGIN)
        largest = max(bounds, key=lambda amount: amount.tokens, default=Amount())
        return Amount(
            calls=len(bounds),
            tokens=int(share * sum(b.tokens for b in bounds)) + largest.tokens,
            usd=share * sum(b.usd for b in bounds) + largest.usd,
        )

    async def block(self, assignments: Sequence[Assignment]) -> None:
        """Runs the assignments that were not run yet, as one block.

        If the seconds cap is reached before the block is over, what it has spent is charged, its results are not
        used, and `out_of_time` is set. Raises EndpointError if the endpoint fails; what was charged for attempts in
        vain until then stays charged when the job is run again.
        """
        fresh = self.new(assignments)
        if not fresh:
            return
        self.prompts.update((a.prompt.digest, a.prompt) for a in fresh)
        self._blocks += 1
        point = f"block {self._blocks}"
        cells = digest([_cell(a) for a in fresh])[:16]
        settled = self._journal.recall(point)
        in_vain, lost = self._charge_in_vain(point)
        if settled is not None and settled.get("out_of_time"):
            self.restore_time(settled)
            self.budget.charge(Charge(**settled["charge"]))
            self.out_of_time = True
            return
        self._intend(point, len(fresh), cells)
        if lost and settled is None and not self.budget.fits(self.forecast(fresh)):
            raise BudgetError(
                f"Earlier runs of this job lost {lost} calls to an endpoint that took them and gave no reply, and what "
                "is left of the budget does not pay for what comes next. Raise the budget: what was answered is kept."
            )
        known_missing: Mapping[str, Any] = settled["missing"] if settled else {}
        self._skip(fresh, known_missing)
        asked = [a for position, a in enumerate(fresh) if str(position) not in known_missing]
        before, charges = self.budget.spent, self._charges
        try:
            async with self.tally.ticking(), asyncio.timeout(None if settled else self._seconds_left()):
                await asyncio.sleep(0)  # Where no time is left at all, nothing may leave.
                results = await run(
                    asked, model=self._model, metric=self.metric, on_rollout=self.tally.count, at_once=self._at_once
                )
            if settled is None:
                self._check_endpoint(results)
        except TimeoutError:
            # Requests under way at the deadline are waited for until the cap is reached, and then given up.
            await withdraw_within(self._model, self._cap_s() - self.now_s())
            charged = asdict(self.budget.spent - before)
            fact = {"out_of_time": True, "charge": charged, "elapsed_s": self.now_s()}
            self._journal.record(point, fact)
            self.restore_time(fact)
            self.out_of_time = True
            return
        except (EndpointError, MetricError):
            await self._write_off(in_vain, asked, before, charges)
            raise
        self._learn(asked, results)
        if settled is None:
            missing = {
                str(position): [r.problem, r.detail, r.lost_attempts] for position, r in enumerate(results) if r.missing
            }
            settled = {"elapsed_s": self.now_s(), "missing": missing}
            self._journal.record(point, settled)
        for assignment, rollout in zip(asked, results, strict=True):
            self.rollouts[_cell(assignment)] = rollout
        self.restore_time(settled)

    def problems(self) -> Counter[str]:
        """How often each problem occurred, over all rollouts so far."""
        return Counter(r.problem for r in self.rollouts.values() if r.problem)

    def _intend(self, point: str, calls: int, cells: str) -> None:
        intent = f"{point} intent"
        intended = self._journal.recall(intent)
        if intended is None:
            self._journal.record(intent, {"calls": calls, "cells": cells})
        elif intended["cells"] != cells:
            raise StorageError(
                f"This job was begun by another version of whet, which decided otherwise at {point}. "
                "Begin it anew with --fresh."
            )

    @property
    def _charges(self) -> int:
        return self._model.charges if isinstance(self._model, Remembering) else 0

    def _charge_in_vain(self, point: str) -> tuple[str, int]:
        """Charges what earlier runs spent in vain at `point`; returns where this run is to write down what it does, and
        how many calls it was."""
        charges, place = spent_in_vain(self._journal, point)
        for charge in charges:
            self.budget.charge(charge)
        return place, sum(charge.calls for charge in charges)

    async def _write_off(self, place: str, asked: Sequence[Assignment], before: Charge, charges: int) -> None:
        """Writes down what this block has cost beyond the replies that are kept, which a later run is charged for.
        What was refused outright cost no tokens, and is not written off."""
        if not isinstance(self._model, Remembering):
            return
        await self._model.withdraw()
        requests = [request_for(a.prompt, a.example, a.repeat) for a in asked]
        kept = await self._model.accounted(requests, since=charges)
        lost = asdict(self.budget.spent - (before + kept))
        if lost["prompt_tokens"] > 0:
            self._journal.record(place, {**lost, "ledger_hits": 0})

    def _skip(self, fresh: Sequence[Assignment], missing: Mapping[str, Any]) -> None:
        for position, (problem, detail, lost_attempts) in missing.items():
            assignment = fresh[int(position)]
            rollout = Rollout(
                prompt_digest=assignment.prompt.digest,
                example_id=assignment.example.id,
                score=None,
                problem=problem,
                detail=detail,
                lost_attempts=lost_attempts,
            )
            self.rollouts[_cell(assignment)] = rollout
            request = request_for(assignment.prompt, assignment.example, assignment.repeat)
            for _ in range(lost_attempts):
                self.budget.charge(self._tariff.lost(request))
            self.tally.count(rollout)

    def _learn(self, asked: Sequence[Assignment], results: Sequence[Rollout]) -> None:
        if not self._sizes_matter:
            return
        for assignment, rollout in zip(asked, results, strict=True):
            tokens = rollout.prompt_tokens + rollout.completion_tokens
            if tokens:
                request = request_for(assignment.prompt, assignment.example, assignment.repeat)
                share = tokens / self._tariff.bound(request).tokens
                self._tokens_per_bound = max(self._tokens_per_bound, share)

    def _check_endpoint(self, results: Sequence[Rollout]) -> None:
        missing = [r for r in results if r.missing and r.problem != FailureKind.UNAFFORDABLE.value]
        # One row that the endpoint cannot answer must not stop a job that it has answered other rows of.
        one_row = len({r.example_id for r in missing}) == 1 and self.rollouts
        if missing and len(missing) > MOST_MISSING_IN_A_BLOCK * len(results) and not one_row:
            raise EndpointDown(
                f"{len(missing)} of {len(results)} calls got no reply; the last one: {missing[-1].detail}. "
                "Nothing that was paid for is lost: run the same command again once the endpoint answers."
            )
        answered = [r for r in results if not r.missing]
        if answered and not self.rollouts and all(r.problem in REFUSALS for r in answered):
            raise EndpointError(f"The endpoint refuses every request. The last refusal: {answered[-1].detail}")

    def now_s(self) -> float:
        """The seconds that the job has taken by now, those of earlier runs included."""
        return self.elapsed_s + self._clock() - self._since

    def _seconds_left(self) -> float | None:
        cap_s = self.budget.caps.seconds
        return None if cap_s is None else max(0.0, self._cap_s() - grace_of(cap_s) - self.now_s())

    def _cap_s(self) -> float:
        """What the seconds cap leaves to blocks."""
        return (self.budget.caps.seconds or 0.0) - self.reserve_s

    def restore_time(self, fact: Mapping[str, Any]) -> None:
        """Goes on from the time that was settled in `fact`."""
        self.elapsed_s = fact["elapsed_s"]
        self._since = self._clock()
        self.tally.resume_at(self.elapsed_s)
        self.tally.report()


def _cell(assignment: Assignment) -> Cell:
    return assignment.prompt.digest, assignment.example.id, assignment.repeat
