"""An endpoint that cannot be used ends the job at once, says why and what to do, and leaves the job to be resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import untimed
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint

IN_FLIGHT = 16
"""Requests that have left before the first refusal is back: the whole first block, and none after it."""


def failed(workplace: Workplace, url: str, *messages: str, **model: Any) -> None:
    task = tickets.task(url)
    workplace.write_task({**task, "model": {**task["model"], **model}})
    finished = workplace.run("optimize", "task.yaml", code=3)
    for message in messages:
        assert message in finished.err
    assert finished.out == ""


def test_a_wrong_key_is_refused_once_and_never_retried(workplace: Workplace) -> None:
    with tickets.endpoint(key="right").in_thread() as endpoint:
        failed(workplace, endpoint.url, f"{endpoint.url} answered 401", "Check the key: api_key_env must name")
        assert endpoint.requests <= IN_FLIGHT
        assert endpoint.answered == 0


ALWAYS: dict[str, tuple[Callable[[], LocalEndpoint], list[str]]] = {
    "HTML": (
        lambda: tickets.endpoint(lambda _: Fault(kind=FaultKind.HTML)),
        ["answered with a web page, not with JSON", "It usually ends in /v1."],
    ),
    "another model": (
        lambda: tickets.endpoint(models=("other",)),
        ["answered 404: The model `local` does not exist", "the model's name, 'local'"],
    ),
    "context too long": (
        lambda: tickets.endpoint(context_tokens=10),
        ["refuses every request", "maximum context length is 10 tokens", "reduce the length"],
    ),
    "content filter": (
        lambda: tickets.endpoint(lambda _: Fault(kind=FaultKind.CONTENT_FILTER)),
        ["refuses every request", "content management policy"],
    ),
}


@pytest.mark.parametrize(("made", "messages"), ALWAYS.values(), ids=ALWAYS.keys())
def test_an_endpoint_that_refuses_everything_ends_the_job_in_its_first_block(
    workplace: Workplace, made: Callable[[], LocalEndpoint], messages: list[str]
) -> None:
    with made().in_thread() as endpoint:
        failed(workplace, endpoint.url, *messages)
        assert endpoint.requests <= IN_FLIGHT
        assert endpoint.answered == 0


def test_an_address_without_an_endpoint_is_given_up_soon_and_the_job_can_be_resumed(
    main_job: MainJob, workplace: Workplace
) -> None:
    with tickets.endpoint().in_thread() as endpoint:
        address = endpoint.url
    failed(workplace, address, f"cannot connect to {address}", "run the same command again once the endpoint answers")
    with tickets.endpoint().in_thread() as endpoint:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": address}})
        workplace.run("optimize", "task.yaml", code=3)
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}})
        assert untimed(workplace.optimize()) == untimed(main_job.result)


def test_an_unknown_provider_is_explained(workplace: Workplace) -> None:
    task = tickets.task("")
    workplace.write_task({**task, "model": {"name": "nobody/model"}})
    assert "'nobody/model' names no provider" in workplace.run("optimize", "task.yaml", code=3).err


def occupy(home: Path) -> None:
    home.write_text("not a folder")


def corrupt(home: Path) -> None:
    home.mkdir()
    (home / "whet.sqlite").write_text("not a database " * 100)


def replace_by_folder(home: Path) -> None:
    (home / "whet.sqlite").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [occupy, corrupt, replace_by_folder])
@pytest.mark.parametrize("command", ["optimize", "evaluate"])
def test_a_database_that_cannot_be_written_is_found_before_a_call_is_paid_for(
    workplace: Workplace, endpoint: LocalEndpoint, spoil: Callable[[Path], None], command: str
) -> None:
    spoil(workplace.home)
    workplace.write_task(tickets.task(endpoint.url))
    finished = workplace.run(command, "task.yaml", code=2)
    assert "The database .whet/whet.sqlite cannot be used" in finished.err
    assert "set WHET_HOME to another folder" in finished.err
    assert endpoint.requests == 0
