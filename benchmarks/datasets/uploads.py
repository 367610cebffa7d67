"""Rows out of a file that somebody sent: nothing in it is trusted, least of all its size."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.datasets import json_files, tables
from benchmarks.datasets.limits import LONGEST_NAME, MOST_CELLS, check_rows, check_size
from benchmarks.datasets.parquet_child import sent_parquet_rows
from benchmarks.datasets.promptfoo import EXPECTED, promptfoo_rows, read_yaml
from benchmarks.datasets.reading import decoded
from benchmarks.datasets.rows import Row, rows_from_values
from benchmarks.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What a file holds. `inputs`, `output` and `metric` are None where the file does not say."""

    rows: tuple[Row, ...]
    inputs: tuple[str, ...] | None = None
    output: str | None = None
    metric: str | None = None


def read_upload(content: bytes, kind: str) -> Upload:
    """The rows in `content`, which is of the media type `kind`, one of KINDS.

    Raises DataError for what cannot be read, and for more than a dataset may have (`benchmarks.datasets.limits`).
    """
    if not content.strip():
        raise DataError("The file is empty; it must hold labelled rows.")
    return checked(KINDS[kind](content))


def inline(rows: list[dict[str, Any]]) -> Upload:
    """Rows of a JSON body. Raises DataError as `read_upload` does."""
    return checked(Upload(rows=tuple(rows_from_values(rows))))


def promptfoo(tests: Any) -> Upload:
    """promptfoo's tests of a JSON body, or the configuration with them. Raises DataError as `read_upload` does."""
    return checked(_tests(tests))


def checked(upload: Upload) -> Upload:
    """`upload`, if it holds rows, and no more than a dataset may have. Raises DataError."""
    if not upload.rows:
        raise DataError("The file holds no rows; it must hold at least one labelled row.")
    check_rows(upload.rows, _FILE)
    return upload


_FILE = "the file"


def _delimited(content: bytes, separator: str) -> Upload:
    text = decoded(content, _FILE)
    header: list[str] = []
    try:
        header = next(csv.reader(io.StringIO(text.lstrip("\r\n")), delimiter=separator), [])
    except csv.Error:
        raise DataError(f"{_FILE}: a column's name may have {LONGEST_NAME} characters.") from None
    check_size(0, len(header), _FILE)
    lines = text.count("\n") + 1
    if lines * len(header) > MOST_CELLS:
        raise DataError(
            f"{_FILE} has {lines:,} lines of {len(header)} columns; that may be {MOST_CELLS:,} cells. Leave out blank "
            f"lines, or columns that the task does not need."
        )
    return Upload(rows=tuple(tables.delimited_rows(text, _FILE, separator)))


def _tests(content: Any) -> Upload:
    tests = promptfoo_rows(content, "promptfoo")
    return Upload(rows=tests.rows, inputs=tests.inputs, output=EXPECTED, metric=tests.metric)


KINDS: dict[str, Callable[[bytes], Upload]] = {
    "text/csv": lambda content: _delimited(content, ","),
    "text/tab-separated-values": lambda content: _delimited(content, "\t"),
    "application/x-ndjson": lambda content: Upload(rows=tuple(json_files.line_rows(decoded(content, _FILE), _FILE))),
    "application/vnd.apache.parquet": lambda content: Upload(rows=tuple(sent_parquet_rows(content, _FILE))),
    "application/yaml": lambda content: _tests(read_yaml(decoded(content, _FILE), _FILE)),
}
"""How files of each media type are read; the last one holds promptfoo's tests."""
