"""One row as it was written: text by column, and where it came from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: the text of each column, and where it came from, for messages (`tickets.csv, line 17`)."""

    values: Mapping[str, str]
    origin: str


class WrittenNumber(float):
    """A number that remembers how its file wrote it, so that 1.10 stays 1.10."""

    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        """The number that `text` denotes."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def row_of(values: Mapping[str, object], origin: str) -> Row:
    """The row with the text of each of `values`; DataError for a value that is not Unicode text."""
    texts = {}
    for column, value in values.items():
        try:
            texts[column] = text_of(value)
            texts[column].encode()
        except UnicodeError:
            raise DataError(
                f"{origin}: the value of {column!r} is not Unicode text (half of a surrogate pair, or bytes that are "
                f"not UTF-8); correct it or leave the column out."
            ) from None
    return Row(values=texts, origin=origin)


def text_of(value: object) -> str:
    """The text of one value: text stays as it is, a missing value (None, NaN) is empty, true, false, numbers, lists
    and objects are their JSON text (keys sorted, no spaces), and anything else (dates, decimals) what `str` says."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    match value:
        case str():
            return str(value)
        case WrittenNumber():
            return value.text
        case bytes():
            return value.decode()
        case bool() | int() | float() | list() | tuple() | dict():
            return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=text_of)
        case _:
            return str(value)


def rows_from_values(values: Sequence[Mapping[str, object]]) -> list[Row]:
    """Rows given inline, as in a REST body; their origins are `row 1`, `row 2`, ..."""
    return [row_of(row, f"row {number}") for number, row in enumerate(values, start=1)]
