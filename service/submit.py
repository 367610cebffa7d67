"""Putting an optimization into the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from benchmarks.budget import TASK
from benchmarks.tasks.task import Task
from service.connection import endpoints_of
from service.home import Home
from service.jobs import Job, Jobs
from service.keys import Caller
from service.optimize import Settings, find_job, prepare
from service.quotas import Quotas


def submit(
    task: Task,
    content: Mapping[str, Any],
    home: Home,
    settings: Settings,
    *,
    fresh: bool,
    caller: Caller,
    endpoint: str | None = None,
    priority: int | None = None,
) -> Job:
    """The optimization of `task`, which `content` describes, queued unless it is under way or done already. `endpoint`
    is what the operator calls that of its task model; of those that wait, a higher `priority` goes first.

    Raises what would stop the job at once (an unknown proposer, a budget that is too small), so that nothing is queued
    in vain, and Refused if `caller` has too little left of its quota.
    """
    prepare(task, endpoints_of(task.spec)[TASK].model_identity, "", settings)
    job = find_job(task, home, fresh=fresh)
    try:
        with Quotas(home).reserved(caller, job, task.spec.budget.calls):
            return Jobs(home).enqueue(job, task, content, endpoint=endpoint, priority=priority)
    except IntegrityError:
        # Somebody else asked for the same at the same moment.
        return find_job(task, home, fresh=False)
