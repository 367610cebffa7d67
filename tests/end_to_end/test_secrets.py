"""A key is sent to the endpoint and goes nowhere else, whatever happens."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.end_to_end.interruption import interrupted
from tests.endpoints.wire import Json

KEY = "sk-planted-0123456789abcdef"


def places_with_the_key(folder: Path, key: str = KEY) -> list[str]:
    """The files below a folder, and their names, in which the key occurs."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and (key.encode() in path.read_bytes() or key in path.name)
    ]


def keyed(workplace: Workplace) -> Workplace:
    return replace(workplace, environment={"MY_KEY": KEY})


def task(url: str) -> Json:
    plain = tickets.task(url, budget={"calls": 60})
    return {**plain, "model": {**plain["model"], "api_key_env": "MY_KEY"}}


def test_a_run_leaves_the_key_nowhere(workplace: Workplace) -> None:
    with tickets.endpoint(key=KEY).in_thread() as endpoint:
        workplace.write_task(task(endpoint.url))
        whet = keyed(workplace)
        whet.run("optimize", "task.yaml", "--json", "result.json")
        whet.run("evaluate", "task.yaml", "--json", "evaluation.json")
        whet.run("pull", "support-triage", "-o", "prompt.json")
        assert endpoint.answered > 0
    assert len(list(workplace.folder.iterdir())) > 8
    assert places_with_the_key(workplace.folder) == []


def test_a_refused_key_is_not_repeated(workplace: Workplace) -> None:
    with tickets.endpoint(key="another").in_thread() as endpoint:
        workplace.write_task(task(endpoint.url))
        assert "answered 401" in keyed(workplace).run("optimize", "task.yaml", code=3).err
    assert places_with_the_key(workplace.folder) == []


def test_an_interrupted_run_prints_a_command_without_the_key(workplace: Workplace) -> None:
    with interrupted(keyed(workplace), task(""), signal.SIGINT, 20) as job:
        assert job.run().code == 130
    assert places_with_the_key(workplace.folder) == []
