"""Epochs of evaluations: each that asks for fresh replies begins one, in which every question is asked anew."""

from __future__ import annotations

import sqlalchemy as sa

from benchmarks.ledger.tables import texts
from service.home import Home


def epoch_of(evaluated: str, home: Home, *, fresh: bool) -> str:
    """The ledger epoch in which to ask about what is `evaluated`, named by a digest: a new one if `fresh`, else the
    latest that was begun for it, and without any the empty one, which it shares with everything else.

    A new one is written down at once, so that a run that is interrupted can be carried on without `fresh`.
    """
    with home.writing() as connection:
        epoch = _named(evaluated, connection, fresh=fresh)
        if fresh:
            connection.execute(texts.insert().values(text=epoch))
    return epoch


def epoch_meant(evaluated: str, home: Home, *, fresh: bool) -> str:
    """As `epoch_of`, but a new one is not written down: `begin` does that."""
    with home.reading() as connection:
        return _named(evaluated, connection, fresh=fresh)


def begin(epoch: str, home: Home) -> None:
    """Writes the epoch down, unless somebody has."""
    with home.writing() as connection:
        if connection.scalar(sa.select(texts.c.number).where(texts.c.text == epoch)) is None:
            connection.execute(texts.insert().values(text=epoch))


def _named(evaluated: str, connection: sa.Connection, *, fresh: bool) -> str:
    prefix = f"{evaluated[:12]}/fresh-"
    query = sa.select(sa.func.count()).where(texts.c.text.startswith(prefix, autoescape=True))
    number = int(connection.scalar(query) or 0) + fresh
    return f"{prefix}{number}" if number else ""
