"""Runs are kept, resumed and read at every number of calls; tables are drawn from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.performance.search_quality.cells import Cell, Moment, Run, cells, complete, forget, read, run
from tests.performance.search_quality.curves import drawing
from tests.performance.search_quality.report import (
    against_peers,
    calls_to_reach,
    chance_table,
    curve,
    decision_table,
    mean,
    regret_table,
    regrets,
)

ARENAS = ("synthetic/factors", "synthetic/narrow")


def test_an_anytime_searcher_is_run_once_and_the_others_for_each_budget() -> None:
    wanted = cells(["halving", "tpe"], ARENAS, range(3), [300, 600])
    assert [cell.budget for cell in wanted if cell.arena == ARENAS[0] and cell.seed == 0] == [300, 600, 600]
    assert len(wanted) == 18


def test_runs_that_are_kept_are_not_run_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    wanted = cells(["halving", "tpe"], ARENAS, [0], [300])
    first = complete(wanted, path, processes=1)
    lines = path.read_text()
    assert complete(wanted, path, processes=1) == first == read(path)
    assert path.read_text() == lines
    forget(path, ["tpe"])
    assert {cell.searcher for cell in read(path)} == {"halving"}


def test_a_run_follows_from_its_cell() -> None:
    cell = Cell(searcher="whet", arena=ARENAS[0], seed=4, budget=200)
    first, second = run(cell), run(cell)
    assert first.moments == second.moments
    assert first.moments[-1].calls <= 200
    assert first.moments[-1].repeats == 0
    assert first.moments[-1].promoted is None


def test_a_decision_is_paid_for_within_the_budget() -> None:
    (moment,) = run(Cell(searcher="whet-proven", arena="synthetic/outlier", seed=1, budget=1000)).moments
    assert moment.calls + moment.test_calls <= 1000
    assert moment.promoted is not None
    assert moment.production_regret is not None


def made(searcher: str, arena: str, seed: int, *moments: tuple[int, int, float]) -> Run:
    cell = Cell(searcher=searcher, arena=arena, seed=seed, budget=600)
    return Run(
        cell=cell,
        start=0.5,
        moments=[Moment(calls=calls, repeats=again, regret=regret, moved=True) for calls, again, regret in moments],
        seconds=0.0,
    )


def test_before_its_first_result_an_anytime_searcher_returns_the_users_prompt() -> None:
    done = made("tpe", "a", 0, (300, 0, 0.3), (500, 100, 0.1))
    assert [done.at(calls, repeats_free=True) for calls in (299, 300, 399, 400)] == [0.5, 0.3, 0.3, 0.1]
    assert [done.at(calls) for calls in (400, 499, 500)] == [0.3, 0.3, 0.1]


def test_the_mean_weighs_arenas_alike_and_its_error_is_that_over_seeds() -> None:
    runs = [made("tpe", "a", seed, (1, 0, regret)) for seed, regret in enumerate((0.1, 0.2, 0.3))]
    runs += [made("tpe", "b", seed, (1, 0, 0.4)) for seed in range(2)]
    middle, error = mean(regrets({one.cell: one for one in runs}, "tpe", 600))
    assert middle == pytest.approx(0.3)
    assert error == pytest.approx((0.01 / 3) ** 0.5 / 2)


def test_calls_to_reach_a_regret_are_interpolated() -> None:
    points = [(100, 0.1), (200, 0.05), (400, 0.03)]
    assert calls_to_reach(points, 0.1) == 100
    assert calls_to_reach(points, 0.04) == pytest.approx(300)
    assert calls_to_reach(points, 0.02) is None


def test_whet_is_compared_with_a_peer_in_the_runs_that_both_made() -> None:
    ours = [made("whet", "a", 0, (600, 0, 0.1)), made("whet", "a", 1, (600, 0, 0.4))]
    runs = {one.cell: one for one in (*ours, made("capo", "a", 0, (500, 0, 0.2)))}
    assert list(against_peers(runs))[-1] == "| 5,000 | capo | 0.2000 | 600 | 12% |"


def test_tables_and_curves_hold_a_line_for_each_searcher() -> None:
    wanted = cells(["halving", "uniform", "tpe"], ARENAS, range(2), [300, 600])
    runs = {cell: run(cell) for cell in wanted}
    table = list(regret_table(runs))
    assert [line.split(" | ")[0] for line in table[2:]] == ["| halving", "| uniform", "| tpe"]
    assert not list(against_peers(runs))
    assert len(list(chance_table(runs))) == 5
    decided = {cell: run(cell) for cell in cells(["halving-proven"], ARENAS, range(2), [600])}
    assert "| halving-proven | 600 |" in list(decision_table(decided))[2]
    svg = drawing({name: curve(runs, name) for name in ("halving", "tpe")})
    assert svg.count('fill="none"') == 2
