"""From rows to examples: which columns go in and which one should come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from benchmarks.datasets.records import Example
from benchmarks.datasets.rows import Row
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.digests import digest
from benchmarks.errors import DataError

COLUMNS_SHOWN = 20


def make_examples(rows: Sequence[Row], inputs: Sequence[str], output: str, slices: Sequence[str]) -> list[Example]:
    """The examples in `rows`, in the same order: the columns `inputs` go in, `output` is the answer.

    A row that lacks a column (JSON objects may) has the empty text there. Exact repetitions are numbered in the order
    of the rows. Ids are unique within one call, and also across the calls for given train, validation and test files:
    `given_splits` refuses rows that stand in two of them.

    Raises DataError for a column that no row has.
    """
    columns = list(dict.fromkeys(column for row in rows for column in row.values))
    if rows:
        for column in (*inputs, output, *slices):
            _check_column(column, columns, rows[0])
    occurrences: Counter[str] = Counter()
    examples = []
    for row in rows:
        texts = {column: row.values.get(column, "") for column in inputs}
        answer = row.values.get(output, "")
        content = digest({"inputs": texts, "answer": answer})
        occurrences[content] += 1
        repetition = f"#{occurrences[content]}" if occurrences[content] > 1 else ""
        examples.append(
            Example(
                id=content + repetition,
                inputs=texts,
                answer=answer,
                slices={column: row.values.get(column, "") for column in slices},
                origin=row.origin,
            )
        )
    return examples


def _check_column(column: str, columns: Sequence[str], first: Row) -> None:
    if column not in columns:
        shown = ", ".join(repr(known) for known in columns[:COLUMNS_SHOWN])
        more = f" and {len(columns) - COLUMNS_SHOWN} more" if len(columns) > COLUMNS_SHOWN else ""
        raise DataError(
            f"No row has a column {column!r} (the first is {first.origin}); the columns are {shown}{more}."
            f"{did_you_mean(column, columns)}"
        )
