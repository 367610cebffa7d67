"""The stand-in counts what it is asked, and is right as often as its arena says."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.models.tiny.lane import weights_identity
from tests.endpoints.shared import landscapes_folder
from tests.performance.search_quality.arena import POOL, SEARCH_ROWS, TEST_ROWS, StandIn, UnknownPrompt
from tests.performance.search_quality.arenas import arena, development_pairs, held_out_pairs, spread
from tests.performance.search_quality.synthetic import SPREADS, accuracies
from tests.performance.search_quality.tiny import RECORD


def test_calls_on_search_rows_repeats_and_calls_on_test_rows_are_counted_apart() -> None:
    model = StandIn(arena("synthetic/factors", 0))
    model.scores(3, np.arange(10))
    model.scores(4, np.arange(10))
    model.scores(3, np.arange(5, 15))
    model.scores(3, np.array([SEARCH_ROWS, SEARCH_ROWS + 1]))
    assert (model.calls, model.repeats, model.test_calls) == (30, 5, 2)


@pytest.mark.parametrize("kind", [*SPREADS, "flat/0.5"])
def test_a_pool_has_32_instructions_that_are_told_apart(kind: str) -> None:
    ground = arena(kind if "/" in kind else f"synthetic/{kind}", 1)
    assert len(ground.pool) == POOL
    assert [ground.find(f"You must:\n        {text}\nitem") for text in ground.pool] == list(range(POOL))


def test_the_model_is_right_on_as_many_rows_as_the_true_accuracy_says() -> None:
    ground = arena("synthetic/interactions", 2)
    off = ground.right.mean(axis=1) - ground.accuracy
    assert np.abs(off).max() < 4 * 0.5 / np.sqrt(ground.right.shape[1])
    assert ground.regret(int(ground.accuracy.argmax())) == 0.0


def test_a_reply_is_the_label_exactly_where_the_model_is_right() -> None:
    ground = arena("synthetic/factors", 3)
    model = StandIn(ground)
    for number in (0, 17, 301):
        for choice in (0, 5):
            row = ground.rows[number]
            reply = model.reply([("system", ground.pool[choice]), ("user", f"item 0001 is another. {row['text']}")])
            assert (reply == row["label"]) == ground.right[choice, number]


def test_white_space_and_outer_quotation_marks_do_not_hide_an_instruction() -> None:
    ground = arena("synthetic/factors", 0)
    model = StandIn(ground)
    laid_out = '"' + ground.pool[7].replace(" ", "\n        ") + '"'
    model.reply([("user", f"Do this: {laid_out}\n{ground.rows[0]['text']}")])
    assert model.scores(7, np.array([0])).shape == (1,)
    assert model.repeats == 1


@pytest.mark.parametrize("prompt", ["Nobody knows this instruction. item 0001", "no row"])
def test_a_stranger_is_refused_and_remembered(prompt: str) -> None:
    model = StandIn(arena("synthetic/factors", 0))
    with pytest.raises(UnknownPrompt):
        model.reply([("user", prompt)])
    assert model.stranger is not None
    assert model.calls == 0


def test_an_outlier_stands_out_and_a_narrow_landscape_is_narrow() -> None:
    for seed in range(5):
        best, second = sorted(accuracies("outlier", seed).values())[-8:-6]
        assert second - best > 0.15
        assert np.std(list(accuracies("narrow", seed).values())) < 0.04


@pytest.mark.shared
@pytest.mark.skipif(not landscapes_folder().is_dir(), reason="the folder of landscapes is missing")
def test_held_out_pairs_share_neither_task_nor_model_with_those_for_development() -> None:
    ours, theirs = ([pair.split("/")[1:] for pair in pairs] for pairs in (development_pairs(), held_out_pairs()))
    assert len(ours) == len(theirs) == 40
    for part in (0, 1):
        assert not {pair[part] for pair in ours} & {pair[part] for pair in theirs}
    chosen = spread(held_out_pairs())
    assert set(chosen) <= set(held_out_pairs())
    assert len({pair.split("/")[2] for pair in chosen}) == 8
    assert len({pair.split("/")[1] for pair in chosen}) == 5


def test_what_was_recorded_of_the_toy_model_is_what_it_answers_today() -> None:
    record = json.loads(RECORD.read_text())
    assert record["weights"] == weights_identity().endpoint, "python -m tests.performance.search_quality.tiny"
    ground = arena("tiny", 0)
    assert [ground.find(prompt) for prompt in ground.pool] == list(range(POOL))
    assert ground.right.shape == (POOL, SEARCH_ROWS + TEST_ROWS)
