"""How large an uploaded dataset may be, so that one request can neither fill the memory nor the database.

The size of the file itself is bounded where it arrives.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.datasets.rows import Row
from benchmarks.errors import DataError

MOST_ROWS = 100_000
MOST_COLUMNS = 200
LONGEST_NAME = 200
"""Characters of a column's name."""
LONGEST_VALUE = 100_000
"""Characters, about 25,000 tokens of English."""
MOST_TEXT = 64 * 2**20
"""Characters of all values together: a packed file may unpack to much more than it weighs."""
MOST_CELLS = 20_000_000
"""A line with nothing on it costs as many cells as there are columns."""


def check_rows(rows: Sequence[Row], name: str) -> None:
    """Raises DataError if `rows`, which came from `name`, are more or larger than a dataset may be."""
    check_size(len(rows), len({column for row in rows for column in row.values}), name)
    total = 0
    for row in rows:
        for column, value in row.values.items():
            if len(column) > LONGEST_NAME:
                raise DataError(
                    f"{row.origin}: a column's name may have {LONGEST_NAME} characters, {column[:40]!r}... has "
                    f"{len(column):,}; rename it."
                )
            if len(value) > LONGEST_VALUE:
                raise DataError(
                    f"{row.origin}: the value of {column!r} has {len(value):,} characters; a value may have "
                    f"{LONGEST_VALUE:,}. Shorten it, or leave the row or the column out."
                )
            total += len(value)
    if total > MOST_TEXT:
        raise DataError(
            f"The values of {name} have {total:,} characters together; a dataset may have {MOST_TEXT:,}. Leave out "
            f"columns that the task does not need, or rows."
        )


def check_size(rows: int, columns: int, name: str) -> None:
    """Raises DataError for more rows or columns than a dataset may have."""
    if rows > MOST_ROWS:
        raise DataError(f"{name} holds {rows:,} rows; a dataset may have {MOST_ROWS:,}. Draw some of them at random.")
    if columns > MOST_COLUMNS:
        raise DataError(
            f"{name} has {columns:,} columns; a dataset may have {MOST_COLUMNS}. Leave out those that the task does "
            f"not need."
        )
