"""What is wrong with a dataset, said before a call is spent."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.datasets.duplicates import grouped_by_inputs, near_pairs
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.datasets.spelling import did_you_mean
from benchmarks.errors import DataError

SHOWN = 3
"""How many origins or labels a message names."""
FEW_ROWS = 60
LONG_ROW = 20_000
"""Characters, about 5,000 tokens of English."""
IMBALANCE = 10


class Severity(StrEnum):
    """An error stops the task, a warning says that the result may mislead, a note that something cannot be done."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to know about a dataset: `code` for programs, `message` for people, with a count and at most three
    origins."""

    severity: Severity
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything found in a dataset, errors first."""

    findings: tuple[Finding, ...]

    def raise_errors(self) -> None:
        """Raises DataError with the messages of all errors, one a line; does nothing when there are none."""
        errors = [finding.message for finding in self.findings if finding.severity is Severity.ERROR]
        if errors:
            raise DataError("\n".join(errors))


def check(
    dataset: Dataset, labels: Sequence[str] | None, classification: bool, smallest_difference: float | None = None
) -> Report:
    """What is wrong with `dataset`.

    `labels` are the labels that the task declares, None when it declares none; labels are looked at only for
    `classification`. `smallest_difference`, in score units, is the smallest paired difference that the test split can
    prove, None when it is not known.
    """
    rows = [*dataset.train, *dataset.validation, *dataset.test]
    if not rows:
        return Report(findings=(_error("no_rows", "There are no labelled rows; add some."),))
    findings = [*_empty(dataset, rows)]
    if classification:
        findings += _labels(dataset, rows, labels)
    findings += _duplicates(dataset, rows)
    findings += _sizes(dataset, rows, smallest_difference)
    return Report(findings=tuple(sorted(findings, key=lambda finding: list(Severity).index(finding.severity))))


def labels_of(dataset: Dataset) -> tuple[str, ...]:
    """Every answer in the dataset, once: whole numbers by value, then the others by name.

    The order depends neither on the rows' order nor on frequencies, so a few rows more do not change a prompt that
    lists the labels. Answers of the test split are among them: which labels exist is part of the task, and a prompt
    that lists them learns nothing about any row.
    """
    labels = {example.answer for split in Split for example in dataset.split(split)}

    def place(label: str) -> tuple[bool, int, str, str]:
        whole = re.fullmatch(r"-?\d{1,9}", label)
        return (not whole, int(label) if whole else 0, label.casefold(), label)

    return tuple(sorted(labels, key=place))


def _empty(dataset: Dataset, rows: Sequence[Example]) -> Iterator[Finding]:
    for split in (Split.VALIDATION, Split.TEST):
        if not dataset.split(split):
            yield _error("empty_split", f"The {split} split has no rows; validation and test need at least one each.")
    if not dataset.train:
        yield _note(
            "no_train",
            "The train split has no rows: there are no demonstrations to choose and no failures to learn from.",
        )
    blank = {row.id: [column for column, text in row.inputs.items() if not text.strip()] for row in rows}
    if empty := [row for row in rows if len(blank[row.id]) == len(row.inputs)]:
        yield _error(
            "empty_inputs", f"{_rows(empty, 'has', 'have')} no text in any input column; fill it in or leave them out."
        )
    if unanswered := [row for row in rows if not row.answer.strip()]:
        yield _error(
            "empty_answers", f"{_rows(unanswered, 'has', 'have')} no expected answer; label them or leave them out."
        )
    if partly := [row for row in rows if 0 < len(blank[row.id]) < len(row.inputs)]:
        columns = Counter(column for row in partly for column in blank[row.id])
        counts = ", ".join(f"{column} in {count}" for column, count in columns.most_common(SHOWN))
        yield _warning("some_empty_inputs", f"{_rows(partly, 'has', 'have')} an empty input column ({counts}).")


