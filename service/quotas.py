"""What the jobs may spend that are asked for with one key on one day (UTC).

Asking for a job reserves all the calls that its budget allows and that it has not spent before. Once the job has ended,
only what it has spent counts. So the quota holds whatever the jobs do, and nothing is spent for what is refused. A job
that goes on by itself after midnight belongs to the day on which it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import sqlalchemy as sa

from service.errors import Refused
from service.home import Home
from service.jobs import CANCELLED, FAILED, NEW, SUCCEEDED, Job
from service.keys import Caller
from service.tables import jobs, reservations


@dataclass(frozen=True, slots=True)
class Quotas:
    """The quotas of the keys of a home."""

    home: Home

    @contextmanager
    def reserved(self, caller: Caller, job: Job, most_calls: int) -> Iterator[None]:
        """Around the asking for `job`, which may spend `most_calls` in all: they are `caller`'s to spend, or nothing
        happens. What is reserved is given back if the asking fails. A job that is under way or done spends nothing.

        Raises Refused: 403 if the job alone is more than the quota, 429 if too little is left of it today.
        """
        if caller.calls_per_day is None or job.status not in (NEW, FAILED, CANCELLED):
            yield
            return
        mine = _mine(caller.id, self._today, job.id)
        with self.home.writing() as connection:
            earlier = connection.execute(sa.select(reservations).where(mine)).one_or_none()
            spent = _spent(connection, job.id) if earlier is None else earlier.spent_before
            wanted = max(0, most_calls - spent)
            others = _used(connection, [caller.id], self._today, without=job.id).get(caller.id, 0)
            self._check(caller, caller.calls_per_day, wanted, others)
            connection.execute(sa.delete(reservations).where(mine))
            connection.execute(
                reservations.insert().values(
                    key=caller.id, day=self._today, job=job.id, calls=wanted, spent_before=spent, asking=True
                )
            )
        try:
            yield
        except BaseException:
            with self.home.writing() as connection:
                connection.execute(sa.delete(reservations).where(mine))
                if earlier is not None:
                    connection.execute(reservations.insert().values(**earlier._mapping))
            raise
        with self.home.writing() as connection:
            connection.execute(sa.update(reservations).where(mine).values(asking=False))

    def used(self, key_ids: Sequence[str]) -> dict[str, int]:
        """The calls of today's quotas that are spent or reserved, by key."""
        with self.home.reading() as connection:
            return _used(connection, key_ids, self._today)

    @property
    def _today(self) -> str:
        return self.home.now().astimezone(UTC).date().isoformat()

    def _check(self, caller: Caller, quota: int, wanted: int, others: int) -> None:
        if wanted > quota:
            raise Refused(
                403,
                "Above the quota",
                f"This may spend {wanted:,} calls, and the key '{caller.name}' has a quota of {quota:,} a day. Lower "
                "budget.calls, or have the key's quota raised.",
            )
        if others + wanted > quota:
            now = self.home.now().astimezone(UTC)
            midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
            raise Refused(
                429,
                "Quota used up",
                f"This may spend {wanted:,} calls; of the {quota:,} a day of the key '{caller.name}', {others:,} are "
                f"spent or reserved: {quota - others:,} are left until midnight (UTC). Lower budget.calls, or wait.",
                {"Retry-After": str(int((midnight - now).total_seconds()) + 1)},
            )


_spent_calls = sa.func.coalesce(
    jobs.c.result[("spent", "calls")].as_integer(), jobs.c.progress[("spent", "calls")].as_integer(), 0
)


def _mine(key_id: str, day: str, job_id: str) -> sa.ColumnElement[bool]:
    row = reservations.c
    return sa.and_(row.key == key_id, row.day == day, row.job == job_id)


def _spent(connection: sa.Connection, job_id: str) -> int:
    return int(connection.scalar(sa.select(_spent_calls).where(jobs.c.id == job_id)) or 0)


def _used(connection: sa.Connection, key_ids: Sequence[str], day: str, *, without: str = "") -> dict[str, int]:
    """By key, what its jobs of the day may still spend or have spent, but for the job `without`."""
    row = reservations.c
    query = (
        sa.select(row.key, row.calls, row.spent_before, row.asking, jobs.c.status, _spent_calls.label("spent"))
        .select_from(reservations.outerjoin(jobs, row.job == jobs.c.id))
        .where(row.key.in_(key_ids), row.day == day, row.job != without)
    )
    used: dict[str, int] = {}
    for found in connection.execute(query):
        # Before it is asked for, a job is not there, or has ended once.
        ended = not found.asking and found.status in (SUCCEEDED, FAILED, CANCELLED)
        calls = min(found.calls, max(0, found.spent - found.spent_before)) if ended else found.calls
        used[found.key] = used.get(found.key, 0) + calls
    return used
