"""Rows out of CSV, TSV and Parquet, through pandas."""

from __future__ import annotations

import io
import re
from collections import Counter
from typing import TYPE_CHECKING

from benchmarks.datasets.rows import Row, row_of
from benchmarks.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


def delimited_rows(text: str, name: str, separator: str) -> list[Row]:
    """The rows of CSV (RFC 4180) or, with a tab as separator, TSV.

    The first line that is not blank names the columns; columns without a name, blank lines and lines of nothing but
    separators are left out. A short row has empty values at its end; a row that is too long is an error.
    """
    table = text.lstrip("\r\n")
    first_line = 1 + text[: len(text) - len(table)].count("\n")
    header = _records(table, separator, name, first_line, count=1)[0]
    _check_header(header, name, separator)
    rows = []
    line = first_line
    for record in _records(table, separator, name, first_line):
        if line > first_line and any(record):
            named = {column: value for column, value in zip(header, record, strict=True) if column.strip()}
            rows.append(row_of(named, f"{name}, line {line}"))
        line += _lines(record)
    return rows


def parquet_rows(content: bytes, name: str) -> list[Row]:
    """The rows of a Parquet file."""
    import pandas as pd  # noqa: PLC0415

    try:
        # The default types would turn whole numbers with a null among them into 1.0, 2.0, ...
        frame = pd.read_parquet(io.BytesIO(content), engine="pyarrow", dtype_backend="pyarrow")
    except (OSError, ValueError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{name} cannot be read as Parquet: {reason}") from error
    if frame.index.name is not None:
        frame = frame.reset_index()
    columns = {str(column): _cells(frame[column]) for column in frame.columns}
    return [
        row_of(dict(zip(columns, cells, strict=True)), f"{name}, row {number}")
        for number, cells in enumerate(zip(*columns.values(), strict=True), start=1)
    ]


def _records(text: str, separator: str, name: str, first_line: int, count: int | None = None) -> list[tuple[str, ...]]:
    """The first `count` records (None: all), as wide as the first; blank lines are records too."""
    import pandas as pd  # noqa: PLC0415

    try:
        frame = pd.read_csv(
            io.StringIO(text), sep=separator, nrows=count, header=None, index_col=False, dtype=str, na_filter=False,
            skip_blank_lines=False, low_memory=False,
        )  # fmt: skip
    except pd.errors.ParserError as error:
        raise DataError(_explained(error, text, separator, name, first_line)) from error
    return list(frame.itertuples(index=False, name=None))


def _explained(error: Exception, text: str, separator: str, name: str, first_line: int) -> str:
    """What pandas found wrong with a record. It counts records, from 1 for a long row and from 0 for an open quote,
    and people look for lines: the two differ as soon as a quoted value spans several lines."""
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", str(error)):
        expected, record, seen = (int(number) for number in found.groups())
        line = _line_of(record, text, separator, name, first_line)
        return (
            f"{name}, line {line}: {seen} values where the first line names {expected} columns; put a value that "
            f"contains a {SEPARATORS[separator]} in double quotes."
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", str(error)):
        line = _line_of(int(found[1]) + 1, text, separator, name, first_line)
        return f"{name}, line {line}: a double quote opens in this row and never closes; close it or write it twice."
    return f"{name} cannot be read: {error}"


def _line_of(record: int, text: str, separator: str, name: str, first_line: int) -> int:
    if record == 1:
        return first_line
    return first_line + sum(_lines(before) for before in _records(text, separator, name, first_line, count=record - 1))


def _lines(record: tuple[str, ...]) -> int:
    return 1 + "".join(record).count("\n")


def _check_header(header: tuple[str, ...], name: str, separator: str) -> None:
    if len(header) == 1:
        for other, word in SEPARATORS.items():
            if other != separator and other in header[0]:
                raise DataError(
                    f"{name} has a single column, {header[0]!r}, which looks like several separated by a "
                    f"{word}. Separate them by a {SEPARATORS[separator]} (.csv: comma, .tsv: tab)."
                )
    names = Counter(column for column in header if column.strip())
    if not names:
        raise DataError(f"{name} names no columns; its first line must name them.")
    column, occurrences = names.most_common(1)[0]
    if occurrences > 1:
        raise DataError(f"{name} names the column {column!r} {occurrences} times; rename all but one.")


def _cells(column: pd.Series) -> list[object]:
    import numpy as np  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415

    cells = [None if cell is pd.NA else cell for cell in column]
    if str(column.dtype) == "float[pyarrow]":
        # Widened, 32-bit numbers have digits that nobody wrote: 3.8 would be 3.799999952316284.
        return [None if cell is None else float(str(np.float32(cell))) for cell in cells]
    return cells
