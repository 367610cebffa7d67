"""What is pulled is what was scored: the same messages, byte for byte, in every format and under every name."""

from __future__ import annotations

import csv
import json
import re
from typing import Any

import jinja2
import pytest

from benchmarks.digests import canonical
from tests.end_to_end.conftest import MainJob
from tests.endpoints.wire import Json


def pulled(main_job: MainJob, *arguments: str) -> Any:
    return json.loads(main_job.workplace.run("pull", *arguments).out)


def filled(messages: list[Json], row: dict[str, str]) -> list[Json]:
    """The messages with a row's values in them, the way an app that knows nothing of whet would do it."""

    def value(found: re.Match[str]) -> str:
        return "{{" if found[1] == '"{{"' else row[found[1]]

    return [{**m, "content": re.sub(r'\{\{("\{\{"|[^{}"]+)\}\}', value, m["content"])} for m in messages]


def asked_in_the_proof(main_job: MainJob) -> list[Json]:
    return list(main_job.bodies[-main_job.result["spent"]["by_phase"]["proof"] :])


@pytest.mark.parametrize("arm", ["winner", "baseline"])
def test_a_pulled_prompt_renders_to_the_bytes_that_the_proof_scored(main_job: MainJob, arm: str) -> None:
    with (main_job.workplace.folder / "tickets.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    body = pulled(main_job, f"support-triage@{main_job.result[arm]['version']}", "--format", "openai")
    rendered = {canonical({**body, "model": "local", "messages": filled(body["messages"], row)}) for row in rows}
    scored = [canonical(asked) for asked in asked_in_the_proof(main_job)]
    assert sum(asked in rendered for asked in scored) == main_job.result["evidence"]["n"]


@pytest.mark.parametrize(
    ("reference", "arm"),
    [
        ("support-triage", "winner"),
        ("support-triage@production", "winner"),
        ("support-triage@2", "winner"),
        ("support-triage@1", "baseline"),
    ],
)
def test_a_reference_names_a_label_or_a_version(main_job: MainJob, reference: str, arm: str) -> None:
    prompt = pulled(main_job, reference)
    assert prompt.pop("name") == "support-triage"
    assert prompt == main_job.result[arm]


def test_the_format_openai_is_the_body_of_a_request(main_job: MainJob) -> None:
    winner = main_job.result["winner"]
    body = pulled(main_job, "support-triage", "--format", "openai")
    assert body == {"messages": winner["messages"], **winner["parameters"]}


def test_the_format_text_is_for_people(main_job: MainJob) -> None:
    printed = main_job.workplace.run("pull", "support-triage", "--format", "text").out
    for message in main_job.result["winner"]["messages"]:
        assert f"[{message['role']}]\n{message['content']}" in printed


def test_the_format_jinja_renders_to_the_same_messages(main_job: MainJob) -> None:
    winner = main_job.result["winner"]
    body = pulled(main_job, "support-triage", "--format", "jinja")
    assert {**body, "messages": None} == {"messages": None, **winner["parameters"]}
    for value in ("Where is my parcel?", "{{message}} {% x %}\r\n"):
        rendered = [
            {**m, "content": jinja2.Environment().from_string(m["content"]).render(message=value)}
            for m in body["messages"]
        ]
        assert rendered == filled(winner["messages"], {"message": value})


@pytest.mark.parametrize("form", ["messages", "text", "openai", "jinja"])
def test_a_file_holds_what_would_be_printed(main_job: MainJob, form: str) -> None:
    arguments = ("pull", "support-triage", "--format", form)
    printed = main_job.workplace.run(*arguments)
    saved = main_job.workplace.run(*arguments, "-o", f"prompt.{form}")
    assert (main_job.workplace.folder / f"prompt.{form}").read_text() == printed.out
    assert saved.out == printed.err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("support-triage@7",), "The prompt 'support-triage' has no version 7; its versions: 1 to 2."),
        (("support-triage@staging",), "has no label 'staging'; its labels: production."),
        (("suport-triage",), "Did you mean 'support-triage'?"),
        (
            ("support-triage", "--format", "jsn"),
            "There is no format 'jsn'; choose one of messages, text, openai, jinja.",
        ),
        (("support-triage", "-o", "nowhere/prompt.json"), "cannot be written to nowhere/prompt.json"),
    ],
)
def test_a_wrong_reference_is_explained(main_job: MainJob, arguments: tuple[str, ...], message: str) -> None:
    finished = main_job.workplace.run("pull", *arguments, code=2)
    assert message in finished.err
    assert finished.out == ""
