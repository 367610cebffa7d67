"""Decoding parameters of the toy model."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.models.protocol import ParameterValue
from benchmarks.models.tiny.decoding import Decoding
from benchmarks.models.tiny.network import Floats


def scores(*values: float) -> Floats:
    return np.array(values, dtype=np.float32)


def test_greedy_takes_the_highest_score() -> None:
    assert Decoding(temperature=0).choose(scores(0.1, 3.0, 2.9), random.Random(0)) == 1


def test_drawing_follows_the_probabilities() -> None:
    rng = random.Random(0)
    likely = scores(*np.log([0.7, 0.2, 0.1]))
    drawn = Counter(Decoding(temperature=1).choose(likely, rng) for _ in range(3000))
    assert [drawn[token] / 3000 for token in range(3)] == pytest.approx([0.7, 0.2, 0.1], abs=0.03)


@example(values=[-1.401298464324817e-45, 0.0], temperature=1.0, top_p=0.0, seed=0)
@given(
    values=st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=50),
    temperature=st.floats(0.01, 2),
    top_p=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_what_is_drawn_is_among_the_likeliest_that_reach_top_p(
    values: list[float], temperature: float, top_p: float, seed: int
) -> None:
    token = Decoding(temperature=temperature, top_p=top_p).choose(scores(*values), random.Random(seed))
    likely = np.exp((scores(*values) - scores(max(values))).astype(np.float64) / temperature)
    # Scores that differ by less than a probability can show are tied.
    likelier = likely[likely > likely[token] * (1 + 1e-9)].sum() / likely.sum()
    assert likelier <= top_p + 1e-6


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ({"top_k": 5}, "top_k"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"top_p": 1.5}, "top_p"),
        ({"stop": [""]}, "stop"),
    ],
)
def test_what_the_model_does_not_have_is_named(parameters: dict[str, ParameterValue], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Decoding.of(parameters)


def test_names_and_defaults_are_those_of_the_openai_api() -> None:
    assert Decoding.of({}).temperature == 1
    assert Decoding.of({"max_completion_tokens": 7, "stop": "\n"}) == Decoding(
        temperature=1, max_tokens=7, stop=("\n",)
    )
