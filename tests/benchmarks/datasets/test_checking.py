"""Each thing that can be wrong with a dataset is found, counted and placed; what is right is not remarked on."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from benchmarks.datasets.checking import Finding, Report, Severity, check, labels_of
from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import rows_from_values
from benchmarks.datasets.records import Dataset, Example
from benchmarks.datasets.splitting import SplitPlan, split_examples
from benchmarks.errors import DataError

WORDS = ["amber", "birch", "cedar", "delta", "ember", "frost", "grove", "haven", "inlet", "joker", "karma", "lemon"]


def rows_of(*rows: tuple[str, str]) -> list[Example]:
    return make_examples(rows_from_values([{"t": text, "y": answer} for text, answer in rows]), ["t"], "y", [])


def different(count: int, start: int = 0, labels: Sequence[str] = ("yes", "no")) -> list[tuple[str, str]]:
    """Rows that are no near duplicates of each other."""
    n = len(WORDS)
    return [
        (f"{WORDS[i % n]} {WORDS[i // n % n]} {WORDS[(i * 7 + i // n) % n]} {i * 7919}", labels[i % len(labels)])
        for i in range(start, start + count)
    ]


def dataset_of(
    train: Sequence[tuple[str, str]] | None = None,
    validation: Sequence[tuple[str, str]] | None = None,
    test: Sequence[tuple[str, str]] | None = None,
) -> Dataset:
    parts = (
        different(20) if train is None else train,
        different(40, 20) if validation is None else validation,
        different(40, 60) if test is None else test,
    )
    rows = rows_of(*(row for part in parts for row in part))
    one, two = len(parts[0]), len(parts[0]) + len(parts[1])
    return Dataset(train=tuple(rows[:one]), validation=tuple(rows[one:two]), test=tuple(rows[two:]))


def found(report: Report, code: str) -> Finding:
    (finding,) = (finding for finding in report.findings if finding.code == code)
    return finding


def test_a_good_dataset_has_no_findings() -> None:
    report = check(dataset_of(), ["yes", "no"], classification=True, smallest_difference=0.2)
    assert report.findings == ()
    report.raise_errors()


def test_no_rows_is_one_error() -> None:
    report = check(dataset_of([], [], []), None, classification=True)
    assert [finding.code for finding in report.findings] == ["no_rows"]
    with pytest.raises(DataError, match="no labelled rows"):
        report.raise_errors()


def test_empty_splits_are_found() -> None:
    report = check(dataset_of(train=[], test=[]), None, classification=True)
    assert found(report, "empty_split").severity is Severity.ERROR
    assert found(report, "no_train").severity is Severity.NOTE


def test_all_errors_are_raised_together() -> None:
    report = check(dataset_of(test=[("x", "maybe"), ("", "yes")]), ["yes", "no"], classification=True)
    with pytest.raises(DataError, match=r"(?s)no text in any input column.*not among the 2 labels"):
        report.raise_errors()
    assert report.findings[0].severity is Severity.ERROR


@pytest.mark.parametrize("blank", ["", " \t\n"])
def test_rows_without_inputs_or_answer_are_errors_with_their_origins(blank: str) -> None:
    report = check(
        dataset_of(test=[*different(36, 60), (blank, "yes"), ("some text", blank)]), None, classification=True
    )
    assert "1 row (row 97) has no text" in found(report, "empty_inputs").message
    assert "1 row (row 98) has no expected answer" in found(report, "empty_answers").message


def test_a_message_names_three_origins_at_most() -> None:
    report = check(dataset_of(train=[("a" * i, "") for i in range(1, 6)]), None, classification=False)
    assert "5 rows (row 1; row 2; row 3; ...) have" in found(report, "empty_answers").message


def test_some_empty_inputs_are_a_warning() -> None:
    values = [
        {"subject": "" if i < 2 else "s", "body": text, "y": label} for i, (text, label) in enumerate(different(90))
    ]
    rows = make_examples(rows_from_values(values), ["subject", "body"], "y", [])
    report = check(split_examples(rows, SplitPlan(), stratify=True), None, classification=True)
    finding = found(report, "some_empty_inputs")
    assert finding.severity is Severity.WARNING
    assert "subject in 2" in finding.message


def test_one_class_is_an_error_only_for_classification() -> None:
    dataset = dataset_of(*(different(30, start, ["yes"]) for start in (0, 30, 60)))
    assert "All 90 rows have the answer 'yes'" in found(check(dataset, None, classification=True), "one_class").message
    assert check(dataset, None, classification=False).findings == ()


def test_an_undeclared_label_is_an_error_with_the_nearest_one() -> None:
    report = check(dataset_of(train=[("a", "yess"), ("b", "no")]), ["yes", "no"], classification=True)
    message = found(report, "unknown_labels").message
    assert "1 row has an answer that is not among the 2 labels: 'yess' (row 1). Did you mean 'yes'?" in message


def test_exact_duplicates_and_conflicting_answers_are_counted_and_placed() -> None:
    report = check(dataset_of(train=[("a", "yes"), ("a", "yes"), ("a", "no"), ("b", "no")]), None, classification=True)
    assert "2 rows (row 2; row 3) repeat" in found(report, "exact_duplicates").message
    conflict = found(report, "conflicting_answers").message
    assert "1 input has different answers" in conflict
    assert "'yes' (row 2); 'no' (row 3)" in conflict


def test_near_duplicates_matter_only_across_splits() -> None:
    one, two = ("Where is the card I ordered last week?", "yes"), ("where is the card I ordered  last week", "yes")
    across = check(dataset_of(train=[one, *different(9)], test=[two, *different(39, 60)]), None, classification=True)
    finding = found(across, "near_duplicates")
    assert finding.severity is Severity.WARNING
    assert "1 pair of rows" in finding.message
    assert "row 1 (train) and row 51 (test)" in finding.message
    within = check(dataset_of(train=[one, two, *different(18)]), None, classification=True)
    assert all(finding.code != "near_duplicates" for finding in within.findings)


def test_imbalance_is_a_warning_with_both_ends() -> None:
    report = check(dataset_of(test=different(300, 60, ["yes"])), None, classification=True)
    assert "330 rows have 'yes', 30 'no'" in found(report, "imbalance").message


def test_missing_and_scarce_labels_are_named_by_split() -> None:
    report = check(
        dataset_of(test=[*different(30, 60, ["yes"]), ("z", "other")]), ["yes", "no", "other"], classification=True
    )
    missing = [finding.message for finding in report.findings if finding.code == "missing_labels"]
    assert missing == [
        "1 of 3 labels has no row in train: 'other'.",
        "1 of 3 labels has no row in validation: 'other'.",
        "1 of 3 labels has no row in test: 'no'.",
    ]
    assert found(report, "scarce_labels").message == "1 of 3 labels has a single row in test: 'other'."


def test_few_rows_name_the_smallest_difference_that_can_be_proven() -> None:
    small = dataset_of(different(10), different(20, 10), different(20, 30))
    assert "no difference below 0.31" in found(check(small, None, True, smallest_difference=0.312), "few_rows").message
    assert "With 50 rows in all" in found(check(small, None, True), "few_rows").message


def test_very_long_rows_are_a_warning() -> None:
    report = check(dataset_of(train=[("long " * 10_000, "yes"), *different(19)]), None, classification=True)
    assert "1 row (row 1) is longer than 20,000 characters" in found(report, "long_rows").message


def test_labels_are_in_an_order_that_frequencies_do_not_change() -> None:
    dataset = dataset_of([("a", "10"), ("b", "beta")], [("c", "2"), ("d", "Alpha")], [("e", "-1"), ("f", "alpha")])
    assert labels_of(dataset) == ("-1", "2", "10", "Alpha", "alpha", "beta")


def test_ten_thousand_short_rows_take_less_than_two_seconds() -> None:
    dataset = split_examples(rows_of(*different(10_000)), SplitPlan(), stratify=True)
    started = time.process_time()
    check(dataset, None, classification=True)
    assert time.process_time() - started < 2


def test_long_rows_do_not_make_the_check_slow() -> None:
    rows = rows_of(*((f"{text} " * 2_000, label) for text, label in different(500)))
    dataset = split_examples(rows, SplitPlan(), stratify=True)
    started = time.process_time()
    check(dataset, None, classification=True)
    assert time.process_time() - started < 2
