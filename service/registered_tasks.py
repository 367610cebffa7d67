"""Registered tasks: everything that a task file says, by name, with endpoints and a dataset for addresses and files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from benchmarks.datasets.spelling import did_you_mean
from benchmarks.digests import digest
from benchmarks.errors import TaskError
from service.home import Home
from service.tables import registered_tasks

REFERENCE = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(@[1-9][0-9]{0,8})?$"
"""`name`, for the latest version, or `name@version`."""


class UnknownTask(TaskError):
    """There is no such task, or no such version of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredTask:
    """One version of a task; `content` is what a task file would hold."""

    name: str
    version: int
    digest: str
    content: Mapping[str, Any]
    created_by: str
    created_at: str

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"


_COLUMNS = registered_tasks.c
_SHOWN = [_COLUMNS[name] for name in RegisteredTask.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class RegisteredTasks:
    """The tasks of a home."""

    home: Home

    def add(self, name: str, content: Mapping[str, Any], created_by: str) -> tuple[RegisteredTask, bool]:
        """The version of the task `name` that says `content`, and whether it is new."""
        identity = digest(content)
        with self.home.writing() as connection:
            known = sa.select(*_SHOWN).where(_COLUMNS.name == name, _COLUMNS.digest == identity)
            found = connection.execute(known).one_or_none()
            if found is not None:
                return RegisteredTask(**found._mapping), False
            latest = connection.scalar(sa.select(sa.func.max(_COLUMNS.version)).where(_COLUMNS.name == name))
            added = RegisteredTask(
                name=name,
                version=int(latest or 0) + 1,
                digest=identity,
                content=dict(content),
                created_by=created_by,
                created_at=self.home.timestamp(),
            )
            values = {field: getattr(added, field) for field in RegisteredTask.__dataclass_fields__}
            connection.execute(registered_tasks.insert().values(values))
        return added, True

    def find(self, reference: str) -> RegisteredTask:
        """The version that `name` (its latest) or `name@version` refers to. Raises UnknownTask."""
        name, _, number = reference.partition("@")
        query = sa.select(*_SHOWN).where(_COLUMNS.name == name).order_by(_COLUMNS.version.desc()).limit(1)
        if number:
            query = query.where(_COLUMNS.version == int(number))
        with self.home.reading() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            raise UnknownTask(self._nothing(name))
        return RegisteredTask(**found._mapping)

    def latest(self, limit: int, after: str = "") -> list[RegisteredTask]:
        """At most `limit` tasks by their names, each in its latest version, from the one after `after`."""
        last = sa.select(_COLUMNS.name, sa.func.max(_COLUMNS.version).label("version")).group_by(_COLUMNS.name)
        newest = last.where(_COLUMNS.name > after).order_by(_COLUMNS.name).limit(limit).subquery()
        query = (
            sa.select(*_SHOWN)
            .join(newest, (newest.c.name == _COLUMNS.name) & (newest.c.version == _COLUMNS.version))
            .order_by(_COLUMNS.name)
        )
        with self.home.reading() as connection:
            return [RegisteredTask(**row._mapping) for row in connection.execute(query)]

    def _nothing(self, name: str) -> str:
        with self.home.reading() as connection:
            names = list(connection.scalars(sa.select(_COLUMNS.name).distinct().order_by(_COLUMNS.name)))
            versions = connection.scalar(sa.select(sa.func.max(_COLUMNS.version)).where(_COLUMNS.name == name))
        if versions:
            return f"The task '{name}' has no such version; its versions: 1 to {versions}."
        listed = f" There are: {', '.join(names)}." if names else " POST /v1/tasks registers one."
        return f"There is no task '{name}'.{listed}{did_you_mean(name, names)}"
