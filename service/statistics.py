"""Numbers about a home."""

from __future__ import annotations

import sqlalchemy as sa

from service.home import Home
from service.tables import optimizations, versions


def jobs_by_status(home: Home) -> dict[str, int]:
    """How many optimizations there are in each status."""
    query = sa.select(optimizations.c.status, sa.func.count()).group_by(optimizations.c.status)
    with home.reading() as connection:
        return dict(connection.execute(query).all())


def prompt_count(home: Home) -> int:
    """How many prompts the registry holds."""
    with home.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count(sa.distinct(versions.c.name)))) or 0)
