"""Opening a database on a server, and what is said when it cannot be used: never its password."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from benchmarks.errors import StorageError
from benchmarks.ledger.server import open_server
from benchmarks.ledger.tables import tables
from tests.endpoints.postgresql import Server, free_port

SECRET = "correct-horse"


def refused(url: str) -> str:
    with pytest.raises(StorageError) as caught:
        open_server(url, tables.create_all)
    message = str(caught.value)
    assert "WHET_DATABASE_URL" in message
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return message


def changed(url: str, change: Callable[[sa.URL], sa.URL]) -> str:
    return change(sa.make_url(url)).render_as_string(hide_password=False)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_a_new_database_is_filled_and_found_again(database_url: str, scheme: str) -> None:
    url = scheme + database_url.removeprefix("postgresql")
    for _ in range(2):
        engine = open_server(url, tables.create_all)
        assert set(sa.inspect(engine).get_table_names()) == set(tables.tables)
        engine.dispose()


def test_whoever_comes_to_a_new_database_at_once_finds_it_filled(database_url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        for engine in pool.map(lambda _: open_server(database_url, tables.create_all), range(6)):
            engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}@home@server/whet",
        f"postgresql://me:x@{SECRET}@server/whet",
        f"postgresql://me:{SECRET}/whet",
        f"postgresql://me:{SECRET}@server:port/whet",
        f"postgresql://m/e:{SECRET}@server/whet",
        f"postgresql:/me:{SECRET}@server/whet",
        f"me:{SECRET}@server/whet",
        SECRET,
    ],
)
def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    assert "Write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE" in refused(url)


def test_another_kind_of_database_is_refused_by_name() -> None:
    assert "begins with mysql://, but whet knows PostgreSQL only" in refused(f"mysql://me:{SECRET}@server/whet")


def test_a_server_that_does_not_answer_is_named() -> None:
    port = free_port()
    message = refused(f"postgresql://me:{SECRET}@127.0.0.1:{port}/whet?application_name={SECRET}")
    assert f"The database postgresql://me:***@127.0.0.1:{port}/whet cannot be used" in message
    assert "refused" in message
    assert "Check that the server runs" in message


def test_a_wrong_password_is_not_repeated(database_url: str, postgresql: Server) -> None:
    if not postgresql.own:
        pytest.skip("the server at WHET_TEST_DATABASE_URL may not ask for a password")
    message = refused(changed(database_url, lambda url: url.set(password=SECRET)))
    assert "password authentication failed" in message
    assert "names user, password and database as the server has them" in message


def test_a_missing_database_is_named_with_the_command_that_makes_one(database_url: str) -> None:
    message = refused(changed(database_url, lambda url: url.set(database="nowhere")))
    assert '"nowhere" does not exist' in message
    assert "createdb" in message


def test_an_encoding_that_cannot_hold_every_reply_is_refused(postgresql: Server) -> None:
    with postgresql.database(TEMPLATE="template0", ENCODING="'LATIN1'", LOCALE="'C'") as url:
        message = refused(url)
    assert "has the encoding LATIN1" in message
    assert "--encoding UTF8" in message


def test_a_user_who_may_not_make_tables_is_told(database_url: str) -> None:
    message = refused(database_url + "?options=-c%20default_transaction_read_only%3Don")
    assert "read-only transaction" in message
    assert "may make tables" in message
