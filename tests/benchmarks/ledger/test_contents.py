"""What the ledger holds, counted and row by row, and how texts are stored in it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ledger.contents import PAGE, entries, holdings, kept_since, of_model, size_bytes
from benchmarks.ledger.database import open_database
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.rows import LARGE, pack, unpack
from benchmarks.ledger.server import open_server
from benchmarks.ledger.sql import SqlLedger
from benchmarks.ledger.tables import tables
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

START = datetime(2026, 3, 4, 5, 6, 7, 891000, tzinfo=UTC)


@pytest.fixture
def engine(place: str) -> Iterator[sa.Engine]:
    opened = open_server(place, tables.create_all) if "://" in place else open_database(Path(place), tables.create_all)
    yield opened
    opened.dispose()


def entry(number: int, model: str = "m", *, refused: bool = False) -> Entry:
    usage = Usage(prompt_tokens=number, completion_tokens=1, cost_usd=0.5 if number % 2 else None)
    return Entry(
        key=number.to_bytes(32, "big"),
        reply=Failure(kind=FailureKind.REJECTED, detail="no") if refused else Completion(text="yes", usage=usage),
        occasion=Occasion(),
        model=ModelIdentity(endpoint="here", model=model),
        prompt_digest="p",
        example_id=str(number),
    )


def keep(engine: sa.Engine, *rows: Entry, at: datetime = START) -> None:
    async def kept() -> None:
        ledger = SqlLedger(engine, lambda: at)
        await asyncio.gather(*(ledger.keep(one) for one in rows))
        await ledger.close()

    asyncio.run(kept())


def test_every_row_comes_once_and_in_order_while_others_are_written(engine: sa.Engine) -> None:
    count = 2 * PAGE + 1
    keep(engine, *(entry(number) for number in range(count)))
    found: list[Entry] = []
    for one, kept_at in entries(engine.connect):
        assert kept_at == START
        if not found:
            keep(engine, entry(count))
        found.append(one)
    assert [one.example_id for one in found] == [str(number) for number in range(count + 1)]
    assert all(one.sequence < other.sequence for one, other in pairwise(found))


def test_models_are_counted_apart(engine: sa.Engine) -> None:
    keep(engine, entry(1), entry(2), entry(3, refused=True))
    keep(engine, entry(5, "n"), at=START + timedelta(days=1))
    with engine.connect() as connection:
        first, second = holdings(connection)
        assert holdings(connection, of_model("n")) == holdings(connection, kept_since(second.oldest)) == [second]
        assert holdings(connection, of_model("unheard of")) == []
    assert (first.model.model, first.rollouts, first.failures, first.prompt_tokens) == ("m", 3, 1, 3)
    assert (first.cost_usd, first.unpriced) == (0.5, 2)
    assert (first.oldest, second.newest - first.newest) == (START, timedelta(days=1))


def test_what_is_kept_takes_room(engine: sa.Engine) -> None:
    before = size_bytes(engine)
    keep(engine, *(entry(number) for number in range(2000)))
    assert size_bytes(engine) > before + 2000 * 32


@given(st.text(max_size=50), st.integers(0, 100))
def test_a_stored_text_is_the_same_text_and_is_compressed_only_where_that_pays(part: str, times: int) -> None:
    text = part * times
    plain, packed = pack(text)
    if packed is None:
        assert plain == text
        assert "\x00" not in text
    else:
        assert plain is None
        assert unpack(packed) == text
        assert "\x00" in text or (len(text) > LARGE and len(packed) < len(text.encode()))
