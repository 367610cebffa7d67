"""Jobs: who they are, where they stand, and the same job again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.budget import TASK
from benchmarks.digests import digest
from benchmarks.errors import InputError
from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.schema import SECTIONS
from benchmarks.tasks.task import Task
from service.events import DONE, append
from service.home import Home
from service.tables import optimizations

NEW = "new"
QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLING = "cancelling"
CANCELLED = "cancelled"
OPEN = (QUEUED, RUNNING, CANCELLING)
"""A job in one of these has somebody, or waits for somebody, to carry it on."""

_NO_INFLUENCE = {"api_base", "api_key_env", "identity", "max_concurrency", "timeout_s", "outage_s", "hedge", "batch"}
"""Fields of a model's section that say how to reach it; which model answers is its identity in the ledger."""


class UnknownJob(InputError):
    """There is no such optimization."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One optimization as its row knows it. `epoch` is empty for the first run of its identity; `ledger_mark` is None
    until it first runs."""

    id: str
    identity: str
    epoch_number: int
    task: str
    status: str
    ledger_mark: int | None = None
    progress: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    created_at: str = ""
    updated_at: str = ""

    @property
    def epoch(self) -> str:
        """The ledger epoch that the job's calls belong to."""
        return f"{self.identity[:12]}/fresh-{self.epoch_number}" if self.epoch_number else ""

    @property
    def lock(self) -> str:
        """The lock that whoever runs the job holds."""
        return self.identity[:16]


_SHOWN = [optimizations.c[name] for name in Job.__dataclass_fields__]


def job_identity(task: Task, models: Mapping[str, ModelIdentity]) -> str:
    """The digest of task, data, models (by their roles), seed and budget: the same again is the same job.

    The rows count by their content, not by their file; code of the user's own counts by its source.
    """
    spec = task.spec.model_dump(mode="json", exclude={"data", "split"})
    for role in models:
        section = SECTIONS[role]
        spec[section] = {k: v for k, v in spec[section].items() if k not in _NO_INFLUENCE}
    others = {role: [model.endpoint, model.model] for role, model in models.items() if role != TASK}
    endpoint = [models[TASK].endpoint, models[TASK].model]
    references = [task.spec.metric_name, *(task.spec.search.proposers or ())]
    code = {reference: _source_digest(reference) for reference in references if ":" in reference}
    known = {"task": spec, "data": task.dataset.digest, "endpoint": endpoint, "code": code}
    if others:
        known["others"] = others
    if task.human_labels:
        known["human_labels"] = [label.digest for label in task.human_labels]
    return digest(known)


