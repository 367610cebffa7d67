"""Schedules: what is measured again and again, when, and what counts as worse."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import InputError
from benchmarks.evidence.night_records import Policy
from service.baselines import Measured, begin
from service.due_times import DueTimes
from service.home import Home
from service.regressions import close
from service.tables import schedules

MOST_NAMED = 100


class UnknownSchedule(InputError):
    """There is no such schedule."""


class ScheduleExists(InputError):
    """Another schedule has that name."""


class Changed(InputError):
    """The schedule was changed by somebody else meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What somebody wants to be measured. `prompt` is `name@label` or `name@version`; `anchor` a prompt of the registry
    or itself, as JSON values, None for the plain one. `policy` holds the fields of `Policy`; `epochs` is how many make
    a baseline, built `at_once` or in the first nights. `budget` are the caps of a night, `optimization_budget` those of
    what a regression starts. A run that is more than an hour late is caught up (`misfire` is `once`) or left out
    (`skip`)."""

    name: str
    task: str
    metric: str
    prompt: str
    anchor: str | Mapping[str, Any] | None
    cron: str
    zone: str
    jitter_s: int
    misfire: str
    policy: Mapping[str, Any]
    epochs: int
    at_once: bool
    budget: Mapping[str, Any]
    on_regression: str
    optimization_budget: Mapping[str, Any] | None
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Plan):
    """A plan that is carried out. `opened` is the regression that its latest verdict says is open."""

    id: str
    next_due_at: str
    next_start_at: str
    opened: str | None
    created_by: str
    created_at: str
    updated_at: str

    @property
    def times(self) -> DueTimes:
        """When it is due."""
        return DueTimes(cron=self.cron, zone=self.zone, jitter_s=self.jitter_s, seed=self.id)

    @property
    def judged_by(self) -> Policy:
        """What counts as worse."""
        return Policy(**self.policy)


_COLUMNS = schedules.c
_SHOWN = [_COLUMNS[name] for name in Schedule.__dataclass_fields__]
_THERE = _COLUMNS.deleted_at.is_(None)


@dataclass(frozen=True, slots=True)
class Schedules:
    """The schedules of a home."""

    home: Home

    def create(self, plan: Plan, what: Measured, by: str) -> Schedule:
        """The plan, to be carried out from now on; its first baseline is `what`. Raises ScheduleExists."""
        now, made = self.home.timestamp(), f"sch-{secrets.token_hex(6)}"
        values = {name: getattr(plan, name) for name in Plan.__dataclass_fields__}
        with self.home.writing() as connection:
            self._free(connection, plan.name)
            found = Schedule(
                **values,
                **_next(made, plan, self.home.now()),
                id=made,
                opened=None,
                created_by=by,
                created_at=now,
                updated_at=now,
            )
            row = {name: getattr(found, name) for name in Schedule.__dataclass_fields__}
            connection.execute(schedules.insert().values(**row))
            begin(connection, made, what, by=by, why="the first baseline", at=now)
        return found

    def get(self, name_or_id: str) -> Schedule:
        """The schedule with that id or name. Raises UnknownSchedule."""
        with self.home.reading() as connection:
            named = sa.or_(_COLUMNS.id == name_or_id, _COLUMNS.name == name_or_id)
            row = connection.execute(sa.select(*_SHOWN).where(named, _THERE)).first()
            if row is None:
                query = sa.select(_COLUMNS.name).where(_THERE).order_by(_COLUMNS.name).limit(MOST_NAMED)
                names = list(connection.scalars(query))
        if row is None:
            listed = f" There are: {', '.join(names)}." if names else " POST /v1/schedules makes one."
            raise UnknownSchedule(f"There is no schedule '{name_or_id}'.{listed}{did_you_mean(name_or_id, names)}")
        return Schedule(**row._mapping)

    def listed(self, limit: int, after: str = "") -> list[Schedule]:
        """At most `limit` schedules by their names, from the one after `after`."""
        query = sa.select(*_SHOWN).where(_THERE, _COLUMNS.name > after).order_by(_COLUMNS.name).limit(limit)
        with self.home.reading() as connection:
            return [Schedule(**row._mapping) for row in connection.execute(query)]

    def due(self, now: datetime) -> list[Schedule]:
        """The schedules that have something to do now."""
        query = sa.select(*_SHOWN).where(_THERE, _COLUMNS.enabled, _COLUMNS.next_start_at <= stamp(now))
        with self.home.reading() as connection:
            return [Schedule(**row._mapping) for row in connection.execute(query.order_by(_COLUMNS.next_start_at))]

    def change(self, schedule: Schedule, **values: Any) -> Schedule:
        """`schedule` with other values for some fields of its plan. Whatever happened before, it is due next at the
        first due time from now on. Raises ScheduleExists."""
        with self.home.writing() as connection:
            now = self.home.now()  # Not before the wait for other writers, who may claim a due time meanwhile.
            if values.get("name", schedule.name) != schedule.name:
                self._free(connection, values["name"])
            plan = {name: values.get(name, getattr(schedule, name)) for name in Plan.__dataclass_fields__}
            if {"cron", "zone", "jitter_s", "enabled"} & values.keys():
                values |= _next(schedule.id, Plan(**plan), now)
            connection.execute(
                sa.update(schedules).where(_COLUMNS.id == schedule.id).values(**values, updated_at=stamp(now))
            )
        return self.get(schedule.id)

    def move_baseline(self, schedule: Schedule, what: Measured, *, by: str, why: str, at_once: bool) -> Schedule:
        """Begins a new baseline, as somebody asked for it: nights are compared with it once it is pinned. What is open
        is closed with that."""
        now = self.home.timestamp()
        with self.home.writing() as connection:
            number = begin(connection, schedule.id, what, by=by, why=why, at=now)
            close(connection, schedule.id, f"Baseline {number} was begun by {by}.", at=now)
            values: dict[str, Any] = {"at_once": at_once, "updated_at": now}
            if at_once:
                values |= {"next_due_at": now, "next_start_at": now}
            connection.execute(sa.update(schedules).where(_COLUMNS.id == schedule.id).values(**values))
        return self.get(schedule.id)

    def delete(self, schedule: Schedule, by: str) -> None:
        """Ends the schedule. Its nights stay for the regressions that they belong to."""
        now = self.home.timestamp()
        with self.home.writing() as connection:
            close(connection, schedule.id, f"The schedule '{schedule.name}' was deleted by {by}.", at=now)
            ended = {"deleted_at": now, "enabled": False}
            connection.execute(sa.update(schedules).where(_COLUMNS.id == schedule.id).values(**ended))

    def _free(self, connection: sa.Connection, name: str) -> None:
        if connection.scalar(sa.select(_COLUMNS.id).where(_COLUMNS.name == name, _THERE)) is not None:
            raise ScheduleExists(f"There is a schedule '{name}' already: change or delete it, or take another name.")


def find(connection: sa.Connection, schedule: str) -> Schedule | None:
    """The schedule with that id; None if it was deleted."""
    row = connection.execute(sa.select(*_SHOWN).where(_COLUMNS.id == schedule, _THERE)).one_or_none()
    return None if row is None else Schedule(**row._mapping)


def stamp(time: datetime) -> str:
    """A time in UTC as rows keep it."""
    return time.isoformat(timespec="milliseconds")


def _next(schedule: str, plan: Plan, now: datetime) -> dict[str, Any]:
    if plan.at_once:
        return {"next_due_at": stamp(now), "next_start_at": stamp(now)}
    times = DueTimes(cron=plan.cron, zone=plan.zone, jitter_s=plan.jitter_s, seed=schedule)
    due = times.after(now)
    return {"next_due_at": stamp(due), "next_start_at": stamp(times.start(due))}
