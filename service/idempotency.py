"""Requests with an Idempotency-Key: carried out once, however often they are sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from benchmarks.digests import digest
from service.errors import Refused
from service.home import Home
from service.tables import idempotency

KEPT = timedelta(hours=24)
LONGEST = timedelta(minutes=5)
"""A request that has come to nothing after so long was lost with its server."""


@dataclass(slots=True)
class Earlier:
    """What came of the request: None while it is carried out for the first time, which sets it."""

    job: str | None = None


@contextmanager
def once(home: Home, owner: str, key: str | None, body: Any) -> Iterator[Earlier]:
    """Around the carrying out of a request with `body` under `key`, which is `owner`'s own. Keys are kept for 24 hours.

    Raises Refused: 422 if the key came with another body, 409 if the first request is still being carried out.
    """
    earlier = Earlier()
    if key is None:
        yield earlier
        return
    mine = sa.and_(idempotency.c.owner == owner, idempotency.c.key == key)
    wanted = digest(body)
    with home.writing() as connection:
        expired, lost = ((home.now() - age).isoformat(timespec="milliseconds") for age in (KEPT, LONGEST))
        over = idempotency.c.created_at < expired
        over |= idempotency.c.job.is_(None) & (idempotency.c.created_at < lost)
        connection.execute(sa.delete(idempotency).where(over))
        row = connection.execute(sa.select(idempotency).where(mine)).one_or_none()
        if row is None:
            connection.execute(
                idempotency.insert().values(owner=owner, key=key, body_digest=wanted, created_at=home.timestamp())
            )
    if row is not None:
        if row.body_digest != wanted:
            raise Refused(422, "Key used before", "This Idempotency-Key came with another body; take a new one.")
        if row.job is None:
            raise Refused(409, "Under way", "The first request with this Idempotency-Key is still being carried out.")
        earlier.job = row.job
        yield earlier
        return
    try:
        yield earlier
    finally:
        # A request that failed may be sent again under its key.
        outcome = (
            sa.delete(idempotency).where(mine)
            if earlier.job is None
            else sa.update(idempotency).where(mine).values(job=earlier.job)
        )
        with home.writing() as connection:
            connection.execute(outcome)
