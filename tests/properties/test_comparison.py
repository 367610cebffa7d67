"""What holds for two evaluations that are compared, whatever came of their rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.metrics.registry import make_metric
from service.comparison import compared
from service.evaluation_items import Item

LABELS = ("amber", "blue", "crimson")

Outcome = tuple[str | None, float | None]
Row = tuple[str, Outcome, Outcome]

right_or_wrong = st.one_of(
    st.tuples(st.sampled_from(LABELS), st.sampled_from([0.0, 1.0])), st.just((None, 0.0)), st.just((None, None))
)
between = st.one_of(st.tuples(st.just("text"), st.floats(min_value=0, max_value=1)), st.just((None, None)))


def rows(outcome: st.SearchStrategy[Outcome], most: int) -> st.SearchStrategy[list[Row]]:
    """Some rows, of which one at least has a score in both."""

    def some_paired(found: list[Row]) -> bool:
        return any(before[1] is not None and after[1] is not None for _, before, after in found)

    row = st.tuples(st.sampled_from(LABELS), outcome, outcome)
    return st.lists(row, min_size=1, max_size=most).filter(some_paired)


cases = st.one_of(
    st.tuples(st.just("accuracy"), rows(right_or_wrong, 40)),
    st.tuples(st.just("rouge_l"), rows(between, 40)),
    st.tuples(st.just("macro_f1"), rows(right_or_wrong, 8)),
)


def item(number: int, expected: str, outcome: Outcome) -> Item:
    answer, score = outcome
    return Item(f"row-{number}", expected, answer, answer, score, "down" if score is None else None, "")


def sides(found: list[Row]) -> tuple[list[Item], list[Item]]:
    """The rows as each of two evaluations has them."""
    first = [item(number, expected, before) for number, (expected, before, _) in enumerate(found)]
    return first, [item(number, expected, after) for number, (expected, _, after) in enumerate(found)]


@settings(max_examples=30, deadline=None)
@given(cases)
def test_the_other_way_round_is_the_mirror_image(case: tuple[str, list[Row]]) -> None:
    name, found = case
    metric = make_metric(name, {}, LABELS if name != "rouge_l" else ())
    first, second = sides(found)
    there, back = compared(metric, first, second), compared(metric, second, first)
    assert (there.gained, there.lost) == (back.lost, back.gained)
    assert (there.missing, there.smallest_detectable) == (back.missing, back.smallest_detectable)
    assert (there.difference.n, there.difference.test) == (back.difference.n, back.difference.test)
    mine, mirrored = there.difference, back.difference
    assert (mine.mean, mine.low, mine.high, mine.p) == pytest.approx(
        (-mirrored.mean, -mirrored.high, -mirrored.low, mirrored.p), abs=1e-9
    )


@settings(max_examples=30, deadline=None)
@given(cases)
def test_every_row_is_gained_lost_the_same_or_missing(case: tuple[str, list[Row]]) -> None:
    name, found = case
    result = compared(make_metric(name, {}, LABELS if name != "rouge_l" else ()), *sides(found))
    assert result.difference.n + result.missing == len(found)
    assert not set(result.gained) & set(result.lost)
    assert len(result.gained) + len(result.lost) <= result.difference.n
    assert 0 < result.smallest_detectable <= 1
