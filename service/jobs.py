"""Jobs: who they are, where they stand, and the same job again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.digests import digest
from benchmarks.tasks.task import Task
from service.home import Home
from service.tables import optimizations

NEW = "new"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
INTERRUPTED = "interrupted"

_NO_INFLUENCE = {"api_base", "api_key_env", "identity", "max_concurrency", "timeout_s"}
"""Fields of the model section that say how to reach it; which model answers is its identity in the ledger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One optimization as its row knows it. `epoch` is empty for the first run of its identity."""

    id: str
    identity: str
    epoch_number: int
    status: str
    ledger_mark: int
    result: Mapping[str, Any] | None

    @property
    def epoch(self) -> str:
        """The ledger epoch that the job's calls belong to."""
        return f"{self.identity[:12]}/fresh-{self.epoch_number}" if self.epoch_number else ""


def job_identity(task: Task, endpoint: tuple[str, str]) -> str:
    """The digest of task, data, model, seed and budget: the same again is the same job.

    The rows count by their content, not by their file; code of the user's own counts by its source.
    """
    spec = task.spec.model_dump(mode="json", exclude={"data", "split"})
    spec["model"] = {k: v for k, v in (spec["model"] or {}).items() if k not in _NO_INFLUENCE}
    references = [task.spec.metric_name, *(task.spec.search.proposers or ())]
    code = {reference: _source_digest(reference) for reference in references if ":" in reference}
    return digest({"task": spec, "data": task.dataset.digest, "endpoint": list(endpoint), "code": code})


def _source_digest(reference: str) -> str:
    place = reference.rpartition(":")[0]
    path = Path(place if place.endswith(".py") else place.replace(".", "/") + ".py")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The optimizations of a home."""

    home: Home

    def find(self, identity: str, *, fresh: bool) -> Job:
        """The job to run for `identity`: the one with the highest epoch, or a new one, not yet written down, if there
        is none or if `fresh` asks for a new epoch."""
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(optimizations)
                .where(optimizations.c.identity == identity)
                .order_by(optimizations.c.epoch_number.desc())
                .limit(1)
            ).one_or_none()
        if row is not None and not fresh:
            return Job(
                id=row.id,
                identity=row.identity,
                epoch_number=row.epoch_number,
                status=row.status,
                ledger_mark=row.ledger_mark,
                result=row.result,
            )
        number = int(fresh) if row is None else row.epoch_number + 1
        return Job(
            id=f"opt-{digest([identity, number])[:12]}",
            identity=identity,
            epoch_number=number,
            status=NEW,
            ledger_mark=0,
            result=None,
        )

    def start(self, job: Job, task: Task, ledger_mark: int) -> Job:
        """`job`, running. A job that starts for the first time is written down, with the ledger's mark of this
        moment; one that resumes keeps its first."""
        if job.status != NEW:
            self.update(job, RUNNING)
            return replace(job, status=RUNNING)
        now = self.home.timestamp()
        started = replace(job, status=RUNNING, ledger_mark=ledger_mark)
        with self.home.writing() as connection:
            connection.execute(
                optimizations.insert().values(
                    id=started.id,
                    identity=started.identity,
                    epoch_number=started.epoch_number,
                    task=task.name,
                    status=started.status,
                    ledger_mark=started.ledger_mark,
                    spec=task.spec.model_dump(mode="json", exclude={"data": {"rows"}}),
                    created_at=now,
                    updated_at=now,
                )
            )
        return started

    def update(
        self, job: Job, status: str, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """Writes where `job` stands."""
        with self.home.writing() as connection:
            connection.execute(
                sa.update(optimizations)
                .where(optimizations.c.id == job.id)
                .values(
                    status=status,
                    result=None if result is None else dict(result),
                    error=error,
                    updated_at=self.home.timestamp(),
                )
            )
