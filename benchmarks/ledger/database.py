"""Opening the one database that whet keeps everything in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy
from sqlalchemy.exc import DatabaseError

from benchmarks.errors import StorageError

BUSY_TIMEOUT_S = 30


def open_database(path: Path, *tables: sqlalchemy.MetaData) -> sqlalchemy.Engine:
    """The SQLite database at `path`, made with `tables` if it is new.

    It runs in WAL mode, so that readers never wait for a writer, and every commit reaches the disk before it returns.
    Raises StorageError if the file cannot be created, read or written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = sqlalchemy.create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}
        )
        sqlalchemy.event.listen(engine, "connect", _configure)
        with engine.begin() as connection:
            for metadata in tables:
                metadata.create_all(connection)
            # A read-only file opens well and fails at the first reply; taking the write lock finds out now.
            connection.exec_driver_sql("PRAGMA user_version = 1")
    except (DatabaseError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        raise StorageError(
            f"The database {path} cannot be used: {cause}. Check that the file and its folder are writable, or set "
            "WHET_HOME to another folder."
        ) from error
    return engine


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
