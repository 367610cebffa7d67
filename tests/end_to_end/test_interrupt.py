"""Ctrl-C and SIGTERM: what is under way is kept, the command to go on is printed, nothing is paid twice."""

from __future__ import annotations

import json
import shlex
import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import in_phase, interrupted, untimed
from tests.endpoints.faults import Fault, FaultKind


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("phase", ["headroom", "search", "proof"])
def test_an_interrupted_job_is_resumed_without_paying_for_anything_twice(
    main_job: MainJob, workplace: Workplace, number: signal.Signals, phase: str
) -> None:
    at = in_phase(phase, 0.5)(main_job.result["spent"]["by_phase"])
    with interrupted(workplace, main_job.task, number, at) as job:
        finished = job.run("--json", "result.json")
        assert finished.code == 130
        assert "Traceback" not in finished.err
        assert "Interrupted. What was paid for is kept in .whet" in finished.err
        assert finished.out == ""
        assert job.kept() == job.endpoint.answered < main_job.requests
        assert finished.err.endswith("to resume, run: whet optimize task.yaml --json result.json\n")
        resume = finished.err.rstrip().rpartition("run: whet ")[2].split()
        workplace.run(*resume)
        result = json.loads((workplace.folder / "result.json").read_bytes())
        assert untimed(result) == untimed(main_job.result)
        assert job.endpoint.answered_again == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_drops_what_is_still_on_its_way(
    main_job: MainJob, workplace: Workplace, number: signal.Signals
) -> None:
    healthy = threading.Event()

    def fault(request_number: int) -> Fault | None:
        return Fault(kind=FaultKind.HANG) if request_number >= 40 and not healthy.is_set() else None

    with tickets.endpoint(fault).in_thread() as endpoint:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}})
        running = workplace.start("optimize", "task.yaml", "--json", "result.json")
        until(lambda: endpoint.requests >= 40)
        running.signal(number)
        until(lambda: "Ctrl-C again to drop them" in running.said())
        assert "Interrupted. What was paid for" not in running.said()
        running.signal(number)
        finished = running.finished()
        assert finished.code == 130
        assert "Traceback" not in finished.err
        assert "Interrupted. What was paid for is kept in .whet" in finished.err
        healthy.set()
        assert untimed(workplace.optimize()) == untimed(main_job.result)
        assert endpoint.answered_again == 0


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.005)


def test_the_command_to_resume_is_quoted_for_a_shell_and_does_not_begin_anew(
    main_job: MainJob, workplace: Workplace
) -> None:
    with interrupted(workplace, main_job.task, signal.SIGINT, 40) as job:
        command = job.run("--fresh", "--json", "a result.json").err.rstrip().rpartition("run: ")[2]
        assert shlex.split(command) == ["whet", "optimize", "task.yaml", "--json", "a result.json"]
        workplace.run(*shlex.split(command)[1:])
        assert job.endpoint.answered == main_job.requests


def test_an_interrupted_evaluation_keeps_what_it_paid_for(main_job: MainJob, workplace: Workplace) -> None:
    with interrupted(workplace, main_job.task, signal.SIGINT, 20) as job:
        job.client = workplace.start("evaluate", "task.yaml")
        finished = job.client.finished()
        assert finished.code == 130
        assert "to go on, run: whet evaluate task.yaml\n" in finished.err
        workplace.run("evaluate", "task.yaml")
        assert job.endpoint.answered == 36
