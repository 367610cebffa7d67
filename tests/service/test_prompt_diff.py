"""A difference shows what changed and nothing else, and the new text can be read off it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service import prompt_diff
from service.prompt_diff import MessageChange, difference
from service.registry import Version

lines = st.lists(st.sampled_from(["", "a", "b", "c", "-", "+", " ", "@@", "\r", "\u2028"]), min_size=1, max_size=8)
messages = st.lists(
    st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=lines.map("\n".join)),
    min_size=1,
    max_size=5,
).map(tuple)


def version(number: int, *content: Message, **fields: object) -> Version:
    prompt = Prompt(messages=content, parameters={})
    return Version(name="triage", version=number, prompt=replace(prompt, **fields), evidence=None)  # type: ignore[arg-type]


def applied(before: str, diff: str) -> str:
    """The text that a unified diff makes of another one."""
    old, new, at = before.split("\n"), list[str](), 0
    for line in diff.split("\n"):
        if line.startswith("@@"):
            start, _, length = line.split()[1][1:].partition(",")
            # An empty range names the line before it.
            first = int(start) - (1 if length != "0" else 0)
            new += old[at:first]
            at = first
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            assert old[at] == line[1:]
            new += [] if line.startswith("-") else [line[1:]]
            at += 1
    return "\n".join(new + old[at:])


def sides(changes: tuple[MessageChange, ...], before: tuple[Message, ...]) -> tuple[list[Message], list[Message]]:
    """The messages before and after, as the changes say."""
    left, new = list(before), list[Message]()
    for change in changes:
        old = None if change.change == "added" else left.pop(0)
        if change.change == "same":
            assert old is not None
            assert change.diff == ""
            new.append(old)
        elif change.change == "changed":
            assert old is not None
            new.append(Message(role=change.role, content=applied(old.content, change.diff)))
        elif change.change == "added":
            new.append(Message(role=change.role, content="\n".join(part[1:] for part in change.diff.split("\n")[1:])))
    return left, new


@given(before=messages, after=messages)
def test_the_new_messages_can_be_read_off_the_difference(
    before: tuple[Message, ...], after: tuple[Message, ...]
) -> None:
    found = difference(version(1, *before), version(2, *after))
    left, new = sides(found.messages, before)
    assert left == []
    assert new == list(after)


@given(content=messages)
def test_what_is_the_same_has_no_difference(content: tuple[Message, ...]) -> None:
    found = difference(version(1, *content), version(2, *content))
    assert {change.change for change in found.messages} == {"same"}
    assert (found.config, found.reply_format, found.factors) == ({}, {}, {})


def test_turns_that_were_put_between_leave_the_others_as_they_are() -> None:
    first, last = Message(role="system", content="Route."), Message(role="user", content="{{message}}")
    turns = (Message(role="user", content="lost parcel"), Message(role="assistant", content="delivery"))
    found = difference(version(1, first, last), version(2, first, *turns, last))
    assert [(m.change, m.role) for m in found.messages] == [
        ("same", "system"),
        ("added", "user"),
        ("added", "assistant"),
        ("same", "user"),
    ]


def test_only_what_differs_beside_the_messages_is_said() -> None:
    message = Message(role="user", content="{{message}}")
    one = version(1, message, parameters={"temperature": 0, "seed": 1}, factors={"delimiters": "xml", "n": 2})
    other = version(
        2,
        message,
        parameters={"temperature": 0.0, "seed": 1, "max_tokens": 9},
        reply_format=ReplyFormat(marker="Answer:"),
        factors={"delimiters": "json", "n": 2},
    )
    found = difference(one, other)
    assert found.config == {"max_tokens": (None, 9), "temperature": (0, 0.0)}
    assert found.reply_format == {"marker": (None, "Answer:")}
    assert found.factors == {"delimiters": ("xml", "json")}


def test_of_very_long_texts_all_lines_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prompt_diff, "MOST_LINES", 4)
    one, other = (Message(role="user", content=text) for text in ("a\nb\nc", "a\nx"))
    [change] = difference(version(1, one), version(2, other)).messages
    assert change.diff == "@@ -1,3 +1,2 @@\n-a\n-b\n-c\n+a\n+x"
    assert applied(one.content, change.diff) == other.content
