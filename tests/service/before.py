"""Databases as whet left them before it had migrations, and what is in a database of any revision."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.ledger.database import open_database
from benchmarks.ledger.server import open_server

DUMPS = Path(__file__).parent / "before_migrations"
ITS_OWN = {"whet_revision", "whet_layout"}
"""Tables that say where a database is, and belong to no revision."""


def restore_old(place: str) -> None:
    """Makes the database of a finished optimization at `place`, the path of a file or the URL of a new database."""
    if "://" in place:
        with raw(place).begin() as connection:
            connection.exec_driver_sql((DUMPS / "postgresql.sql").read_text().replace("%", "%%"))
        return
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(place)
    database.executescript((DUMPS / "sqlite.sql").read_text())
    database.close()


def prepared(place: str, prepare: Callable[[sa.Connection], None]) -> None:
    """Opens the database as whet does, with `prepare` in place of its own."""
    (open_server(place, prepare) if "://" in place else open_database(Path(place), prepare)).dispose()


def raw(place: str) -> sa.Engine:
    """The database as it is, whatever it holds."""
    address = sa.make_url(place).set(drivername="postgresql+psycopg") if "://" in place else f"sqlite:///{place}"
    return sa.create_engine(address, poolclass=sa.NullPool)


def contents(place: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, by table."""
    with raw(place).connect() as connection:
        return {
            table: sorted((tuple(row) for row in connection.exec_driver_sql(f"SELECT * FROM {table}")), key=repr)
            for table in sorted(sa.inspect(connection).get_table_names())
        }


def schema(place: str) -> dict[str, Any]:
    """Columns, keys, constraints and indexes of all tables, with their names: one entry for each."""
    found: dict[str, Any] = {}
    with raw(place).connect() as connection:
        inspector = sa.inspect(connection)
        for table in sorted({*inspector.get_table_names()} - ITS_OWN):
            for column in inspector.get_columns(table):
                kind = column["type"].compile(connection.dialect)
                found[f"{table}, column {column['name']}"] = (kind, column["nullable"], column["default"])
            found[f"{table}, primary key"] = inspector.get_pk_constraint(table)
            found[f"{table}, foreign keys"] = sorted(inspector.get_foreign_keys(table), key=repr)
            found[f"{table}, unique"] = sorted(inspector.get_unique_constraints(table), key=repr)
            found[f"{table}, indexes"] = sorted(inspector.get_indexes(table), key=repr)
            found[f"{table}, checks"] = sorted(inspector.get_check_constraints(table), key=repr)
            found[f"{table}, never reuses a number"] = table in _counting(connection)
    return found


def _counting(connection: sa.Connection) -> set[str]:
    if connection.dialect.name != "sqlite":
        return set()
    return set(connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'").scalars())
