"""The level that is found: near what a server can do, never far from it, and back after trouble."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.models.level import CUT, FIRST, Level
from tests.performance.concurrency.levels import Scenario, longer_later, run
from tests.performance.concurrency.servers import Server


def found(server: Server, *, calls: int, ceiling: int, seed: int = 0) -> list[int]:
    """The levels in the second half of a run."""
    scenario = Scenario(name="", server=lambda _: server, calls=calls, ceiling=ceiling, fixed=())
    return run(scenario, seed).levels[calls // 2 :]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("slots", [8, 24])
def test_it_stops_near_the_slots_of_a_server(slots: int, seed: int) -> None:
    levels = found(Server(slots=slots, seed=seed), calls=4000, ceiling=256)
    assert 0.7 * slots <= statistics.median(levels) <= 3 * slots


def test_it_keeps_rising_where_a_server_batches() -> None:
    levels = found(Server(crowding=0.01), calls=4000, ceiling=128)
    assert statistics.median(levels) >= 100


def test_it_stays_just_below_where_a_server_refuses() -> None:
    server = Server(limit=32)
    levels = found(server, calls=3000, ceiling=256)
    assert 26 <= statistics.median(levels) <= 32
    assert server.refused < 0.05 * 3000


def test_prompts_that_become_longer_are_the_new_normal() -> None:
    levels = found(Server(slots=24, pace=longer_later), calls=4000, ceiling=256)
    assert min(levels) >= 12
    assert 17 <= statistics.median(levels) <= 60


def test_a_server_that_is_slow_for_a_while_does_not_push_it_down() -> None:
    slow = Server(crowding=0.002, pace=lambda _, now_s: 3.0 if 40 <= now_s < 80 else 1.0)
    assert min(found(slow, calls=3000, ceiling=32)) >= 16


def after_refusal(level: Level) -> int:
    level.refused(level.epoch)
    return level.now


def test_a_refusal_cuts_it_once_a_round_trip() -> None:
    level = Level(100, first=100)
    before = level.epoch
    assert after_refusal(level) == int(CUT * 100)
    level.refused(before)
    assert level.now == int(CUT * 100)
    assert after_refusal(level) == int(CUT * int(CUT * 100))


def test_rows_that_fail_now_and_then_do_not_cut_it_and_a_storm_does() -> None:
    level = Level(64, first=64)
    for number in range(400):
        if number % 20 == 0:
            level.failed(level.epoch)
        level.answered(1.0, 1, level.epoch)
    assert level.now == 64
    for _ in range(5):
        level.failed(level.epoch)
    assert level.now < 64


def test_what_left_while_it_was_not_full_or_before_it_changed_says_nothing() -> None:
    level = Level(256)
    for _ in range(1000):
        level.answered(1.0, FIRST // 2, level.epoch)
    assert level.now == FIRST
    stale = level.epoch
    for _ in range(FIRST):
        level.answered(1.0, FIRST, level.epoch)
    assert level.now == 2 * FIRST
    for _ in range(1000):
        level.answered(1.0, 2 * FIRST, stale)
    assert level.now == 2 * FIRST


def test_another_ceiling_holds_at_once_and_can_be_raised_again() -> None:
    level = Level(64, first=64)
    level.limit(10)
    assert level.now == 10
    level.limit(64)
    for _ in range(100):
        level.answered(1.0, level.now, level.epoch)
    assert 10 < level.now <= 64


REPORTS = st.lists(
    st.tuples(st.sampled_from(["answered", "refused", "failed", "limit"]), st.floats(0, 1e6), st.integers(1, 300)),
    max_size=200,
)


@example(ceiling=2, reports=[("answered", 1.0, 102), ("limit", 0.0, 1), ("answered", 1.0, 100)])
@given(ceiling=st.integers(1, 300), reports=REPORTS)
def test_it_is_never_below_one_nor_above_the_ceiling(ceiling: int, reports: list[tuple[str, float, int]]) -> None:
    level = Level(ceiling)
    for what, latency_s, number in reports:
        if what == "limit":
            level.limit(number)
        elif what == "answered":
            for _ in range(number):
                level.answered(latency_s, level.now, level.epoch)
        else:
            getattr(level, what)(level.epoch)
        assert 1 <= level.now <= level.ceiling
