"""The toy model's network: what was read before changes nothing but the speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.models.tiny.lane import WEIGHTS
from benchmarks.models.tiny.network import BLOCK, Reader, Weights, read_weights


@pytest.fixture(scope="module")
def weights() -> Weights:
    return read_weights(WEIGHTS)


@pytest.fixture(scope="module")
def warm(weights: Weights) -> Reader:
    """One reader that all examples share, with whatever earlier ones left in its cache."""
    return Reader(weights)


_PIECES = [list(range(100 + 37 * i, 100 + 37 * i + length)) for i, length in enumerate((5, BLOCK, 40, 2 * BLOCK, 70))]
prompts = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4).map(
    lambda pieces: [token for piece in pieces for token in piece]
)


@settings(max_examples=60, deadline=None)
@given(tokens=prompts)
def test_scores_do_not_depend_on_what_was_read_before(weights: Weights, warm: Reader, tokens: list[int]) -> None:
    assert np.array_equal(warm.read(tokens), Reader(weights).read(tokens))


def test_a_beginning_that_two_prompts_had_is_read_from_the_cache_by_the_third(weights: Weights) -> None:
    reader, beginning = Reader(weights), list(range(200, 200 + 3 * BLOCK + 7))
    cached = []
    for row in ([11, 12, 13], [14], [15, 16], [17, 18]):
        reader.read([300 + row[0]])  # Something else in between empties what the reader holds at the moment.
        reader.read(beginning + row)
        cached.append(reader.cached_tokens)
    assert cached == [0, 0, 3 * BLOCK, 3 * BLOCK]


def test_neighbouring_prompts_share_what_the_reader_holds(weights: Weights) -> None:
    reader, beginning = Reader(weights), list(range(200, 200 + 2 * BLOCK))
    reader.read([*beginning, 5, 6])
    reader.read([*beginning, 7])
    assert reader.cached_tokens == 2 * BLOCK


def test_a_token_more_scores_as_if_it_had_stood_in_the_prompt(weights: Weights) -> None:
    tokens = list(range(300, 300 + BLOCK + 9))
    step = Reader(weights)
    step.read(tokens[:-1])
    assert step.extend(tokens[-1], len(tokens) - 1) == pytest.approx(Reader(weights).read(tokens), abs=1e-4)


def test_order_matters(weights: Weights) -> None:
    assert not np.allclose(Reader(weights).read([300, 301, 302]), Reader(weights).read([301, 300, 302]))
