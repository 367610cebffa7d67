"""Numbers about a home, as its database has them: the same whichever process is asked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from service.home import Home
from service.jobs import QUEUED
from service.tables import deliveries, jobs, versions

COMMAND = "command"
"""Stands for the endpoints of commands, whose users name them as they like."""

SPENT = {
    "calls": "calls", "ledger_hits": "replies from the ledger", "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens", "usd": "US dollars, where the price is known",
}  # fmt: skip
"""What is known of the spending of jobs, in words."""


def jobs_by_status(home: Home) -> dict[tuple[str, str], int]:
    """How many jobs there are of each kind in each status."""
    query = sa.select(jobs.c.kind, jobs.c.status, sa.func.count()).group_by(jobs.c.kind, jobs.c.status)
    with home.reading() as connection:
        return {(kind, status): count for kind, status, count in connection.execute(query)}


def longest_wait_s(home: Home) -> float:
    """For how long the job has been in the queue that has waited longest; 0 if none waits."""
    with home.reading() as connection:
        since = connection.scalar(sa.select(sa.func.min(jobs.c.updated_at)).where(jobs.c.status == QUEUED))
    return 0.0 if since is None else max(0.0, (home.now() - datetime.fromisoformat(since)).total_seconds())


def spent_by_endpoint(home: Home) -> Mapping[str, Mapping[str, float]]:
    """What all jobs have spent, by what the operator calls the endpoint of their task model."""
    spent = jobs.c.progress["spent"]
    sums = [sa.func.sum(spent[part].as_float()).label(part) for part in SPENT]
    query = sa.select(jobs.c.endpoint, *sums).group_by(jobs.c.endpoint)
    with home.reading() as connection:
        return {
            row["endpoint"] or COMMAND: {part: row[part] or 0.0 for part in SPENT}
            for row in connection.execute(query).mappings()
        }


def deliveries_by_status(home: Home) -> dict[str, int]:
    """How many deliveries of the last while there are in each status."""
    query = sa.select(deliveries.c.status, sa.func.count()).group_by(deliveries.c.status)
    with home.reading() as connection:
        return dict(connection.execute(query).all())


def prompt_count(home: Home) -> int:
    """How many prompts the registry holds."""
    with home.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count(sa.distinct(versions.c.name)))) or 0)
