"""Versions of datasets: rows whose split was drawn once, for good, when they came in."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.datasets.rows import Row
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.datasets.splitting import SplitPlan, given_splits, in_drawn_order, split_examples
from benchmarks.digests import digest
from benchmarks.errors import DataError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$"
FEWEST_DIGITS = 8
"""Of a digest, where it names a version."""

_WORDS = {
    "train": Split.TRAIN, "training": Split.TRAIN,
    "validation": Split.VALIDATION, "valid": Split.VALIDATION, "val": Split.VALIDATION, "dev": Split.VALIDATION,
    "test": Split.TEST,
}  # fmt: skip
"""What a column may call the splits, whatever the case."""


@dataclass(frozen=True, kw_only=True)
class DatasetVersion:
    """Rows in the order of their file, each with the split it belongs to; immutable, and named by `digest`.

    `inputs` and `output` are the columns by which exact duplicates were kept together and answers divided alike.
    `seed` is the one that the split was drawn with, and draws the order of rows within a split; None where the splits
    were given, whose order is that of the file. `columns` are all names of columns, sorted; a row has a text for each.
    """

    name: str
    inputs: tuple[str, ...]
    output: str
    seed: int | None
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    splits: tuple[Split, ...]

    @cached_property
    def digest(self) -> str:
        """The sha256 of rows, roles and splits, 64 hexadecimal digits, whatever the file's format, name and columns'
        order were."""
        return digest(
            {
                "inputs": sorted(self.inputs),
                "output": self.output,
                "seed": self.seed,
                "columns": self.columns,
                "rows": [[row.values[column] for column in self.columns] for row in self.rows],
                "splits": [split.value for split in self.splits],
            }
        )

    @property
    def reference(self) -> str:
        """`name@digest`."""
        return f"{self.name}@{self.digest}"

    def dataset(self, inputs: Sequence[str], output: str, slices: Sequence[str]) -> Dataset:
        """The rows as a task with these columns reads them. With the version's own inputs and output it is, in the
        same order, what splitting the rows by the same plan gives.

        Raises DataError for a column that there is not, and for inputs that stand in two splits, which a version's own
        inputs never do.
        """
        examples = make_examples(self.rows, inputs, output, slices)
        split_of = {example.id: split for example, split in zip(examples, self.splits, strict=True)}
        ordered = examples if self.seed is None else in_drawn_order(examples, self.seed)
        parts: dict[Split, list[Example]] = {split: [] for split in Split}
        for example in ordered:
            parts[split_of[example.id]].append(example)
        return given_splits(parts[Split.TRAIN], parts[Split.VALIDATION], parts[Split.TEST])


def check_name(name: str) -> None:
    """Raises DataError if `name` cannot be a dataset's name."""
    if not re.fullmatch(NAME, name):
        raise DataError(
            f"{name!r} is no name for a dataset: letters, digits, dots, dashes and underscores, 128 at most, and a "
            f"letter or digit first."
        )


Find = Callable[[str], DatasetVersion]
"""Finds the version that `name` (the latest) or `name@digest` refers to."""


def no_datasets(reference: str) -> DatasetVersion:
    """Where there is no place that keeps datasets. Raises DataError."""
    raise DataError(f"data.dataset names {reference!r}, and nothing here keeps datasets; name a file in data.path.")


def draw_version(
    name: str, rows: Sequence[Row], inputs: Sequence[str], output: str, *, plan: SplitPlan, stratify: bool
) -> DatasetVersion:
    """The version of `rows` that are split by `plan`; rows beyond its shares are left out.

    Raises DataError for a column that there is not and for a plan that the rows do not allow.
    """
    examples = make_examples(rows, inputs, output, ())
    dataset = split_examples(examples, plan, stratify)
    split_of = {example.id: split for split in Split for example in dataset.split(split)}
    drawn = [(row, split_of[example.id]) for row, example in zip(rows, examples, strict=True) if example.id in split_of]
    return _version(name, rows, drawn, inputs, output, seed=plan.seed)


def given_version(name: str, rows: Sequence[Row], inputs: Sequence[str], output: str, *, column: str) -> DatasetVersion:
    """The version of `rows` whose splits `column` names; it is left out of them.

    Raises DataError for a column that there is not, for a word that names no split, and if validation or test has no
    row or shares inputs with another split.
    """
    make_examples(rows, (), column, ())  # knows what to say about a column that is not there
    given = []
    for row in rows:
        word = row.values.get(column, "").strip()
        split = _WORDS.get(word.casefold())
        if split is None:
            raise DataError(
                f"{row.origin}: {word[:40]!r} in the column {column!r} names no split; a row is of train, validation "
                f"or test.{did_you_mean(word, list(_WORDS))}"
            )
        values = {name: text for name, text in row.values.items() if name != column}
        given.append((Row(values=values, origin=row.origin), split))
    version = _version(name, [row for row, _ in given], given, inputs, output, seed=None)
    version.dataset(inputs, output, ())
    return version


def _version(
    name: str,
    rows: Sequence[Row],
    drawn: Sequence[tuple[Row, Split]],
    inputs: Sequence[str],
    output: str,
    *,
    seed: int | None,
) -> DatasetVersion:
    columns = tuple(sorted({column for row in rows for column in row.values}))
    return DatasetVersion(
        name=name,
        inputs=tuple(inputs),
        output=output,
        seed=seed,
        columns=columns,
        rows=tuple(
            Row(values={column: row.values.get(column, "") for column in columns}, origin=row.origin)
            for row, _ in drawn
        ),
        splits=tuple(split for _, split in drawn),
    )
