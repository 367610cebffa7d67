"""`whet diff`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from service.cli.session import own_home
from service.prompt_diff import ADDED, REMOVED, SAME, Difference, difference
from service.registry import Registry, Version, parse_pointer


def diff_command(name: str, before: str, after: str) -> None:
    """Prints what changes between two versions of a prompt."""
    registry = Registry(own_home())
    one, other = (registry.find(name, **parse_pointer(pointer)) for pointer in (before, after))
    sys.stdout.write("\n".join(_lines(difference(one, other))) + "\n")


def _lines(found: Difference) -> Iterator[str]:
    for number, message in enumerate(found.messages, 1):
        if message.change == SAME:
            continue
        place = f"message {number}, {message.role}"
        yield "--- /dev/null" if message.change == ADDED else f"--- {_named(found.before)}: {place}"
        yield "+++ /dev/null" if message.change == REMOVED else f"+++ {_named(found.after)}: {place}"
        yield from message.diff.split("\n")
    for what, changes in (
        ("config", found.config),
        ("reply format", found.reply_format),
        ("factors", found.factors),
    ):
        for name, (old, new) in changes.items():
            yield f"{what} {name}: {_json(old)} -> {_json(new)}"
    if found.before.prompt.digest == found.after.prompt.digest:
        yield f"{_named(found.before)} and {_named(found.after)} are the same prompt."
    for version in (found.before, found.after):
        yield f"evidence of {_named(version)}: {_scored(version.evidence)}"


def _named(version: Version) -> str:
    return f"{version.name}@{version.version}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _scored(evidence: Mapping[str, Any] | None) -> str:
    """What backs a version, in a line."""
    if not evidence or "winner" not in evidence:
        return "none"
    own = evidence[evidence.get("role") or "winner"]
    interval = f"{own['mean']:.3f} ({own['low']:.3f} to {own['high']:.3f})"
    return f"{interval} on {evidence['n']} test rows, as {evidence.get('role')} of {evidence.get('optimization_id')}"
