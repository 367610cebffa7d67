"""The ledger in a SQL database: look-ups of a block in one query, writes of many calls in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from benchmarks.errors import StorageError
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Usage

MOST_IN_A_GROUP = 500
"""Entries in one transaction, and keys in one query (SQLite allows 32,766 bound values)."""

tables = sa.MetaData()

ledger = sa.Table(
    "ledger",
    tables,
    sa.Column("sequence", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.LargeBinary(32), nullable=False, unique=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("epoch", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("prompt_digest", sa.Text, nullable=False),
    sa.Column("example_id", sa.Text, nullable=False),
    sa.Column("repeat", sa.Integer, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("truncated", sa.Boolean, nullable=False),
    sa.Column("failure", sa.Text),
    sa.Column("detail", sa.Text),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("cached_tokens", sa.Integer, nullable=False),
    sa.Column("cost_usd", sa.Float),
    sa.Column("latency_s", sa.Float, nullable=False),
    sa.Column("lost_attempts", sa.Integer, nullable=False),
    sa.Column("created_at", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)

# Compiled once: the driver takes the rows as they are, which halves what SQLAlchemy adds to each of them.
_INSERT = str(
    sqlite.insert(ledger)
    .on_conflict_do_nothing(index_elements=["key"])
    .compile(
        dialect=sqlite.dialect(paramstyle="named"),
        column_keys=[column.name for column in ledger.columns if column is not ledger.c.sequence],
    )
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Grouped(Generic[Item, Result]):
    """Passes single items on in groups: what arrives while one group is under way forms the next.

    An item is passed on even if its caller is cancelled: a reply that was paid for is kept.
    """

    def __init__(self, process: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._process = process
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, item: Item) -> Result:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[:MOST_IN_A_GROUP], self._waiting[MOST_IN_A_GROUP:]
                try:
                    results = await self._process([item for item, _ in group])
                except BaseException as error:
                    if isinstance(error, sa.exc.DatabaseError):
                        error = _unusable(error)
                    for _, future in group:
                        if not future.done():
                            future.set_exception(error)
                    if not isinstance(error, Exception):
                        raise
                    continue
                for (_, future), result in zip(group, results, strict=True):
                    if not future.done():
                        future.set_result(result)
        finally:
            self._running = None

    async def finish(self) -> None:
        if self._running is not None:
            await self._running


class SqlLedger:
    """The ledger in the table `ledger` of a database."""

    def __init__(self, engine: sa.Engine, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._engine = engine
        self._now = now
        self._reader = ThreadPoolExecutor(1, "ledger-reader")
        self._writer = ThreadPoolExecutor(1, "ledger-writer")
        self._finding: _Grouped[bytes, Entry | None] = _Grouped(self._find_all)
        self._keeping: _Grouped[Entry, Entry] = _Grouped(self._keep_all)

    async def find(self, key: bytes) -> Entry | None:
        """The entry under `key`; keys asked for at the same time are looked up in one query."""
        return await self._finding(key)

    async def keep(self, entry: Entry) -> Entry:
        """Keeps `entry` unless its key is taken; entries that come at the same time share a transaction.

        Raises StorageError if the database cannot be written.
        """
        return await self._keeping(entry)

    async def mark(self) -> int:
        """The highest sequence so far."""

        def read() -> int:
            try:
                with self._engine.connect() as connection:
                    return connection.scalar(sa.select(sa.func.max(ledger.c.sequence))) or 0
            except sa.exc.DatabaseError as error:
                raise _unusable(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def close(self) -> None:
        """Waits for what is being written, and stops the threads."""
        await self._keeping.finish()
        await self._finding.finish()
        self._reader.shutdown()
        self._writer.shutdown()

    async def _find_all(self, keys: Sequence[bytes]) -> Sequence[Entry | None]:
        found = await asyncio.get_running_loop().run_in_executor(self._reader, self._select, keys)
        return [found.get(key) for key in keys]

    async def _keep_all(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._insert, entries)

    def _select(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(ledger).where(ledger.c.key.in_(keys))).mappings()
            return {bytes(row["key"]): _entry(row) for row in rows}

    def _insert(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        created_at = self._now().isoformat(timespec="milliseconds")
        with self._engine.begin() as connection:
            rows = [{**_row(entry), "created_at": created_at} for entry in entries]
            inserted = connection.exec_driver_sql(_INSERT, rows)
            complete = inserted.rowcount == len(entries)
        if complete:
            return entries
        # Another process was faster: its reply is the one that every replay will see, so it is ours too.
        standing = self._select([entry.key for entry in entries])
        return [standing[entry.key] for entry in entries]


def _unusable(error: sa.exc.DatabaseError) -> StorageError:
    return StorageError(f"The ledger cannot be used: {error.orig}. Free some space or unlock it.")


def _row(entry: Entry) -> dict[str, Any]:
    reply = entry.reply
    usage = reply.usage if isinstance(reply, Completion) else Usage()
    return {
        "key": entry.key,
        "project": entry.occasion.project,
        "epoch": entry.occasion.epoch,
        "endpoint": entry.model.endpoint,
        "model": entry.model.model,
        "prompt_digest": entry.prompt_digest,
        "example_id": entry.example_id,
        "repeat": entry.repeat,
        "text": reply.text if isinstance(reply, Completion) else None,
        "truncated": isinstance(reply, Completion) and reply.truncated,
        "failure": reply.kind.value if isinstance(reply, Failure) else None,
        "detail": reply.detail if isinstance(reply, Failure) else None,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
        "cost_usd": usage.cost_usd,
        "latency_s": reply.latency_s,
        "lost_attempts": reply.lost_attempts,
    }


def _entry(row: Any) -> Entry:
    reply: Completion | Failure
    if row["failure"] is None:
        reply = Completion(
            text=row["text"],
            usage=Usage(
                prompt_tokens=row["prompt_tokens"],
                completion_tokens=row["completion_tokens"],
                cached_tokens=row["cached_tokens"],
                cost_usd=row["cost_usd"],
            ),
            truncated=row["truncated"],
            latency_s=row["latency_s"],
            lost_attempts=row["lost_attempts"],
        )
    else:
        reply = Failure(
            kind=FailureKind(row["failure"]),
            detail=row["detail"],
            latency_s=row["latency_s"],
            lost_attempts=row["lost_attempts"],
        )
    return Entry(
        key=bytes(row["key"]),
        reply=reply,
        occasion=Occasion(project=row["project"], epoch=row["epoch"]),
        model=ModelIdentity(endpoint=row["endpoint"], model=row["model"]),
        prompt_digest=row["prompt_digest"],
        example_id=row["example_id"],
        repeat=row["repeat"],
        sequence=row["sequence"],
    )
