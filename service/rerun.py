"""Running a night: prompt and anchor scored anew, the verdict, and what a regression sets off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.budget import TASK, Caps
from benchmarks.datasets.records import Split
from benchmarks.digests import digest
from benchmarks.errors import WhetError
from benchmarks.evidence.night_records import Night
from benchmarks.ledger.protocol import Ledger
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import BudgetSection, ModelSection, parse_task
from benchmarks.tasks.task import Task, load_task
from service.baselines import Measured, baseline_of, row_scores, task_of
from service.connection import caps_of, endpoints_of
from service.datasets import Datasets
from service.endpoints import endpoint_of, read_endpoints, with_endpoints
from service.events import EventLog
from service.holding import Fenced, Hold
from service.home import Home
from service.jobs import SUCCEEDED, Job, Jobs, job_identity
from service.judging import calls_for
from service.nights import Nights, Ran
from service.optimize import Settings, prepare
from service.registered_tasks import RegisteredTasks
from service.regressions import OPEN, Regressions
from service.schedules import Plan, Schedule, find
from service.scoring import Scored, score
from service.verdicts import settle

SPLIT = Split.VALIDATION
"""A difference on the same rows is as good here as on test, and looks at test are few."""
LEAST_S = 1.0


async def run_night(job: Job, hold: Hold, ledger: Ledger, settings: Settings) -> None:
    """Runs the night that `job` stands for. Each asks in an epoch of its own, so every reply is a new one; a night that
    was interrupted goes on in its own epoch, and pays for nothing twice."""
    jobs, found = Jobs(hold), Nights(hold)
    night = await asyncio.to_thread(found.of_job, job.id)
    endpoints = read_endpoints(hold.folder, settings.environment)
    with hold.reading() as connection:
        schedule, baseline = find(connection, night.schedule), baseline_of(connection, night.schedule)
    spent: dict[str, Any] = {}
    if schedule is not None and night.judged_at is None:
        task = await asyncio.to_thread(task_of, schedule.task, hold, endpoints)
        job = jobs.start(job, await ledger.mark())
        prompt, anchor = await _scored(task, baseline.measured, schedule, job, _Place(hold, ledger, settings))
        scores = Night(prompt=row_scores(prompt.scores), anchor=row_scores(anchor.scores))
        await asyncio.to_thread(settle, hold, night, scores)
        night = await asyncio.to_thread(found.of_job, job.id)
        spent = {name: prompt.spent[name] + anchor.spent[name] for name in ("calls", "prompt_tokens")}
    result: dict[str, Any] = {"night": night.id, "verdict": night.kind, "spent": spent}
    if schedule is not None and schedule.on_regression == "optimize":
        try:
            await asyncio.to_thread(optimize_again, schedule, night, hold, endpoints, settings)
        except Fenced:
            raise
        except WhetError as error:
            # The night was measured and judged all the same.
            result["not_optimized"] = str(error)
    jobs.conclude(job.id, SUCCEEDED, result=result)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a night is run."""

    hold: Hold
    ledger: Ledger
    settings: Settings


async def _scored(task: Task, what: Measured, schedule: Schedule, job: Job, place: _Place) -> tuple[Scored, Scored]:
    """What prompt and anchor score tonight, within the caps of one night."""
    caps, began = caps_of(BudgetSection(**schedule.budget)), time.monotonic()
    calls = calls_for(task, len(task.dataset.split(SPLIT)))
    log = EventLog(place.hold, job.id, 2 * calls)

    async def arm(prompt: Prompt, left: Caps) -> Scored:
        return await score(
            task,
            prompt,
            SPLIT,
            place.hold,
            place.ledger,
            epoch=job.epoch,
            mark=job.ledger_mark or 0,
            caps=left,
            environment=place.settings.environment,
            observer=log,
            refused_counts=True,  # The worst drop there is.
        )

    async with log.flushing():
        # Whatever is lost on the way, the anchor's calls are not spent on the prompt.
        prompt = await arm(what.prompt, replace(caps, calls=caps.calls - calls))
        anchor = await arm(what.anchor, _left(caps, prompt.spent, time.monotonic() - began))
    return prompt, anchor


def _left(caps: Caps, spent: Mapping[str, Any], seconds: float) -> Caps:
    """What the first arm has left to the second. A cap that is used up leaves so little that nothing is bought."""
    tokens = spent["prompt_tokens"] + spent["completion_tokens"]
    return Caps(
        calls=max(1, caps.calls - spent["calls"]),
        tokens=None if caps.tokens is None else max(1, caps.tokens - tokens),
        usd=None if caps.usd is None else max(1e-9, caps.usd - (spent["usd"] or 0.0)),
        seconds=None if caps.seconds is None else max(LEAST_S, caps.seconds - seconds),
    )


def optimize_again(
    schedule: Schedule, night: Ran, hold: Hold, endpoints: Mapping[str, ModelSection], settings: Settings
) -> None:
    """Starts an optimization for an open regression, once: of the schedule's task with the pinned prompt as its
    baseline, in the epoch of the night, so that both arms of its proof are answered anew. It starts from the prompts of
    earlier optimizations, and its label moves only with a proof, as ever."""
    if night.regression is None:
        return
    regression = Regressions(hold).get(night.regression)
    if regression.state != OPEN:
        return
    with hold.reading() as connection:
        pinned = baseline_of(connection, schedule.id).measured.prompt
        epoch = Jobs(hold).get(night.job or "").epoch
    registered = RegisteredTasks(hold).find(schedule.task).content
    content = with_endpoints(_from(registered, pinned, schedule), endpoints)
    task = _loaded(content, hold)
    models = {role: endpoint.model_identity for role, endpoint in endpoints_of(task.spec).items()}
    prepare(task, models[TASK], epoch, settings)
    identity = digest([job_identity(task, models), epoch])
    job = replace(Jobs(hold).find(identity, task, fresh=False), ledger_epoch=epoch)
    if Regressions(hold).started(regression.id, job.id):
        Jobs(hold).enqueue(job, task, content, endpoint=endpoint_of(registered))


def check_optimization(plan: Plan, home: Home, endpoints: Mapping[str, ModelSection], settings: Settings) -> None:
    """Raises what would stop at once the optimization that a regression starts."""
    registered = RegisteredTasks(home).find(plan.task).content
    task = _loaded(with_endpoints({**registered, "budget": _budget(registered, plan)}, endpoints), home)
    prepare(task, endpoints_of(task.spec)[TASK].model_identity, "", settings)


def _loaded(content: dict[str, Any], home: Home) -> Task:
    return load_task(parse_task(content), Path(), allow_code=False, datasets=Datasets(home).find)


def _budget(registered: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    return dict(plan.optimization_budget or registered.get("budget", {}))


def _from(registered: Mapping[str, Any], pinned: Prompt, plan: Plan) -> dict[str, Any]:
    """The task as it was registered, with another prompt to start from and the schedule's budget."""
    model = dict(registered["model"])
    model["parameters"] = {**model.get("parameters", {}), **pinned.parameters}
    prompt: dict[str, Any] = {"messages": [asdict(message) for message in pinned.messages]}
    if pinned.reply_format.marker is not None:
        prompt["answer_marker"] = pinned.reply_format.marker
    return {**registered, "model": model, "prompt": prompt, "budget": _budget(registered, plan)}
