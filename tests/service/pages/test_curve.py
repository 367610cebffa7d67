"""The curve of best-so-far."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.pages.curve import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, curve


def leader(calls: int, score: float, low: float, high: float) -> dict[str, Any]:
    return {"calls_done": calls, "score": score, "low": low, "high": high, "rows": 9, "prompt": "grammar"}


unit = st.floats(0, 1)
leaders = st.lists(st.tuples(st.integers(0, 10**6), st.tuples(unit, unit, unit).map(sorted)), min_size=1).map(
    lambda drawn: [leader(calls, score, low, high) for calls, (low, score, high) in sorted(drawn)]
)


def points(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, _, y in (point.partition(",") for point in text.split())]


def test_without_a_leader_there_is_nothing_to_draw() -> None:
    assert curve([]) is None


@given(leaders)
def test_everything_lies_inside_the_frame(drawn: list[dict[str, Any]]) -> None:
    found = curve(drawn)
    assert found is not None
    for x, y in [*points(found.line), *points(found.band), *((dot.x, dot.y) for dot in found.dots)]:
        assert LEFT - 0.1 <= x <= WIDTH - RIGHT + 0.1
        assert TOP - 0.1 <= y <= HEIGHT - BOTTOM + 0.1


@given(leaders)
def test_a_score_holds_until_the_next_one(drawn: list[dict[str, Any]]) -> None:
    found = curve(drawn)
    assert found is not None
    steps = points(found.line)
    assert all(a[0] == b[0] or a[1] == b[1] for a, b in itertools.pairwise(steps))
    assert len(found.dots) == len(drawn)
