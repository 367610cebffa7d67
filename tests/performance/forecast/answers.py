"""Rule-driven models for two of the examples: they answer what a prompt holds, and how well depends on the prompt."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.digests import digest
from tests.endpoints.wire import Json, Reply

_FIELDS = {
    "order number": re.compile(r"\b[A-Z]{1,3}\s?-?\s?\d{3,}\b|\b\d{5,}\b"),
    "date": re.compile(r"\b(\d{1,2})(?:st|nd|rd|th)?\.? ([A-Z][a-z]{2,8}) (\d{4})\b"),
    "amount": re.compile(r"\b\d+(?:[.,]\d+)*\b"),
}
_SHOWN = {
    "order number": re.compile(r"^\W*(?:\w+:)?\W*[A-Z]{1,3}-\d+\W*$", re.MULTILINE),
    "date": re.compile(r"^\W*(?:\w+:)?\W*\d{4}-\d\d-\d\d\W*$", re.MULTILINE),
    "amount": re.compile(r"^\W*(?:\w+:)?\W*\d+\.\d\d\W*$", re.MULTILINE),
}
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_TURN = re.compile(r"^(?:Customer|Agent|Kunde|Kundin|Agentin): ", re.MULTILINE)


def order_details(messages: list[Json], body: Json) -> Reply:
    """The first thing in the last question that looks like the field asked for: in the form of the data if the prompt
    shows an answer in that form, else as the message has it."""
    text, question = _text(messages), str(messages[-1]["content"])[-400:]
    kind = next((name for name in _FIELDS if name in question.lower()), "amount")
    found = _FIELDS[kind].search(question)
    if found is None:
        return Reply(text="unknown")
    return Reply(text=_normal(kind, found) if _SHOWN[kind].search(text) else found[0])


def _normal(kind: str, found: re.Match[str]) -> str:
    if kind == "order number":
        return "-".join(re.findall(r"[A-Z]+|\d+", found[0]))
    if kind == "amount":
        return f"{float(found[0].replace(',', '')):.2f}" if found[0].count(".") < 2 else found[0]
    month = 1 + _MONTHS.find(found[2][:3]) // 3
    return f"{found[3]}-{month:02}-{int(found[1]):02}"


def support_summaries(messages: list[Json], body: Json) -> Reply:
    """Some of the last conversation's turns: which and how many depends on the prompt's wording."""
    text = _text(messages)
    turns = [turn.strip() for turn in _TURN.split(str(messages[-1]["content"])) if turn.strip()]
    wanted = 1 + _luck(text, share=0.5) + _luck(text + "more", share=0.3)
    return Reply(text=" ".join(turns[-1 - wanted : -1]) or text[-80:])


def _text(messages: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(str(message["content"]) for message in messages)


def _luck(text: str, *, share: float) -> bool:
    """True for a `share` of all wordings, by how they begin."""
    return int(digest(text[:60])[:8], 16) < share * 16**8
