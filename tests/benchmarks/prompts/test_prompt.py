"""The prompt: what is scored is what is stored and rendered."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError

PROMPT = Prompt(
    messages=(
        Message(role="system", content="Name the team for {{channel}}."),
        Message(role="user", content="{{text}}\nTeam:"),
    ),
    parameters={"temperature": 0, "max_tokens": 8},
    reply_format=ReplyFormat(marker="Team:"),
    factors={"instruction": "Name the team."},
)


def changed(**fields: Any) -> Prompt:
    old = {name: getattr(PROMPT, name) for name in ("messages", "parameters", "reply_format", "factors")}
    return Prompt(**{**old, **fields})


def test_values_replace_variables() -> None:
    assert PROMPT.variables == ("channel", "text")
    assert PROMPT.render({"text": "{{channel}}", "channel": "mail"}) == (
        Message(role="system", content="Name the team for mail."),
        Message(role="user", content="{{channel}}\nTeam:"),
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "missing channel, text"),
        ({"text": "a"}, "missing channel"),
        ({"text": "a", "channel": "b", "tone": "c"}, "unknown tone"),
        ({"text": "a", "tone": "c"}, "missing channel; unknown tone"),
    ],
)
def test_values_that_do_not_match_are_named(values: dict[str, str], says: str) -> None:
    with pytest.raises(TemplateError, match=says):
        PROMPT.render(values)


def test_what_is_sent_decides_the_digest() -> None:
    others = [
        changed(messages=PROMPT.messages[:1]),
        changed(messages=PROMPT.messages[::-1]),
        changed(messages=(PROMPT.messages[0], Message(role="assistant", content=PROMPT.messages[1].content))),
        changed(parameters={"temperature": 1, "max_tokens": 8}),
        changed(parameters={}),
        changed(reply_format=ReplyFormat()),
        changed(reply_format=ReplyFormat(opening="Team:")),
    ]
    assert len({prompt.digest for prompt in [PROMPT, *others]}) == 1 + len(others)


def test_what_it_was_made_of_and_the_order_of_parameters_do_not() -> None:
    same = changed(factors={}, parameters={"max_tokens": 8, "temperature": 0})
    assert same.digest == PROMPT.digest
    assert same == PROMPT


def test_a_digest_stays_the_same_between_versions() -> None:
    assert PROMPT.digest == "0b523be7abc4726f91562f30acd1ce81b0c09111d5eb06aacf2e951b9b93c43b"


def test_a_prompt_survives_json() -> None:
    content = orjson.loads(orjson.dumps(PROMPT.to_json()))
    read = Prompt.from_json(content)
    assert (read, read.digest, read.factors) == (PROMPT, PROMPT.digest, PROMPT.factors)
    assert content["variables"] == ["channel", "text"]


def test_messages_are_enough_for_a_prompt() -> None:
    prompt = Prompt.from_json({"messages": [{"role": "user", "content": "{{text}}"}]})
    assert prompt == Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={})


def test_an_edited_prompt_must_not_pass_for_the_one_that_was_scored() -> None:
    content = PROMPT.to_json()
    content["parameters"]["temperature"] = 1
    with pytest.raises(TemplateError, match=f"digest is {PROMPT.digest[:12]}.*was edited.*Remove the digest"):
        Prompt.from_json(content)
    del content["digest"]
    assert Prompt.from_json(content).parameters["temperature"] == 1


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        "text",
        {"messages": []},
        {"messages": "text"},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "robot", "content": "a"}]},
        {"messages": ["a"]},
        {"messages": [{"role": "user", "content": "a"}], "parameters": ["abc"]},
        {"messages": [{"role": "user", "content": "a"}], "parameters": 3},
        {"messages": [{"role": "user", "content": "a"}], "reply_format": {"begin": "x"}},
    ],
)
def test_what_is_no_prompt_is_refused(content: Any) -> None:
    with pytest.raises(TemplateError, match=r"^Not a prompt: expected"):
        Prompt.from_json(content)