def _source_digest(reference: str) -> str:
    place = reference.rpartition(":")[0]
    path = Path(place if place.endswith(".py") else place.replace(".", "/") + ".py")
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The optimizations of a home."""

    home: Home

    def find(self, identity: str, task: Task, *, fresh: bool) -> Job:
        """The job to run for `identity`: the one with the highest epoch, or a new one, not yet written down, if there
        is none or if `fresh` asks for a new epoch."""
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(*_SHOWN)
                .where(optimizations.c.identity == identity)
                .order_by(optimizations.c.epoch_number.desc())
                .limit(1)
            ).one_or_none()
        if row is not None and not fresh:
            return Job(**row._mapping)
        number = int(fresh) if row is None else row.epoch_number + 1
        return Job(
            id=f"opt-{digest([identity, number])[:12]}",
            identity=identity,
            epoch_number=number,
            task=task.name,
            status=NEW,
        )

    def get(self, job_id: str) -> Job:
        """The job with that id. Raises UnknownJob."""
        with self.home.reading() as connection:
            row = connection.execute(sa.select(*_SHOWN).where(optimizations.c.id == job_id)).one_or_none()
        if row is None:
            raise UnknownJob(f"There is no optimization '{job_id}'.")
        return Job(**row._mapping)

    def latest(self, task: str) -> Job:
        """The optimization of `task` that succeeded last. Raises UnknownJob."""
        columns = optimizations.c
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(*_SHOWN)
                .where(columns.task == task, columns.status == SUCCEEDED)
                .order_by(columns.updated_at.desc(), columns.id)
                .limit(1)
            ).one_or_none()
        if row is None:
            raise UnknownJob(f"No optimization of '{task}' has succeeded; whet optimize runs one.")
        return Job(**row._mapping)

    def listed(self, limit: int, before: str | None = None) -> list[Job]:
        """At most `limit` jobs, the newest first, from the one after the job `before`. Raises UnknownJob."""
        place = (optimizations.c.created_at, optimizations.c.id)
        query = sa.select(*_SHOWN).order_by(*(column.desc() for column in place)).limit(limit)
        if before is not None:
            last = self.get(before)
            query = query.where(sa.tuple_(*place) < (last.created_at, last.id))
        with self.home.reading() as connection:
            return [Job(**row._mapping) for row in connection.execute(query)]

    def request(self, job_id: str) -> Mapping[str, Any] | None:
        """What was asked for over REST; None for a job that only a command was asked for."""
        with self.home.reading() as connection:
            found: Mapping[str, Any] | None = connection.scalars(
                sa.select(optimizations.c.request).where(optimizations.c.id == job_id)
            ).one()
        return found

    def enqueue(self, job: Job, task: Task, request: Mapping[str, Any]) -> Job:
        """`job`, to be run by a worker. One that is queued, under way or done stays as it is; one that failed or was
        cancelled is queued again."""
        if job.status == NEW:
            return self._write(job, task, QUEUED, request=dict(request))
        if job.status in (FAILED, CANCELLED):
            with self.home.writing() as connection:
                self._set(connection, job.id, status=QUEUED, error=None, request=dict(request))
            return self.get(job.id)
        if job.status != SUCCEEDED:
            # A command that died left it without a request, so that no worker would take it over.
            with self.home.writing() as connection:
                self._set(connection, job.id, optimizations.c.request.is_(sa.null()), request=dict(request))
        return job

    def start(self, job: Job, task: Task, ledger_mark: int) -> Job:
        """`job`, running. One that starts for the first time gets the ledger's mark of this moment; one that resumes
        keeps its first."""
        if job.status == NEW:
            return self._write(job, task, RUNNING, ledger_mark=ledger_mark)
        mark = ledger_mark if job.ledger_mark is None else job.ledger_mark
        with self.home.writing() as connection:
            self._set(connection, job.id, ledger_mark=mark, error=None)
            # One that was cancelled a moment ago must still be found cancelled.
            self._set(connection, job.id, optimizations.c.status != CANCELLING, status=RUNNING)
        return replace(job, status=RUNNING, ledger_mark=mark, error=None)

    def take(self, job_id: str) -> bool:
        """Whether the job was still waiting for a worker; now it has one."""
        with self.home.writing() as connection:
            return self._set(connection, job_id, optimizations.c.status == QUEUED, status=RUNNING)

    def release(self, job_id: str) -> None:
        """Nobody runs the job any more: it waits for a worker again, or is cancelled if that was asked for."""
        with self.home.writing() as connection:
            if not self._set(connection, job_id, optimizations.c.status == RUNNING, status=QUEUED):
                self._conclude(connection, job_id, CANCELLING, CANCELLED)

    def conclude(
        self, job_id: str, status: str, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """The job that somebody ran has ended with `status`. Whoever sees that finds the event `done`, too."""
        values = {"result": None if result is None else dict(result), "error": error}
        with self.home.writing() as connection:
            for running in (RUNNING, CANCELLING):
                self._conclude(connection, job_id, running, status, **values)

    def waiting(self) -> list[Job]:
        """The jobs that wait for a worker, the one that has waited longest first."""
        with self.home.reading() as connection:
            rows = connection.execute(
                sa.select(*_SHOWN)
                .where(optimizations.c.status == QUEUED)
                .order_by(optimizations.c.updated_at, optimizations.c.id)
            )
            return [Job(**row._mapping) for row in rows]

    def cancel(self, job_id: str) -> Job:
        """The job, asked to stop: one that waits is cancelled at once, one that runs by whoever runs it."""
        with self.home.writing() as connection:
            self._conclude(connection, job_id, QUEUED, CANCELLED)
            self._set(connection, job_id, optimizations.c.status == RUNNING, status=CANCELLING)
        return self.get(job_id)

    def under_way(self) -> list[Job]:
        """The jobs asked for over REST that somebody runs, or ran when it died."""
        with self.home.reading() as connection:
            rows = connection.execute(
                sa.select(*_SHOWN).where(
                    optimizations.c.status.in_((RUNNING, CANCELLING)), optimizations.c.request.is_not(sa.null())
                )
            )
            return [Job(**row._mapping) for row in rows]

    def _write(self, job: Job, task: Task, status: str, **values: Any) -> Job:
        now = self.home.timestamp()
        written = replace(job, status=status, ledger_mark=values.get("ledger_mark"), created_at=now, updated_at=now)
        with self.home.writing() as connection:
            connection.execute(
                optimizations.insert().values(
                    id=job.id,
                    identity=job.identity,
                    epoch_number=job.epoch_number,
                    task=job.task,
                    status=status,
                    spec=task.spec.model_dump(mode="json", exclude={"data": {"rows"}}),
                    created_at=now,
                    updated_at=now,
                    **values,
                )
            )
        return written

    def _conclude(self, connection: sa.Connection, job_id: str, status: str, then: str, **values: Any) -> None:
        if self._set(connection, job_id, optimizations.c.status == status, status=then, **values):
            append(connection, job_id, [(DONE, {"status": then})], self.home.timestamp())

    def _set(self, connection: sa.Connection, job_id: str, *conditions: sa.ColumnElement[bool], **values: Any) -> bool:
        """Whether there is such a job, for which the conditions hold; it has the values now."""
        found = connection.execute(
            sa.update(optimizations)
            .where(optimizations.c.id == job_id, *conditions)
            .values(**values, updated_at=self.home.timestamp())
        )
        return found.rowcount > 0
