"""A job's decision log and the count of looks, in the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from service.home import Home
from service.tables import decisions, looks


class SqlJournal:
    """The decision log of one job."""

    def __init__(self, home: Home, job: str) -> None:
        self._home = home
        self._job = job
        with home.reading() as connection:
            rows = connection.execute(sa.select(decisions.c.point, decisions.c.fact).where(decisions.c.job == job))
            self._facts: dict[str, Mapping[str, Any]] = {row.point: row.fact for row in rows}

    def recall(self, point: str) -> Mapping[str, Any] | None:
        """What was settled at `point`."""
        return self._facts.get(point)

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        """Settles `point`, durably."""
        with self._home.writing() as connection:
            connection.execute(decisions.insert().values(job=self._job, point=point, fact=dict(fact)))
        self._facts[point] = fact


class SqlLooks:
    """Counts looks at test splits over all jobs of a home."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def taken(self, test_digest: str) -> int:
        """How many looks at the split there have been."""
        with self._home.reading() as connection:
            query = sa.select(sa.func.count()).where(looks.c.test_digest == test_digest)
            return int(connection.scalar(query) or 0)

    def count(self, test_digest: str, look: str) -> int:
        """Which look at the split this is, from 1; the same `look` again has its old number."""
        same_split = looks.c.test_digest == test_digest
        with self._home.writing() as connection:
            known = connection.scalar(sa.select(looks.c.number).where(same_split, looks.c.look == look))
            if known is not None:
                return int(known)
            so_far = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(looks.c.number), 0)).where(same_split))
            number = int(so_far or 0) + 1
            connection.execute(
                looks.insert().values(
                    test_digest=test_digest, look=look, number=number, created_at=self._home.timestamp()
                )
            )
            return number
