"""What a ledger holds: counted by model, and row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks.ledger.protocol import Entry
from benchmarks.ledger.rows import entry_of, references
from benchmarks.ledger.tables import ledger, texts
from benchmarks.ledger.texts import SharedTexts
from benchmarks.models.protocol import ModelIdentity

PAGE = 1000
"""Rows in memory at a time."""

Reading = Callable[[], AbstractContextManager[sa.Connection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the ledger holds of one model. `cost_usd` is the sum where the price was known, `unpriced` counts the
    rollouts where it was not; `failures` would be met again and are kept in place of a reply."""

    model: ModelIdentity
    rollouts: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float
    unpriced: int
    oldest: datetime
    newest: datetime


def holdings(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Holdings]:
    """What the ledger holds, by model, of the rows for which the conditions hold; the model with most rows first."""
    endpoints, models = texts.alias(), texts.alias()
    rollouts = sa.func.count()
    totals = (
        sa.select(
            ledger.c.endpoint,
            ledger.c.model,
            rollouts.label("rollouts"),
            sa.func.count(ledger.c.failure).label("failures"),
            sa.func.sum(ledger.c.prompt_tokens).label("prompt_tokens"),
            sa.func.sum(ledger.c.completion_tokens).label("completion_tokens"),
            sa.func.coalesce(sa.func.sum(ledger.c.cost_usd), 0.0).label("cost_usd"),
            (rollouts - sa.func.count(ledger.c.cost_usd)).label("unpriced"),
            sa.func.min(ledger.c.created_at).label("oldest"),
            sa.func.max(ledger.c.created_at).label("newest"),
        )
        .where(*conditions)
        .group_by(ledger.c.endpoint, ledger.c.model)
        .subquery()
    )
    named = (
        sa.select(totals, endpoints.c.text.label("endpoint_name"), models.c.text.label("model_name"))
        .join(endpoints, endpoints.c.number == totals.c.endpoint)
        .join(models, models.c.number == totals.c.model)
        .order_by(totals.c.rollouts.desc(), models.c.text, endpoints.c.text)
    )
    return [
        Holdings(
            model=ModelIdentity(endpoint=row.endpoint_name, model=row.model_name),
            rollouts=row.rollouts,
            failures=row.failures,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cost_usd=row.cost_usd,
            unpriced=row.unpriced,
            oldest=moment(row.oldest),
            newest=moment(row.newest),
        )
        for row in connection.execute(named)
    ]


def of_model(name: str) -> sa.ColumnElement[bool]:
    """The condition that the model `name` was asked, at whatever endpoint."""
    return ledger.c.model == sa.select(texts.c.number).where(texts.c.text == name).scalar_subquery()


def kept_since(time: datetime) -> sa.ColumnElement[bool]:
    """The condition that a row was kept at `time` or later."""
    return ledger.c.created_at >= milliseconds(time)


def entries(reading: Reading, *conditions: sa.ColumnElement[bool]) -> Iterator[tuple[Entry, datetime]]:
    """The entries for which the conditions hold, in the order in which they were kept, and when each was kept.

    Only some of them are in memory at a time, and writers are not kept waiting.
    """
    shared, last = SharedTexts(), 0
    page = sa.select(ledger).order_by(ledger.c.sequence).limit(PAGE)
    while True:
        with reading() as connection:
            rows = connection.execute(page.where(ledger.c.sequence > last, *conditions)).all()
            text_of = shared.texts(connection, (number for row in rows for number in references(row)))
        for row in rows:
            yield entry_of(row, text_of), moment(row.created_at)
        if len(rows) < PAGE:
            return
        last = rows[-1].sequence


def size_bytes(engine: sa.Engine) -> int:
    """What the whole database takes on its disk."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            return int(connection.scalar(sa.select(sa.func.pg_database_size(sa.func.current_database()))) or 0)
    file = Path(engine.url.database or "")
    return sum(part.stat().st_size for part in (file, Path(f"{file}-wal")) if part.exists())


def milliseconds(time: datetime) -> int:
    """`time` as the ledger keeps it."""
    return int(time.timestamp() * 1000)


def moment(kept_at: int) -> datetime:
    """The time, in UTC, that the ledger keeps as a number of milliseconds."""
    return datetime.fromtimestamp(kept_at / 1000, UTC)
