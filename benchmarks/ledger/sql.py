"""The ledger in a SQL database: look-ups of a block in one query, writes of many calls in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Generic, TypeVar

import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.protocol import Entry, UnderWay
from benchmarks.ledger.rows import NAMES, entry_of, references, row_of, shared_texts
from benchmarks.ledger.server import UNUSABLE, in_one_line, take_turn
from benchmarks.ledger.tables import ledger, tables
from benchmarks.ledger.texts import SharedTexts

__all__ = ["MOST_IN_A_GROUP", "SqlLedger", "tables"]

MOST_IN_A_GROUP = 500
"""Entries in one transaction, and keys in one query (SQLite allows 32,766 bound values)."""

TURN = "ledger"
"""Writers share this turn; whoever takes it alone finds none of them in the middle of a transaction."""


_SELECT = str(sa.select(ledger))
_INSERT = "INSERT INTO ledger ({}) VALUES ({}) ON CONFLICT (key) DO NOTHING"

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
                    if isinstance(error, UNUSABLE):
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
        self._on_server = engine.dialect.name == "postgresql"
        # A look-up is a single query; the begin and end of a transaction would be two more ways to the server.
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT") if self._on_server else engine
        self._now = now
        self._texts = SharedTexts()
        places = ["%s" if self._on_server else "?"] * len(NAMES[1:])
        self._insert_statement = _INSERT.format(", ".join(NAMES[1:]), ", ".join(places))
        self._reader = ThreadPoolExecutor(1, "ledger-reader")
        self._writer = ThreadPoolExecutor(1, "ledger-writer")
        self._keeping: _Grouped[Entry, Entry] = _Grouped(self._keep_all)
        self.under_way = UnderWay()

    async def find(self, key: bytes) -> Entry | None:
        """The entry under `key`."""
        (entry,) = await self.find_all([key])
        return entry

    async def find_all(self, keys: Sequence[bytes]) -> Sequence[Entry | None]:
        """The entries under `keys`, from one query for every 500 of them.

        Raises StorageError if the database cannot be read.
        """
        found: dict[bytes, Entry] = {}
        for start in range(0, len(keys), MOST_IN_A_GROUP):
            group = keys[start : start + MOST_IN_A_GROUP]
            try:
                found |= await asyncio.get_running_loop().run_in_executor(self._reader, self._find_stored, group)
            except UNUSABLE as error:
                raise _unusable(error) from error
        return [found.get(key) for key in keys]

    async def keep(self, entry: Entry) -> Entry:
        """Keeps `entry` unless its key is taken; entries that come at the same time share a transaction.

        Raises StorageError if the database cannot be written.
        """
        return await self._keeping(entry)

    async def mark(self) -> int:
        """The highest sequence so far. Whatever is kept later gets a higher one, also if it is being written now."""

        def read() -> int:
            try:
                with self._engine.connect() as connection:
                    if self._on_server:
                        take_turn(connection, TURN)
                    return connection.scalar(sa.select(sa.func.max(ledger.c.sequence))) or 0
            except UNUSABLE as error:
                raise _unusable(error) from error

        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    async def close(self) -> None:
        """Waits for what is being written, and stops the threads."""
        await self._keeping.finish()
        self._reader.shutdown()
        self._writer.shutdown()

    async def _keep_all(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._insert, entries)

    def _find_stored(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        with self._reading.connect() as connection:
            return self._select(connection, keys)

    def _select(self, connection: sa.Connection, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        if self._on_server:
            result = connection.exec_driver_sql(f"{_SELECT} WHERE key = ANY(%s)", (list(keys),))
        else:
            places = ",".join("?" * len(keys))
            result = connection.exec_driver_sql(f"{_SELECT} WHERE key IN ({places})", tuple(keys))
        rows = result.all()
        texts = self._texts.texts(connection, (number for row in rows for number in references(row)))
        entries = (entry_of(row, texts) for row in rows)
        return {entry.key: entry for entry in entries}

    def _insert(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        created_at = int(self._now().timestamp() * 1000)
        numbers = self._texts.numbers(self._engine, (text for entry in entries for text in shared_texts(entry)))
        # In one order, so that no two writers wait for each other's keys.
        rows = [row_of(entry, numbers, created_at) for entry in sorted(entries, key=lambda entry: entry.key)]
        with self._engine.begin() as connection:
            if self._on_server:
                take_turn(connection, TURN, shared=True)
            # The driver takes the rows as they are, which halves what SQLAlchemy adds to each of them.
            inserted = connection.exec_driver_sql(self._insert_statement, rows)
            if inserted.rowcount == len(entries):
                return entries
            # Another process was faster: its reply is the one that every replay will see, so it is ours too.
            standing = self._select(connection, [entry.key for entry in entries])
        return [standing[entry.key] for entry in entries]


def _unusable(error: sa.exc.DatabaseError | sa.exc.TimeoutError) -> StorageError:
    return StorageError(f"The ledger cannot be used: {in_one_line(error)}. Free some space or unlock it.")
