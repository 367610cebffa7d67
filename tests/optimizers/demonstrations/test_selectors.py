from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from optimizers.demonstrations.selectors import MOST_COMPARED, balanced, nearest


def example(number: int, text: str, answer: str = "a") -> Example:
    return Example(id=f"{number}", inputs={"text": text}, answer=answer, slices={}, origin=f"row {number}")


@settings(max_examples=60, deadline=None)
@given(answers=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40), count=st.integers(1, 40))
def test_balanced_shows_each_answer_as_often_as_the_rows_allow(answers: list[str], count: int) -> None:
    train = [example(number, f"text {number}", answer) for number, answer in enumerate(answers)]
    shown = Counter(e.answer for e in balanced(train, count, random.Random(0)))
    most = max(shown.values())
    for answer, rows in Counter(answers).items():
        assert shown[answer] == rows or shown[answer] >= most - 1


def test_balanced_does_not_show_the_answers_in_turn() -> None:
    train = [example(number, f"text {number}", "ab"[number % 2]) for number in range(20)]
    orders = {"".join(e.answer for e in balanced(train, 6, random.Random(seed))) for seed in range(20)}
    assert len(orders) > 5


@pytest.mark.parametrize("seed", range(5))
def test_nearest_shows_a_row_of_every_kind(seed: int) -> None:
    kinds = ["my card was stolen at the shop", "when does the office open on sunday", "transfer of money abroad failed"]
    train = [example(n, f"{kinds[n % 3]} {n}") for n in range(30)]
    shown = nearest(train, 3, random.Random(seed))
    assert {int(e.id) % 3 for e in shown} == {0, 1, 2}


def test_nearest_shows_the_most_representative_row_last() -> None:
    train = [*(example(n, f"my card was stolen {n}") for n in range(12)), example(99, "zebra quilt xylophone")]
    assert nearest(train, 2, random.Random(0))[-1].id != "99"


def test_nearest_reads_all_inputs() -> None:
    train = [
        Example(id=f"{n}", inputs={"title": "same", "body": body}, answer="a", slices={}, origin="")
        for n, body in enumerate(["stolen card now"] * 5 + ["opening hours today"] * 5)
    ]
    shown = nearest(train, 2, random.Random(0))
    assert {e.inputs["body"] for e in shown} == {"stolen card now", "opening hours today"}


def test_nearest_thins_out_more_rows_than_it_compares() -> None:
    train = [example(n, f"message {n} about {n % 13} and {n % 7}") for n in range(4 * MOST_COMPARED)]
    assert len({e.id for e in nearest(train, 8, random.Random(0))}) == 8
