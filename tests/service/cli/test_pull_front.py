"""A prompt is pulled from the front of an optimization."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from service.cli.pull import pull_command
from service.home import open_home
from service.result import front_json
from tests.service.found import MEMBERS, conclude, found


@pytest.fixture
def job_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An optimization with a front, in the home that the environment names."""
    monkeypatch.setenv("WHET_HOME", str(tmp_path))
    monkeypatch.delenv("WHET_DATABASE_URL", raising=False)
    home = open_home({"WHET_HOME": str(tmp_path)})
    written = conclude(home, found())
    home.engine.dispose()
    return written


def test_the_front_is_that_of_the_latest_optimization(job_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    pull_command("job", "messages", None, front=2)
    whole = {"name": "job", "optimization_id": job_id, "front": 2, **MEMBERS[1].candidate.prompt.to_json()}
    assert json.loads(capsys.readouterr().out) == whole


def test_every_format_can_be_had_and_written_to_a_file(job_id: str, tmp_path: Path) -> None:
    pull_command("job", "openai", tmp_path / "body.json", front=3)
    body = json.loads((tmp_path / "body.json").read_text(encoding="utf-8"))
    assert body == {"messages": MEMBERS[2].candidate.prompt.to_json()["messages"], "temperature": 0}


def test_an_optimization_can_be_named(job_id: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = open_home({"WHET_HOME": str(tmp_path)})
    latest = conclude(home, found(front=front_json(MEMBERS[::-1])), seed=1)
    home.engine.dispose()
    for named, optimization, member in ((None, latest, MEMBERS[2]), (job_id, job_id, MEMBERS[0])):
        pull_command("job", "messages", None, front=1, optimization=named)
        pulled = json.loads(capsys.readouterr().out)
        assert (pulled["optimization_id"], pulled["digest"]) == (optimization, member.candidate.prompt.digest)


@pytest.mark.parametrize(
    ("name", "number", "said"),
    [
        ("other", 1, "is an optimization of 'job': whet pull job --front 1"),
        ("job", None, "goes with --front NUMBER"),
        ("job", 4, "its front has the prompts 1 to 3"),
    ],
)
def test_a_named_optimization_must_have_what_is_asked_of_it(
    job_id: str, name: str, number: int | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        pull_command(name, "text", None, front=number, optimization=job_id)


@pytest.mark.parametrize(
    ("reference", "number", "said"),
    [
        ("job", 4, "its front has the prompts 1 to 3"),
        ("jobs", 1, "No optimization of 'jobs' has succeeded"),
        ("job@production", 1, "whet pull job --front"),
    ],
)
@pytest.mark.usefixtures("job_id")
def test_what_is_not_there_is_told(reference: str, number: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        pull_command(reference, "text", None, front=number)
