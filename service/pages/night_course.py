"""The course of a schedule's nights: each night's difference to the baseline, with its interval, around no change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.nights import Ran
from service.pages.curve import Tick

WIDTH, HEIGHT = 720, 160
LEFT, RIGHT, TOP, BOTTOM = 48, 12, 12, 24
LEAST_REACH = 0.05
GOOD, BAD, OPEN = "good", "bad", "open"
_LOOKS = {"improved": GOOD, "unchanged": GOOD, "regressed": BAD, "environment_drift": BAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One night: where it stands, its interval, and in words. `look` is good, bad or open."""

    x: float
    y: float
    high: float
    low: float
    look: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NightCourse:
    """A drawing in pixels; `zero` is where nothing has changed."""

    bars: tuple[Bar, ...]
    zero: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def night_course(nights: Sequence[Ran]) -> NightCourse | None:
    """The course of `nights`, in order; None where none was judged. Nights without a score leave a gap."""
    if not any(night.verdict and night.verdict["tonight"] for night in nights):
        return None
    shown = [(place, night, (night.verdict or {}).get("tonight")) for place, night in enumerate(nights)]
    measured = [(place, night, tonight) for place, night, tonight in shown if tonight]
    reach: float = max(LEAST_REACH, *(abs(tonight[end]) for _, _, tonight in measured for end in ("low", "high")))

    def x(place: int) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (place + 0.5) / len(nights), 1)

    def y(difference: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - difference / reach) / 2, 1)

    return NightCourse(
        bars=tuple(
            Bar(
                x=x(place),
                y=y(tonight["mean"]),
                high=y(tonight["high"]),
                low=y(tonight["low"]),
                look=_LOOKS.get(night.kind or "", OPEN),
                about=f"{night.due_at[:16].replace('T', ' ')}: {100 * tonight['mean']:+.1f} points, {night.kind}",
            )
            for place, night, tonight in measured
        ),
        zero=y(0.0),
        x_ticks=tuple(
            Tick(at=x(place), text=nights[place].due_at[:10]) for place in sorted({0, len(nights) - 1}) if nights
        ),
        y_ticks=tuple(Tick(at=y(part * reach), text=f"{100 * part * reach:+.0f}") for part in (-1, 0, 1)),
    )
