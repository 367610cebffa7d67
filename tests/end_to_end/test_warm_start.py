"""A second optimization of a task starts from what the first one ended with, and does not pay for it again; killed and
run again, it starts from the same, whatever has ended in between."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.interruption import interrupted, untimed
from tests.endpoints.local import LocalEndpoint

SECOND = ("--seed", "1", "--budget-calls", "120")
THIRD = ("--seed", "2", "--budget-calls", "100")


@pytest.fixture
def later(main_job: MainJob, tmp_path: Path) -> Workplace:
    """The workplace of the main job, some time later."""
    shutil.copytree(main_job.workplace.folder, tmp_path / "later")
    return replace(main_job.workplace, folder=tmp_path / "later")


def serve(workplace: Workplace, task: Mapping[str, Any], endpoint: LocalEndpoint) -> None:
    workplace.write_task({**task, "model": {**task["model"], "api_base": endpoint.url}})


def search_of(result: dict[str, Any]) -> dict[str, Any]:
    """What the search came to. The other job's look at the test split may raise the bar of this one's proof, and its
    winner may have taken a number in the registry."""
    found = {name: untimed(result)[name] for name in ("earlier", "runners_up", "headroom", "spent", "trials")}
    return {**found, "winner": result["winner"]["digest"]}


def test_it_starts_from_the_winner_and_its_runners_up(
    main_job: MainJob, later: Workplace, endpoint: LocalEndpoint
) -> None:
    serve(later, main_job.task, endpoint)
    finished = later.run("optimize", "task.yaml", "--no-progress", "--json", "second.json", *SECOND)
    first = main_job.result
    second = later.optimize(*SECOND)
    known = [first["winner"], *(one["prompt"] for one in first["runners_up"])]
    ended_with = [prompt["digest"] for prompt in known if prompt["digest"] != first["baseline"]["digest"]]
    assert [one["digest"] for one in second["earlier"]] == ended_with[: len(second["earlier"])] != []
    assert {one["optimization_id"] for one in second["earlier"]} == {first["optimization_id"]}
    assert f"Prompts of earlier optimizations that took part: {len(second['earlier'])} (" in finished.out
    rows = 36  # of validation, on all of which the first one ran its winner and its baseline
    assert second["spent"]["ledger_hits"] >= 2 * rows
    assert not [body for body in endpoint.bodies if body in main_job.bodies]
    assert endpoint.answered == second["spent"]["calls"]


def test_it_need_not(main_job: MainJob, later: Workplace, endpoint: LocalEndpoint) -> None:
    serve(later, main_job.task, endpoint)
    cold = later.optimize(*SECOND, "--no-warm-start")
    assert cold["earlier"] == []
    assert later.optimize(*SECOND)["optimization_id"] != cold["optimization_id"]


def test_asked_anew_it_starts_from_the_same_and_pays_for_all(
    main_job: MainJob, later: Workplace, endpoint: LocalEndpoint
) -> None:
    """From the main job, that is, and not from its own first run."""
    serve(later, main_job.task, endpoint)
    second = later.optimize(*SECOND)
    paid = endpoint.answered
    fresh = later.optimize(*SECOND, "--fresh")
    assert fresh["earlier"] == second["earlier"] != []
    assert fresh["spent"]["ledger_hits"] == 0
    assert endpoint.answered - paid == fresh["spent"]["calls"]


def test_killed_and_run_again_it_starts_from_the_same_although_another_ended_meanwhile(
    main_job: MainJob, later: Workplace, tmp_path: Path
) -> None:
    shutil.copytree(later.folder, tmp_path / "undisturbed")
    undisturbed = replace(later, folder=tmp_path / "undisturbed")
    with tickets.endpoint().in_thread() as endpoint:
        serve(undisturbed, main_job.task, endpoint)
        expected = undisturbed.optimize(*SECOND)
        calls = endpoint.answered
    with interrupted(later, main_job.task, signal.SIGKILL, calls // 3) as job:
        assert job.run("--no-progress", *SECOND).code == -signal.SIGKILL
        third = later.optimize(*THIRD)
        assert third["earlier"]
        assert search_of(later.optimize(*SECOND)) == search_of(expected)
