"""The ledger in a database file: what outlives a process, and what several processes on one file agree on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import open_database
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.sql import SqlLedger, ledger, tables
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

CHECKOUT = Path(__file__).resolve().parents[3]


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqlLedger]:
    engine = open_database(path, tables)
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


async def test_what_is_kept_is_found_by_the_next_process(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as first:
        await first.keep(entry(1, "first"))
    async with opened(tmp_path / "whet.db") as second:
        assert text_of(await second.find(entry(1).key)) == "first"
        assert await second.mark() == 1


async def test_a_kept_reply_is_durable_before_keep_returns(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from tests.benchmarks.ledger.test_sql import entry, opened\n"
        "async def main():\n"
        "    async with opened(Path(sys.argv[1])) as ledger:\n"
        "        await asyncio.gather(*(ledger.keep(entry(number)) for number in range(1, 51)))\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    path = tmp_path / "whet.db"
    killed = subprocess.run([sys.executable, "-c", program, str(path)], cwd=CHECKOUT, check=False)
    assert killed.returncode == -9
    async with opened(path) as survivor:
        assert await survivor.mark() == 50
        assert all([await survivor.find(entry(number).key) for number in range(1, 51)])


async def test_the_first_reply_stands_for_every_ledger_on_the_file(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one, opened(tmp_path / "whet.db") as other:
        assert text_of(await one.keep(entry(1, "from one"))) == "from one"
        assert text_of(await other.keep(entry(1, "from the other"))) == "from one"
        assert text_of(await other.find(entry(1).key)) == "from one"
        await other.keep(entry(2, "from the other"))
        assert text_of(await one.find(entry(2).key)) == "from the other"


async def test_ledgers_that_write_at_the_same_time_agree_on_every_reply(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one, opened(tmp_path / "whet.db") as other:
        kept = await asyncio.gather(
            *(ledger.keep(entry(number, name)) for number in range(60) for name, ledger in (("1", one), ("2", other)))
        )
        texts = [text_of(standing) for standing in kept]
        assert texts[::2] == texts[1::2]
        assert [text_of(await one.find(entry(number).key)) for number in range(60)] == texts[::2]
        assert await one.mark() == await other.mark() >= 60


async def test_hundreds_of_calls_at_once_are_all_answered(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one:
        await asyncio.gather(*(one.keep(entry(number, str(number))) for number in range(1, 1202)))
        found = await asyncio.gather(*(one.find(entry(number).key) for number in range(1, 1301)))
    assert [text_of(standing) for standing in found[:1201]] == [str(number) for number in range(1, 1202)]
    assert found[1201:] == [None] * 99


async def test_a_cancelled_caller_does_not_take_the_reply_down(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one:
        keeping = asyncio.create_task(one.keep(entry(1)))
        await asyncio.sleep(0)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping
    async with opened(tmp_path / "whet.db") as again:
        assert await again.mark() == 1


async def test_a_cancelled_look_up_leaves_the_others_alone(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one:
        await one.keep(entry(1))
        first, second = (asyncio.create_task(one.find(entry(1).key)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert text_of(await second) == "billing"


async def test_failures_are_kept_with_their_reason(tmp_path: Path) -> None:
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
    async with opened(tmp_path / "whet.db") as one:
        await one.keep(kept)
        found = await one.find(kept.key)
    assert found is not None
    assert (found.reply, found.occasion, found.repeat, found.sequence) == (reply, kept.occasion, 3, 1)


async def test_a_database_that_breaks_midway_is_said_to_be_broken(tmp_path: Path) -> None:
    engine = open_database(tmp_path / "whet.db", tables)
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


async def test_rows_say_when_and_for_whom(tmp_path: Path) -> None:
    async with opened(tmp_path / "whet.db") as one:
        await one.keep(entry(1))
    engine = open_database(tmp_path / "whet.db", tables)
    with engine.connect() as connection:
        row = connection.execute(sa.select(ledger)).mappings().one()
    engine.dispose()
    assert row["created_at"] == "2026-11-21T00:00:00.000+00:00"
    assert (row["project"], row["endpoint"], row["model"]) == ("default", "here", "m")
