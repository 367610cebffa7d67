"""Prompts of the front of a finished optimization, for export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.errors import InputError
from benchmarks.prompts.prompt import Prompt


class UnknownMember(InputError):
    """The front of an optimization has no such prompt."""


def member_of(result: Mapping[str, Any] | None, number: int, optimization_id: str) -> Mapping[str, Any]:
    """The `number`-th prompt, from 1, of the front in a result. Raises UnknownMember."""
    members: Sequence[Mapping[str, Any]] = (result or {}).get("front") or ()
    if not 1 <= number <= len(members):
        there = f"its front has the prompts 1 to {len(members)}" if members else "it has no front"
        raise UnknownMember(f"The optimization {optimization_id} has no prompt {number} to export: {there}.")
    return members[number - 1]


def prompt_of(member: Mapping[str, Any]) -> Prompt:
    """The prompt of a member of the front."""
    return Prompt.from_json(member["prompt"])
