"""From an upload to a version of a dataset: roles found, split drawn for good, everything noteworthy said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.datasets.answers import AnswerKind, answers_in, kind_of
from benchmarks.datasets.checking import Finding, check, labels_of
from benchmarks.datasets.columns import columns_of
from benchmarks.datasets.duplicates import grouped_by_inputs, near_pairs
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.profile import profile_rows
from benchmarks.datasets.records import Dataset, Split
from benchmarks.datasets.rows import Row
from benchmarks.datasets.splitting import SplitPlan, enough_per_answer
from benchmarks.datasets.uploads import Upload
from benchmarks.datasets.versions import DatasetVersion, draw_version, given_version
from benchmarks.errors import DataError
from benchmarks.evidence.detectable import smallest_detectable_difference

MOST_LABELS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Ingested:
    """A version, what is in it, as plain JSON, and what is noteworthy about it."""

    version: DatasetVersion
    profile: dict[str, Any]
    findings: tuple[Finding, ...]


def ingest(
    name: str,
    upload: Upload,
    *,
    inputs: Sequence[str] | None,
    output: str | None,
    split: SplitPlan | str,
) -> Ingested:
    """The version of the dataset `name` that `upload` is, split by a plan, or as the column `split` says.

    Columns that are not named are those that the file names, else what they are called and hold decides, as for
    `whet init`. Raises DataError for what would stop every task on these rows: a column that there is not, a split
    that cannot be drawn, rows without text or answer, a single answer.
    """
    inputs, output = _roles(upload, inputs, output)
    answers = next(column for column in columns_of(upload.rows) if column.name == output)
    labelled = answers.distinct > 0 and kind_of(answers) is AnswerKind.LABELS
    if isinstance(split, str):
        version = given_version(name, upload.rows, inputs, output, column=split)
    else:
        stratify = labelled or enough_per_answer(make_examples(upload.rows, inputs, output, ()))
        version = draw_version(name, upload.rows, inputs, output, plan=split, stratify=stratify)
    dataset = version.dataset(inputs, output, ())
    report = check(dataset, None, labelled, smallest_detectable_difference(len(dataset.test)))
    report.raise_errors()
    profile = _profile(version, dataset, labelled, upload)
    return Ingested(version=version, profile=profile, findings=report.findings)


def _roles(upload: Upload, inputs: Sequence[str] | None, output: str | None) -> tuple[tuple[str, ...], str]:
    output = output or upload.output
    chosen = inputs or upload.inputs
    if output is None or chosen is None:
        try:
            guess = profile_rows(upload.rows, output)
        except DataError as error:
            raise DataError(str(error).replace("with --output", "as output")) from None
        output, chosen = guess.output.column, chosen or guess.inputs
    # Says what to do about a column that is not there.
    make_examples(upload.rows, chosen, output, ())
    if output in chosen:
        raise DataError(f"The column {output!r} is both input and output: the answer would stand in the question.")
    return tuple(chosen), output


def _profile(version: DatasetVersion, dataset: Dataset, labelled: bool, upload: Upload) -> dict[str, Any]:
    rows, columns = version.rows, columns_of(version.rows)
    answers = next(column for column in columns if column.name == version.output)
    suits = answers_in(answers)
    counts = Counter(answers.counts)
    shown = labels_of(dataset) if labelled else ()
    return {
        "rows": len(rows),
        "left_out": len(upload.rows) - len(rows),
        "splits": {split.value: len(dataset.split(split)) for split in Split},
        "columns": [
            {
                "name": column.name,
                "role": _role(version, column.name),
                "filled": column.filled,
                "distinct": column.distinct,
                "longest": column.longest,
            }
            for column in columns
        ],
        "answers": suits.kind.value,
        "metric": upload.metric or suits.metric,
        "labels": {label: counts[label] for label in shown[:MOST_LABELS]},
        "lengths": {"inputs": _lengths(rows, version.inputs), "answer": _lengths(rows, [version.output])},
        **_repeats(dataset),
        "smallest_detectable_difference": smallest_detectable_difference(len(dataset.test)),
    }


def _role(version: DatasetVersion, column: str) -> str:
    return "input" if column in version.inputs else "output" if column == version.output else "other"


def _lengths(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, float]:
    """Characters."""
    lengths = [sum(len(row.values[column]) for column in columns) for row in rows]
    return {"median": median(lengths), "longest": max(lengths)}


def _repeats(dataset: Dataset) -> dict[str, int]:
    """Rows that repeat the inputs of another one, inputs with different answers, pairs of inputs that are nearly the
    same, and those of them that stand in different splits."""
    placed = [(split, group) for split in Split for group in grouped_by_inputs(dataset.split(split))]
    pairs = near_pairs([group[0].inputs for _, group in placed])
    return {
        "exact_duplicates": sum(len(group) - 1 for _, group in placed),
        "conflicts": sum(len({row.answer for row in group}) > 1 for _, group in placed),
        "near_duplicates": len(pairs),
        "leaks": sum(placed[i][0] is not placed[j][0] for i, j in pairs),
    }
