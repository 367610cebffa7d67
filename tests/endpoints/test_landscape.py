from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.endpoints.landscape import (
    LABELS,
    NO_ROW,
    UNKNOWN_INSTRUCTION_ACCURACY,
    Landscape,
    landscapes,
    load,
    rows,
)
from tests.endpoints.shared import landscapes_folder
from tests.endpoints.wire import Json

ACCURACY = {"Name the colour.": 0.6, "Name the colour. Be brief.": 0.9, "Guess.": 0.0, "Know.": 1.0, "Say it.": 0.6}
ROWS = rows(2000, seed=0)


def prompt(instruction: str, text: str, before: str = "") -> list[Json]:
    return [{"role": "system", "content": instruction}, {"role": "user", "content": f"{before}Input: {text}\nOutput:"}]


def right(landscape: Landscape, instruction: str) -> list[bool]:
    return [landscape.answer(prompt(instruction, row["text"])) == row["label"] for row in ROWS]


@pytest.fixture(scope="module")
def landscape() -> Landscape:
    return Landscape(ACCURACY, rows=2000, seed=0)


@pytest.mark.parametrize("instruction", [*ACCURACY, "Never seen."])
def test_rows_are_answered_right_with_the_accuracy_of_the_instruction(landscape: Landscape, instruction: str) -> None:
    expected = ACCURACY.get(instruction, UNKNOWN_INSTRUCTION_ACCURACY)
    answered = right(landscape, instruction)
    assert landscape.true_accuracy(instruction) == expected
    assert np.mean(answered) == pytest.approx(expected, abs=0.04)
    assert np.mean(answered) == landscape.true_accuracy(instruction, range(2000))


def test_the_longest_instruction_in_the_prompt_decides(landscape: Landscape) -> None:
    assert np.mean(right(landscape, "You are kind. Name the colour. Be brief. Thank you.")) > 0.85


def test_rows_hard_for_one_instruction_are_hard_for_another(landscape: Landscape) -> None:
    one, other = right(landscape, "Name the colour."), right(landscape, "Say it.")
    assert 0.2 < np.corrcoef(one, other)[0, 1] < 0.5


def test_a_wrong_answer_is_another_label(landscape: Landscape) -> None:
    for row in ROWS[:100]:
        answer = landscape.answer(prompt("Guess.", row["text"]))
        assert answer in LABELS
        assert answer != row["label"]


def test_the_row_is_the_last_item_so_demonstrations_do_not_confuse(landscape: Landscape) -> None:
    before = "".join(f"Input: {row['text']}\nOutput: {row['label']}\n\n" for row in ROWS[10:14])
    for row in ROWS[:10]:
        assert landscape.answer(prompt("Know.", row["text"], before)) == row["label"]


@pytest.mark.parametrize("text", ["", "ping", "item 9999 barrel", "item x"])
def test_a_prompt_without_a_known_row_gets_a_sentence(landscape: Landscape, text: str) -> None:
    assert landscape.answer(prompt("Know.", text)) == NO_ROW


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**32), count=st.integers(0, 50), more=st.integers(0, 50))
def test_fewer_rows_are_the_first_of_more_and_all_differ(seed: int, count: int, more: int) -> None:
    longer = rows(count + more, seed)
    assert rows(count, seed) == longer[:count]
    assert len({row["text"] for row in longer}) == len(longer)
    assert all(row["label"] in LABELS for row in longer)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_answers_in_any_order(seed: int) -> None:
    asked = [prompt(instruction, row["text"]) for instruction in ACCURACY for row in rows(20, seed)]
    one, other = Landscape(ACCURACY, rows=20, seed=seed), Landscape(ACCURACY, rows=20, seed=seed)
    assert [one.answer(messages) for messages in asked] == [other.answer(messages) for messages in asked[::-1]][::-1]


@pytest.mark.shared
@pytest.mark.skipif(not landscapes_folder().is_dir(), reason="the folder of landscapes is missing")
def test_real_landscapes_are_read() -> None:
    pairs = landscapes()
    assert len(pairs) == 160
    accuracy = load(*pairs[0])
    assert len(accuracy) > 200
    assert all(0.0 <= value <= 1.0 for value in accuracy.values())
    landscape = Landscape(accuracy, rows=1000, seed=0)
    pool = landscape.pool(32, seed=1)
    assert len(set(pool)) == 32
    for instruction in pool:
        assert landscape.true_accuracy(instruction, range(1000)) == pytest.approx(accuracy[instruction], abs=0.07)
