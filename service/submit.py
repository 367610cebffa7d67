"""Putting an optimization into the queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import IntegrityError

from benchmarks.models.connect import tariff_for
from benchmarks.tasks.task import Task
from service.connection import caps_of, endpoint_of
from service.home import Home
from service.jobs import Job, Jobs
from service.optimize import Settings, find_job, prepare


def submit(task: Task, content: Mapping[str, Any], home: Home, settings: Settings, *, fresh: bool) -> Job:
    """The optimization of `task`, which `content` describes, queued unless it is under way or done already.

    Raises what would stop the job at once (an unknown proposer, a budget that is too small), so that nothing is queued
    in vain.
    """
    endpoint = endpoint_of(task.spec.model)
    prepare(task, endpoint.model_identity, "", settings)
    tariff_for(endpoint, caps_of(task.spec.budget))
    try:
        return Jobs(home).enqueue(find_job(task, home, fresh=fresh), task, content)
    except IntegrityError:
        # Somebody else asked for the same at the same moment.
        return find_job(task, home, fresh=False)
