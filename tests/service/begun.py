"""Jobs under way, for tests of what is kept about them."""

from __future__ import annotations

from benchmarks.tasks.task import Task
from service.jobs import Job, Jobs
from service.processes import this_process

OWNER = "elsewhere:1:0:0"
"""A process of a machine that nobody knows anything about."""


DEAD = this_process().rpartition(":")[0] + ":0"
"""A process of this machine that has ended, as is plain to see: another one has its number."""


def begun(jobs: Jobs, job: Job, task: Task, mark: int = 0, *, owner: str = OWNER) -> Job:
    """`job`, held by `owner` and under way; `mark` is the ledger's at its first start."""
    hold = jobs.begin(job, task, owner)
    assert hold is not None
    return jobs.start(jobs.get(job.id), mark)
