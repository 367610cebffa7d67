"""The decision log of a job: what its seed and the replies do not determine, so that a replay decides the same.

Missing outcomes, the time a block took, a deadline that was reached and the number of a look at the test split are
written down under the name of the point where they happened. A job that is run again finds them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from benchmarks.budget import Charge


class Journal(Protocol):
    """Facts by the name of the point where they were settled.

    Invariants: append-only; a point is written at most once; `record` returns once the fact is durable.
    """

    def recall(self, point: str) -> Mapping[str, Any] | None:
        """What was settled at `point`, if the job has been there."""
        ...

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        """Settles `point`."""
        ...


def spent_in_vain(journal: Journal, point: str) -> tuple[list[Charge], str]:
    """What earlier runs of a job have spent at `point` without a reply that is kept, and the point where this run is to
    write down what it does."""
    charges: list[Charge] = []
    while True:
        place = f"{point} in vain {len(charges) + 1}"
        fact = journal.recall(place)
        if fact is None:
            return charges, place
        charges.append(Charge(**fact))


@dataclass(slots=True)
class MemoryJournal:
    """A journal for tests and throw-away runs."""

    facts: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def recall(self, point: str) -> Mapping[str, Any] | None:
        """What was settled at `point`."""
        return self.facts.get(point)

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        """Settles `point`; a second fact for the same point is a defect."""
        if point in self.facts:
            raise ValueError(f"'{point}' is settled already.")
        self.facts[point] = fact
