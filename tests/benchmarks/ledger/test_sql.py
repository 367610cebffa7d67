"""The ledger in a database: what outlives a process, and what several processes on one database agree on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import open_database
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.server import open_server
from benchmarks.ledger.sql import SqlLedger
from benchmarks.ledger.tables import ledger, tables, texts
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

CHECKOUT = Path(__file__).resolve().parents[3]


def engine_at(place: str) -> sa.Engine:
    return open_server(place, tables.create_all) if "://" in place else open_database(Path(place), tables.create_all)


@asynccontextmanager
async def opened(place: str) -> AsyncIterator[SqlLedger]:
    engine = engine_at(place)
    opened = SqlLedger(engine, now=lambda: datetime(2026, 11, 21, tzinfo=UTC))
    try:
        yield opened
    finally:
        await opened.close()
        engine.dispose()


def entry(number: int, text: str = "billing") -> Entry:
    return Entry(
        key=number.to_bytes(32, "big"),
        reply=Completion(text=text, usage=Usage(prompt_tokens=number)),
        occasion=Occasion(),
        model=ModelIdentity(endpoint="here", model="m"),
        prompt_digest="p",
        example_id="e",
    )


def text_of(found: Entry | None) -> str:
    assert found is not None
    assert isinstance(found.reply, Completion)
    return found.reply.text


async def test_what_is_kept_is_found_by_the_next_process(place: str) -> None:
    async with opened(place) as first:
        await first.keep(entry(1, "first"))
    async with opened(place) as second:
        assert text_of(await second.find(entry(1).key)) == "first"
        assert await second.mark() == 1


async def test_a_kept_reply_is_durable_before_keep_returns(place: str) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from tests.benchmarks.ledger.test_sql import entry, opened\n"
        "async def main():\n"
        "    async with opened(sys.argv[1]) as ledger:\n"
        "        await asyncio.gather(*(ledger.keep(entry(number)) for number in range(1, 51)))\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    killed = subprocess.run([sys.executable, "-c", program, place], cwd=CHECKOUT, check=False)
    assert killed.returncode == -9
    async with opened(place) as survivor:
        assert await survivor.mark() == 50
        assert all([await survivor.find(entry(number).key) for number in range(1, 51)])


async def test_the_first_reply_stands_for_every_ledger_on_the_file(place: str) -> None:
    async with opened(place) as one, opened(place) as other:
        assert text_of(await one.keep(entry(1, "from one"))) == "from one"
        assert text_of(await other.keep(entry(1, "from the other"))) == "from one"
        assert text_of(await other.find(entry(1).key)) == "from one"
        await other.keep(entry(2, "from the other"))
        assert text_of(await one.find(entry(2).key)) == "from the other"


async def test_ledgers_that_write_at_the_same_time_agree_on_every_reply(place: str) -> None:
    async with opened(place) as one, opened(place) as other:
        kept = await asyncio.gather(
            *(ledger.keep(entry(number, name)) for number in range(60) for name, ledger in (("1", one), ("2", other)))
        )
        texts = [text_of(standing) for standing in kept]
        assert texts[::2] == texts[1::2]
        assert [text_of(await one.find(entry(number).key)) for number in range(60)] == texts[::2]
        assert await one.mark() == await other.mark() >= 60


async def test_hundreds_of_calls_at_once_are_all_answered(place: str) -> None:
    async with opened(place) as one:
        await asyncio.gather(*(one.keep(entry(number, str(number))) for number in range(1, 1202)))
        found = await asyncio.gather(*(one.find(entry(number).key) for number in range(1, 1301)))
    assert [text_of(standing) for standing in found[:1201]] == [str(number) for number in range(1, 1202)]
    assert found[1201:] == [None] * 99


async def test_a_cancelled_caller_does_not_take_the_reply_down(place: str) -> None:
    async with opened(place) as one:
        keeping = asyncio.create_task(one.keep(entry(1)))
        await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
    async with opened(place) as again:
        assert await again.mark() == 1


async def test_a_cancelled_look_up_leaves_the_others_alone(place: str) -> None:
    async with opened(place) as one:
        await one.keep(entry(1))
        first, second = (asyncio.create_task(one.find(entry(1).key)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert text_of(await second) == "billing"


async def test_failures_are_kept_with_their_reason(place: str) -> None:
    reply = Failure(kind=FailureKind.CONTENT_FILTER, detail="no", lost_attempts=2, latency_s=0.5)
    kept = Entry(
        key=bytes(32),
        reply=reply,
        occasion=Occasion(project="a", epoch="b"),
        model=ModelIdentity(endpoint="here", model="m"),
        prompt_digest="p",
        example_id="e",
        repeat=3,
    )
    async with opened(place) as one:
        await one.keep(kept)
        found = await one.find(kept.key)
    assert found is not None
    assert (found.reply, found.occasion, found.repeat, found.sequence) == (reply, kept.occasion, 3, 1)


async def test_a_database_that_breaks_midway_is_said_to_be_broken(place: str) -> None:
    engine = engine_at(place)
    one = SqlLedger(engine)
    await one.keep(entry(1))
    with engine.begin() as connection:
        ledger.drop(connection)
    with pytest.raises(StorageError, match="ledger cannot be used"):
        await one.keep(entry(2))
    with pytest.raises(StorageError, match="ledger cannot be used"):
        await one.find(entry(1).key)
    with pytest.raises(StorageError, match="ledger cannot be used"):
        await one.mark()
    await one.close()
    engine.dispose()


async def test_rows_say_when_and_for_whom(place: str) -> None:
    async with opened(place) as one:
        await one.keep(entry(1))
    engine = engine_at(place)
    with engine.connect() as connection:
        row = connection.execute(sa.select(ledger)).mappings().one()
        names = dict(connection.execute(sa.select(texts.c.number, texts.c.text)).all())
    engine.dispose()
    assert datetime.fromtimestamp(row["created_at"] / 1000, UTC) == datetime(2026, 11, 21, tzinfo=UTC)
    assert [names[row[column]] for column in ("project", "endpoint", "model")] == ["default", "here", "m"]


async def test_a_large_reply_takes_little_room(place: str) -> None:
    large = "The same sentence, again and again. " * 1000
    async with opened(place) as one:
        await one.keep(entry(1, large))
        assert text_of(await one.find(entry(1).key)) == large
    engine = engine_at(place)
    with engine.connect() as connection:
        packed = connection.scalar(sa.select(ledger.c.packed))
    engine.dispose()
    assert packed is not None
    assert len(packed) < len(large) / 100


async def test_writers_with_the_same_keys_in_any_order_never_block_each_other(place: str) -> None:
    async with opened(place) as one, opened(place) as other:
        numbers = range(400)
        kept = await asyncio.gather(
            *(one.keep(entry(number, f"one {number}")) for number in numbers),
            *(other.keep(entry(number, f"other {number}")) for number in reversed(numbers)),
        )
        texts_kept = [text_of(standing) for standing in kept]
        assert texts_kept[:400] == texts_kept[:399:-1]


async def test_what_is_being_written_at_the_mark_counts_as_older_only_if_it_is_found(database_url: str) -> None:
    """On a server, a transaction that began early may end late: its rows have low sequences, and are not yet seen."""
    keys = [entry(number).key for number in (1, 2, 3)]
    async with opened(database_url) as slow, opened(database_url) as fast, opened(database_url) as watching:

        async def look() -> tuple[int, int]:
            mark = await watching.mark()
            return mark, sum(known is not None for known in await watching.find_all(keys))

        await watching.keep(entry(0))
        engine = engine_at(database_url)
        with engine.connect() as stranger:
            copied = [column for column in ledger.columns if column.name not in ("sequence", "key")]
            in_the_way = sa.select(sa.literal(keys[1]), *copied)
            names = ["key", *(column.name for column in copied)]
            stranger.execute(ledger.insert().from_select(names, in_the_way))
            keeping = asyncio.gather(slow.keep(entry(1)), slow.keep(entry(2)))  # waits for the second key
            await asyncio.wait([keeping], timeout=0.2)
            await fast.keep(entry(3))
            looking = asyncio.create_task(look())
            await asyncio.wait([looking], timeout=0.2)
            stranger.rollback()
        engine.dispose()
        await keeping
        mark, visible = await looking
        final = await watching.find_all(keys)
        assert sum(known is not None and known.sequence <= mark for known in final) <= visible


def test_a_row_holds_what_cannot_be_kept_as_text(place: str) -> None:
    odd = replace(entry(1), example_id="a\x00b", reply=Failure(kind=FailureKind.REJECTED, detail="\x00"))

    async def kept() -> Entry | None:
        async with opened(place) as one:
            await one.keep(odd)
        async with opened(place) as again:
            return await again.find(odd.key)

    found = asyncio.run(kept())
    assert found is not None
    assert (found.reply, found.example_id) == (odd.reply, "a\ufffdb")
