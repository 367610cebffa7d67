"""What optimizing would spend, and what to know before anything is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.budget import JUDGE, PROPOSER, TASK, Caps, Charge
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.models.connect import tariff_for
from benchmarks.models.tokens import token_counter
from benchmarks.tasks.task import Task
from optimizers.plan import Plan
from optimizers.proposers.author import PHASE as PROPOSE
from optimizers.proposers.forecast import expected
from optimizers.rehearsal import rehearse
from optimizers.search import Problem
from service.connection import caps_of, endpoints_of
from service.earlier import WarmStart, warm_start
from service.foresight import Duration, duration, free_rows, known_now, missing_keys, proof_in_time, standing
from service.home import Home
from service.judging import graded_by, judge_calls, judge_part
from service.optimize import Settings, find_job, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run would spend, and the smallest difference that its proof could show.

    `by_phase` is what a rehearsal spent in each phase, `cost_usd` of a charge is None where the price is unknown.
    `fewest_tokens` and `most_tokens` are those of the cheapest and of the dearest of several rehearsals: how long the
    prompts are that win, nobody knows beforehand. `plan` counts rollouts, which a judge grades by `judge_calls` more.
    `duration` is how long the calls take, as far as the ledger knows the models. `notices` are what a person should
    know before anything is spent, in words.
    """

    plan: Plan
    caps: Caps
    by_phase: Mapping[str, Charge]
    fewest_tokens: int
    most_tokens: int
    smallest_difference: float
    judge_calls: int
    duration: Duration
    notices: tuple[str, ...] = ()

    @property
    def most_calls(self) -> int:
        """The calls of all models at most: never more than the cap."""
        return self.plan.calls + self.judge_calls

    @property
    def spent(self) -> Charge:
        """What all phases together spend."""
        return sum(self.by_phase.values(), Charge())


def _to_be_written(task: Task, problem: Problem, plan: Plan, caps: Caps) -> Charge:
    """What the proposer model is expected to take, if there is one."""
    proposer = endpoints_of(task.spec).get(PROPOSER)
    if problem.repertoire is None or proposer is None:
        return Charge()
    tariff, counter = tariff_for(proposer, caps), token_counter(proposer)
    return expected(problem.repertoire, plan.proposer_calls, tariff=tariff, counter=counter)


def forecast(task: Task, settings: Settings, home: Home | None = None) -> Forecast:
    """What optimizing `task` would spend; nothing is called, and nothing is written. `home` is looked into for what the
    run would start from, if there is one yet.

    Raises BudgetError, as the run would, if the calls, tokens or dollars do not pay for a first comparison. Not to be
    called where an event loop runs.
    """
    problem, plan, notices = foreseen(task, settings, home)
    endpoint, caps = endpoints_of(task.spec)[TASK], caps_of(task.spec.budget)
    tariff, judge = tariff_for(endpoint, caps), judge_part(task, caps)
    rehearsed = asyncio.run(
        rehearse(problem, plan, caps=caps, tariff=tariff, counter=token_counter(endpoint), judge=judge)
    )
    written = _to_be_written(task, problem, plan, caps)
    graded = judge_calls(task, plan)
    calls = sum(charge.calls for charge in rehearsed.by_phase.values())
    verdicts = round(calls * graded / (plan.calls - plan.proposer_calls + graded)) if graded else 0
    by_role = {TASK: calls - verdicts, PROPOSER: written.calls, JUDGE: verdicts}
    return Forecast(
        plan=plan,
        caps=caps,
        by_phase={**({PROPOSE: written} if written.calls else {}), **rehearsed.by_phase},
        fewest_tokens=rehearsed.fewest_tokens + written.amount.tokens,
        most_tokens=rehearsed.most_tokens + written.amount.tokens,
        smallest_difference=smallest_detectable_difference(plan.proof_rows),
        judge_calls=graded,
        duration=duration(by_role, endpoints_of(task.spec), caps, home),
        notices=notices,
    )


def foreseen(task: Task, settings: Settings, home: Home | None = None) -> tuple[Problem, Plan, tuple[str, ...]]:
    """The problem that a run of `task` would solve, by which plan, and what a person should know before, in words: keys
    that are not set, what the run would notice, what it would start from and what of that is free, and whether there
    is time for a proof."""
    endpoints, caps = endpoints_of(task.spec), caps_of(task.spec.budget)
    model = endpoints[TASK].model_identity
    job = None if home is None else find_job(task, home, fresh=settings.fresh)
    warm = WarmStart() if home is None or job is None else warm_start(job, task, model, home)
    problem, plan, notices = prepare(task, model, job.epoch if job else "", settings, warm.prompts)
    known: Sequence[Assignment] = ()
    # What the ledger knows of a judged task are replies without their grades.
    if home is not None and job is not None and not graded_by(task):
        known = known_now(problem, model, job, home)
    return (
        problem,
        plan,
        (
            *missing_keys(endpoints, settings.environment),
            *(standing(job) if job else ()),
            *notices,
            *warm.notices(problem.earlier),
            *([free_rows(known)] if known else []),
            *proof_in_time(plan, caps, endpoints[TASK], home),
        ),
    )
