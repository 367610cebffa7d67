"""Nights: each due time of a schedule is claimed by one row, run by one job, and judged once.

Whoever inserts the row of a due time, in the transaction that moves the schedule on to its next one, has claimed it. So
any number of processes may look for what is due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.digests import digest
from benchmarks.errors import InputError, TaskError, WhetError
from benchmarks.tasks.schema import ModelSection, parse_task
from service.baselines import baseline_of, epochs_of
from service.endpoints import endpoint_of, with_endpoints
from service.home import Home
from service.jobs import NEW, NIGHT, OPEN, QUEUED, Job, Jobs
from service.registered_tasks import RegisteredTasks
from service.schedules import Schedule, stamp
from service.tables import jobs, nights, schedules

LATE = timedelta(hours=1)
"""A run that begins later than this after its time was missed."""
BUSY = "The night before was still running."
MISSED = "Nothing ran at that time, and the schedule leaves missed runs out."


class Busy(InputError):
    """A night of the schedule is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One night as its row knows it, with where its job stands (`status`, `error`). `kind` is the word of its verdict,
    None for an epoch of the baseline (`epoch`) and as long as it is not judged."""

    id: str
    schedule: str
    due_at: str
    baseline: int
    job: str | None
    skipped: str | None
    kind: str | None
    verdict: Mapping[str, Any] | None
    regression: str | None
    judged_at: str | None
    epoch: bool
    status: str | None
    error: str | None


_COLUMNS = nights.c
_OF_JOB = (jobs.c.status.label("status"), jobs.c.error.label("error"))
_SHOWN = [
    *(_COLUMNS[name] for name in Ran.__dataclass_fields__ if name not in ("epoch", "status", "error")),
    _COLUMNS.scores.is_not(None).label("epoch"),
    *_OF_JOB,
]
_WITH_JOBS = nights.outerjoin(jobs, jobs.c.id == _COLUMNS.job)


@dataclass(frozen=True, slots=True)
class Nights:
    """The nights of a home."""

    home: Home

    def of_job(self, job: str) -> Ran:
        """The night that a job runs."""
        with self.home.reading() as connection:
            query = sa.select(*_SHOWN).select_from(_WITH_JOBS).where(_COLUMNS.job == job)
            return Ran(**connection.execute(query).one()._mapping)

    def listed(self, schedule: str, limit: int, before: str | None = None) -> list[Ran]:
        """At most `limit` nights of a schedule, the latest first, from before the due time `before`."""
        query = sa.select(*_SHOWN).select_from(_WITH_JOBS).where(_COLUMNS.schedule == schedule)
        if before is not None:
            query = query.where(_COLUMNS.due_at < before)
        return self._found(query.order_by(_COLUMNS.due_at.desc()).limit(limit))

    def of_regression(self, regression: str, limit: int) -> list[Ran]:
        """The latest nights that belong to a regression, the first of them first."""
        query = sa.select(*_SHOWN).select_from(_WITH_JOBS).where(_COLUMNS.regression == regression)
        return self._found(query.order_by(_COLUMNS.due_at.desc()).limit(limit))[::-1]

    def _found(self, query: sa.Select[Any]) -> list[Ran]:
        with self.home.reading() as connection:
            return [Ran(**row._mapping) for row in connection.execute(query)]

    def claim(self, schedule: Schedule, endpoints: Mapping[str, ModelSection]) -> Ran | None:
        """The night of `schedule` that is due now; of those that were missed the latest, once. None if there is nothing
        to do, among others because somebody else has claimed it."""
        now = self.home.now().astimezone(UTC)
        due = datetime.fromisoformat(schedule.next_due_at)
        if schedule.at_once:
            return self._claim_at_once(schedule, endpoints, now)
        due = schedule.times.latest(due, now)
        following = schedule.times.after(due)
        start, asked = schedule.times.start(due), self._asked(schedule, endpoints)
        with self.home.writing() as connection:
            moved = {"next_due_at": stamp(following), "next_start_at": stamp(schedule.times.start(following))}
            if not _move(connection, schedule, moved):
                return None
            there = sa.select(_COLUMNS.id).where(_COLUMNS.schedule == schedule.id, _COLUMNS.due_at == stamp(due))
            if connection.scalar(there) is not None:
                return None  # A clock that went back: this night was claimed before.
            skipped = BUSY if _busy(connection, schedule.id) else None
            if schedule.misfire == "skip" and now - start > LATE:
                skipped = MISSED
            night = self._write(connection, schedule, due, skipped or asked)
        return self._get(night)

    def _claim_at_once(self, schedule: Schedule, endpoints: Mapping[str, ModelSection], now: datetime) -> Ran | None:
        """The next epoch of a baseline that is built at once, one after another. Due times go on once the last one has
        begun, or if one has failed."""
        asked = self._asked(schedule, endpoints)
        with self.home.writing() as connection:
            if _busy(connection, schedule.id):
                return None
            baseline = baseline_of(connection, schedule.id)
            begun = self._begun(connection, schedule.id, baseline.number)
            left = schedule.epochs - len(epochs_of(connection, baseline))
            fails = bool(begun) and not begun[-1].epoch
            moved: dict[str, Any] = {"next_start_at": schedule.next_start_at}
            if fails or left <= 1 or baseline.pinned_at is not None:
                following = schedule.times.after(now)
                start = schedule.times.start(following)
                moved = {"next_due_at": stamp(following), "next_start_at": stamp(start), "at_once": False}
            if not _move(connection, schedule, moved) or fails or left < 1:
                return None
            night = self._write(connection, schedule, _unlike(begun, now), asked)
        return self._get(night)

    def _begun(self, connection: sa.Connection, schedule: str, baseline: int) -> list[Ran]:
        mine = sa.and_(_COLUMNS.schedule == schedule, _COLUMNS.baseline == baseline)
        query = sa.select(*_SHOWN).select_from(_WITH_JOBS).where(mine).order_by(_COLUMNS.due_at.desc()).limit(1)
        return [Ran(**row._mapping) for row in connection.execute(query)]

    def by_hand(self, schedule: Schedule) -> Job:
        """The job of a night that is due now, not yet written down."""
        return _job(schedule, self.home.now().astimezone(UTC))

    def begin(self, schedule: Schedule, job: Job, endpoints: Mapping[str, ModelSection]) -> Ran:
        """Puts such a night into the queue. It counts as any other. Raises Busy, and what keeps it from running."""
        due = datetime.fromisoformat((job.ledger_epoch or "").partition("/")[0])
        asked = self._asked(schedule, endpoints)
        if isinstance(asked, str):
            raise TaskError(asked)
        with self.home.writing() as connection:
            if _busy(connection, schedule.id):
                raise Busy(f"A night of '{schedule.name}' is under way; ask again when it has ended.")
            night = self._write(connection, schedule, due, asked)
        return self._get(night)

    def _get(self, night: str) -> Ran:
        return self._found(sa.select(*_SHOWN).select_from(_WITH_JOBS).where(_COLUMNS.id == night))[0]

    def _asked(self, schedule: Schedule, endpoints: Mapping[str, ModelSection]) -> dict[str, Any] | str:
        """The row of the job that runs a night, or why the task cannot be run as things stand."""
        try:
            content = RegisteredTasks(self.home).find(schedule.task).content
            spec = parse_task(with_endpoints(content, endpoints)).model_dump(mode="json")
        except WhetError as error:
            return str(error)
        return {"spec": spec, "request": {"schedule": schedule.id}, "endpoint": endpoint_of(content)}

    def _write(
        self, connection: sa.Connection, schedule: Schedule, due: datetime, asked: Mapping[str, Any] | str
    ) -> str:
        """The row of a night, and that of its job, in the queue; or why there is none, which is `asked` in words."""
        job, skipped = _job(schedule, due), isinstance(asked, str)
        if not isinstance(asked, str):
            Jobs(self.home).put(connection, job, status=QUEUED, **asked)
        night = f"nit-{job.id.partition('-')[2]}"
        connection.execute(
            nights.insert().values(
                id=night,
                schedule=schedule.id,
                due_at=stamp(due),
                baseline=baseline_of(connection, schedule.id).number,
                job=None if skipped else job.id,
                skipped=asked if skipped else None,
                created_at=self.home.timestamp(),
            )
        )
        return night


def _job(schedule: Schedule, due: datetime) -> Job:
    epoch = f"{stamp(due)}/{schedule.id}"
    identity = digest(["night", epoch])
    return Job(
        id=f"night-{identity[:12]}",
        kind=NIGHT,
        identity=identity,
        epoch_number=0,
        task=schedule.task.partition("@")[0],
        status=NEW,
        ledger_epoch=epoch,
    )


def _move(connection: sa.Connection, schedule: Schedule, values: Mapping[str, Any]) -> bool:
    """Whether the schedule stood where it was seen; it is due at another time now."""
    row = schedules.c
    same = sa.and_(
        row.id == schedule.id, row.next_due_at == schedule.next_due_at, row.enabled, row.deleted_at.is_(None),
        row.at_once == schedule.at_once,
    )  # fmt: skip
    return connection.execute(sa.update(schedules).where(same).values(**values)).rowcount > 0


def _busy(connection: sa.Connection, schedule: str) -> bool:
    under_way = (
        sa.select(_COLUMNS.id).select_from(_WITH_JOBS).where(_COLUMNS.schedule == schedule, jobs.c.status.in_(OPEN))
    )
    return connection.scalar(under_way.limit(1)) is not None


def _unlike(begun: Sequence[Ran], now: datetime) -> datetime:
    """Now, or just after the due time of the night before, should a clock stand still."""
    if not begun:
        return now
    return max(now, datetime.fromisoformat(begun[-1].due_at) + timedelta(milliseconds=1))
