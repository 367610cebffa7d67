"""Rows become examples with ids that depend on their content alone."""

from __future__ import annotations

import pytest

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.reading import rows_from_values
from benchmarks.errors import DataError

ROWS = rows_from_values(
    [
        {"subject": "Hi", "body": "lost card", "team": "cards", "language": "en"},
        {"subject": "Hi", "body": "lost card", "team": "cards", "language": "de"},
        {"subject": "Hi", "body": "lost card", "team": "fraud", "language": "en"},
    ]
)


def test_columns_are_picked() -> None:
    example = make_examples(ROWS, ["body", "subject"], "team", ["language"])[1]
    assert list(example.inputs.items()) == [("body", "lost card"), ("subject", "Hi")]
    assert example.answer == "cards"
    assert example.slices == {"language": "de"}
    assert example.origin == "row 2"


def test_exact_repetitions_are_numbered_and_other_answers_have_other_ids() -> None:
    first, second, third = make_examples(ROWS, ["subject", "body"], "team", [])
    assert second.id == f"{first.id}#2"
    assert third.id.partition("#")[0] != first.id
    assert len(first.id) == 64


def test_ids_do_not_depend_on_position_or_slices() -> None:
    forwards = {example.id for example in make_examples(ROWS, ["body"], "team", ["language"])}
    backwards = {example.id for example in make_examples(ROWS[::-1], ["body"], "team", [])}
    assert forwards == backwards


def test_a_column_missing_from_some_rows_is_empty_there() -> None:
    rows = rows_from_values([{"text": "x", "label": "a"}, {"text": "y"}])
    assert [example.answer for example in make_examples(rows, ["text"], "label", [])] == ["a", ""]


@pytest.mark.parametrize(
    ("inputs", "output", "slices"),
    [(["Body", "subjct"], "team", []), (["body"], "teams", []), (["body"], "team", ["lang"])],
)
def test_an_unknown_column_is_refused_with_the_known_ones(inputs: list[str], output: str, slices: list[str]) -> None:
    with pytest.raises(DataError, match="'subject', 'body', 'team', 'language'") as caught:
        make_examples(ROWS, inputs, output, slices)
    assert "row 1" in str(caught.value)
    assert "Did you mean" in str(caught.value)


def test_of_many_columns_only_some_are_named() -> None:
    rows = rows_from_values([{f"column {number}": "" for number in range(100)}])
    with pytest.raises(DataError, match="and 80 more"):
        make_examples(rows, ["zzz"], "column 1", [])


def test_no_rows_make_no_examples() -> None:
    assert make_examples([], ["text"], "label", []) == []
