"""Tasks by name, in versions that never change, in a database of either kind."""

from __future__ import annotations

import pytest

from service.home import Home
from service.registered_tasks import RegisteredTasks, UnknownTask

CONTENT = {"name": "triage", "inputs": ["message"], "output": "team", "data": {"dataset": f"tickets@{'0' * 64}"}}


def test_the_same_content_is_the_same_version(home: Home) -> None:
    tasks = RegisteredTasks(home)
    first, new = tasks.add("triage", CONTENT, "ana")
    assert (first.version, first.reference, new) == (1, "triage@1", True)
    second, new = tasks.add("triage", {**CONTENT, "metric": "accuracy"}, "ben")
    assert (second.version, new) == (2, True)
    assert tasks.add("triage", dict(reversed(CONTENT.items())), "ben") == (first, False)
    assert tasks.find("triage") == second
    assert tasks.find("triage@1") == first
    assert tasks.find("triage@1").content == CONTENT


def test_tasks_are_listed_by_name_in_their_latest_version(home: Home) -> None:
    tasks = RegisteredTasks(home)
    for name in ("b", "a", "c"):
        tasks.add(name, CONTENT, "ana")
    latest, _ = tasks.add("b", {**CONTENT, "metric": "accuracy"}, "ana")
    assert [task.reference for task in tasks.latest(9)] == ["a@1", "b@2", "c@1"]
    assert tasks.latest(1, after="a") == [latest]


def test_what_there_is_not_is_named_with_what_there_is(home: Home) -> None:
    tasks = RegisteredTasks(home)
    with pytest.raises(UnknownTask, match="POST /v1/tasks registers one"):
        tasks.find("triage")
    tasks.add("triage", CONTENT, "ana")
    with pytest.raises(UnknownTask, match="no such version; its versions: 1 to 1"):
        tasks.find("triage@2")
    with pytest.raises(UnknownTask, match="Did you mean 'triage'"):
        tasks.find("triag")
