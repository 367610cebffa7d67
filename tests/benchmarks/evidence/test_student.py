from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.evidence.student import student_limits, student_p


@settings(max_examples=200, deadline=None)
@given(
    st.floats(min_value=0.02, max_value=0.4),
    st.floats(min_value=0.02, max_value=0.2),
    st.floats(min_value=2, max_value=200),
    st.floats(min_value=-1.5, max_value=1.5),
)
def test_a_limit_at_the_level_of_p_is_0(mean: float, error: float, degrees: float, skew: float) -> None:
    p = student_p(mean, error, degrees=degrees, n=100_000, skew=skew)
    if 1e-9 < p < 0.999:
        low, _ = student_limits(mean, error, degrees=degrees, n=100_000, level=1 - p, lowest=-1.0, skew=skew)
        assert low == pytest.approx(0.0, abs=1e-6)


def test_skew_widens_the_far_side_and_narrows_none() -> None:
    plain, skewed = (
        student_limits(0.1, 0.05, degrees=50, n=10_000, level=0.95, lowest=-1.0, skew=skew) for skew in (0.0, 0.4)
    )
    assert skewed[0] == plain[0]
    assert skewed[1] > plain[1]
