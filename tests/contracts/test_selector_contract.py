"""What every demonstration selector owes, as `optimizers.demonstrations.selectors.Selector` says."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from optimizers.demonstrations.selectors import SELECTORS, Selector

texts = st.one_of(st.text(max_size=30), st.sampled_from(["", " ", "?", "cancel my card", "where is my card"]))
rows = st.lists(st.tuples(texts, st.sampled_from("abc")), max_size=25)
every_selector = pytest.mark.parametrize("select", SELECTORS.values(), ids=SELECTORS)


def examples(rows: Sequence[tuple[str, str]]) -> list[Example]:
    return [
        Example(id=f"{number}", inputs={"text": text}, answer=answer, slices={}, origin=f"row {number}")
        for number, (text, answer) in enumerate(rows)
    ]


@every_selector
@settings(max_examples=60, deadline=None)
@given(rows=rows, count=st.integers(0, 30), seed=st.integers(0, 99))
def test_as_many_different_train_rows_as_asked_for_or_all(
    select: Selector, rows: list[tuple[str, str]], count: int, seed: int
) -> None:
    train = examples(rows)
    chosen = select(train, count, random.Random(seed))
    assert len(chosen) == min(count, len(train))
    assert len({example.id for example in chosen}) == len(chosen)
    assert all(example in train for example in chosen)
    assert train == examples(rows)


@every_selector
@settings(max_examples=30, deadline=None)
@given(rows=rows, count=st.integers(0, 30), seed=st.integers(0, 99))
def test_the_same_arguments_choose_the_same_rows_in_the_same_order(
    select: Selector, rows: list[tuple[str, str]], count: int, seed: int
) -> None:
    one, other = (select(examples(rows), count, random.Random(seed)) for _ in range(2))
    assert one == other


@every_selector
def test_another_generator_draws_other_rows(select: Selector) -> None:
    train = examples([(f"message number {n} about {n % 7}", "ab"[n % 2]) for n in range(40)])
    draws = {tuple(e.id for e in select(train, 4, random.Random(seed))) for seed in range(8)}
    assert len(draws) > 1


@every_selector
def test_no_train_rows_no_demonstrations(select: Selector) -> None:
    assert select([], 4, random.Random(0)) == ()
