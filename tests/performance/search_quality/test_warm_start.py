"""A warm start does not hurt: with a quarter of the calls, a second search ends no worse than the first."""

from __future__ import annotations

import statistics

import pytest

from tests.endpoints.shared import landscapes_folder
from tests.performance.search_quality.warm import HELD_OUT, trios


@pytest.mark.shared
@pytest.mark.skipif(not landscapes_folder().is_dir(), reason="the folder of landscapes is missing")
@pytest.mark.slow
def test_a_second_search_with_a_quarter_of_the_calls_keeps_what_the_first_one_found() -> None:
    found = list(trios(HELD_OUT, [0], 1000))
    first, warm, cold = (statistics.fmean(getattr(trio, name) for trio in found) for name in ("first", "warm", "cold"))
    assert warm <= first + 0.005
    assert warm < cold
    assert max(trio.warm_calls for trio in found) <= 250
