"""Everything in one database on a PostgreSQL server: WHET_DATABASE_URL, and nothing else, makes the difference."""

from __future__ import annotations

import json
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest
import sqlalchemy as sa

from benchmarks.ledger.tables import ledger
from service.tables import jobs
from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import in_phase, interrupted, untimed
from tests.end_to_end.test_crash import MOST_PAID_TWICE
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.postgresql import PASSWORD, Server
from tests.endpoints.wire import Json, Reply


@pytest.fixture
def on_server(workplace: Workplace, database_url: str) -> Workplace:
    """The workplace, with everything that whet keeps on the server."""
    return replace(workplace, environment={"WHET_DATABASE_URL": database_url})


def count(table: sa.Table, url: str) -> int:
    """How many rows it has."""
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    if not sa.inspect(engine).has_table(table.name):
        return 0
    with engine.connect() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


@pytest.mark.slow
def test_killed_and_run_again_it_ends_as_it_does_on_a_file(
    main_job: MainJob, on_server: Workplace, database_url: str
) -> None:
    at = in_phase("search", 0.5)(main_job.result["spent"]["by_phase"])
    with interrupted(on_server, main_job.task, signal.SIGKILL, at) as job:
        assert job.run("--no-progress").code == -signal.SIGKILL
        answered = count(ledger, database_url)
        result = on_server.optimize()
        assert untimed(result) == untimed(main_job.result)
        assert job.endpoint.answered_again <= min(MOST_PAID_TWICE, main_job.requests - answered)
        assert job.endpoint.answered - job.endpoint.answered_again == main_job.requests == count(ledger, database_url)
        assert on_server.optimize() == result
    assert not on_server.home.exists()
    pulled = on_server.run("pull", "support-triage", "--format", "openai").out
    assert pulled == main_job.workplace.run("pull", "support-triage", "--format", "openai").out


@pytest.mark.slow
def test_two_processes_at_once_never_pay_for_what_is_there(on_server: Workplace, database_url: str) -> None:
    """A second job begins while the first one is under way, held up after it has kept 140 replies."""
    at_first, asked, go_on = 140, list[bytes](), threading.Event()

    def answer(messages: list[Json], body: Json) -> Reply:
        asked.append(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
        if len(asked) > at_first:
            go_on.wait(60)
        return tickets.answer(messages, body)

    with LocalEndpoint(answer).in_thread() as endpoint:
        on_server.write_task(tickets.task(endpoint.url))
        arguments = ("optimize", "task.yaml", "--no-progress", "--json", "-", "--seed")
        first = on_server.start(*arguments, "0")
        eventually(lambda: count(ledger, database_url) == at_first)
        there = set(asked[:at_first])
        second = on_server.start(*arguments, "1")
        eventually(lambda: count(jobs, database_url) == 2)
        go_on.set()
        results = [json.loads(one.finished().out) for one in (first, second)]
        assert there.isdisjoint(asked[at_first:])
        assert results[1]["spent"]["ledger_hits"] > 0
        assert count(ledger, database_url) == len(set(asked))
        before = endpoint.requests
        assert [on_server.optimize("--seed", str(seed)) for seed in range(2)] == results
        assert endpoint.requests == before


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_server_that_is_away_is_told_without_the_password(workplace: Workplace, postgresql: Server) -> None:
    away = "postgresql://whet:correct-horse@127.0.0.1:1/whet"
    finished = replace(workplace, environment={"WHET_DATABASE_URL": away}).run("ledger", "stats", code=2)
    assert "The database postgresql://whet:***@127.0.0.1:1/whet cannot be used" in finished.err
    assert "correct-horse" not in finished.err


def test_messages_name_the_database_and_never_its_password(on_server: Workplace) -> None:
    finished = on_server.run("pull", "nothing", code=2)
    assert re.search(r"The registry in postgresql://\w+:\*\*\*@[\w.:]+/\w+ holds no prompt 'nothing'", finished.err)
    assert PASSWORD not in finished.err + finished.out
