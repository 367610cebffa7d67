"""Schedules through the real ticker and tables: nights are claimed once, judged, and open and resolve regressions."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.evidence.night_records import Night
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.baselines import Measured
from service.endpoints import read_endpoints
from service.home import Home, open_home
from service.jobs import FAILED, SUCCEEDED, Jobs
from service.nights import BUSY, MISSED, Busy, Nights, Ran
from service.registered_tasks import RegisteredTasks
from service.regressions import Regressions
from service.schedules import Plan, Schedule, Schedules
from service.tables import schedules
from service.ticker import tick
from service.verdicts import settle
from tests.service.clock import Clock

ROWS = 100
ENVIRONMENT: dict[str, str] = {}
ENDPOINTS = read_endpoints(Path("nowhere"), ENVIRONMENT)
TASK = {
    "name": "triage",
    "inputs": ["message"],
    "output": "team",
    "data": {"dataset": "tickets@" + "0" * 64},
    "metric": "accuracy",
    "model": {"name": "tiny"},
}
POLICY = {"alpha": 0.05, "min_drop": 0.05, "confirm_runs": 0, "nights_per_year": 365}
Scores = Callable[[Ran], Night]


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text + " {{message}}"),), parameters={})


MEASURED = Measured(version=1, prompt=prompt("Team?"), anchor=prompt("Which team?"))


@dataclass(slots=True)
class House:
    """A home whose nights are answered by a script."""

    home: Home
    clock: Clock

    def schedule(self, name: str = "nightly", **fields: Any) -> Schedule:
        if not RegisteredTasks(self.home).latest(1):
            RegisteredTasks(self.home).add("triage", TASK, "Ana")
        plan = Plan(
            name=name,
            task="triage@1",
            metric="accuracy",
            prompt="triage@1",
            anchor=None,
            cron="0 2 * * *",
            zone="UTC",
            jitter_s=0,
            misfire="once",
            policy=POLICY,
            epochs=5,
            at_once=False,
            budget={"calls": 200},
            on_regression="none",
            optimization_budget=None,
        )
        return Schedules(self.home).create(replace(plan, **fields), MEASURED, "Ana")

    def tick(self) -> list[Ran]:
        return tick(self.home, ENVIRONMENT)

    def run(self, nights: list[Ran], scores: Scores) -> None:
        """Runs claimed nights as their jobs would."""
        for night in nights:
            if night.job is None:
                continue
            hold = Jobs(self.home).take(Jobs(self.home).get(night.job), "worker")
            assert hold is not None
            settle(hold, night, scores(night))
            Jobs(hold).conclude(night.job, SUCCEEDED, result={})

    def pass_nights(self, count: int, scores: Scores) -> None:
        for _ in range(count):
            self.clock.pass_(24 * 3600)
            self.run(self.tick(), scores)

    def nights(self, schedule: Schedule) -> list[Ran]:
        """All nights, in order."""
        return Nights(self.home).listed(schedule.id, 1000)[::-1]


def scripted(prompt_score: float, anchor_score: float = 0.7, *, seed: int = 0) -> Scores:
    """Rows that mostly repeat: each has a score of its own, and a few are drawn anew every night."""

    def scores(night: Ran) -> Night:
        rng = random.Random(f"{seed} {night.due_at}")

        def arm(level: float) -> tuple[float, ...]:
            fixed = [1.0 if row < level * ROWS else 0.0 for row in range(ROWS)]
            for row in rng.sample(range(ROWS), 2):
                fixed[row] = float(rng.random() < level)
            return tuple(fixed)

        return Night(prompt=arm(prompt_score), anchor=arm(anchor_score))

    return scores


GOOD, BAD = scripted(0.8), scripted(0.6)
DRIFT = scripted(0.6, 0.45)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(home_environment: dict[str, str], clock: Clock) -> Iterator[House]:
    opened = open_home(home_environment)
    yield House(replace(opened, now=clock.now), clock)
    opened.engine.dispose()


def kinds(nights: list[Ran]) -> list[str | None]:
    return [night.kind for night in nights]


def test_the_first_nights_make_the_baseline_and_the_next_ones_are_judged(house: House) -> None:
    schedule = house.schedule()
    house.pass_nights(5, GOOD)
    assert [night.epoch for night in house.nights(schedule)] == [True] * 5
    house.pass_nights(3, GOOD)
    assert kinds(house.nights(schedule))[5:] == ["unchanged"] * 3
    assert not any(night.epoch for night in house.nights(schedule)[5:])
    assert Regressions(house.home).listed(10) == []


def test_a_drop_opens_one_regression_that_a_recovery_resolves(house: House) -> None:
    schedule = house.schedule()
    house.pass_nights(15, GOOD)
    house.pass_nights(3, BAD)
    (found,) = Regressions(house.home).listed(10, state="open")
    assert (found.task, found.metric, found.kind) == ("triage", "accuracy", "regressed")
    assert Schedules(house.home).get("nightly").opened == found.id
    acked = Regressions(house.home).ack(found.id, "Ben", "the provider says so")
    assert (acked.acked_by, acked.note, acked.state) == ("Ben", "the provider says so", "open")
    house.pass_nights(6, GOOD)
    assert Regressions(house.home).listed(10, state="open") == []
    resolved = Regressions(house.home).get(found.id)
    assert (resolved.state, resolved.acked_by) == ("resolved", "Ben")
    assert Schedules(house.home).get("nightly").opened is None
    history = Nights(house.home).of_regression(found.id, 100)
    assert history[0].kind == "regressed"
    assert history[-1].kind != "regressed"
    assert [night.id for night in history] == [
        night.id for night in house.nights(schedule) if history[0].due_at <= night.due_at <= history[-1].due_at
    ]


def test_where_the_anchor_falls_too_it_is_the_environment(house: House) -> None:
    house.schedule()
    house.pass_nights(15, GOOD)
    house.pass_nights(3, DRIFT)
    (found,) = Regressions(house.home).listed(10, state="open")
    assert found.kind == "environment_drift"


def test_two_schedules_of_a_task_share_one_regression_until_neither_sees_it(house: House) -> None:
    one, other = house.schedule("one"), house.schedule("other")
    house.pass_nights(15, GOOD)
    house.pass_nights(3, BAD)
    (found,) = Regressions(house.home).listed(10)
    house.pass_nights(6, lambda night: (GOOD if night.schedule == one.id else BAD)(night))
    assert Regressions(house.home).get(found.id).state == "open"
    house.pass_nights(6, GOOD)
    assert Regressions(house.home).get(found.id).state == "resolved"
    assert [Schedules(house.home).get(each.id).opened for each in (one, other)] == [None, None]


def test_a_night_with_few_rows_says_nothing_and_leaves_open_what_is_open(house: House) -> None:
    schedule = house.schedule()
    house.pass_nights(15, GOOD)
    house.pass_nights(3, BAD)
    house.pass_nights(1, lambda _: Night(prompt=(float("nan"),) * ROWS, anchor=(1.0,) * ROWS))
    assert house.nights(schedule)[-1].kind == "inconclusive"
    assert len(Regressions(house.home).listed(10, state="open")) == 1


def test_an_epoch_with_few_rows_makes_no_baseline(house: House) -> None:
    schedule = house.schedule()
    house.pass_nights(1, lambda _: Night(prompt=(float("nan"),) * ROWS, anchor=(1.0,) * ROWS))
    house.pass_nights(5, GOOD)
    assert [night.epoch for night in house.nights(schedule)] == [False, *[True] * 5]
    house.pass_nights(1, GOOD)
    assert house.nights(schedule)[-1].kind == "unchanged"


def test_missed_nights_are_caught_up_once(house: House) -> None:
    schedule = house.schedule()
    house.clock.pass_(10 * 24 * 3600)
    (night,) = house.tick()
    assert datetime.fromisoformat(night.due_at) == datetime(2026, 1, 12, 2, tzinfo=UTC)
    house.run([night], GOOD)
    assert house.tick() == []
    assert len(house.nights(schedule)) == 1
    assert Schedules(house.home).get(schedule.id).next_due_at == "2026-01-13T02:00:00.000+00:00"


def test_missed_nights_may_be_left_out(house: House) -> None:
    house.schedule(misfire="skip")
    house.clock.pass_(10 * 24 * 3600)
    (night,) = house.tick()
    assert (night.skipped, night.job) == (MISSED, None)
    house.clock.time = datetime(2026, 1, 13, 2, 59, tzinfo=UTC)
    (night,) = house.tick()
    assert night.skipped is None


def test_a_night_begins_only_when_the_one_before_has_ended(house: House) -> None:
    schedule = house.schedule()
    house.clock.pass_(24 * 3600)
    (running,) = house.tick()
    house.clock.pass_(24 * 3600)
    (skipped,) = house.tick()
    assert (skipped.skipped, skipped.job) == (BUSY, None)
    with pytest.raises(Busy):
        Nights(house.home).begin(schedule, Nights(house.home).by_hand(schedule), ENDPOINTS)
    house.run([running], GOOD)
    house.pass_nights(1, GOOD)
    assert [night.epoch for night in house.nights(schedule)] == [True, False, True]


def test_a_delay_puts_the_start_off_and_not_the_due_time(house: House) -> None:
    schedule = house.schedule(jitter_s=1800)
    start = datetime.fromisoformat(schedule.next_start_at)
    assert schedule.next_due_at < schedule.next_start_at
    house.clock.time = start - timedelta(seconds=1)
    assert house.tick() == []
    house.clock.time = start
    (night,) = house.tick()
    assert night.due_at == schedule.next_due_at


def test_a_baseline_is_built_at_once_on_request(house: House) -> None:
    schedule = house.schedule(at_once=True)
    for _ in range(5):
        (night,) = house.tick()
        assert house.tick() == []
        house.run([night], GOOD)
    assert house.tick() == []
    house.pass_nights(1, GOOD)
    assert kinds(house.nights(schedule)) == [None] * 5 + ["unchanged"]


def test_a_baseline_at_once_that_fails_waits_for_the_next_due_time(house: House) -> None:
    schedule = house.schedule(at_once=True)
    (night,) = house.tick()
    assert night.job is not None
    hold = Jobs(house.home).take(Jobs(house.home).get(night.job), "worker")
    assert hold is not None
    Jobs(hold).conclude(night.job, FAILED, error="The endpoint is down.")
    assert house.tick() == house.tick() == []
    house.pass_nights(5, GOOD)
    found = house.nights(schedule)
    assert found[0].error == "The endpoint is down."
    assert [night.epoch for night in found] == [False, *[True] * 5]


def test_a_baseline_moves_only_when_somebody_moves_it(house: House) -> None:
    schedule = house.schedule()
    house.pass_nights(15, GOOD)
    house.pass_nights(3, BAD)
    Schedules(house.home).move_baseline(schedule, MEASURED, by="Ana", why="a new model", at_once=False)
    (closed,) = Regressions(house.home).listed(10)
    assert closed.state == "resolved"
    assert "Ana" in (closed.resolved_why or "")
    house.pass_nights(7, BAD)
    assert kinds(house.nights(schedule))[-2:] == ["unchanged"] * 2
    assert house.nights(schedule)[-1].baseline == 2


def test_a_schedule_that_is_disabled_or_deleted_rests(house: House) -> None:
    schedule = house.schedule()
    schedule = Schedules(house.home).change(schedule, enabled=False)
    house.pass_nights(2, GOOD)
    schedule = Schedules(house.home).change(schedule, enabled=True)
    assert house.tick() == []
    house.pass_nights(1, GOOD)
    Schedules(house.home).delete(schedule, "Ana")
    house.pass_nights(2, GOOD)
    assert len(house.nights(schedule)) == 1
    house.schedule()


def test_what_two_workers_see_due_is_run_once(house: House) -> None:
    schedule = house.schedule()
    house.clock.pass_(24 * 3600)
    seen = [Schedules(house.home).get(schedule.id) for _ in range(2)]
    claimed = [Nights(house.home).claim(found, ENDPOINTS) for found in seen]
    assert [night is not None for night in claimed] == [True, False]
    assert len(house.nights(schedule)) == 1


def test_a_due_time_that_comes_again_is_claimed_once_and_keeps_no_other_schedule_waiting(house: House) -> None:
    again, other = house.schedule(), house.schedule("other", cron="0 3 * * *")
    house.clock.pass_(24 * 3600)
    house.run(house.tick(), GOOD)
    with house.home.writing() as connection:  # As a clock that went back would have it.
        back = {name: getattr(again, name) for name in ("next_due_at", "next_start_at")}
        connection.execute(sa.update(schedules).where(schedules.c.id == again.id).values(**back))
    assert house.tick() == []
    house.pass_nights(1, GOOD)
    assert [len(house.nights(schedule)) for schedule in (again, other)] == [2, 2]


def test_a_regression_starts_one_optimization(house: House) -> None:
    house.schedule()
    house.pass_nights(15, GOOD)
    house.pass_nights(3, BAD)
    (regression,) = Regressions(house.home).listed(10)
    assert [Regressions(house.home).started(regression.id, job) for job in ("a", "b", "a")] == [True, False, True]
    assert Regressions(house.home).get(regression.id).optimization == "a"


def test_a_night_that_was_settled_is_not_settled_again(house: House) -> None:
    house.schedule()
    house.pass_nights(15, GOOD)
    house.clock.pass_(24 * 3600)
    (night,) = house.tick()
    house.run([night], GOOD)
    before = Nights(house.home).of_job(night.job or "")
    settle(house.home, night, BAD(night))
    assert Nights(house.home).of_job(night.job or "") == before


def test_any_number_of_workers_run_each_night_once(house: House, home_environment: dict[str, str]) -> None:
    names = [f"s{number}" for number in range(4)]
    for name in names:
        house.schedule(name)
    house.clock.pass_(24 * 3600)
    workers = [replace(open_home(home_environment), now=house.clock.now) for _ in range(6)]
    try:
        together = threading.Barrier(len(workers))

        def work(home: Home) -> list[Ran]:
            together.wait(30)
            return [night for _ in range(3) for night in tick(home, ENVIRONMENT)]

        with ThreadPoolExecutor(len(workers)) as threads:
            claimed = [night for found in threads.map(work, workers) for night in found]
    finally:
        for worker in workers:
            worker.engine.dispose()
    assert len(claimed) == len({night.schedule for night in claimed}) == len(names)
    assert all(len(house.nights(Schedules(house.home).get(name))) == 1 for name in names)
    assert len(Jobs(house.home).waiting()) == len(names)


@pytest.mark.slow
def test_a_year_of_nights(house: House) -> None:
    schedule = house.schedule(cron="30 2 * * *", zone="America/New_York")
    house.pass_nights(205, GOOD)
    assert Regressions(house.home).listed(10) == []
    house.pass_nights(10, scripted(0.7))
    house.pass_nights(155, GOOD)
    (found,) = Regressions(house.home).listed(10)
    nights = house.nights(schedule)
    assert len({night.due_at for night in nights}) == len(nights) == 370
    opened = next(place for place, night in enumerate(nights) if night.kind == "regressed")
    assert opened - 205 < 2
    assert found.state == "resolved"
    assert nights[-1].kind == "unchanged"
    hours = {night.due_at[11:16] for night in nights}
    assert hours == {"06:30", "07:30"}
