"""Prompts as other programs read them."""

from __future__ import annotations

import orjson

from benchmarks.models.protocol import Message
from benchmarks.prompts.export import export
from benchmarks.prompts.prompt import Prompt

PROMPT = Prompt(
    messages=(Message(role="system", content='Nämed {{"{{"}}.'), Message(role="user", content="{{text}}\n")),
    parameters={"temperature": 0, "max_tokens": 8},
)
ABOUT = {"name": "triage", "version": 3}


def test_messages_are_the_whole_prompt_and_can_be_read_back() -> None:
    content = orjson.loads(export(PROMPT, "messages", ABOUT))
    assert (content["name"], content["version"], content["digest"]) == ("triage", 3, PROMPT.digest)
    assert Prompt.from_json(content) == PROMPT


def test_openai_is_the_body_of_a_request() -> None:
    assert orjson.loads(export(PROMPT, "openai", ABOUT)) == {
        "messages": [{"role": "system", "content": 'Nämed {{"{{"}}.'}, {"role": "user", "content": "{{text}}\n"}],
        "temperature": 0,
        "max_tokens": 8,
    }


def test_text_is_for_people() -> None:
    assert export(PROMPT, "text", ABOUT) == '[system]\nNämed {{"{{"}}.\n\n[user]\n{{text}}\n'
