"""What the command says and does when the network or the endpoint fails it."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import CHECKOUT, Launcher, Workplace, warm_launcher
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.contents import kept, until
from tests.end_to_end.test_crash import MOST_PAID_TWICE
from tests.endpoints.faults import Fault, FaultKind


@pytest.fixture(scope="module")
def hasty() -> Iterator[Launcher]:
    """Starts commands that wait milliseconds, not seconds, between attempts."""
    with warm_launcher("tests.end_to_end.hasty") as launch:
        yield launch


@pytest.mark.parametrize("command", ["optimize", "evaluate"])
def test_a_name_that_nobody_knows_is_told_as_such(workplace: Workplace, hasty: Launcher, command: str) -> None:
    workplace.write_task(tickets.task("http://nowhere.invalid/v1"))
    said = replace(workplace, launcher=hasty).run(command, "task.yaml", code=3).err
    assert "cannot connect to http://nowhere.invalid/v1: " in said
    assert "(is the name in api_base right?)" in said
    assert "un the same command again once the endpoint answers" in said


FAST = [
    Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=0.01),
    Fault(kind=FaultKind.SERVER_ERROR),
    Fault(kind=FaultKind.BAD_GATEWAY),
    Fault(kind=FaultKind.RESET),
    Fault(kind=FaultKind.TRUNCATED_JSON),
    Fault(kind=FaultKind.WRONG_CONTENT_TYPE),
    Fault(kind=FaultKind.EMPTY_CHOICES),
    Fault(kind=FaultKind.SLOW_DRIP, delay_s=0.02),
]


def mixture(seed: int) -> Callable[[int], Fault | None]:
    """One request in ten meets a fault."""
    rng = random.Random(seed)
    met = [rng.choice(FAST) if rng.random() < 0.1 else None for _ in range(1000)]
    return lambda number: met[number]


def test_a_rough_optimization_loses_no_reply_and_keeps_to_its_budget(
    main_job: MainJob, workplace: Workplace, hasty: Launcher
) -> None:
    with tickets.endpoint(mixture(0)).in_thread() as endpoint:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}})
        result = replace(workplace, launcher=hasty).optimize()
        assert endpoint.requests > endpoint.billed_calls > endpoint.answered
        assert endpoint.answered_again == 0
        assert kept(workplace) == endpoint.answered
        assert endpoint.billed_calls <= result["spent"]["calls"] <= main_job.task["budget"]["calls"]
        assert endpoint.billed_tokens <= result["spent"]["prompt_tokens"] + result["spent"]["completion_tokens"]
        assert result["problems"].keys() <= {"format", "unaffordable"}


def test_a_rough_evaluation_ends_where_a_smooth_one_does(
    main_job: MainJob, workplace: Workplace, hasty: Launcher
) -> None:
    arguments = ("evaluate", "task.yaml", "--no-progress", "--json", "-")
    smooth = json.loads(workplace_of(main_job, workplace, "smooth").run(*arguments).out)
    with tickets.endpoint(mixture(1)).in_thread() as endpoint:
        workplace.write_task({**main_job.task, "model": {**main_job.task["model"], "api_base": endpoint.url}})
        rough = json.loads(replace(workplace, launcher=hasty).run(*arguments).out)
        assert kept(workplace) == endpoint.answered == 36
        assert 36 < endpoint.billed_calls <= rough["spent"]["calls"]
    assert {**rough, "spent": None} == {**smooth, "spent": None}


def workplace_of(main_job: MainJob, workplace: Workplace, name: str) -> Workplace:
    """The main job's workplace again, without anything that was kept in it."""
    folder = workplace.folder / name
    folder.mkdir()
    for file in ("task.yaml", "tickets.csv"):
        shutil.copy(main_job.workplace.folder / file, folder)
    return replace(workplace, folder=folder)


@contextmanager
def serving(port: int, delay_s: float = 0.01) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The tickets' endpoint as a process of its own, and its address."""
    arguments = ["--port", str(port), "--behaviour", "keyword", "--delay-s", str(delay_s), "--labels", *tickets.WORDS]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.endpoints.local", *arguments], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


@pytest.mark.slow
def test_an_endpoint_whose_process_is_killed_and_started_again_is_waited_for(
    main_job: MainJob, workplace: Workplace
) -> None:
    # Slow enough that the job is not over when it is looked at.
    with serving(0, delay_s=0.2) as (first, url):
        model = {**main_job.task["model"], "api_base": url}
        workplace.write_task({**main_job.task, "budget": {"calls": 220}, "model": model})
        running = workplace.start("optimize", "task.yaml", "--json", "result.json")
        until(lambda: "search: " in running.said() and kept(workplace, alive=True) >= 40)
        first.send_signal(signal.SIGKILL)
        first.wait()
        # Of the requests under way some find the connection broken, the next ones nobody to connect to.
        until(lambda: "Paused: " in running.said())
        with serving(int(url.split(":")[2].partition("/")[0])) as (_, again):
            assert again == url
            finished = running.finished()
    assert finished.code == 0
    assert "Traceback" not in finished.err
    assert "The endpoint answers again, after " in finished.err
    result = json.loads((workplace.folder / "result.json").read_bytes())
    assert result["decision"] == "promote"
    assert result["problems"].keys() <= {"format"}
    assert kept(workplace) <= result["spent"]["calls"] <= min(220, kept(workplace) + MOST_PAID_TWICE)
