"""Evaluations as jobs: asked for over REST, and carried out by whichever worker has room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from benchmarks.datasets.records import Split
from benchmarks.datasets.versions import Find
from benchmarks.digests import digest
from benchmarks.ledger.protocol import Ledger
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from optimizers.progress import Notice
from service.datasets import Datasets
from service.epochs import begin, epoch_meant
from service.evaluate import check, evaluation_json, look
from service.evaluation_items import EvaluationItems
from service.events import EventLog
from service.holding import Hold
from service.home import Home
from service.jobs import EVALUATION, SUCCEEDED, Job, Jobs
from service.judging import calls_for, graded_by
from service.keys import Caller
from service.optimize import Settings
from service.quotas import Quotas
from service.scoring import score, scored_digest
from service.tables import jobs

ABOUT = "about"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be evaluated, in which ledger epoch; `fresh` if that begins with it. `name` and `version` are those of
    a prompt of the registry, None for any other."""

    task: Task
    prompt: Prompt
    split: Split
    epoch: str
    fresh: bool = False
    name: str | None = None
    version: int | None = None

    @property
    def about(self) -> dict[str, Any]:
        """What it is about, in few words, as JSON values."""
        return {
            "prompt": {"name": self.name, "version": self.version, "digest": self.prompt.digest},
            "split": self.split.value,
            "epoch": self.epoch,
            "dataset": self.task.spec.data.dataset,
            "rows": len(self.task.dataset.split(self.split)),
        }

    def request(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """What any worker needs to carry it out; `content` is what a file of the task would hold."""
        return {"task": dict(content), "prompt": self.prompt.to_json(), ABOUT: self.about}

    @staticmethod
    def of(request: Mapping[str, Any], datasets: Find) -> Asked:
        """What a request, as it is kept, asks for."""
        about = request[ABOUT]
        return Asked(
            task=load_task(parse_task(dict(request["task"])), Path(), allow_code=False, datasets=datasets),
            prompt=Prompt.from_json(request["prompt"]),
            split=Split(about["split"]),
            epoch=about["epoch"],
            name=about["prompt"]["name"],
            version=about["prompt"]["version"],
        )


def epoch_asked_for(task: Task, prompt: Prompt, split: Split, home: Home, *, fresh: bool, epoch: str | None) -> str:
    """The ledger epoch to ask in: the one that is given, or a new one if `fresh`, or the latest that was begun for this
    prompt on this split. Nothing is written down."""
    return epoch if epoch is not None else epoch_meant(scored_digest(task, prompt, split), home, fresh=fresh)


def metric_digest(task: Task) -> str:
    """The digest of how rows are scored: scores are comparable where it is the same."""
    spec = task.spec.model_dump(mode="json", include={"metric"})
    return digest([spec, list(task.labels), graded_by(task)])


def find_evaluation(asked: Asked, home: Home) -> Job:
    """The job that `asked` is: what is scored, how, and the budget make it the same again."""
    task = asked.task
    known = {
        "evaluation": scored_digest(task, asked.prompt, asked.split),
        "metric": metric_digest(task),
        "human_labels": [label.digest for label in task.human_labels],
        "slices": task.spec.slices,
        "seed": task.spec.seed,
        "budget": task.spec.budget.model_dump(mode="json"),
        "epoch": asked.epoch,
    }
    found = Jobs(home).find(digest(known), task, fresh=False, kind=EVALUATION)
    return replace(found, ledger_epoch=asked.epoch)


def submit_evaluation(
    asked: Asked,
    content: Mapping[str, Any],
    home: Home,
    *,
    caller: Caller,
    endpoint: str | None = None,
    priority: int | None = None,
) -> Job:
    """The evaluation of `asked`, whose task `content` describes, queued unless it is under way or done already;
    `endpoint` and `priority` as for optimizations.

    Raises what would stop the job at once, so that nothing is queued in vain, and Refused if `caller` has too little
    left of its quota.
    """
    check(asked.task, asked.prompt, asked.split)
    job = find_evaluation(asked, home)
    try:
        with Quotas(home).reserved(caller, job, asked.task.spec.budget.calls):
            if asked.fresh:
                begin(asked.epoch, home)
            return Jobs(home).enqueue(job, asked.task, asked.request(content), endpoint=endpoint, priority=priority)
    except IntegrityError:
        # Somebody else asked for the same at the same moment.
        return find_evaluation(asked, home)


def about(job_ids: Sequence[str], home: Home) -> dict[str, Mapping[str, Any]]:
    """What each of these evaluations is about, see `Asked.about`."""
    query = sa.select(jobs.c.id, jobs.c.request[ABOUT].label(ABOUT)).where(jobs.c.id.in_(job_ids))
    with home.reading() as connection:
        return {row.id: row.about for row in connection.execute(query)}


async def carry_out(job: Job, hold: Hold, ledger: Ledger, settings: Settings) -> None:
    """Runs an evaluation to its end. Whatever stops it on the way, another run pays for no reply twice."""
    held = Jobs(hold)
    asked = await asyncio.to_thread(Asked.of, held.request(job.id) or {}, Datasets(hold).find)
    task, prompt, split = asked.task, asked.prompt, asked.split
    job = held.start(job, await ledger.mark())
    log = EventLog(hold, job.id, calls_for(task, len(task.dataset.split(split))))
    async with log.flushing():
        scored = await score(
            task,
            prompt,
            split,
            hold,
            ledger,
            epoch=job.epoch,
            mark=job.ledger_mark or 0,
            environment=settings.environment,
            observer=log,
            on_left=lambda message: log(Notice(message=message)),
        )
    number = look(task, prompt, split, job.epoch, hold)
    # An interval of macro-F1 takes a while, and so does a large split.
    result = await asyncio.to_thread(evaluation_json, task, prompt, split, scored, look=number)
    await asyncio.to_thread(EvaluationItems(hold).keep, job.id, scored)
    own = {"evaluation_id": job.id, "epoch": job.epoch, "metric_digest": metric_digest(task)}
    held.conclude(job.id, SUCCEEDED, result={**own, **result})
