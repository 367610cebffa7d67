"""What a job reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.budget import Charge
from benchmarks.evidence.records import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """A phase begins: headroom, search, finalists or proof, with the calls it may make at most."""

    phase: str
    calls_planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """One more rollout is done. `calls_done` counts rollouts, ledger hits included."""

    calls_done: int
    missing: int
    format_failures: int
    spent: Charge


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """A candidate leads the race: its score on the validation rows it has seen so far."""

    score: Interval
    factors: str
    candidates_alive: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know."""

    message: str


Event = PhaseStarted | Advanced | Leading | Notice
Observer = Callable[[Event], None]


def silent(_event: Event) -> None:
    """An observer that does not look."""
