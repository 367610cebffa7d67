"""Where whet keeps everything: one folder with one database."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import open_database
from benchmarks.ledger.sql import tables as ledger_tables
from service.tables import tables

DATABASE = "whet.sqlite"


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder `WHET_HOME`, by default `.whet` in the current directory, and its database."""

    folder: Path
    engine: sa.Engine
    now: Callable[[], datetime] = utc_now

    @property
    def database(self) -> Path:
        """The database file."""
        return self.folder / DATABASE

    def timestamp(self) -> str:
        """Now, as rows keep it: UTC in ISO 8601."""
        return self.now().isoformat(timespec="milliseconds")

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection to read from. Raises StorageError if the database fails."""
        with self._explained(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that no other writer interrupts: what it reads is still true when it has written.

        Raises StorageError if the database fails.
        """
        with self._explained(), self.engine.begin() as connection:
            # By itself SQLite would take the write lock at the first write, after what was read may have changed.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # No matter of storage but a defect of whet.
        except sa.exc.DatabaseError as error:
            raise StorageError(
                f"The database {self.database} cannot be used: {error.orig}. Free some space or end what locks it; "
                "what was paid for is kept."
            ) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Keeps other processes out of `name` while held; a process that dies lets go.

        Raises StorageError if another process holds it.
        """
        folder = self.folder / "locks"
        folder.mkdir(exist_ok=True)
        with (folder / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StorageError(
                    f"Another process is running {name} in {self.folder}. Wait for it, or end it and run again."
                ) from None
            yield


def open_home(environment: Mapping[str, str]) -> Home:
    """The home that the environment names. Raises StorageError if it cannot be written."""
    if environment.get("WHET_DATABASE_URL"):
        raise StorageError("WHET_DATABASE_URL is set, but this version keeps everything in SQLite; unset it.")
    folder = Path(environment.get("WHET_HOME") or ".whet")
    engine = open_database(folder / DATABASE, ledger_tables, tables)
    return Home(folder=folder, engine=engine)
