"""Where whet keeps everything: one folder with one database, or one database on a server."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.database import open_database
from benchmarks.ledger.server import UNUSABLE, in_one_line, lock_number, open_server, shown, take_turn
from service.upgrading import bring_up_to_date

DATABASE = "whet.sqlite"


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The folder `WHET_HOME`, by default `.whet` in the current directory, and the database: a file in it, or the one
    on a PostgreSQL server that `WHET_DATABASE_URL` names."""

    folder: Path
    engine: sa.Engine
    now: Callable[[], datetime] = utc_now

    @property
    def on_server(self) -> bool:
        """Whether the database is on a PostgreSQL server."""
        return self.engine.dialect.name == "postgresql"

    @property
    def database(self) -> str:
        """The database as messages name it: its file, or its URL without the password."""
        return shown(self.engine.url) if self.on_server else str(self.folder / DATABASE)

    @property
    def place(self) -> str:
        """Where everything is kept, as messages name it: the folder, or the database on a server."""
        return self.database if self.on_server else str(self.folder)

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
            # By themselves databases lock at the first write, after what was read may have changed.
            if self.on_server:
                take_turn(connection, "writing")
            else:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.IntegrityError:
            raise  # No matter of storage but a defect of whet.
        except UNUSABLE as error:
            raise StorageError(
                f"The database {self.database} cannot be used: {in_one_line(error)}. Free some space or end what locks "
                "it; what was paid for is kept."
            ) from error

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Keeps other processes out of `name` while held; a process that dies lets go.

        Raises StorageError if another process holds it.
        """
        with self._lock_on_server(name) if self.on_server else self._lock_in_folder(name) as held:
            if not held:
                raise StorageError(
                    f"Another process is running {name} in {self.place}. Wait for it, or end it and run again."
                )
            yield

    @contextmanager
    def _lock_in_folder(self, name: str) -> Iterator[bool]:
        folder = self.folder / "locks"
        folder.mkdir(exist_ok=True)
        with (folder / name).open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextmanager
    def _lock_on_server(self, name: str) -> Iterator[bool]:
        with ExitStack() as stack:
            with self._explained():
                connection = stack.enter_context(self.engine.connect())
                held = connection.scalar(sa.select(sa.func.pg_try_advisory_lock(lock_number(f"lock {name}"))))
                connection.commit()
                if held:
                    # The lock is the connection's: it belongs to no pool any more, and ends with this block.
                    connection.detach()
            yield bool(held)


def folder_of(environment: Mapping[str, str]) -> Path:
    """The folder of the home that the environment names."""
    return Path(environment.get("WHET_HOME") or ".whet")


def has_home(environment: Mapping[str, str]) -> bool:
    """Whether there is a home already where the environment says; a database on a server counts as one."""
    return bool(environment.get("WHET_DATABASE_URL")) or (folder_of(environment) / DATABASE).exists()


def open_home(environment: Mapping[str, str]) -> Home:
    """The home that the environment names, its database upgraded if it is older than this version of whet.

    Raises StorageError if the database cannot be used, among others because a newer version has upgraded it.
    """
    folder = folder_of(environment)
    url = environment.get("WHET_DATABASE_URL")
    if url:
        return Home(folder=folder, engine=open_server(url, bring_up_to_date))
    return Home(folder=folder, engine=open_database(folder / DATABASE, bring_up_to_date))
