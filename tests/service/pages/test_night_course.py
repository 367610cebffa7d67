"""The course of nights."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.nights import Ran
from service.pages.night_course import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, night_course


def night(number: int, tonight: dict[str, float] | None, kind: str | None = "unchanged") -> Ran:
    return Ran(
        id=f"nit-{number}",
        schedule="sch-1",
        due_at=f"2026-01-{number + 1:02}T02:00:00.000+00:00",
        baseline=1,
        job="night-1",
        skipped=None,
        kind=kind,
        verdict={"tonight": tonight},
        regression=None,
        judged_at=None,
        epoch=False,
        status="succeeded",
        error=None,
    )


ends = st.tuples(*[st.floats(-1, 1)] * 3).map(sorted)
tonights = st.lists(
    st.none() | ends.map(lambda found: dict(zip(("low", "mean", "high"), found, strict=True))), max_size=28
)


@given(tonights)
def test_it_stays_within_the_frame_and_leaves_out_what_says_nothing(found: list[dict[str, float] | None]) -> None:
    course = night_course([night(number, tonight) for number, tonight in enumerate(found)])
    if not any(found):
        assert course is None
        return
    assert course is not None
    assert len(course.bars) == sum(tonight is not None for tonight in found)
    for bar in course.bars:
        assert LEFT <= bar.x <= WIDTH - RIGHT
        assert TOP <= bar.high <= bar.y <= bar.low <= HEIGHT - BOTTOM
    assert [bar.x for bar in course.bars] == sorted(bar.x for bar in course.bars)


def test_it_looks_as_the_verdict_says() -> None:
    tonight = {"low": -0.1, "mean": -0.05, "high": 0.0}
    kinds = ["unchanged", "regressed", "environment_drift", "inconclusive", "improved"]
    course = night_course([night(number, tonight, kind) for number, kind in enumerate(kinds)])
    assert course is not None
    assert [bar.look for bar in course.bars] == ["good", "bad", "bad", "open", "good"]
    assert "-5.0 points, regressed" in course.bars[1].about
