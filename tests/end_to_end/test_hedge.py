"""A straggler gets a second attempt if the task allows paying for it."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.faults import Fault, FaultKind


@pytest.mark.slow
def test_a_reply_that_never_comes_is_asked_for_a_second_time(workplace: Workplace) -> None:
    """The last row of 36; its attempt would time out after an hour."""
    with tickets.endpoint({36: Fault(kind=FaultKind.HANG)}.get).in_thread() as endpoint:
        task = tickets.task(endpoint.url)
        workplace.write_task({**task, "model": {**task["model"], "timeout_s": 3600.0, "hedge": True}})
        result = json.loads(workplace.run("evaluate", "task.yaml", "--json", "-").out)
    assert (result["n"], result["missing"]) == (36, 0)
    assert result["spent"]["calls"] == endpoint.requests == 37
