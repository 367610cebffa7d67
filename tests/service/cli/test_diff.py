"""Two versions of a prompt, compared on the command line; and keys with an end and a quota."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.errors import InputError
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.cli.diff import diff_command
from service.cli.keys import create_command, list_command
from service.home import Home, open_home
from service.keys import Keys
from service.registry import Registry

PROVEN = {
    "winner": {"mean": 0.9, "low": 0.85, "high": 0.95, "n": 80},
    "role": "winner",
    "n": 80,
    "optimization_id": "opt-1",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The home that the environment names, with a prompt in two versions."""
    monkeypatch.setenv("WHET_HOME", str(tmp_path))
    monkeypatch.delenv("WHET_DATABASE_URL", raising=False)
    opened = open_home({"WHET_HOME": str(tmp_path)})
    registry, system = Registry(opened), Message(role="system", content="Route.")
    for text, evidence in (("Which team?", None), ("Which one?", PROVEN)):
        user = Message(role="user", content=f"{text}\n{{{{message}}}}")
        parameters = {"max_tokens": 9} if evidence else {}
        registry.register("triage", Prompt(messages=(system, user), parameters=parameters), evidence)
    registry.move_label("triage", "production", 2, "", "me")
    yield opened
    opened.engine.dispose()


@pytest.mark.usefixtures("home")
def test_a_difference_is_printed_as_a_unified_diff_with_config_and_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    diff_command("triage", "1", "production")
    assert capsys.readouterr().out.splitlines() == [
        "--- triage@1: message 2, user",
        "+++ triage@2: message 2, user",
        "@@ -1,2 +1,2 @@",
        "-Which team?",
        "+Which one?",
        " {{message}}",
        "config max_tokens: null -> 9",
        "evidence of triage@1: none",
        "evidence of triage@2: 0.900 (0.850 to 0.950) on 80 test rows, as winner of opt-1",
    ]


@pytest.mark.usefixtures("home")
def test_the_same_version_twice_is_the_same_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    diff_command("triage", "2", "2")
    assert capsys.readouterr().out.startswith("triage@2 and triage@2 are the same prompt.\n")


@pytest.mark.usefixtures("home")
def test_what_is_not_there_cannot_be_compared() -> None:
    for name, before, after in (("traige", "1", "2"), ("triage", "3", "1"), ("triage", "1", "staging")):
        with pytest.raises(InputError):
            diff_command(name, before, after)


def test_a_key_may_have_an_end_and_a_quota(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    create_command("app", ["jobs:write"], days=30, calls_per_day=5000)
    key = capsys.readouterr().out.strip()
    caller = Keys(home).caller(key)
    assert caller is not None
    assert caller.calls_per_day == 5000
    [row] = Keys(home).listed()
    assert row.expires_at is not None
    assert row.expires_at > row.created_at
    list_command()
    assert key not in capsys.readouterr().out
