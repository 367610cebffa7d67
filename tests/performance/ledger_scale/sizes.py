"""How the ledger grows: what it takes to write a reply and to look up a block, and how large it gets.

python -m tests.performance.ledger_scale.sizes
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import platform
import random
import sqlite3
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from benchmarks.ledger.contents import size_bytes
from benchmarks.ledger.database import open_database
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.server import open_server
from benchmarks.ledger.sql import SqlLedger
from benchmarks.ledger.tables import tables
from benchmarks.models.protocol import Completion, ModelIdentity, Usage
from tests.endpoints.postgresql import MISSING, postgresql_server

SIZES = (10_000, 100_000, 1_000_000)
AT_ONCE = 256
"""Replies that come at the same time."""
BLOCK = 64
LOOKUPS = 400
WARM_UP = 50
ROWS_OF_A_SPLIT = 500
LARGE_SHARE = 0.1
LARGE_CHARACTERS = 3000


def key(number: int) -> bytes:
    """The key of the rollout with that number; negative numbers are never kept."""
    return hashlib.sha256(str(number).encode()).digest()


class Replies:
    """Rollouts as evaluations leave them: prompts on the rows of one split, answers of a word or two, and every tenth
    one a text of 3,000 characters."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        letters = "etaoinshrdlucmfwyp"
        self._words = ["".join(self._rng.choices(letters, k=self._rng.randint(2, 10))) for _ in range(3000)]
        self._examples = [hashlib.sha256(f"row {n}".encode()).hexdigest() for n in range(ROWS_OF_A_SPLIT)]

    def entry(self, number: int) -> Entry:
        """The rollout with that number."""
        rng = self._rng
        large = rng.random() < LARGE_SHARE
        words = rng.choices(self._words, k=rng.randint(1, 3))
        if large:
            words = rng.choices(self._words, k=LARGE_CHARACTERS // 7)
        usage = Usage(
            prompt_tokens=rng.randint(150, 900),
            completion_tokens=len(words) * 2,
            cost_usd=rng.random() / 1000,
        )
        return Entry(
            key=key(number),
            reply=Completion(text=" ".join(words), usage=usage, latency_s=rng.random()),
            occasion=Occasion(),
            model=ModelIdentity(endpoint="http://localhost:8000/v1", model="Qwen/Qwen3-8B"),
            prompt_digest=hashlib.sha256(f"prompt {number // ROWS_OF_A_SPLIT}".encode()).hexdigest(),
            example_id=self._examples[number % ROWS_OF_A_SPLIT],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One line of the table; times in seconds."""

    rows: int
    written_per_s: float
    cpu_s: float
    known: Sequence[float]
    mixed: Sequence[float]
    size: int


async def grow(engine: sa.Engine, sizes: Sequence[int], seed: int) -> list[Measured]:
    """What is measured at each of the sizes, which rise; the rate is that of the rows since the one before."""
    replies, ledger, measured = Replies(seed), SqlLedger(engine), []
    empty, number = size_bytes(engine), 0
    for rows in sizes:
        seconds = cpu_s = 0.0
        first = number
        while number < rows:
            together = [replies.entry(n) for n in range(number, min(number + AT_ONCE, rows))]
            started, cpu_started = time.perf_counter(), time.process_time()
            await asyncio.gather(*(ledger.keep(entry) for entry in together))
            seconds += time.perf_counter() - started
            cpu_s += time.process_time() - cpu_started
            number += len(together)
        rng = random.Random(seed)
        measured.append(
            Measured(
                rows=rows,
                written_per_s=(number - first) / seconds,
                cpu_s=cpu_s / (number - first),
                known=[took async for took in _lookups(ledger, rng, rows, unknown=0)],
                mixed=[took async for took in _lookups(ledger, rng, rows, unknown=BLOCK // 2)],
                size=size_bytes(engine) - empty,
            )
        )
        sys.stderr.write(f"{engine.dialect.name}: {rows:,} rows\n")
    await ledger.close()
    return measured


async def _lookups(ledger: SqlLedger, rng: random.Random, rows: int, *, unknown: int) -> AsyncIterator[float]:
    for turn in range(WARM_UP + LOOKUPS):
        keys = [key(rng.randrange(rows)) for _ in range(BLOCK - unknown)]
        keys += [key(-1 - rng.randrange(rows)) for _ in range(unknown)]
        started = time.perf_counter()
        found = await ledger.find_all(keys)
        took = time.perf_counter() - started
        assert sum(entry is not None for entry in found) == BLOCK - unknown
        if turn >= WARM_UP:
            yield took


def table(name: str, measured: Sequence[Measured]) -> Iterator[str]:
    """The lines of the Markdown table."""
    for one in measured:
        times = " | ".join(
            f"{statistics.median(part) * 1e3:.2f} / {statistics.quantiles(part, n=100)[98] * 1e3:.2f}"
            for part in (one.known, one.mixed)
        )
        yield (
            f"| {name} | {one.rows:,} | {one.written_per_s:,.0f} | {one.cpu_s * 1e3:.3f} | {times} "
            f"| {one.size / 1e6:,.1f} | {one.size / one.rows:.0f} |"
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="Rows, rising.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--databases", nargs="+", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    options = parser.parse_args()
    lines = [
        "| database | rollouts | written/s | CPU ms per rollout | 64 known, ms | 32 of 64, ms | MB | bytes each |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    with ExitStack() as stack:
        if "sqlite" in options.databases:
            folder = stack.enter_context(TemporaryDirectory())
            engine = open_database(Path(folder) / "whet.sqlite", tables.create_all)
            name = f"SQLite {sqlite3.sqlite_version}"
            lines += table(name, asyncio.run(grow(engine, options.sizes, options.seed)))
            engine.dispose()
        if "postgresql" in options.databases:
            server = stack.enter_context(postgresql_server(durable=True))
            if server is None:
                sys.stderr.write(MISSING + "\n")
            else:
                engine = open_server(stack.enter_context(server.database()), tables.create_all)
                with engine.connect() as connection:
                    name = "PostgreSQL " + connection.exec_driver_sql("SHOW server_version").scalar_one().split()[0]
                lines += table(name, asyncio.run(grow(engine, options.sizes, options.seed)))
                engine.dispose()
    sys.stdout.write("\n".join(lines) + "\n\n")
    packages = ", ".join(f"{package} {version(package)}" for package in ("sqlalchemy", "psycopg"))
    sys.stdout.write(
        f"Look-ups: median / 99th percentile of {LOOKUPS}. {platform.machine()}, CPython {platform.python_version()}, "
        f"{packages}; seed {options.seed}.\n"
    )


if __name__ == "__main__":
    main()
