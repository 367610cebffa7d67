"""What changes from one version of a prompt to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher, unified_diff
from itertools import zip_longest
from typing import Any

from benchmarks.digests import canonical
from benchmarks.models.protocol import Message
from service.registry import Version

SAME, CHANGED, ADDED, REMOVED = "same", "changed", "added", "removed"
MOST_LINES = 4_000
"""Of texts that have more, all lines are given as removed and added: finding those that stayed could take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChange:
    """A message in both versions, or in one. `diff` is the unified diff of the two texts, empty if they are the same;
    its lines end where the texts have a line feed, and nowhere else."""

    change: str
    role: str
    diff: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changes from `before` to `after`, two versions of one prompt; of config, reply format and factors only what
    differs, as pairs (None: it is not there)."""

    before: Version
    after: Version
    messages: tuple[MessageChange, ...]
    config: Mapping[str, tuple[Any, Any]]
    reply_format: Mapping[str, tuple[Any, Any]]
    factors: Mapping[str, tuple[Any, Any]]


def difference(before: Version, after: Version) -> Difference:
    """What changes from `before` to `after`."""
    return Difference(
        before=before,
        after=after,
        messages=tuple(_messages(before.prompt.messages, after.prompt.messages)),
        config=_changed(before.prompt.parameters, after.prompt.parameters),
        reply_format=_changed(asdict(before.prompt.reply_format), asdict(after.prompt.reply_format)),
        factors=_changed(before.prompt.factors, after.prompt.factors),
    )


def _messages(before: Sequence[Message], after: Sequence[Message]) -> Iterator[MessageChange]:
    """Messages that stayed are paired with themselves; those between them in order, as long as their roles agree."""
    one, other = ([(m.role, m.content) for m in messages] for messages in (before, after))
    for kind, i, j, k, n in SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (MessageChange(change=SAME, role=m.role, diff="") for m in before[i:j])
            continue
        for old, new in zip_longest(before[i:j], after[k:n]):
            if old is not None and new is not None and old.role == new.role:
                yield MessageChange(change=CHANGED, role=old.role, diff=_unified(old.content, new.content))
                continue
            if old is not None:
                yield MessageChange(change=REMOVED, role=old.role, diff=_unified(old.content, None))
            if new is not None:
                yield MessageChange(change=ADDED, role=new.role, diff=_unified(None, new.content))


def _unified(before: str | None, after: str | None) -> str:
    old = [] if before is None else before.split("\n")
    new = [] if after is None else after.split("\n")
    if len(old) + len(new) > MOST_LINES:
        return "\n".join(
            [f"@@ -1,{len(old)} +1,{len(new)} @@", *(f"-{line}" for line in old), *(f"+{line}" for line in new)]
        )
    _, _, *lines = unified_diff(old, new, lineterm="")
    return "\n".join(lines)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = sorted(before.keys() | after.keys())
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    # As digests see it, 0 and 0.0 are not the same.
    return {name: (old, new) for name, (old, new) in pairs.items() if canonical(old) != canonical(new)}
