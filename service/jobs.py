"""Jobs: who they are, where they stand, and the same job again."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.budget import TASK
from benchmarks.digests import digest
from benchmarks.errors import InputError
from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.schema import SECTIONS
from benchmarks.tasks.task import Task
from service.announcements import job_ended
from service.events import DONE, append
from service.holding import Hold
from service.home import Home
from service.tables import jobs

OPTIMIZATION = "optimization"
NIGHT = "night"
EVALUATION = "evaluation"

NEW = "new"
QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLING = "cancelling"
CANCELLED = "cancelled"
OPEN = (QUEUED, RUNNING, CANCELLING)
"""A job in one of these has somebody, or waits for somebody, to carry it on."""
HELD = (RUNNING, CANCELLING)
"""A job in one of these is held by the process that runs it."""

DIED = "The process that ran it has ended. What was paid for is kept: the same command again goes on from there."

_NO_INFLUENCE = {"api_base", "api_key_env", "identity", "max_concurrency", "timeout_s", "outage_s", "hedge", "batch"}
"""Fields of a model's section that say how to reach it; which model answers is its identity in the ledger."""


_PREFIXES = {OPTIMIZATION: "opt", EVALUATION: "eval"}
"""How the ids of each kind of job begin."""


class UnknownJob(InputError):
    """There is no such job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as its row knows it. `epoch` is empty for the first run of its identity; `ledger_mark` is None until it
    first runs. `best` is the prompt that leads so far, with its score on validation. `owner` holds it, `heartbeat_at`
    is when that process last said so, and `fence` is how often the job was taken. `endpoint` is that of its task model
    as the operator calls it, None for a command. `ledger_epoch` is the one to ask in where it has none of its own: that
    of an evaluation, or of the night it belongs to."""

    id: str
    kind: str = OPTIMIZATION
    identity: str
    epoch_number: int
    task: str
    status: str
    ledger_mark: int | None = None
    owner: str | None = None
    heartbeat_at: str | None = None
    fence: int = 0
    priority: int = 0
    endpoint: str | None = None
    ledger_epoch: str | None = None
    progress: Mapping[str, Any] | None = None
    best: Mapping[str, Any] | None = None
    result: Mapping[str, Any] | None = None
    error: str | None = None
    created_at: str = ""
    updated_at: str = ""

    @property
    def epoch(self) -> str:
        """The ledger epoch that the job's calls belong to."""
        if self.ledger_epoch is not None:
            return self.ledger_epoch
        return f"{self.identity[:12]}/fresh-{self.epoch_number}" if self.epoch_number else ""

    def heard_of(self, now: datetime, *, within_s: float) -> bool:
        """Whether its owner said that it lives in the last seconds, by the clocks of both."""
        if self.heartbeat_at is None:
            return False
        return abs((now - datetime.fromisoformat(self.heartbeat_at)).total_seconds()) <= within_s


