"""Regressions: what verdicts opened, whom it was told, and what resolved it. At most one is open for each task and
metric, whatever the number of its schedules."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from benchmarks.errors import InputError
from benchmarks.evidence.night_records import Verdict
from service.home import Home
from service.outbox import announce
from service.tables import nights, regressions, schedules

OPEN, RESOLVED = "open", "resolved"


class UnknownRegression(InputError):
    """There is no such regression."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """One regression. `kind` is what the latest verdict on it says: regressed, or environment_drift, an incident of the
    model or its endpoint. `opened_by` is the night that opened it; `optimization` the job that it started."""

    id: str
    task: str
    metric: str
    kind: str
    schedule: str
    state: str
    opened_at: str
    opened_by: str
    resolved_at: str | None
    resolved_why: str | None
    acked_by: str | None
    acked_at: str | None
    note: str | None
    optimization: str | None


_COLUMNS = regressions.c
_SHOWN = [_COLUMNS[name] for name in Regression.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Regressions:
    """The regressions of a home."""

    home: Home

    def get(self, regression: str) -> Regression:
        """The regression with that id. Raises UnknownRegression."""
        with self.home.reading() as connection:
            row = connection.execute(sa.select(*_SHOWN).where(_COLUMNS.id == regression)).one_or_none()
        if row is None:
            raise UnknownRegression(f"There is no regression '{regression}'.")
        return Regression(**row._mapping)

    def listed(self, limit: int, *, state: str | None = None, before: str | None = None) -> list[Regression]:
        """At most `limit` regressions, the newest first, from the one after `before`; only those in `state`."""
        place = (_COLUMNS.opened_at, _COLUMNS.id)
        query = sa.select(*_SHOWN).order_by(*(column.desc() for column in place)).limit(limit)
        if state is not None:
            query = query.where(_COLUMNS.state == state)
        if before is not None:
            last = self.get(before)
            query = query.where(sa.tuple_(*place) < (last.opened_at, last.id))
        with self.home.reading() as connection:
            return [Regression(**row._mapping) for row in connection.execute(query)]

    def ack(self, regression: str, by: str, note: str) -> Regression:
        """The regression, of which somebody has taken note; the latest one counts. Raises UnknownRegression."""
        with self.home.writing() as connection:
            seen = {"acked_by": by, "acked_at": self.home.timestamp(), "note": note}
            connection.execute(sa.update(regressions).where(_COLUMNS.id == regression).values(**seen))
        return self.get(regression)

    def started(self, regression: str, optimization: str) -> bool:
        """Whether this is the one optimization that the regression starts: the first to be noted."""
        with self.home.writing() as connection:
            mine = sa.or_(_COLUMNS.optimization.is_(None), _COLUMNS.optimization == optimization)
            noted = sa.update(regressions).where(_COLUMNS.id == regression, mine).values(optimization=optimization)
            return connection.execute(noted).rowcount > 0


def follow(
    connection: sa.Connection, verdict: Verdict, *, schedule: str, task: str, metric: str, night: str, at: str
) -> str | None:
    """What a verdict means for the regression of the task and metric, in the transaction that writes the verdict down:
    opens one, carries it on or resolves it, and tells webhooks. The id of the regression that the night belongs to."""
    mine = sa.select(schedules.c.opened).where(schedules.c.id == schedule)
    before: str | None = connection.scalar(mine)
    if verdict.opened is None:
        if before is not None and verdict.tonight is not None:
            _leave(connection, schedule, before, verdict.words, at=at, verdict=verdict)
        return before
    open_for = f"{task} {metric}"
    found = connection.execute(sa.select(_COLUMNS.id, _COLUMNS.kind).where(_COLUMNS.open_for == open_for)).one_or_none()
    kind = "environment_drift" if verdict.kind == "environment_drift" else "regressed"
    if found is None:
        regression = f"reg-{secrets.token_hex(6)}"
        connection.execute(
            regressions.insert().values(
                id=regression,
                task=task,
                metric=metric,
                kind=kind,
                schedule=schedule,
                state=OPEN,
                opened_at=at,
                opened_by=night,
                open_for=open_for,
            )
        )
        _tell(connection, "regression.detected", regression, verdict, at=at)
    else:
        regression = found.id
        # Without a score there is nothing new to say of its kind.
        if verdict.tonight is not None and found.kind != kind:
            connection.execute(sa.update(regressions).where(_COLUMNS.id == regression).values(kind=kind))
    connection.execute(sa.update(schedules).where(schedules.c.id == schedule).values(opened=regression))
    return str(regression)


def close(connection: sa.Connection, schedule: str, why: str, *, at: str) -> None:
    """A schedule has nothing more to say of the regression that it had opened."""
    opened = connection.scalar(sa.select(schedules.c.opened).where(schedules.c.id == schedule))
    if opened is not None:
        _leave(connection, schedule, opened, why, at=at, verdict=None)


def _leave(
    connection: sa.Connection, schedule: str, regression: str, why: str, *, at: str, verdict: Verdict | None
) -> None:
    """Resolves the regression unless another schedule still sees it."""
    connection.execute(sa.update(schedules).where(schedules.c.id == schedule).values(opened=None))
    others = sa.select(schedules.c.id).where(schedules.c.opened == regression).limit(1)
    if connection.scalar(others) is None:
        done = {"state": RESOLVED, "resolved_at": at, "resolved_why": why, "open_for": None}
        connection.execute(sa.update(regressions).where(_COLUMNS.id == regression).values(**done))
        _tell(connection, "regression.resolved", regression, verdict, at=at)


def _tell(connection: sa.Connection, event: Any, regression: str, verdict: Verdict | None, *, at: str) -> None:
    query = (
        sa.select(*_SHOWN, schedules.c.name.label("schedule_name"), nights.c.due_at)
        .select_from(regressions.join(schedules).join(nights, nights.c.id == _COLUMNS.opened_by))
        .where(_COLUMNS.id == regression)
    )
    row = connection.execute(query).one()
    data: dict[str, Any] = {
        "id": row.id,
        "task": row.task,
        "metric": row.metric,
        "kind": row.kind,
        "schedule": row.schedule_name,
        "opened_by": row.due_at,
        **numbers(verdict),
    }
    announce(connection, event, f"/v1/regressions/{regression}", data, at=at)


def numbers(verdict: Verdict | None) -> Mapping[str, Any]:
    """What a verdict says in numbers, as events do."""
    if verdict is None:
        return {}
    difference = verdict.difference
    return {
        "verdict": verdict.kind,
        "difference": None
        if difference is None
        else {name: asdict(difference)[name] for name in ("mean", "low", "high", "p", "n")},
        "p": verdict.p,
        "nights": verdict.nights,
    }
