"""Prompts as other programs read them. Every format renders to the same messages."""

from __future__ import annotations

import re
from typing import Any

import orjson

from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError, parse

FORMATS = ("messages", "text", "openai", "jinja")


def export(prompt: Prompt, form: str, about: dict[str, Any]) -> str:
    """`prompt` written as `form`.

    `messages` is the whole prompt as JSON, headed by `about` (name, version); `whet evaluate --prompt` reads it back.
    `openai` is the body of a chat completion request, with `{{variables}}` still to be filled; in `jinja` each message
    is a Jinja template. `text` is for people. Raises TemplateError if a variable's name cannot be written in Jinja.
    """
    if form == "text":
        return "\n\n".join(f"[{message.role}]\n{message.content}" for message in prompt.messages)
    if form == "openai":
        whole = prompt.to_json()
        return _json({"messages": whole["messages"], **whole["parameters"]})
    if form == "jinja":
        messages = [{"role": m.role, "content": _jinja(m.content)} for m in prompt.messages]
        return _json({"messages": messages, **prompt.to_json()["parameters"]})
    return _json({**about, **prompt.to_json()})


_SPECIAL = re.compile(r"[{}%#]*[{}][{}%#]*|\r\n?|\n\Z")
"""What Jinja could read as structure, the line ends that it changes, and the last one, which it drops."""

_JINJA_WORDS = frozenset(
    "and else false for if in is none not or recursive true with without False None True self loop".split()  # noqa: SIM905
)


def _jinja(template: str) -> str:
    """A template for Jinja (with its default settings) that renders to the same text."""
    written = []
    for part in parse(template):
        if isinstance(part, str):
            written.append(_SPECIAL.sub(lambda found: "{{ " + orjson.dumps(found.group()).decode() + " }}", part))
        elif part.name.isidentifier() and part.name.isascii() and part.name not in _JINJA_WORDS:
            written.append(f"{{{{ {part.name} }}}}")
        else:
            raise TemplateError(f"The variable '{part.name}' cannot be written in Jinja: it is no identifier.")
    return "".join(written)


def _json(content: dict[str, Any]) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
