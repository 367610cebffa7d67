"""Running an optimization: the job found or begun, the search run, the outcome registered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.exc import IntegrityError

from benchmarks.budget import TASK
from benchmarks.errors import StorageError, WhetError
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.connect import tariff_for
from benchmarks.models.protocol import ModelIdentity
from benchmarks.models.vllm_metrics import prefix_cache, share_since
from benchmarks.tasks.schema import SECTIONS
from benchmarks.tasks.task import Task
from optimizers.earlier import Earlier
from optimizers.known_rows import known_rows
from optimizers.objective import make_objective
from optimizers.optimization import PROMOTE, Outcome, optimize
from optimizers.plan import Plan
from optimizers.problem import make_problem, plan_for
from optimizers.progress import Event, Notice, Observer, silent
from optimizers.proposers.author import Writer
from optimizers.repertoire import proposer_parameters
from optimizers.search import Problem
from optimizers.trials import Trials
from service.connection import Models, caps_of, connected, endpoints_of
from service.course import Course
from service.earlier import settle, warm_start
from service.endpoints import UnusableModel
from service.events import EventLog
from service.foresight import free_rows
from service.holding import Hold, beating
from service.home import Home
from service.jobs import CANCELLED, CANCELLING, FAILED, HELD, NEW, SUCCEEDED, Job, Jobs, job_identity
from service.journal import SqlJournal, SqlLooks
from service.judging import (
    agreement_in,
    counted_in_rollouts,
    graded_by,
    judge_calls,
    judge_json,
    make_evaluator,
    rollouts_of,
    too_few_labels,
    withheld,
)
from service.processes import this_process
from service.registry import Registry
from service.result import TOY, evidence_json, result_json
from service.telemetry import job_span, phases
from service.watching import SILENT_S, Watch
from service.writing import proposer_json

LOOK_S = 0.5

Announce = Callable[[Job, Plan | None], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to run: `fresh` begins a new epoch, `allow_code` lets metric and proposer be code of the user's own."""

    fresh: bool = False
    allow_code: bool = False
    environment: Mapping[str, str]


def _nobody(_job: Job, _plan: Plan | None) -> None:
    """Nobody wants to know."""


async def run_optimization(
    task: Task, home: Home, settings: Settings, *, observer: Observer = silent, announce: Announce = _nobody
) -> dict[str, Any]:
    """The result of optimizing `task`.

    The same task, data, model, seed and budget is the same job: unfinished it resumes, finished its result is
    returned. `announce` is told the job, and its plan if there is anything to run. An error or a cancellation leaves
    what was paid for in the ledger.
    """
    job, hold = await _held(task, home, settings)
    if hold is None:
        announce(job, None)
        return dict(job.result or {})
    ledger, this = SqlLedger(home.engine, home.now), asyncio.current_task()
    running = asyncio.get_running_loop()

    def stop() -> None:
        if this is not None:
            running.call_soon_threadsafe(this.cancel)

    try:
        span = job_span(job.id, job.kind, takes=hold.fence, endpoint=None)
        with beating(hold, stop, unwanted=CANCELLING), span:
            return await run_job(job, task, hold, ledger, settings, observer=observer, announce=announce)
    except (asyncio.CancelledError, KeyboardInterrupt):
        Jobs(hold).conclude(job.id, CANCELLED)
        raise
    finally:
        await ledger.close()


async def _held(task: Task, home: Home, settings: Settings) -> tuple[Job, Hold | None]:
    """The job that optimizing `task` is, and this process's hold on it; None for one that is finished.

    Raises what would stop the job at once, so that nothing is written down in vain, and StorageError if another process
    runs it: if it says so, or does within 8 s.
    """
    jobs, watch, until = Jobs(home), Watch(), time.monotonic() + SILENT_S + LOOK_S
    while True:
        job = find_job(task, home, fresh=settings.fresh)
        if job.status == SUCCEEDED and job.result is not None:
            return job, None
        if job.status == NEW:
            prepare(task, endpoints_of(task.spec)[TASK].model_identity, job.epoch, settings)
        elif job.status in HELD:
            if watch.silent(job):
                jobs.hand_on(job)
            elif job.heard_of(home.now(), within_s=SILENT_S) or time.monotonic() > until:
                raise StorageError(
                    f"Another process is running {job.id} in {home.place}. Wait for it, or end it and run again."
                )
            else:
                await asyncio.sleep(LOOK_S)
            continue
        with contextlib.suppress(IntegrityError):
            hold = jobs.begin(job, task, this_process())
            if hold is not None:
                return jobs.get(job.id), hold


