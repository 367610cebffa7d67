"""Opening a database on a PostgreSQL server, for more than one machine's workers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.exc import TimeoutError as NoConnection

from benchmarks.errors import StorageError

CONNECT_TIMEOUT_S = 10
LOCK_TIMEOUT_S = 30
FROZEN_S = 10
"""The server ends the session of whoever does nothing for so long in the middle of a transaction."""
FORM = "postgresql://USER:PASSWORD@HOST:5432/DATABASE"


def open_server(url: str, prepare: Callable[[sa.Connection], None]) -> sa.Engine:
    """The PostgreSQL database at `url` (RFC 3986, as libpq writes it), once `prepare` has seen to its tables: within
    one transaction, for which all others who open the database wait.

    Raises StorageError, which never holds the password, if the URL cannot be read or if the database cannot be
    reached or written, and whatever `prepare` raises.
    """
    parsed = parse_url(url)
    place = shown(parsed)
    engine = sa.create_engine(
        parsed,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "client_encoding": "utf8"},
        pool_pre_ping=True,  # a server that was restarted is no reason to fail
    )
    sa.event.listen(engine, "connect", _configure)
    try:
        with engine.begin() as connection:
            _check_encoding(connection, place)
            # An upgrade may take longer than any other turn; what it locks itself, it waits for as long as all others.
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            take_turn(connection, "layout")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'")
            prepare(connection)
    except DatabaseError as error:
        engine.dispose()
        raise StorageError(
            f"The database {place} cannot be used: {in_one_line(error)}. Check that the server runs, "
            "that WHET_DATABASE_URL names user, password and database as the server has them (`createdb` makes a "
            "database), and that the user may make tables in it."
        ) from None
    except StorageError:
        engine.dispose()
        raise
    return engine


def parse_url(url: str) -> sa.URL:
    """`url` for SQLAlchemy. Raises StorageError, which repeats nothing of it, because part of it is a password."""
    scheme, _, rest = url.partition("://")
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    # An @ that is not encoded would make one half of a password the host.
    if parsed is None or rest.partition("?")[0].count("@") > 1 or "@" in f"{parsed.host}{parsed.database}":
        raise StorageError(
            f"WHET_DATABASE_URL cannot be read. Write it as {FORM}, with each of @ : / ? # % in the password as its "
            "percent code, such as %40 for @."
        ) from None
    if scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise StorageError(
            f"WHET_DATABASE_URL begins with {scheme}://, but whet knows PostgreSQL only: write it as {FORM}, or unset "
            "it to keep everything in a file."
        )
    return parsed.set(drivername="postgresql+psycopg")


def shown(url: sa.URL) -> str:
    """`url` as people may see it: without the password, and without options, which may hold one, too."""
    return url.set(drivername="postgresql", query={}).render_as_string()


UNUSABLE = (DatabaseError, NoConnection)
"""What tells that a database cannot be used now: it failed, or all connections to it are taken."""


def in_one_line(error: DatabaseError | NoConnection) -> str:
    """What the database said, without the statement that it points into."""
    said = error.orig if isinstance(error, DatabaseError) else error
    return " ".join(str(said).partition("\nLINE ")[0].split())


def take_turn(connection: sa.Connection, name: str, *, shared: bool = False) -> None:
    """Waits until no transaction that takes the turn `name` is under way, and holds it to the end of this one. Turns
    that are `shared` do not wait for each other.

    Source: PostgreSQL, section 13.3.5, "Advisory Locks".
    """
    lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
    connection.execute(sa.select(lock(lock_number(name))))


def lock_number(name: str) -> int:
    """The number of the advisory lock called `name`, a signed integer of 64 bits."""
    return int.from_bytes(hashlib.sha256(f"whet {name}".encode()).digest()[:8], signed=True)


def _check_encoding(connection: sa.Connection, place: str) -> None:
    encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
    if encoding != "UTF8":
        raise StorageError(
            f"The database {place} has the encoding {encoding}, which cannot hold every reply. Make one with "
            "`createdb --encoding UTF8 --template template0 NAME` and set WHET_DATABASE_URL to it."
        )


def _configure(connection: Any, _record: Any) -> None:
    # As long as SQLite waits: a writer that is frozen must not stop all others for ever, and loses its turn.
    connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN_S}s'")
    connection.commit()
