"""What nightly verdicts promise, on fewer schedules than the tables of docs/nights.md have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evidence.night_records import Policy
from tests.performance.nights import measures
from tests.performance.nights.endpoints import Endpoint, coins, drawn, repeated

MOSTLY_REPEATED = Endpoint(chances=repeated(0.05), wobble=0.005)
DRAWN = Endpoint(chances=drawn, wobble=0.005)


@pytest.mark.parametrize("endpoint", [MOSTLY_REPEATED, DRAWN])
def test_quiet_schedules_raise_hardly_an_alarm(endpoint: Endpoint) -> None:
    """40 schedules of 30 nights are 3.3 years: 0.16 alarms may be expected, and one as often as the bar allows."""
    assert measures.false_alarms(endpoint, runs=40, nights=30) <= 1 / 40


def test_large_drops_are_found_within_two_nights() -> None:
    assert measures.found(DRAWN, 0.10, within=2, runs=20, at=30) >= 0.9
    assert measures.found(MOSTLY_REPEATED, 0.10, within=2, runs=20, at=30) >= 0.9


def test_smaller_drops_are_found_within_a_week() -> None:
    assert measures.found(DRAWN, 0.05, within=7, runs=20, at=30) >= 0.8


def test_drops_below_the_smallest_of_interest_raise_no_alarm() -> None:
    found = measures.found(MOSTLY_REPEATED, 0.05, within=30, runs=10, at=0, policy=Policy(min_drop=0.1))
    assert found == 0


def test_a_fallen_anchor_means_drift_and_a_steady_one_a_worse_prompt() -> None:
    both = measures.named(DRAWN, 0.10, 0.10, begins=20, runs=10)
    alone = measures.named(DRAWN, 0.10, 0.0, begins=20, runs=10)
    assert both["environment_drift"] >= 9
    assert alone["regressed"] >= 9


@pytest.mark.slow
@pytest.mark.parametrize(
    "endpoint",
    [
        replace(MOSTLY_REPEATED, wobble=0.01),
        replace(DRAWN, wobble=0.01),
        Endpoint(chances=coins),
        Endpoint(exact=True, wobble=0.005),
        replace(MOSTLY_REPEATED, missing=0.2),
        Endpoint(chances=repeated(0.01), wobble=0.005, weekly=0.01),
    ],
)
def test_false_alarms_of_whole_years_stay_below_the_stated_rate(endpoint: Endpoint) -> None:
    """Two alarms in 20 years would be expected once in four such tests at a rate of 0.05, three once in 12."""
    assert measures.false_alarms(endpoint, runs=20) * 20 <= 2


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", [MOSTLY_REPEATED, DRAWN])
def test_drops_on_any_night_of_the_year_are_found_in_time(endpoint: Endpoint) -> None:
    assert measures.found(endpoint, 0.10, within=2, runs=40) >= 0.9
    assert measures.found(endpoint, 0.05, within=7, runs=40) >= 0.8


@pytest.mark.slow
def test_a_regression_ends_soon_after_the_drop_has_passed() -> None:
    after = measures.resolved(DRAWN, 0.10, lasts=30, runs=10)
    assert len(after) == 10
    assert np.median(after) <= 7