def find_job(task: Task, home: Home, *, fresh: bool) -> Job:
    """The job that optimizing `task` is, or a new one."""
    models = {role: endpoint.model_identity for role, endpoint in endpoints_of(task.spec).items()}
    return Jobs(home).find(job_identity(task, models), task, fresh=fresh)


async def run_job(
    job: Job,
    task: Task,
    home: Hold,
    ledger: Ledger,
    settings: Settings,
    *,
    observer: Observer = silent,
    announce: Announce = _nobody,
) -> dict[str, Any]:
    """The result of `job`, which is run from its start, or from where it stopped. `home` is the caller's hold on it.
    Jobs that share a ledger wait for each other's replies to the same questions.

    An error is written down as the job's status and raised again. After a cancellation the caller says where the job
    stands.
    """
    jobs = Jobs(home)
    try:
        endpoints = endpoints_of(task.spec)
        model = endpoints[TASK].model_identity
        warm = warm_start(job, task, model, home)
        problem, plan, notices = prepare(task, model, job.epoch, settings, warm.prompts)
        job = jobs.start(job, await ledger.mark())
        settle(job, warm, task, model, home)
        announce(job, plan)
        log = EventLog(home, job.id, plan.calls + judge_calls(task, plan))

        def observe(event: Event) -> None:
            log(event)
            observer(event)

        async with log.flushing():
            for notice in [*notices, *warm.notices(problem.earlier), *([TOY] if endpoints[TASK].bundled else [])]:
                observe(Notice(message=notice))
            with phases(observe) as watched:
                run = _Run(task=task, job=job, home=home, ledger=ledger, settings=settings, observer=watched)
                result = await run.result(problem, plan)
        jobs.conclude(job.id, SUCCEEDED, result=result)
        return result
    except WhetError as error:
        jobs.conclude(job.id, FAILED, error=str(error))
        raise


