"""The curve of best-so-far: the leading candidate's score on validation, with its interval, over the calls made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 720, 240
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on an axis: where, in pixels, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One leader, where it stands, and in words."""

    x: float
    y: float
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A drawing in pixels: `line` and `band` are lists of points as SVG writes them."""

    line: str
    band: str
    dots: tuple[Dot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def curve(leaders: Sequence[Mapping[str, Any]]) -> Curve | None:
    """The curve through `leaders` (events `best`, in order); None without any."""
    if not leaders:
        return None
    most_calls: int = max(1, *(leader["calls_done"] for leader in leaders))

    def x(calls: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * calls / most_calls

    def y(score: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - score)

    def points(values: Sequence[tuple[float, float]]) -> str:
        return " ".join(f"{x(calls):.1f},{y(score):.1f}" for calls, score in values)

    upper = _stairs([(leader["calls_done"], leader["high"]) for leader in leaders], most_calls)
    lower = _stairs([(leader["calls_done"], leader["low"]) for leader in leaders], most_calls)
    return Curve(
        line=points(_stairs([(leader["calls_done"], leader["score"]) for leader in leaders], most_calls)),
        band=points([*upper, *reversed(lower)]),
        dots=tuple(
            Dot(
                x=x(leader["calls_done"]),
                y=y(leader["score"]),
                about=f"{leader['score']:.3f} ({leader['low']:.3f} to {leader['high']:.3f}) on {leader['rows']} "
                f"{'row' if leader['rows'] == 1 else 'rows'} after {leader['calls_done']} calls: {leader['prompt']}",
            )
            for leader in leaders
        ),
        x_ticks=tuple(Tick(at=x(most_calls * part / 4), text=f"{most_calls * part / 4:.0f}") for part in range(5)),
        y_ticks=tuple(Tick(at=y(part / 4), text=f"{part / 4:.2f}") for part in range(5)),
    )


def _stairs(values: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """A value holds until the next one."""
    steps: list[tuple[float, float]] = []
    for at, value in values:
        if steps:
            steps.append((at, steps[-1][1]))
        steps.append((at, value))
    return [*steps, (end, steps[-1][1])]
