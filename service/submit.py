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
from service.optimize import Settings, find_job, prepare


def submit(task: Task, content: Mapping[str, Any], home: Home, settings: Settings, *, fresh: bool) -> Job:
    """The optimization of `task`, which `content` describes, queued unless it is under way or done already.

    Raises what would stop the job at once (an unknown proposer, a budget that is too small), so that nothing is queued
    in vain.
    """
    prepare(task, endpoints_of(task.spec)[TASK].model_identity, "", settings)
    try:
        return Jobs(home).enqueue(find_job(task, home, fresh=fresh), task, content)
    except IntegrityError:
        # Somebody else asked for the same at the same moment.
        return find_job(task, home, fresh=False)
