"""An endpoint in trouble: what passes is waited for, what stays away is missing, what is refused scores zero."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


def test_a_row_without_a_reply_is_missing_and_forbids_a_promotion(main_job: MainJob, workplace: Workplace) -> None:
    """The proof of 36 rows lacks one, 2.8 %; the same again is the same, without another attempt."""
    unlucky = asked_in_the_proof(main_job)[0]
    with answering({unlucky: FaultKind.OVERLOADED}) as endpoint:
        task = {**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}}
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
