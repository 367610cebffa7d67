"""A metric and a proposer of the user's own, as files beside the task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.conftest import MainJob
from tests.endpoints.local import LocalEndpoint

METRIC = '''
def score(answer: str, expected: str) -> float:
    """Half a point for a wrong team."""
    return 1.0 if answer == expected else 0.5
'''
PROPOSER = """
import random

from optimizers.proposers.protocol import Brief, Proposal


class Blunt:
    def propose(self, brief: Brief, count: int, rng: random.Random) -> list[Proposal]:
        return [
            Proposal(text=f"Say only {', '.join(team)}, nothing else.", source="blunt")
            for team in (("billing", "orders"), ("billing", "refunds", "orders"))
        ][:count]
"""


@pytest.fixture
def own(workplace: Workplace, endpoint: LocalEndpoint) -> Workplace:
    (workplace.folder / "my_metric.py").write_text(METRIC)
    (workplace.folder / "my_proposer.py").write_text(PROPOSER)
    return workplace


def test_an_own_metric_decides(main_job: MainJob, own: Workplace, endpoint: LocalEndpoint) -> None:
    own.write_task(tickets.task(endpoint.url, metric="my_metric.py:score"))
    evidence = own.optimize()["evidence"]
    assert evidence["difference"]["test"] == "paired t"
    assert evidence["baseline"]["mean"] == pytest.approx((1 + main_job.result["evidence"]["baseline"]["mean"]) / 2)


def test_another_metric_under_the_same_name_is_another_job(own: Workplace, endpoint: LocalEndpoint) -> None:
    own.write_task(tickets.task(endpoint.url, metric="my_metric.py:score", budget={"calls": 60}))
    first = own.optimize()
    (own.folder / "my_metric.py").write_text(METRIC.replace("0.5", "0.25"))
    assert own.optimize()["optimization_id"] != first["optimization_id"]
    (own.folder / "my_metric.py").write_text(METRIC)
    assert own.optimize() == first


@pytest.mark.parametrize("reference", ["my_proposer.py:Blunt", "my_proposer:Blunt"])
def test_an_own_proposer_writes_the_instructions(own: Workplace, endpoint: LocalEndpoint, reference: str) -> None:
    prompt = {"instruction": "Which team?"}
    own.write_task(tickets.task(endpoint.url, prompt=prompt, search={"proposers": [reference]}))
    winner = own.optimize()["winner"]["factors"]
    assert winner["instruction_source"] == "blunt"
    assert winner["instruction"].startswith("Say only billing")


METRICS = {
    "raises": ("def score(answer, expected):\n    return 1 / (expected != 'refunds')\n", "ZeroDivisionError"),
    "is out of range": ("def score(answer, expected):\n    return 7.0\n", "7.0"),
    "does not import": ("import no_such_module\n", "could not be loaded: ModuleNotFoundError"),
    "takes one parameter": ("def score(answer):\n    return 1.0\n", "must take two positional parameters"),
}


@pytest.mark.parametrize(("source", "message"), METRICS.values(), ids=METRICS.keys())
def test_an_own_metric_that_fails_stops_the_job_and_names_what_failed(
    own: Workplace, endpoint: LocalEndpoint, source: str, message: str
) -> None:
    (own.folder / "my_metric.py").write_text(source)
    own.write_task(tickets.task(endpoint.url, metric="my_metric.py:score"))
    finished = own.run("optimize", "task.yaml", code=2)
    assert message in finished.err
    assert endpoint.requests <= 40  # The look at the headroom, and the block with the first such row.


def test_a_metric_that_raises_names_the_row_and_what_was_paid_for_is_kept(
    own: Workplace, endpoint: LocalEndpoint
) -> None:
    (own.folder / "my_metric.py").write_text(METRICS["raises"][0])
    own.write_task(tickets.task(endpoint.url, metric="my_metric.py:score"))
    assert "tickets.csv, line " in own.run("optimize", "task.yaml", code=2).err
    paid = endpoint.answered
    (own.folder / "my_metric.py").write_text(METRIC)
    # With other scores the search takes another course, and need not come by all of it.
    assert 0 < own.optimize()["spent"]["ledger_hits"] <= paid
    assert endpoint.answered_again == 0


def test_own_code_is_found_from_the_current_folder_not_from_that_of_the_task(
    own: Workplace, endpoint: LocalEndpoint, tmp_path: Path
) -> None:
    folder = tmp_path / "tasks"
    folder.mkdir()
    task = tickets.task(endpoint.url, metric="my_metric.py:score", data={"path": "../tickets.csv"})
    (folder / "task.yaml").write_text(json.dumps(task))
    assert "At most 160 calls" in own.run("optimize", "tasks/task.yaml", "--dry-run").out
