"""Opening the one database file that whet keeps everything in, unless there is a server for it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.exc import DatabaseError

from benchmarks.errors import StorageError

BUSY_TIMEOUT_S = 30


def open_database(path: Path, prepare: Callable[[sqlalchemy.Connection], None]) -> sqlalchemy.Engine:
    """The SQLite database at `path`, once `prepare` has seen to its tables: within one transaction, which no other
    process opening the database or writing to it interrupts.

    It runs in WAL mode, so that readers never wait for a writer, and every commit reaches the disk before it returns.
    Raises StorageError if the file cannot be created, read or written, and whatever `prepare` raises.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlalchemy.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        sqlalchemy.event.listen(engine, "connect", _configure)
        with _one_at_a_time(path.parent), engine.connect() as connection:
            # A table that others refer to can be made anew only while nobody checks, which is settled before it begins.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            # A read-only file opens well and fails at the first reply; taking the write lock finds out now.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            prepare(connection)
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
    except (DatabaseError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StorageError(
            f"The database {path} cannot be used: {cause}. Check that the file and its folder are writable, or set "
            "WHET_HOME to another folder."
        ) from error
    return engine


@contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Of processes that come to a home at once, one makes the database and the others find it made: the
    switch to WAL mode does not wait by itself, and nothing else waits as long as a long upgrade takes."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _configure(connection: Any, _record: Any) -> None:
    # The first one holds for a new file only: what is pruned can then be given back piece by piece.
    for pragma in ("auto_vacuum=INCREMENTAL", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
