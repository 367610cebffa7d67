"""Epochs of evaluations: each `--fresh` begins one, in which every question is asked anew."""

from __future__ import annotations

import sqlalchemy as sa

from benchmarks.ledger.tables import texts
from service.home import Home


def epoch_of(evaluated: str, home: Home, *, fresh: bool) -> str:
    """The ledger epoch in which to ask about what is `evaluated`, named by a digest: a new one if `fresh`, else the
    latest that was begun for it, and without any the empty one, which it shares with everything else.

    A new one is written down at once, so that a run that is interrupted can be carried on without `fresh`.
    """
    prefix = f"{evaluated[:12]}/fresh-"
    with home.writing() as connection:
        query = sa.select(sa.func.count()).where(texts.c.text.startswith(prefix, autoescape=True))
        number = int(connection.scalar(query) or 0) + fresh
        if fresh:
            connection.execute(texts.insert().values(text=f"{prefix}{number}"))
    return f"{prefix}{number}" if number else ""