_SHOWN = [jobs.c[name] for name in Job.__dataclass_fields__]
_LISTED_OF_RESULT = ("decision", "spent")
_LISTED = [
    *(column for column in _SHOWN if column.name != "result"),
    *(jobs.c.result[part].label(part) for part in _LISTED_OF_RESULT),
]
"""A result may hold a megabyte."""


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
    """The jobs of a home, or, where `home` is a hold, those of whoever holds the job that is written for."""

    home: Home

    def find(self, identity: str, task: Task, *, fresh: bool, kind: str = OPTIMIZATION) -> Job:
        """The job to run for `identity`: the one with the highest epoch, or a new one of that `kind`, not yet written
        down, if there is none or if `fresh` asks for a new epoch."""
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(*_SHOWN).where(jobs.c.identity == identity).order_by(jobs.c.epoch_number.desc()).limit(1)
            ).one_or_none()
        if row is not None and not fresh:
            return Job(**row._mapping)
        number = int(fresh) if row is None else row.epoch_number + 1
        return Job(
            id=f"{_PREFIXES[kind]}-{digest([identity, number])[:12]}",
            kind=kind,
            identity=identity,
            epoch_number=number,
            task=task.name,
            status=NEW,
        )

    def get(self, job_id: str, kind: str | None = None) -> Job:
        """The job with that id, which must be of that `kind` if one is given. Raises UnknownJob."""
        query = sa.select(*_SHOWN).where(jobs.c.id == job_id)
        with self.home.reading() as connection:
            row = connection.execute(query if kind is None else query.where(jobs.c.kind == kind)).one_or_none()
        if row is None:
            raise UnknownJob(f"There is no {kind or 'job'} '{job_id}'.")
        return Job(**row._mapping)

    def latest(self, task: str) -> Job:
        """The optimization of `task` that succeeded last. Raises UnknownJob."""
        columns = jobs.c
        with self.home.reading() as connection:
            row = connection.execute(
                sa.select(*_SHOWN)
                .where(columns.kind == OPTIMIZATION, columns.task == task, columns.status == SUCCEEDED)
                .order_by(columns.updated_at.desc(), columns.id)
                .limit(1)
            ).one_or_none()
        if row is None:
            raise UnknownJob(f"No optimization of '{task}' has succeeded; whet optimize runs one.")
        return Job(**row._mapping)

    def listed(self, limit: int, before: str | None = None, kind: str = OPTIMIZATION) -> list[Job]:
        """At most `limit` jobs of a kind, the newest first, from the one after `before`; of their results only what was
        decided and spent. Raises UnknownJob."""
        place = (jobs.c.created_at, jobs.c.id)
        query = sa.select(*_LISTED).where(jobs.c.kind == kind)
        query = query.order_by(*(column.desc() for column in place)).limit(limit)
        if before is not None:
            last = self.get(before, kind)
            query = query.where(sa.tuple_(*place) < (last.created_at, last.id))
        with self.home.reading() as connection:
            return [_listed(row) for row in connection.execute(query)]

    def request(self, job_id: str) -> Mapping[str, Any] | None:
        """What was asked for over REST; None for a job that only a command was asked for."""
        with self.home.reading() as connection:
            found: Mapping[str, Any] | None = connection.scalars(
                sa.select(jobs.c.request).where(jobs.c.id == job_id)
            ).one()
        return found

    def enqueue(
        self,
        job: Job,
        task: Task,
        request: Mapping[str, Any],
        *,
        endpoint: str | None = None,
        priority: int | None = None,
    ) -> Job:
        """`job`, to be run by a worker. One that is queued, under way or done stays as it is; one that failed or was
        cancelled is queued again. Whatever waits gets the `priority` that is given: a higher one goes first."""
        asked = {"request": dict(request), "endpoint": endpoint}
        if job.status == NEW:
            return self._write(job, task, QUEUED, **asked, priority=priority or 0)
        with self.home.writing() as connection:
            if job.status not in (QUEUED, SUCCEEDED):
                # Whoever ran it may have ended since `job` was read. A command that dies leaves a job that a worker may
                # carry on, now that it was asked for.
                stopped = jobs.c.status.in_((FAILED, CANCELLED))
                if not self._set(connection, job.id, stopped, status=QUEUED, error=None, **asked):
                    self._set(connection, job.id, jobs.c.request.is_(sa.null()), **asked)
            if priority is not None:
                waits = sa.and_(jobs.c.status == QUEUED, jobs.c.priority != priority)
                self._set(connection, job.id, waits, priority=priority)
        return self.get(job.id)

    def resume(self, job_id: str) -> Job:
        """The job, queued again if it failed or was cancelled; any other one stays as it is. Raises UnknownJob."""
        with self.home.writing() as connection:
            self._set(connection, job_id, jobs.c.status.in_((FAILED, CANCELLED)), status=QUEUED, error=None)
        return self.get(job_id)

    def begin(self, job: Job, task: Task, owner: str) -> Hold | None:
        """The hold on `job` for a command, which waits for no worker: of a job that is new, waits, or has stopped. None
        if it is held by somebody else, or done. Raises IntegrityError if it is not new any more."""
        if job.status == NEW:
            fence = self._write(job, task, RUNNING, owner=owner, heartbeat_at=self.home.timestamp(), fence=1).fence
            return Hold.of(self.home, job=job.id, owner=owner, fence=fence)
        return self._take(job.id, owner, jobs.c.status.in_((QUEUED, FAILED, CANCELLED)))

    def take(self, job: Job, owner: str, most: int | None = None) -> Hold | None:
        """The hold on `job` for a worker, None if it does not wait any more, or if its endpoint has `most` jobs under
        way already (None: as many as there are)."""
        room = sa.true() if most is None or job.endpoint is None else _under_way(job.endpoint) < most
        return self._take(job.id, owner, jobs.c.status == QUEUED, room)

    def _take(self, job_id: str, owner: str, *conditions: sa.ColumnElement[bool]) -> Hold | None:
        taken = {"owner": owner, "heartbeat_at": self.home.timestamp(), "fence": jobs.c.fence + 1}
        with self.home.writing() as connection:
            if not self._set(connection, job_id, *conditions, status=RUNNING, error=None, **taken):
                return None
            fence = connection.scalar(sa.select(jobs.c.fence).where(jobs.c.id == job_id)) or 0
        return Hold.of(self.home, job=job_id, owner=owner, fence=fence)

    def start(self, job: Job, ledger_mark: int) -> Job:
        """`job`, which was taken, under way. One that starts for the first time gets the ledger's mark of this moment;
        one that resumes keeps its first."""
        mark = ledger_mark if job.ledger_mark is None else job.ledger_mark
        with self.home.writing() as connection:
            self._set(connection, job.id, ledger_mark=mark)
        return replace(job, status=RUNNING, ledger_mark=mark, error=None)

    def release(self, job_id: str) -> None:
        """Nobody runs the job any more: it waits for a worker again, or is cancelled if that was asked for."""
        with self.home.writing() as connection:
            self._let_go(connection, job_id)

    def hand_on(self, job: Job) -> None:
        """Takes `job` from an owner that was not heard of since: it waits for a worker again. One that was to be
        cancelled is cancelled, and one that only a command was asked for has failed, until that command is repeated."""
        with self.home.writing() as connection:
            same = jobs.c.heartbeat_at.is_not_distinct_from(job.heartbeat_at)
            self._let_go(connection, job.id, jobs.c.fence == job.fence, same)

    def conclude(
        self, job_id: str, status: str, *, result: Mapping[str, Any] | None = None, error: str | None = None
    ) -> None:
        """The job that somebody ran has ended with `status`. Whoever sees that finds the event `done`, too."""
        values = {"result": None if result is None else dict(result), "error": error}
        with self.home.writing() as connection:
            self._conclude(connection, job_id, jobs.c.status.in_(HELD), then=status, **values)

    def waiting(self, limits: Mapping[str, int] | None = None) -> list[Job]:
        """The jobs that wait for a worker and have room on their endpoints, of which each takes at most so many as
        `limits` says: by priority, then the one that was asked for first."""
        columns = jobs.c
        with self.home.reading() as connection:
            rows = connection.execute(
                sa.select(*_SHOWN)
                .where(columns.status == QUEUED)
                .order_by(columns.priority.desc(), columns.created_at, columns.id)
            ).all()
            busy = connection.execute(
                sa.select(columns.endpoint, sa.func.count().label("jobs"))
                .where(columns.status.in_(HELD))
                .group_by(columns.endpoint)
            )
            load = Counter[str | None]({row.endpoint: row.jobs for row in busy})
        found = []
        for row in rows:
            most = (limits or {}).get(row.endpoint)
            if most is None or load[row.endpoint] < most:
                load[row.endpoint] += 1
                found.append(Job(**row._mapping))
        return found

    def cancel(self, job_id: str) -> Job:
        """The job, asked to stop: one that waits is cancelled at once, one that runs by whoever runs it."""
        with self.home.writing() as connection:
            self._conclude(connection, job_id, jobs.c.status == QUEUED, then=CANCELLED)
            self._set(connection, job_id, jobs.c.status == RUNNING, status=CANCELLING)
        return self.get(job_id)

    def under_way(self) -> list[Job]:
        """The jobs that somebody runs, or ran when it died."""
        with self.home.reading() as connection:
            rows = connection.execute(sa.select(*_SHOWN).where(jobs.c.status.in_(HELD)))
            return [Job(**row._mapping) for row in rows]

    def _write(self, job: Job, task: Task, status: str, **values: Any) -> Job:
        spec = task.spec.model_dump(mode="json", exclude={"data": {"rows"}})
        with self.home.writing() as connection:
            self.put(connection, job, spec, status, **values)
        return self.get(job.id)

    def put(self, connection: sa.Connection, job: Job, spec: Mapping[str, Any], status: str, **values: Any) -> None:
        """Writes down a new job, in the transaction of whatever it comes from; `spec` is its task."""
        now = self.home.timestamp()
        row = {
            "id": job.id,
            "kind": job.kind,
            "identity": job.identity,
            "epoch_number": job.epoch_number,
            "task": job.task,
            "status": status,
            "ledger_epoch": job.ledger_epoch,
            "created_at": now,
            "updated_at": now,
            "spec": dict(spec),
            **values,
        }
        connection.execute(jobs.insert().values(**row))

    def _let_go(self, connection: sa.Connection, job_id: str, *conditions: sa.ColumnElement[bool]) -> None:
        asked_for = jobs.c.request.is_not(sa.null())
        if self._set(connection, job_id, *conditions, jobs.c.status == RUNNING, asked_for, status=QUEUED, **_NOBODY):
            return
        self._conclude(connection, job_id, *conditions, jobs.c.status == CANCELLING, then=CANCELLED)
        self._conclude(connection, job_id, *conditions, jobs.c.status == RUNNING, then=FAILED, error=DIED)

    def _conclude(
        self, connection: sa.Connection, job_id: str, *conditions: sa.ColumnElement[bool], then: str, **values: Any
    ) -> None:
        if self._set(connection, job_id, *conditions, status=then, **_NOBODY, **values):
            now = self.home.timestamp()
            append(connection, job_id, [(DONE, {"status": then})], now)
            job_ended(connection, job_id, at=now)

    def _set(self, connection: sa.Connection, job_id: str, *conditions: sa.ColumnElement[bool], **values: Any) -> bool:
        """Whether there is such a job, for which the conditions hold; it has the values now."""
        found = connection.execute(
            sa.update(jobs).where(jobs.c.id == job_id, *conditions).values(**values, updated_at=self.home.timestamp())
        )
        return found.rowcount > 0


_NOBODY: Mapping[str, None] = {"owner": None, "heartbeat_at": None}


def _under_way(endpoint: str) -> sa.ScalarSelect[int]:
    others = jobs.alias()
    return sa.select(sa.func.count()).where(others.c.endpoint == endpoint, others.c.status.in_(HELD)).scalar_subquery()


def _listed(row: sa.Row[Any]) -> Job:
    columns = dict(row._mapping)
    result = {part: columns.pop(part) for part in _LISTED_OF_RESULT}
    return Job(**columns, result=result if columns["status"] == SUCCEEDED else None)
