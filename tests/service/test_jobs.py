"""A job is known by what decides its result, by nothing else, and is found again where it stands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.home import Home
from service.jobs import FAILED, INTERRUPTED, NEW, RUNNING, SUCCEEDED, Job, Jobs, job_identity
from tests.endpoints.jobs import labelled_rows

MODEL = {"name": "hosted_vllm/local", "api_base": "http://localhost:8000/v1"}
ENDPOINT = ("http://localhost:8000/v1", "local")
ROWS = labelled_rows(30)


def make(**fields: Any) -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", "model": MODEL,
        "data": {"rows": ROWS},
    }  # fmt: skip
    return load_task(parse_task({**content, **fields}), Path(), allow_code=True)


def identity(endpoint: tuple[str, str] = ENDPOINT, **fields: Any) -> str:
    return job_identity(make(**fields), endpoint)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": 1},
        {"budget": {"calls": 1999}},
        {"budget": {"calls": 2000, "tokens": 10**9}},
        {"metric": "macro_f1"},
        {"prompt": {"instruction": "Which one?"}},
        {"search": {"placement": ["user"]}},
        {"split": {"seed": 1}},
        {"data": {"rows": ROWS[1:]}},
        {"data": {"rows": [{**ROWS[0], "text": "another"}, *ROWS[1:]]}},
        {"model": {**MODEL, "parameters": {"temperature": 1}}},
    ],
)
def test_whatever_decides_the_result_makes_another_job(fields: dict[str, Any]) -> None:
    assert identity(**fields) != identity()


@pytest.mark.parametrize(
    "model",
    [
        {**MODEL, "timeout_s": 5.0},
        {**MODEL, "max_concurrency": 3},
        {**MODEL, "api_key_env": "KEY"},
        {**MODEL, "api_base": "http://elsewhere/v1", "identity": "mine"},
    ],
)
def test_how_the_model_is_reached_does_not(model: dict[str, Any]) -> None:
    assert identity(model=model) == identity()


def test_which_model_answers_does() -> None:
    assert identity(("http://localhost:8000/v1", "other")) != identity()
    assert identity(("http://elsewhere/v1", "local")) != identity()


def test_the_same_rows_from_a_file_are_the_same_job(tmp_path: Path) -> None:
    lines = "".join(f"{row['text']},{row['label']}\n" for row in ROWS)
    (tmp_path / "rows.csv").write_text("text,label\n" + lines)
    assert identity(data={"path": str(tmp_path / "rows.csv")}) == identity()


def test_own_code_counts_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    identities = []
    for source in ("return 1.0", "return 0.0", "return 1.0"):
        Path("mine.py").write_text(f"def score(answer, expected):\n    {source}\n")
        identities.append(identity(metric="mine.py:score"))
    assert identities[0] == identities[2] != identities[1]


def test_a_job_is_found_where_it_stands(home: Home) -> None:
    jobs, task = Jobs(home), make()
    found = jobs.find("identity", fresh=False)
    assert (found.status, found.epoch, found.result) == (NEW, "", None)
    assert jobs.find("identity", fresh=False) == found
    started = jobs.start(found, task, ledger_mark=7)
    assert started == replace(found, status=RUNNING, ledger_mark=7)
    assert jobs.find("identity", fresh=False) == started
    for status in (INTERRUPTED, FAILED):
        jobs.update(started, status, error="why")
        assert jobs.find("identity", fresh=False).status == status
        assert jobs.start(jobs.find("identity", fresh=False), task, ledger_mark=99).ledger_mark == 7
    jobs.update(started, SUCCEEDED, result={"decision": "promote"})
    finished = jobs.find("identity", fresh=False)
    assert (finished.status, finished.result) == (SUCCEEDED, {"decision": "promote"})


def test_a_fresh_run_is_a_job_of_its_own_in_an_epoch_of_its_own(home: Home) -> None:
    jobs, task = Jobs(home), make()
    runs: list[Job] = []
    for _ in range(3):
        run = jobs.start(jobs.find("0123456789abcdef", fresh=True), task, ledger_mark=0)
        jobs.update(run, SUCCEEDED, result={"run": len(runs)})
        runs.append(run)
    assert [run.epoch for run in runs] == [f"0123456789ab/fresh-{number}" for number in (1, 2, 3)]
    assert len({run.id for run in runs}) == 3
    assert jobs.find("0123456789abcdef", fresh=False).result == {"run": 2}


def test_jobs_of_different_identities_do_not_meet(home: Home) -> None:
    jobs, task = Jobs(home), make()
    jobs.start(jobs.find("one", fresh=False), task, ledger_mark=0)
    assert jobs.find("two", fresh=False).status == NEW
