"""What a job reports while it runs."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, Rollout
from benchmarks.evidence.records import Interval
from benchmarks.prompts.prompt import Prompt

TICK_S = 1.0
SECONDS_BETWEEN_REPORTS = 0.1
"""Rollouts arrive by the thousand; nobody can read more reports than this."""

RECENT_S = 15.0
"""The rate is that of the last so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseStarted:
    """A phase begins: headroom, search, finalists or proof, with the calls it may make at most."""

    phase: str
    calls_planned: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """How far a job is.

    `calls_done` counts rollouts, replies from the ledger included, but not those that were known before the job began
    and are no part of its plan (the free rows of a warm start); `calls_planned` is what they come to at most by
    the end of the job, which falls when a phase ends early. `rate_per_s` is the rollouts a second of the last seconds,
    `eta_s` how long the calls that are left take at that rate (never beyond the seconds cap); both are None before
    anything can be said. `concurrency` is how many requests may be under way at the endpoint now, 0 while it is
    paused, None where that is not known. `elapsed_s` is what counts against the seconds cap.
    """

    calls_done: int
    calls_planned: int
    missing: int
    format_failures: int
    spent: Charge
    caps: Caps
    elapsed_s: float
    rate_per_s: float | None = None
    eta_s: float | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Leading:
    """A candidate leads the race: its `prompt`, and its score on the validation rows it has seen so far."""

    score: Interval
    factors: str
    candidates_alive: int
    prompt: Prompt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How trial `number` stands, the baseline being 0: the score of its `prompt` on the validation rows that it was
    scored on (None: on none), by which the search chooses, and which is therefore no proof; how many `rows` it ran;
    the tokens that one of its requests takes; and whether others went on without it (`stopped`)."""

    number: int
    prompt: Prompt
    score: Interval | None
    rows: int
    prompt_tokens: float
    completion_tokens: float
    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something a person should know."""

    message: str


Event = PhaseStarted | Advanced | Leading | Tried | Notice
Observer = Callable[[Event], None]


def silent(_event: Event) -> None:
    """An observer that does not look."""


def unknown_level() -> None:
    """How many requests may be under way, where nobody knows."""


class Tally:
    """Counts the rollouts of one job, and reports how far it is: at most ten times a second while they arrive, and
    whenever it is asked to."""

    def __init__(
        self,
        budget: Budget,
        observer: Observer,
        *,
        level: Callable[[], int | None] = unknown_level,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._observer = observer
        self._level = level
        self._clock = clock
        self._done = self._missing = self._format_failures = self._planned = self._known = 0
        self._begun_at = clock()
        self._elapsed_before_s = 0.0
        self._next_report_at = self._begun_at
        self._recent: deque[tuple[float, int]] = deque([(self._begun_at, 0)])

    def expect(self, calls_left: int) -> None:
        """The job may make `calls_left` more calls."""
        self._planned = self._done + calls_left

    def skip(self, known: int) -> None:
        """The first `known` rollouts were known before the job began: they are no calls of its plan."""
        self._known = known

    def resume_at(self, elapsed_s: float) -> None:
        """The job has taken `elapsed_s` seconds by now, those of earlier runs included."""
        self._begun_at, self._elapsed_before_s = self._clock(), elapsed_s

    def count(self, rollout: Rollout) -> None:
        """One more rollout is done."""
        if self._known:
            self._known -= 1
        else:
            self._done += 1
        if rollout.problem is not None:
            self._missing += rollout.score is None
            self._format_failures += rollout.problem in (FORMAT, TRUNCATED)
        if self._clock() >= self._next_report_at:
            self.report()

    @asynccontextmanager
    async def ticking(self) -> AsyncIterator[None]:
        """Reports every second within, also while nothing arrives, and at the end."""

        async def again() -> None:
            while True:
                await asyncio.sleep(TICK_S)
                self.report()

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            self.report()

    def report(self) -> None:
        """Reports how far the job is now."""
        now = self._clock()
        self._next_report_at = now + SECONDS_BETWEEN_REPORTS
        elapsed_s = self._elapsed_before_s + now - self._begun_at
        rate_per_s = self._rate(now)
        self._observer(
            Advanced(
                calls_done=self._done,
                calls_planned=self._planned,
                missing=self._missing,
                format_failures=self._format_failures,
                spent=self._budget.spent,
                caps=self._budget.caps,
                elapsed_s=elapsed_s,
                rate_per_s=rate_per_s,
                eta_s=self._eta_s(rate_per_s, elapsed_s),
                concurrency=self._level(),
            )
        )

    def _rate(self, now: float) -> float | None:
        recent = self._recent
        if self._level() == 0:  # Paused: the rate of before says nothing, and neither does that of a pause later.
            recent.clear()
            recent.append((now, self._done))
        while len(recent) > 1 and recent[1][0] <= now - RECENT_S:
            recent.popleft()
        then, done = recent[0]
        recent.append((now, self._done))
        return (self._done - done) / (now - then) if now > then else None

    def _eta_s(self, rate_per_s: float | None, elapsed_s: float) -> float | None:
        left = self._planned - self._done
        if left <= 0:
            return 0.0
        if not rate_per_s:
            return None
        cap_s = self._budget.caps.seconds
        return left / rate_per_s if cap_s is None else min(left / rate_per_s, max(0.0, cap_s - elapsed_s))
