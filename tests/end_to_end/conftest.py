"""Workplaces for the command, and the main job that several files look at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Finished, Launcher, Workplace, launch_script, warm_launcher
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    """Starts commands without the wait for imports."""
    with warm_launcher() as launch:
        yield launch


@pytest.fixture
def workplace(tmp_path: Path, launcher: Launcher) -> Workplace:
    """A folder with 90 tickets."""
    tickets.write_csv(tmp_path / "tickets.csv", tickets.rows(90))
    return Workplace(folder=tmp_path, launcher=launcher)


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """An endpoint for the tickets."""
    with tickets.endpoint().in_thread() as serving:
        yield serving


@dataclass(frozen=True, slots=True, kw_only=True)
class MainJob:
    """`whet optimize task.yaml --json result.json` on 90 tickets, run once by the console script itself.

    `requests`, `answered` and `answered_again` are the endpoint's counts when it was over, `bodies` what it was asked.
    """

    workplace: Workplace
    endpoint: LocalEndpoint
    task: dict[str, Any]
    finished: Finished
    result: dict[str, Any]
    requests: int
    answered: int
    answered_again: int
    bodies: tuple[Json, ...]


@pytest.fixture(scope="session")
def main_job(tmp_path_factory: pytest.TempPathFactory, launcher: Launcher) -> Iterator[MainJob]:
    """The main job, finished. Its home may be read and its prompts pulled; what changes it belongs into a copy."""
    folder = tmp_path_factory.mktemp("main-job")
    tickets.write_csv(folder / "tickets.csv", tickets.rows(90))
    with tickets.endpoint().in_thread() as serving:
        task = tickets.task(serving.url, slices=["channel"])
        workplace = Workplace(folder=folder, launcher=launch_script)
        workplace.write_task(task)
        finished = workplace.run("optimize", "task.yaml", "--json", "result.json")
        yield MainJob(
            workplace=replace(workplace, launcher=launcher),
            endpoint=serving,
            task=task,
            finished=finished,
            result=json.loads((folder / "result.json").read_bytes()),
            requests=serving.requests,
            answered=serving.answered,
            answered_again=serving.answered_again,
            bodies=tuple(serving.bodies),
        )