def _labels(dataset: Dataset, rows: Sequence[Example], declared: Sequence[str] | None) -> Iterator[Finding]:
    counts = Counter(row.answer for row in rows if row.answer.strip())
    known = [label for label in labels_of(dataset) if label in counts] if declared is None else list(declared)
    if len(counts) == 1:
        yield _error(
            "one_class",
            f"All {len(rows)} rows have the answer {_quoted(next(iter(counts)))}: there is nothing to tell apart. Add "
            f"rows with other answers.",
        )
    if strangers := [row for row in rows if row.answer in counts and row.answer not in known]:
        shown = " ".join(
            f"{_quoted(row.answer)} ({row.origin}).{did_you_mean(row.answer, known)}" for row in strangers[:SHOWN]
        )
        yield _error(
            "unknown_labels",
            f"{_count(strangers, 'row has an answer', 'rows have an answer')} that is not among the {len(known)} "
            f"labels: {shown}",
        )
    if counts:
        ranked = counts.most_common()
        (largest, most), (smallest, least) = ranked[0], ranked[-1]
        if most > IMBALANCE * least:
            yield _warning(
                "imbalance",
                f"The answers are unbalanced: {most} rows have {_quoted(largest)}, {least} {_quoted(smallest)}. A "
                f"metric such as macro_f1 gives every label the same weight.",
            )
    for split in Split:
        if in_split := Counter(row.answer for row in dataset.split(split)):
            for code, few, number in (("missing_labels", 0, "no row"), ("scarce_labels", 1, "a single row")):
                if found := [label for label in known if in_split[label] == few]:
                    shown = ", ".join(_quoted(label) for label in found[:SHOWN])
                    verb = "has" if len(found) == 1 else "have"
                    yield _warning(
                        code,
                        f"{len(found)} of {len(known)} labels {verb} {number} in {split}: {shown}"
                        f"{', ...' if len(found) > SHOWN else ''}.",
                    )


def _duplicates(dataset: Dataset, rows: Sequence[Example]) -> Iterator[Finding]:
    groups = [group for group in grouped_by_inputs(rows) if len(group) > 1]
    if repeated := [row for group in groups for row in group[1:]]:
        yield _warning(
            "exact_duplicates",
            f"{_rows(repeated, 'repeats', 'repeat')} the inputs of another row: little is learned from it.",
        )
    if conflicts := [group for group in groups if len({row.answer for row in group}) > 1]:
        by_answer = {row.answer: row for row in conflicts[0]}
        shown = "; ".join(f"{_quoted(answer)} ({row.origin})" for answer, row in list(by_answer.items())[:SHOWN])
        yield _warning(
            "conflicting_answers",
            f"{_count(conflicts, 'input has', 'inputs have')} different answers in different rows, so no prompt can "
            f"get all of them right: {shown}.",
        )
    sided = [(split, group[0]) for split in Split for group in grouped_by_inputs(dataset.split(split))]
    pairs = sorted(near_pairs([row.inputs for _, row in sided]))
    if leaks := [(sided[i], sided[j]) for i, j in pairs if sided[i][0] is not sided[j][0]]:
        tested = {row.id for leak in leaks for split, row in leak if split is Split.TEST}
        (split, row), (other_split, other) = max(leaks, key=lambda leak: Split.TEST in (leak[0][0], leak[1][0]))
        yield _warning(
            "near_duplicates",
            f"{_count(leaks, 'pair', 'pairs')} of rows in different splits, with "
            f"{_count(sorted(tested), 'row', 'rows')} of test among them, are nearly the same, such as {row.origin} "
            f"({split}) and {other.origin} ({other_split}): a prompt may look better than it is. Set "
            f"split.near_duplicates to group, or take one of each pair out of the "
            f"files; leave them if the task's rows are alike by nature.",
        )


def _sizes(dataset: Dataset, rows: Sequence[Example], smallest_difference: float | None) -> Iterator[Finding]:
    if len(rows) < FEW_ROWS:
        message = f"With {len(rows)} rows in all, fewer than {FEW_ROWS}, a promotion is unlikely"
        if smallest_difference is not None:
            message += f": {len(dataset.test)} rows of test can prove no difference below {smallest_difference:.2f}"
        yield _warning("few_rows", f"{message}.")
    if long := [row for row in rows if sum(len(text) for text in row.inputs.values()) > LONG_ROW]:
        yield _warning("long_rows", f"{_rows(long, 'is', 'are')} longer than {LONG_ROW:,} characters.")


def _error(code: str, message: str) -> Finding:
    return Finding(severity=Severity.ERROR, code=code, message=message)


def _warning(code: str, message: str) -> Finding:
    return Finding(severity=Severity.WARNING, code=code, message=message)


def _note(code: str, message: str) -> Finding:
    return Finding(severity=Severity.NOTE, code=code, message=message)


def _rows(rows: Sequence[Example], one: str, several: str) -> str:
    """`2 rows (tickets.csv, line 3; tickets.csv, line 8) have`."""
    origins = "; ".join(row.origin for row in rows[:SHOWN]) + ("; ..." if len(rows) > SHOWN else "")
    return f"1 row ({origins}) {one}" if len(rows) == 1 else f"{len(rows)} rows ({origins}) {several}"


def _count(things: Sequence[object], one: str, several: str) -> str:
    return f"1 {one}" if len(things) == 1 else f"{len(things)} {several}"


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
