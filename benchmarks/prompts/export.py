"""Prompts as other programs read them. Every format renders to the same messages."""

from __future__ import annotations

from typing import Any

import orjson

from benchmarks.prompts.prompt import Prompt

FORMATS = ("messages", "text", "openai")


def export(prompt: Prompt, form: str, about: dict[str, Any]) -> str:
    """`prompt` written as `form`.

    `messages` is the whole prompt as JSON, headed by `about` (name, version); `whet evaluate --prompt` reads it back.
    `openai` is the body of a chat completion request, with `{{variables}}` still to be filled. `text` is for people.
    """
    if form == "text":
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
    if form == "openai":
        whole = prompt.to_json()
        return _json({"messages": whole["messages"], **whole["parameters"]})
    return _json({**about, **prompt.to_json()})


def _json(content: dict[str, Any]) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
