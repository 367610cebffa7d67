"""What is compared: a searcher, and what it would return after so many calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.performance.search_quality.arena import StandIn


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What test rows said of the choice: whether it was `promoted`, and the reported difference to the user's prompt
    with its interval, all in [-1, 1]. It took `calls` task calls."""

    promoted: bool
    difference: float
    low: float
    high: float
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a searcher returns after `calls` task calls on search rows, `repeats` of which it had made before.

    `choice` is a place in the arena's pool, `claim` the score in [0, 1] that the searcher reports for it, None if it
    reports none.
    """

    calls: int
    repeats: int
    choice: int
    claim: float | None = None
    decision: Decision | None = None


class Searcher(Protocol):
    """Looks for the best instruction of a pool.

    `anytime` says that one run tells what it would return at any smaller number of calls, too; the others divide
    their budget in advance and begin anew for each.
    """

    name: str
    anytime: bool

    def run(self, model: StandIn, budget: int) -> list[Point]:
        """What is returned, in order of calls; the last point is the run's end.

        Those that are not anytime never make more than `budget` calls, test rows included; an anytime searcher may
        finish what it began, and go on as long as repeats are not counted.
        """
        ...


def point(model: StandIn, choice: int, claim: float | None = None, decision: Decision | None = None) -> Point:
    """What a searcher returns at this moment."""
    return Point(calls=model.calls, repeats=model.repeats, choice=choice, claim=claim, decision=decision)
