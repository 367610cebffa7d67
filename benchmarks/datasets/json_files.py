"""Rows out of JSON lines and JSON lists."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from benchmarks.datasets.rows import Row, WrittenNumber, row_of
from benchmarks.errors import DataError


def line_rows(text: str, name: str) -> list[Row]:
    """The rows of JSON lines: one object on each line that is not blank (jsonlines.org)."""
    rows = []
    # Not splitlines: U+2028 and its like may stand inside a JSON string.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            origin = f"{name}, line {number}"
            rows.append(_row(parsed(line, origin), origin, "Each line must hold one JSON object."))
    return rows


def list_rows(text: str, name: str) -> list[Row]:
    """The rows of one JSON list of objects."""
    content = parsed(text, name)
    if not isinstance(content, list):
        raise DataError(f"{name} holds {_kind(content)}; it must hold one JSON list of objects.")
    return [
        _row(item, f"{name}, row {number}", "Each item of the list must be a JSON object.")
        for number, item in enumerate(content, start=1)
    ]


def _row(content: Any, origin: str, rule: str) -> Row:
    if not isinstance(content, dict):
        raise DataError(f"{origin} holds {_kind(content)}. {rule}")
    return row_of(content, origin)


def parsed(text: str, origin: str) -> Any:
    """The content of JSON, in which numbers remember how they were written. Raises DataError, beginning with
    `origin`, for what is no JSON, for NaN and for a name that stands twice in one object."""
    try:
        return json.loads(
            text, parse_float=WrittenNumber, parse_constant=_refuse_constant, object_pairs_hook=_without_repeats
        )
    except json.JSONDecodeError as error:
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        hint = " If each line holds an object of its own, name it .jsonl." if error.msg == "Extra data" else ""
        raise DataError(f"{origin} is not JSON: {error.msg} at {place}.{hint}") from None
    except ValueError as error:
        raise DataError(f"{origin} is not JSON: {error}.") from None
    except RecursionError:
        raise DataError(f"{origin} is nested too deeply to be read.") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} stands where a number or null must stand")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        repeated = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the name {repeated!r} stands twice in one object")
    return values


def _kind(content: Any) -> str:
    match content:
        case dict():
            return "an object"
        case list():
            return "a list"
        case str():
            return "a text"
        case None:
            return "null"
        case bool():
            return "true or false"
        case _:
            return "a number"
