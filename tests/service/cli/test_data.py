"""What was found in the data is told in full once, and then in one line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from benchmarks.models.protocol import ModelIdentity
from benchmarks.tasks.task import Task
from service.cli.data import print_new_findings
from service.earlier import WarmStart, settle
from service.home import open_home
from service.jobs import Jobs
from tests.endpoints.jobs import LABELS, labelled_rows, make_task
from tests.service.begun import begun

ROWS = labelled_rows(40)


@pytest.fixture(autouse=True)
def home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHET_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WHET_DATABASE_URL", raising=False)
    return tmp_path / "home"


def printed(task: Task, *, verbose: bool = False) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_new_findings(console, task, verbose=verbose)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def searched(folder: Path, task: Task) -> str:
    """The id of an optimization of `task` that has begun."""
    home = open_home({"WHET_HOME": str(folder)})
    jobs, model = Jobs(home), ModelIdentity(endpoint="e", model="m")
    job = begun(jobs, jobs.find("identity", task, fresh=False), task)
    settle(job, WarmStart(), task, model, home)
    home.engine.dispose()
    return job.id


def test_findings_are_told_in_one_line_once_a_job_has_run_on_the_same_data(home_folder: Path) -> None:
    task = make_task(ROWS)
    full = printed(task)
    assert full.startswith("warning: With 40 rows in all, fewer than 60, a promotion is unlikely")
    assert printed(task) == full
    assert not home_folder.exists()  # Looking makes no home.
    job_id = searched(home_folder, task)
    assert printed(task) == f"1 finding on this data, unchanged since {job_id}; --verbose tells in full.\n"
    assert printed(task, verbose=True) == full


@pytest.mark.parametrize(
    "other",
    [{"labels": [*LABELS, "pink"]}, {"metric": "macro_f1"}, {"split": {"seed": 7}}],
    ids=lambda o: next(iter(o)),
)
def test_what_may_be_found_anew_is_told_in_full(home_folder: Path, other: dict[str, Any]) -> None:
    searched(home_folder, make_task(ROWS))
    assert "warning: With 40 rows" in printed(make_task(ROWS, **other))


def test_where_nothing_was_found_nothing_is_told(home_folder: Path) -> None:
    task = make_task(labelled_rows(90))
    searched(home_folder, task)
    assert printed(task) == ""
