"""The chart of what mattered: for each part a bar from the low to the high end of what it brought, around no effect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 240, 20
MARGIN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One row of the chart, in pixels from the left: the interval, its middle, and where no effect would be. `kind` is
    good, bad or open: whether the part brought something, cost something, or nobody can tell."""

    low: float
    high: float
    mean: float
    zero: float
    kind: str
    part: Mapping[str, Any]


def forest(parts: Sequence[Mapping[str, Any]]) -> tuple[Bar, ...]:
    """The bars of a result's `ablation`, all on one scale."""
    ends = [abs(part["difference"][end]) for part in parts for end in ("low", "high")]
    reach = max(ends, default=0.0) or 1.0

    def x(difference: float) -> float:
        return round(WIDTH / 2 + (WIDTH / 2 - MARGIN) * difference / reach, 1)

    return tuple(
        Bar(
            low=x(found["low"]),
            high=x(found["high"]),
            mean=x(found["mean"]),
            zero=x(0.0),
            kind="good" if found["low"] > 0 else "bad" if found["high"] < 0 else "open",
            part=part,
        )
        for part in parts
        for found in (part["difference"],)
    )
