"""Two processes in one home: a job is run by one of them at a time, and different jobs share the ledger."""

from __future__ import annotations

import json
import sqlite3
import threading

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply


def test_the_same_job_a_second_time_says_so_and_leaves_the_first_alone(workplace: Workplace) -> None:
    asked, may_answer = threading.Event(), threading.Event()

    def answer(messages: list[Json], body: Json) -> Reply:
        asked.set()
        may_answer.wait(60)
        return tickets.answer(messages, body)

    with LocalEndpoint(answer).in_thread() as endpoint:
        workplace.write_task(tickets.task(endpoint.url, budget={"calls": 60}))
        first = workplace.start("optimize", "task.yaml")
        assert asked.wait(60)
        second = workplace.run("optimize", "task.yaml", code=2)
        assert "Another process is running" in second.err
        assert "Wait for it, or end it and run again." in second.err
        may_answer.set()
        assert first.finished().code == 0
        assert workplace.optimize()["spent"]["calls"] == endpoint.answered


def test_different_jobs_run_side_by_side_and_neither_loses_a_reply(
    workplace: Workplace, endpoint: LocalEndpoint
) -> None:
    workplace.write_task(tickets.task(endpoint.url))
    arguments = ("optimize", "task.yaml", "--no-progress", "--json", "-", "--seed")
    finished = [running.finished() for running in [workplace.start(*arguments, str(seed)) for seed in range(3)]]
    results = [json.loads(one.out) for one in finished]
    assert [result["seed"] for result in results] == [0, 1, 2]
    assert len({result["optimization_id"] for result in results}) == 3
    with sqlite3.connect(workplace.home / "whet.sqlite") as database:
        kept = database.execute("SELECT count(*) FROM ledger").fetchone()[0]
    assert kept == len(endpoint.times_answered)
    before = endpoint.requests
    assert [workplace.optimize("--seed", str(seed)) for seed in range(3)] == results
    assert endpoint.requests == before
