"""What every ledger promises (`benchmarks.ledger.protocol.Ledger`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.ledger.database import open_database
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Entry, Ledger, Occasion
from benchmarks.ledger.server import open_server
from benchmarks.ledger.sql import SqlLedger
from benchmarks.ledger.tables import tables
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

REPLIES: list[Completion | Failure] = [
    Completion(text="billing", usage=Usage(prompt_tokens=9, completion_tokens=3, cached_tokens=2, cost_usd=1e-6)),
    Completion(text="", usage=Usage(), truncated=True, latency_s=0.25, lost_attempts=2),
    Completion(text="{{text}} \x00 \u2028 東京 'quoted'\n", usage=Usage(cost_usd=None)),
    Completion(text="a long reply, said again and again. " * 200, usage=Usage(completion_tokens=1800), latency_s=1 / 3),
    Completion(text="".join(map(chr, range(0x100, 0x2000))), usage=Usage(cost_usd=0.1 + 0.2)),
    Failure(kind=FailureKind.REJECTED, detail="\x00"),
    *(
        Failure(kind=kind, detail=f"no: {kind}", latency_s=0.5, lost_attempts=1)
        for kind in FailureKind
        if not kind.transient
    ),
]


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    if request.param == "sqlite":
        engine = open_database(tmp_path / "whet.db", tables.create_all)
    else:
        engine = open_server(request.getfixturevalue("database_url"), tables.create_all)
    ledger = SqlLedger(engine)
    yield ledger
    await ledger.close()
    engine.dispose()


def entry(number: int, reply: Completion | Failure = REPLIES[0]) -> Entry:
    return Entry(
        key=number.to_bytes(32, "big"),
        reply=reply,
        occasion=Occasion(project="a", epoch="b"),
        model=ModelIdentity(endpoint="http://here/v1", model="m"),
        prompt_digest="p" * 64,
        example_id="e#2",
        repeat=3,
    )


async def test_nothing_is_found_in_an_empty_ledger(ledger: Ledger) -> None:
    assert await ledger.find(entry(1).key) is None
    assert await ledger.mark() == 0


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: type(reply).__name__)
async def test_what_is_kept_is_found_unchanged(ledger: Ledger, reply: Completion | Failure) -> None:
    kept = await ledger.keep(entry(1, reply))
    found = await ledger.find(entry(1).key)
    assert kept.reply == reply
    assert found is not None
    assert replace(found, sequence=0) == entry(1, reply)


async def test_a_key_is_never_overwritten(ledger: Ledger) -> None:
    await ledger.keep(entry(1, REPLIES[0]))
    standing = await ledger.keep(entry(1, REPLIES[1]))
    found = await ledger.find(entry(1).key)
    assert standing.reply == REPLIES[0]
    assert found is not None
    assert found.reply == REPLIES[0]


async def test_of_two_replies_kept_at_once_one_stands_for_both(ledger: Ledger) -> None:
    one, other = await asyncio.gather(ledger.keep(entry(1, REPLIES[0])), ledger.keep(entry(1, REPLIES[1])))
    found = await ledger.find(entry(1).key)
    assert found is not None
    assert one.reply == other.reply == found.reply == REPLIES[0]


async def test_the_mark_separates_what_was_there_from_what_comes(ledger: Ledger) -> None:
    await asyncio.gather(*(ledger.keep(entry(number)) for number in range(5)))
    mark = await ledger.mark()
    await asyncio.gather(*(ledger.keep(entry(number)) for number in range(3, 9)))
    sequences = []
    for number in range(9):
        found = await ledger.find(entry(number).key)
        assert found is not None
        sequences.append(found.sequence)
    assert all(0 < sequence <= mark for sequence in sequences[:5])
    assert all(sequence > mark for sequence in sequences[5:])
    assert len(set(sequences)) == 9
    assert await ledger.mark() == max(sequences)


async def test_many_are_kept_and_found_at_once(ledger: Ledger) -> None:
    numbers = range(700)
    await asyncio.gather(*(ledger.keep(entry(number, REPLIES[number % 3])) for number in numbers))
    found = await asyncio.gather(*(ledger.find(entry(number).key) for number in range(800)))
    assert [one.reply for one in found if one is not None] == [REPLIES[number % 3] for number in numbers]
    assert found[700:] == [None] * 100


async def test_the_same_key_can_be_asked_for_at_once(ledger: Ledger) -> None:
    await ledger.keep(entry(1))
    found = await asyncio.gather(*(ledger.find(entry(1).key) for _ in range(5)))
    assert all(one == found[0] for one in found)
    assert found[0] is not None
