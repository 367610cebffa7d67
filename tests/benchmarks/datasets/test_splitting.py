"""Shares, refusals and groups; what holds for all inputs is in tests/properties/test_splits.py."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import rows_from_values
from benchmarks.datasets.records import Dataset, Example, Split
from benchmarks.datasets.splitting import SplitPlan, given_splits, split_examples
from benchmarks.errors import DataError


def examples_of(*rows: tuple[str, str]) -> list[Example]:
    values = [{"text": text, "label": label} for text, label in rows]
    return make_examples(rows_from_values(values), ["text"], "label", [])


def numbered(count: int, classes: int = 2) -> list[Example]:
    return examples_of(*((f"text {number}", f"label {number % classes}") for number in range(count)))


def sizes(dataset: Dataset) -> tuple[int, int, int]:
    return len(dataset.train), len(dataset.validation), len(dataset.test)


@pytest.mark.parametrize(
    ("plan", "rows", "expected"),
    [
        (SplitPlan(), 100, (20, 40, 40)),
        (SplitPlan(), 7, (1, 3, 3)),
        (SplitPlan(), 3, (1, 1, 1)),
        (SplitPlan(), 2, (0, 1, 1)),
        (SplitPlan(train=0), 10, (0, 4, 4)),
        (SplitPlan(train=0.7, validation=0.2, test=0.1), 1000, (700, 200, 100)),
        (SplitPlan(train=1 / 3, validation=1 / 3, test=1 / 3), 99, (33, 33, 33)),
        (SplitPlan(train=0.01, validation=0.01, test=0.9), 20, (1, 1, 17)),
        (SplitPlan(train=10, validation=20, test=30), 100, (10, 20, 30)),
        (SplitPlan(train=0, validation=0.5, test=40), 100, (0, 50, 40)),
        (SplitPlan(train=0.98, validation=0.01, test=0.01), 2, (0, 1, 1)),
        (SplitPlan(train=0.1, validation=0.3, test=0.2), 3, (1, 1, 1)),
    ],
)
def test_sizes_follow_the_plan(plan: SplitPlan, rows: int, expected: tuple[int, int, int]) -> None:
    assert sizes(split_examples(numbered(rows), plan, stratify=False)) == expected


def test_every_answer_is_divided_as_the_whole_is() -> None:
    dataset = split_examples(numbered(700, classes=7), SplitPlan(), stratify=True)
    for split, expected in ((Split.TRAIN, 20), (Split.VALIDATION, 40), (Split.TEST, 40)):
        counts = Counter(example.answer for example in dataset.split(split))
        assert all(abs(count - expected) <= 1 for count in counts.values())
        assert len(counts) == 7


def test_another_seed_gives_another_split() -> None:
    examples = numbered(100)
    one, other = (split_examples(examples, SplitPlan(seed=seed), stratify=True) for seed in (0, 1))
    assert one.test_digest != other.test_digest


def test_near_duplicates_are_kept_together_when_asked() -> None:
    twins = [(f"Please tell me how I can block card {end}", "a") for end in ("now.", "now", "NOW!", "now .")]
    rows = examples_of(*twins, *((letter * 30, "a") for letter in "bcdefghijklmnopqrst"))
    separated = 0
    for seed in range(5):
        for near_duplicates, sides in (("warn", range(1, 4)), ("group", range(1, 2))):
            plan = SplitPlan(seed=seed, near_duplicates="group" if near_duplicates == "group" else "warn")
            dataset = split_examples(rows, plan, stratify=False)
            holding = [s for s in Split if any("block card" in row.inputs["text"] for row in dataset.split(s))]
            assert len(holding) in sides
            separated += len(holding) > 1
    assert separated


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (SplitPlan(train=0.5), r"\(train 0.5, validation 0.4, test 0.4\) asks for 13 rows of 10"),
        (SplitPlan(train=5, validation=5, test=5), "asks for 15 rows of 10"),
        (SplitPlan(train=0, validation=2, test=1), "asks for 12 rows of 10"),
        (SplitPlan(train=-0.1), r"split.train is -0.1; it must be a fraction"),
        (SplitPlan(train=1.5), r"split.train is 1.5; it must be a fraction"),
        (SplitPlan(train=float("nan")), r"split.train is nan"),
        (SplitPlan(train=float("inf")), r"split.train is inf"),
        (SplitPlan(validation=0), "split.validation is 0; validation and test need at least one row"),
    ],
)
def test_impossible_plans_are_refused_with_their_numbers(plan: SplitPlan, message: str) -> None:
    with pytest.raises(DataError, match=message):
        split_examples(numbered(10), plan, stratify=False)


@pytest.mark.parametrize("rows", [[], [("a", "x")], [("a", "x"), ("a", "y"), ("a", "x")]])
def test_too_few_different_rows_are_refused(rows: list[tuple[str, str]]) -> None:
    with pytest.raises(DataError, match="too few to split"):
        split_examples(examples_of(*rows), SplitPlan(), stratify=True)


def test_given_splits_are_taken_as_they_are() -> None:
    train, validation, test = numbered(9)[:2], numbered(9)[2:5], numbered(9)[5:]
    dataset = given_splits(train, validation, test)
    assert (dataset.train, dataset.validation, dataset.test) == (tuple(train), tuple(validation), tuple(test))
    assert given_splits([], validation, test).train == ()


def test_rows_in_two_given_splits_are_refused_by_both_origins() -> None:
    rows = numbered(12)
    with pytest.raises(DataError, match="5 rows repeat") as caught:
        given_splits(rows[:2], [*rows[1:6], rows[2]], [*rows[5:], *rows[3:6]])
    assert "row 2 (train) and row 2 (validation); " in str(caught.value)
    assert str(caught.value).count(" and ") == 3


def test_repetitions_within_a_given_split_are_allowed() -> None:
    rows = examples_of(("a", "x"), ("a", "y"), ("b", "x"))
    assert sizes(given_splits([], rows[:2], rows[2:])) == (0, 2, 1)


def test_the_same_inputs_with_another_answer_are_refused_too() -> None:
    with pytest.raises(DataError, match="1 row repeats"):
        given_splits([], examples_of(("a", "x")), examples_of(("a", "y")))


@pytest.mark.parametrize("missing", [Split.VALIDATION, Split.TEST])
def test_given_validation_and_test_must_have_rows(missing: Split) -> None:
    rows = {split: examples_of((split, "x")) for split in Split} | {missing: []}
    with pytest.raises(DataError, match=f"The {missing} split has no rows"):
        given_splits(rows[Split.TRAIN], rows[Split.VALIDATION], rows[Split.TEST])
