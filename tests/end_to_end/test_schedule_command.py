"""`whet schedule` and `whet nights`."""

from __future__ import annotations

import pytest

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.home import open_home
from service.registered_tasks import RegisteredTasks
from service.registry import Registry
from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace


@pytest.fixture
def stocked(workplace: Workplace) -> Workplace:
    """A workplace with a dataset, a registered task, and a prompt for it."""
    tickets.write_csv(workplace.folder / "tickets.csv", tickets.rows(90))
    added = workplace.run(
        "dataset", "add", "tickets.csv", "--name", "tickets", "--input", "message", "--output", "team"
    )
    task = {
        "name": "triage",
        "inputs": ["message"],
        "output": "team",
        "metric": "accuracy",
        "data": {"dataset": added.out.strip()},
        "model": {"name": "tiny"},
    }
    home = open_home({"WHET_HOME": str(workplace.home)})
    RegisteredTasks(home).add("triage", task, "Ana")
    messages = (Message(role="user", content="Team? {{message}}"),)
    Registry(home).register("triage", Prompt(messages=messages, parameters={"max_tokens": 8}), None)
    home.engine.dispose()
    return workplace


def test_a_schedule_from_its_first_day_to_its_last(stocked: Workplace) -> None:
    added = stocked.run(
        "schedule", "add", "nightly", "--task", "triage", "--prompt", "triage@1", "--zone", "Asia/Tokyo"
    )
    assert added.out.startswith("sch-")
    assert "nightly measures triage@1 on triage@1, first at" in added.err
    assert "17:30 UTC" in added.err
    listed = stocked.run("schedule", "list").out
    assert "nightly" in listed
    assert "nit-" in stocked.run("schedule", "run", "nightly").err
    assert "under way" in stocked.run("schedule", "run", "nightly", code=2).err
    assert "queued" in stocked.run("nights", "nightly").out
    assert "nightly is removed" in stocked.run("schedule", "remove", "nightly").err
    gone = stocked.run("nights", "nightly", code=2)
    assert "There is no schedule 'nightly'" in gone.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--task", "triag"), "Did you mean 'triage'?"),
        (("--task", "triage", "--prompt", "triage@1", "--cron", "* * * * *"), "once an hour"),
        (("--task", "triage", "--prompt", "triage@production"), "no label 'production'"),
        (("--task", "triage", "--prompt", "triage@1", "--alpha", "2"), "policy.alpha is 2"),
    ],
)
def test_what_could_not_be_run_is_refused(stocked: Workplace, arguments: tuple[str, ...], said: str) -> None:
    assert said in stocked.run("schedule", "add", "nightly", *arguments, code=2).err
