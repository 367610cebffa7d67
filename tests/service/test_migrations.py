"""Whatever revision a database comes from, it ends with exactly the tables of a new one, and with its rows."""

from __future__ import annotations

import ast
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

from benchmarks.ledger.sql import SqlLedger
from service.home import open_home
from service.migrations.draft import draft
from service.upgrading import FIRST, METADATA, MIGRATIONS, bring_up_to_date, configuration, known_revisions
from tests.endpoints.postgresql import Server
from tests.service.before import contents, prepared, raw, restore_old, schema

VERSIONS = sorted((MIGRATIONS / "versions").glob("*.py"))
NAMES_SINCE = {"optimizations": "jobs", "optimization_events": "job_events"}


@pytest.fixture
def elsewhere(place: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where a second database of the same kind can be."""
    if "://" in place:
        server: Server = request.getfixturevalue("postgresql")
        with server.database() as url:
            yield url
    else:
        yield str(tmp_path / "elsewhere.sqlite")


def revised(place: str, revision: str) -> dict[str, Any]:
    """The schema of a new database at `place` to which all revisions until this one were applied."""
    prepared(place, lambda connection: command.upgrade(configuration(connection, MIGRATIONS), revision))
    return schema(place)


def made(place: str) -> dict[str, Any]:
    """The schema of a new database at `place`, made with the tables as they are now."""

    def make(connection: sa.Connection) -> None:
        for metadata in METADATA:
            metadata.create_all(connection)

    prepared(place, make)
    return schema(place)


def test_all_revisions_together_make_the_tables_as_they_are_now(place: str, elsewhere: str) -> None:
    assert revised(place, "head") == made(elsewhere), "a revision is missing: scripts/migration 'what changes'"


def test_a_database_from_before_migrations_gets_the_tables_as_they_are_now(place: str, elsewhere: str) -> None:
    restore_old(place)
    prepared(place, bring_up_to_date)
    assert schema(place) == made(elsewhere), "a revision is missing: scripts/migration 'what changes'"


def test_a_new_database_has_the_same_tables(place: str, elsewhere: str) -> None:
    prepared(place, bring_up_to_date)
    assert schema(place) == made(elsewhere)


def test_the_first_revision_is_what_whet_made_before_migrations(place: str, elsewhere: str) -> None:
    restore_old(place)
    assert schema(place) == revised(elsewhere, FIRST)


def test_an_upgrade_loses_no_row(place: str) -> None:
    restore_old(place)
    before = contents(place)
    prepared(place, bring_up_to_date)
    after = contents(place)
    assert sum(map(len, before.values())) > 100
    for table, rows in before.items():
        assert len(after[NAMES_SINCE.get(table, table)]) == len(rows), table
    for table in ("ledger", "ledger_texts"):
        assert after[table] == before[table]
    if "://" not in place:
        with closing(sqlite3.connect(place)) as database:
            assert database.execute("PRAGMA foreign_key_check").fetchall() == []
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


LARGE = 20_000
"""Rows of a ledger that is several times as large as everything else in the database."""

MANY = """
INSERT INTO ledger (created_at, latency_s, project, epoch, endpoint, model, prompt_digest, example_id, repeat,
    prompt_tokens, completion_tokens, cached_tokens, lost_attempts, truncated, key, text)
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows})
SELECT n, 1.0, 1, 2, 3, 4, 5, 6, n, 10, 1, 0, 0, {false}, {key}, 'a reply' FROM numbers
"""


def test_an_upgrade_writes_nothing_of_a_ledger_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "whet.sqlite"
    restore_old(str(path))
    with closing(sqlite3.connect(path)) as database:
        database.execute(MANY.format(rows=LARGE, false="0", key="randomblob(32)"))
        database.commit()
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # While somebody reads, whatever the upgrade writes stays in the write-ahead log.
        database.execute("BEGIN")
        assert database.execute("SELECT count(*) FROM ledger").fetchone()[0] > LARGE
        prepared(str(path), bring_up_to_date)
        written = path.with_name("whet.sqlite-wal").stat().st_size
    assert 0 < written < path.stat().st_size / 4


@pytest.mark.slow
def test_an_upgrade_writes_nothing_of_a_ledger_on_a_server(database_url: str) -> None:
    restore_old(database_url)
    key = "sha256(n::text::bytea)"
    where = "SELECT pg_relation_filenode('ledger'), pg_relation_filenode('ledger_key_key')"
    rows = "SELECT sequence, ctid::text, xmin::text FROM ledger ORDER BY sequence"
    with raw(database_url).connect() as connection:
        connection.exec_driver_sql(MANY.format(rows=LARGE, false="false", key=key))
        connection.commit()
        before = [connection.exec_driver_sql(query).all() for query in (where, rows)]
        connection.commit()
        prepared(database_url, bring_up_to_date)
        assert [connection.exec_driver_sql(query).all() for query in (where, rows)] == before


def test_revisions_follow_each_other_under_the_numbers_of_their_files() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    in_order = [script.revision for script in reversed(list(scripts.walk_revisions()))]
    assert in_order == known_revisions(MIGRATIONS) == [f"{number:04}" for number in range(1, len(VERSIONS) + 1)]
    assert scripts.get_heads() == in_order[-1:]


@pytest.mark.parametrize("path", VERSIONS, ids=lambda path: str(path.stem))
def test_a_revision_imports_nothing_that_will_change(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
    assert imported <= {"__future__", "alembic", "sqlalchemy"}


def test_a_draft_says_how_the_tables_as_they_are_now_differ(tmp_path: Path) -> None:
    """Here from the revisions but for one, which added columns."""
    shutil.copytree(MIGRATIONS, tmp_path / "migrations", ignore=shutil.ignore_patterns("0003_*", "000[4-9]_*"))
    with warnings.catch_warnings():
        # Alembic warns of constraints without a name, which nobody needs to drop here.
        warnings.simplefilter("ignore", UserWarning)
        draft(tmp_path / "migrations", "Who runs it")
    text = (tmp_path / "migrations" / "versions" / "0003_who_runs_it.py").read_text()
    assert "sa.Column('heartbeat_at', WORDS, nullable=True)" in text
    assert "down_revision = '0002'" in text
    compile(text, "draft", "exec")


async def test_what_was_paid_for_before_is_found_after(place: str) -> None:
    restore_old(place)
    with raw(place).connect() as connection:
        keys = [bytes(key) for key in connection.exec_driver_sql("SELECT key FROM ledger").scalars()]
    environment = {"WHET_DATABASE_URL": place} if "://" in place else {"WHET_HOME": str(Path(place).parent)}
    home = open_home(environment)
    ledger = SqlLedger(home.engine)
    found = await ledger.find_all(keys)
    await ledger.close()
    home.engine.dispose()
    assert len(found) > 50
    assert None not in found
