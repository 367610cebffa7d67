"""Many schedules, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.evidence.night_course import Course, Standing
from benchmarks.evidence.night_records import Policy, Verdict
from benchmarks.evidence.nights import read
from tests.performance.nights.endpoints import Endpoint, Floats, year

NIGHTS = 365
POLICY = Policy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One simulated schedule: how things stood after each night, and the verdict after any of them."""

    course: Course
    standings: list[Standing]

    def opened(self, since: int = 0) -> int | None:
        """The first night from `since` on that opened a regression."""
        opened = (s.opened for s in self.standings if s.opened is not None)
        return next((night for night in opened if night >= since), None)

    def rose(self) -> int | None:
        """The first night on which the verdict was `improved`."""
        return next((s.night for s in self.standings if s.stands == "up"), None)

    def verdict(self, night: int) -> Verdict:
        """What was said after this night."""
        return self.course.verdict(self.standings[night])


def schedules(
    endpoint: Endpoint,
    path: Floats | None = None,
    *,
    anchor: Floats | None = None,
    runs: int,
    seed: int = 0,
    policy: Policy = POLICY,
) -> Iterator[Schedule]:
    """Schedules whose prompt and anchor are off by `path` and `anchor` in score units, night by night: a year without
    any change unless told otherwise."""
    path = np.zeros(NIGHTS) if path is None else path
    anchor = np.zeros_like(path) if anchor is None else anchor
    for run in range(runs):
        baseline, nights = year(endpoint, path, anchor, np.random.default_rng([seed, run]))
        course = Course(baseline, read(baseline, nights), policy)
        yield Schedule(course=course, standings=course.standings())


def false_alarms(endpoint: Endpoint, *, runs: int, nights: int = NIGHTS, policy: Policy = POLICY) -> float:
    """The mean number of regressions that were opened in as many nights without a change."""
    opened = 0
    for schedule in schedules(endpoint, np.zeros(nights), runs=runs, policy=policy):
        opened += len({standing.opened for standing in schedule.standings} - {None})
    return opened / runs


def found(
    endpoint: Endpoint, drop: float, *, within: int, runs: int, at: int | None = None, policy: Policy = POLICY
) -> float:
    """The share of drops found within so many nights, that with the drop included, which is night `at` or any of the
    year. An alarm before it is no find."""
    finds = 0
    for run in range(runs):
        begins = int(np.random.default_rng([7, run]).integers(NIGHTS - within)) if at is None else at
        path = np.where(np.arange(begins + within) < begins, 0.0, -drop)
        schedule = next(iter(schedules(endpoint, path, runs=1, seed=100 + run, policy=policy)))
        opened = schedule.opened()
        finds += opened is not None and opened >= begins
    return finds / runs


def named(endpoint: Endpoint, drop: float, anchor_drop: float, *, begins: int, runs: int) -> Counter[str]:
    """What the night that opened the regression called it, and what a week later was said."""
    steps = np.where(np.arange(begins + 30) < begins, 0.0, -1.0)
    said: Counter[str] = Counter()
    for schedule in schedules(endpoint, drop * steps, anchor=anchor_drop * steps, runs=runs):
        opened = schedule.opened(begins)
        if opened is not None:
            said[schedule.verdict(opened).kind] += 1
            said["later " + schedule.verdict(min(opened + 7, begins + 29)).kind] += 1
    return said


def resolved(endpoint: Endpoint, drop: float, *, lasts: int, runs: int) -> list[int]:
    """How many nights after the drop had passed its regression was closed, of those opened by then."""
    path = np.concatenate([np.zeros(60), np.full(lasts, -drop), np.zeros(60)])
    after = []
    for schedule in schedules(endpoint, path, runs=runs):
        if schedule.opened(60) is not None:
            still = [s.night for s in schedule.standings if s.opened is not None]
            after.append(max(still) + 2 - (60 + lasts))
    return after


def quiet_nights(endpoint: Endpoint, *, runs: int, policy: Policy = POLICY) -> dict[int, Counter[str]]:
    """What is said after the first night, a week, a month and a hundred nights without a change."""
    said: dict[int, Counter[str]] = {night: Counter() for night in (1, 7, 30, 100)}
    for schedule in schedules(endpoint, np.zeros(100), runs=runs, policy=policy):
        for night, counter in said.items():
            counter[schedule.verdict(night - 1).kind] += 1
    return said


def covered(endpoint: Endpoint, *, nights: int, runs: int) -> float:
    """How often the 95 % interval of the difference holds the truth, 0, after as many nights."""
    held = 0
    for schedule in schedules(endpoint, np.zeros(nights), runs=runs):
        difference = schedule.verdict(nights - 1).difference
        held += difference is not None and difference.low <= 0 <= difference.high
    return held / runs
