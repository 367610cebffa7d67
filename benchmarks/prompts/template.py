"""Logic-less templates: text with `{{variables}}`, into which values are inserted once and never rendered again.

The whole grammar: `{{name}}` stands for a value; `{{"{{"}}` stands for two literal opening braces (the spelling Jinja
understands too). A value is inserted as it is, whatever it contains.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from benchmarks.errors import InputError

_LITERAL_BRACES = '{{"{{"}}'
_TOKEN = re.compile(r'\{\{"\{\{"\}\}|\{\{([^{}]*)\}\}')


class TemplateError(InputError):
    """A template is malformed, or its variables and the given values do not match."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a template where a value goes."""

    name: str


Part = str | Variable


def merged(parts: Iterable[Part]) -> tuple[Part, ...]:
    """`parts` with neighbouring texts joined and empty ones dropped: the one normal form of a template."""
    result: list[Part] = []
    for part in parts:
        if isinstance(part, str) and result and isinstance(result[-1], str):
            result[-1] += part
        elif part != "":
            result.append(part)
    return tuple(result)


def parse(template: str) -> tuple[Part, ...]:
    """The parts of `template`.

    Raises TemplateError on opening braces that start no variable.
    """
    parts: list[Part] = []
    end = 0
    for token in _TOKEN.finditer(template):
        parts.append(_literal(template[end : token.start()], template))
        if token.group(1) is None:
            parts.append("{{")
        elif not token.group(1).strip():
            raise TemplateError(f"'{token.group()}' names no variable; for two literal braces write {_LITERAL_BRACES}.")
        else:
            parts.append(Variable(token.group(1).strip()))
        end = token.end()
    parts.append(_literal(template[end:], template))
    return merged(parts)


def _literal(text: str, template: str) -> str:
    at = text.find("{{")
    if at >= 0:
        where = text[at : at + 20]
        raise TemplateError(
            f"'{where}' opens a variable and does not close it, in '{template[:60]}'; "
            f"write {{{{name}}}} for a variable, or {_LITERAL_BRACES} for two literal braces."
        )
    return text


def unparse(parts: Iterable[Part]) -> str:
    """The template that `parse` turns into `parts`, which must be in normal form."""
    return "".join(
        part.replace("{{", _LITERAL_BRACES) if isinstance(part, str) else f"{{{{{part.name}}}}}" for part in parts
    )


def variables(parts: Iterable[Part]) -> tuple[str, ...]:
    """The names of the variables in `parts`, in order of first appearance."""
    return tuple(dict.fromkeys(part.name for part in parts if isinstance(part, Variable)))


def fill(parts: Iterable[Part], values: Mapping[str, str]) -> str:
    """The text with every variable replaced by its value. `values` must hold them all (KeyError otherwise)."""
    return "".join(part if isinstance(part, str) else values[part.name] for part in parts)
