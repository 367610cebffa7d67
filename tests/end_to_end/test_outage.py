"""An endpoint in trouble: what passes is waited for, what stays away is missing, what is refused scores zero."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import untimed
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply


@contextmanager
def answering(trouble: dict[str, FaultKind]) -> Iterator[LocalEndpoint]:
    """An endpoint that meets messages in which a text occurs with a fault."""

    def answer(messages: list[Json], body: Json) -> Reply | Fault:
        for text, kind in trouble.items():
            if text in messages[-1]["content"]:
                return Fault(kind=kind)
        return tickets.answer(messages, body)

    with LocalEndpoint(answer).in_thread() as endpoint:
        yield endpoint


def asked_in_the_proof(main_job: MainJob) -> list[str]:
    """The tickets of the proof, in order."""
    with (main_job.workplace.folder / "tickets.csv").open(newline="") as file:
        messages = [row["message"] for row in csv.DictReader(file)]
    bodies = main_job.bodies[-main_job.result["spent"]["by_phase"]["proof"] :]
    last = [body["messages"][-1]["content"] for body in bodies]
    return [message for message in messages if any(message in content for content in last)]


def test_an_outage_that_passes_changes_nothing_and_costs_no_call(main_job: MainJob, workplace: Workplace) -> None:
    """Five refusals: one fewer than attempts are made for a row, should all of them hit the same one."""

    def fault(request_number: int) -> Fault | None:
        return Fault(kind=FaultKind.OVERLOADED) if 40 <= request_number < 45 else None

    with tickets.endpoint(fault).in_thread() as endpoint:
        task = {**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}}
        workplace.write_task(task)
        assert untimed(workplace.optimize()) == untimed(main_job.result)
        assert endpoint.requests == main_job.requests + 5
        assert endpoint.answered_again == 0


@pytest.mark.slow
def test_an_outage_that_lasts_longer_than_attempts_do_pauses_the_job_and_changes_nothing(
    main_job: MainJob, workplace: Workplace
) -> None:
    began: list[float] = []

    def fault(request_number: int) -> Fault | None:
        if request_number >= 40:
            began.append(time.monotonic())
        return Fault(kind=FaultKind.OVERLOADED) if began and began[-1] < began[0] + 4.0 else None

    with tickets.endpoint(fault).in_thread() as endpoint:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}})
        finished = workplace.run("optimize", "task.yaml", "--json", "result.json")
        result = json.loads((workplace.folder / "result.json").read_bytes())
        assert untimed(result) == untimed(main_job.result)
        assert (endpoint.answered, endpoint.answered_again) == (main_job.requests, 0)
    said = finished.err
    assert f"Paused: {endpoint.url} answered 503: " in said
    assert ". Trying again every 10 s, giving up after 10 min." in said
    assert "The endpoint answers again, after " in said


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def late(_request_number: int) -> Fault:
    return Fault(delay_s=0.01)


@pytest.mark.slow
def test_a_server_that_dies_and_comes_back_leaves_no_row_without_a_reply(
    main_job: MainJob, workplace: Workplace
) -> None:
    with tickets.endpoint(late).in_thread() as first:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": first.url}})
        running = workplace.start("optimize", "task.yaml", "--json", "result.json")
        until(lambda: first.requests >= 50)
    time.sleep(3.0)
    with tickets.endpoint(port=int(first.url.split(":")[2].partition("/")[0])).in_thread() as second:
        finished = running.finished()
        assert second.requests > 0
    assert finished.code == 0
    result = json.loads((workplace.folder / "result.json").read_bytes())
    assert not {"connection", "server_error", "timeout"} & result["problems"].keys()
    assert result["spent"]["calls"] <= main_job.task["budget"]["calls"]
    assert f"Paused: cannot connect to {first.url}" in finished.err


def test_an_outage_without_end_ends_the_job_which_can_be_resumed(main_job: MainJob, workplace: Workplace) -> None:
    model = {**main_job.task["model"], "outage_s": 0.2}
    with tickets.endpoint(late).in_thread() as first:
        workplace.write_task({**main_job.task, "model": {**model, "api_base": first.url}})
        running = workplace.start("optimize", "task.yaml")
        until(lambda: first.requests >= 50)
    finished = running.finished()
    assert finished.code == 3
    assert f"cannot connect to {first.url}" in finished.err
    assert "run the same command again once the endpoint answers" in finished.err
    with tickets.endpoint().in_thread() as second:
        workplace.write_task({**main_job.task, "model": {**model, "api_base": second.url}})
        result = workplace.optimize()
    assert result["optimization_id"] == main_job.result["optimization_id"]
    assert result["problems"].keys() == main_job.result["problems"].keys()


@pytest.mark.slow
def test_a_row_without_a_reply_is_missing_and_forbids_a_promotion(main_job: MainJob, workplace: Workplace) -> None:
    """The proof of 36 rows lacks one, 2.8 %; the same again is the same, without another attempt."""
    unlucky = asked_in_the_proof(main_job)[0]
    with answering({unlucky: FaultKind.OVERLOADED}) as endpoint:
        task = {**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url, "outage_s": 0.2}}
        workplace.write_task(task)
        result = workplace.optimize()
        assert result["decision"] == "keep_baseline"
        assert result["evidence"]["n"] == 35
        assert round(result["evidence"]["missing"], 4) == round(1 / 36, 4)
        assert "more than the 1% that a proof allows" in result["why"]
        assert result["winner"]["digest"] == main_job.result["winner"]["digest"]
        assert result["problems"]["server_error"] == 2
        assert result["spent"]["calls"] == endpoint.answered == main_job.requests - 2
        before = endpoint.requests
        assert workplace.optimize() == result
        assert endpoint.requests == before
        assert production(workplace)["digest"] == result["baseline"]["digest"]


def test_a_row_that_the_endpoint_refuses_scores_zero_for_every_prompt(main_job: MainJob, workplace: Workplace) -> None:
    unlucky = asked_in_the_proof(main_job)[0]
    with answering({unlucky: FaultKind.CONTENT_FILTER}) as endpoint:
        task = {**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}}
        workplace.write_task(task)
        result = workplace.optimize()
        evidence, usual = result["evidence"], main_job.result["evidence"]
        assert (evidence["n"], evidence["missing"]) == (36, 0)
        assert result["problems"]["content_filter"] == 2
        for arm in ("winner", "baseline"):
            assert 0 <= round(36 * (usual[arm]["mean"] - evidence[arm]["mean"]), 6) <= 1
        assert result["spent"]["calls"] == main_job.requests


def production(workplace: Workplace) -> Any:
    return json.loads(workplace.run("pull", "support-triage@production").out)