def prepare(
    task: Task, model: ModelIdentity, epoch: str, settings: Settings, earlier: Sequence[Earlier] = ()
) -> tuple[Problem, Plan, list[str]]:
    """The problem to solve and the plan for the budget, with notices. Raises BudgetError if it is too small,
    UnusableModel if a model is asked in batches, and TaskError if there is a dollar cap and a price is unknown."""
    for endpoint in endpoints_of(task.spec).values():
        tariff_for(endpoint, caps_of(task.spec.budget))
    for role, section in task.spec.models.items():
        if section.batch:
            raise UnusableModel(
                SECTIONS[role],
                ".batch: this model is asked in batches. A search decides after every block of calls, and a batch may "
                "take 24 h. Optimize with models without batch; `whet evaluate` may use them for its task model.",
            )
    problem, notices = make_problem(
        task,
        occasion=" ".join([model.endpoint, model.model, epoch, *graded_by(task)]),
        seed=task.spec.seed,
        allow_code=settings.allow_code,
        earlier=earlier,
    )
    problem = replace(problem, objective=make_objective(task.spec, endpoints_of(task.spec)[TASK]))
    with counted_in_rollouts(task):
        plan = plan_for(problem, rollouts_of(task))
    few = too_few_labels(task)
    return problem, plan, [*notices, *([few] if few else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run of a job, from its start, or from where it was interrupted, to its result."""

    task: Task
    job: Job
    home: Home
    ledger: Ledger
    settings: Settings
    observer: Observer

    async def result(self, problem: Problem, plan: Plan) -> dict[str, Any]:
        journal = SqlJournal(self.home, self.job.id)
        endpoints = endpoints_of(self.task.spec)
        endpoint = endpoints[TASK]
        cache = await prefix_cache(endpoint)
        async with connected(
            endpoints,
            caps=caps_of(self.task.spec.budget),
            ledger=self.ledger,
            occasion=Occasion(epoch=self.job.epoch),
            mark=self.job.ledger_mark or 0,
            seed=problem.seed,
            environment=self.settings.environment,
            on_notice=lambda message: self.observer(Notice(message=message)),
        ) as models:
            connection = models.task
            course = Course(plan=plan, observer=self.observer)
            evaluator = make_evaluator(
                self.task,
                models,
                model=connection.model,
                metric=self.task.metric,
                budget=connection.budget,
                tariff=connection.tariff,
                journal=journal,
                observer=course,
                level=lambda: connection.level,
                at_once=connection.at_once,
            )
            known = await known_rows(
                # What the ledger knows of a judged task are replies without their grades.
                [problem.baseline, *problem.earlier] if problem.earlier and not graded_by(self.task) else [],
                problem.validation,
                model=connection.model.identity,
                ledger=self.ledger,
                occasion=Occasion(epoch=self.job.epoch),
                mark=self.job.ledger_mark or 0,
                journal=journal,
            )
            evaluator.tally.skip(len(known))
            course.follow(evaluator, known=len(known))
            if known:
                self.observer(Notice(message=free_rows(known)))
            trials = Trials(evaluator, problem.validation, problem.baseline.digest, course)
            outcome = await optimize(
                replace(problem, known=known),
                plan,
                evaluator=evaluator,
                tariff=connection.tariff,
                journal=journal,
                looks=SqlLooks(self.home),
                writer=_writer(self.task, models),
                observer=trials,
            )
            trials.tell()
        agreement = agreement_in(evaluator)
        outcome = withheld(course.explained(outcome, problem), self.task, agreement)
        judge = judge_json(self.task, agreement)
        baseline_version, winner_version = self._register(outcome, Registry(self.home), judge)
        return result_json(
            outcome,
            optimization_id=self.job.id,
            task=self.task.name,
            endpoint=endpoint,
            dataset_digest=self.task.dataset.digest,
            seed=problem.seed,
            budget=connection.budget,
            seconds=evaluator.elapsed_s,
            judge=judge,
            server_cached_share=await share_since(cache, endpoint),
            winner_version=winner_version,
            baseline_version=baseline_version,
            problems=dict(sorted(evaluator.problems().items())),
            earlier=problem.earlier,
            proposer=proposer_json(self.task, outcome, plan, journal),
            overtaken=course.overtaken(outcome, problem),
        )

    def _register(
        self, outcome: Outcome, registry: Registry, judge: Mapping[str, Any] | None
    ) -> tuple[int, int | None]:
        """Registers the baseline, and the winner if it is proven; moves the label only to a proven winner, or to the
        baseline where the label points nowhere yet."""
        name, promote = self.task.name, self.task.spec.promote
        evidence = {**(evidence_json(outcome.proof) or {}), "optimization_id": self.job.id}
        if judge is not None:
            evidence["judge"] = judge
        baseline = registry.register(name, outcome.baseline.prompt, {**evidence, "role": "baseline"})
        if registry.label(name, promote.label) is None:
            registry.move_label(name, promote.label, baseline, "the first prompt of this name", self.job.id)
        if outcome.decision != PROMOTE:
            return baseline, baseline if outcome.winner is outcome.baseline else None
        winner = registry.register(name, outcome.winner.prompt, {**evidence, "role": "winner"})
        if promote.when == "proven":
            registry.move_label(name, promote.label, winner, outcome.why, self.job.id)
        return baseline, winner


def _writer(task: Task, models: Models) -> Writer | None:
    """Who writes instructions for `task`, if a proposer model does."""
    section, proposer = task.spec.proposer_model, models.proposer
    if section is None or proposer is None:
        return None
    return Writer(
        model=proposer.model,
        parameters=proposer_parameters(section),
        tariff=proposer.tariff,
        budget=proposer.budget,
    )
