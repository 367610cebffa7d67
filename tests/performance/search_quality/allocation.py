"""Textbook ways to divide calls among the instructions of a pool, all on the same seeded order of rows.

None of them asks anything twice. What they return has the highest mean score; of equal ones the first of the pool,
whose order is random.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from benchmarks.evidence.mcnemar import exact_mcnemar
from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.searcher import Decision, Point, point


class Table:
    """The scores so far: each instruction has walked a beginning of the common order."""

    def __init__(self, model: StandIn) -> None:
        arena = model.arena
        self._model = model
        self._order = np.random.default_rng([arena.seed, 11]).permutation(arena.search_rows)
        self._scores: list[list[float]] = [[] for _ in arena.pool]

    def walk(self, choice: int, rows: int) -> None:
        """Scores an instruction on the rows up to the `rows`-th that it has not walked yet."""
        walked = self._scores[choice]
        walked.extend(self._model.scores(choice, self._order[len(walked) : rows]).tolist())

    def walked(self, choice: int) -> int:
        """How many rows an instruction has walked."""
        return len(self._scores[choice])

    def mean(self, choice: int, rows: int | None = None) -> float:
        """The mean score on the first `rows` rows, or all that were walked; 0 without any."""
        scores = self._scores[choice][:rows]
        return sum(scores) / len(scores) if scores else 0.0

    def best(self, among: npt.NDArray[np.int_], keep: int, rows: int | None = None) -> npt.NDArray[np.int_]:
        """The `keep` best, the best first."""
        means = np.array([self.mean(choice, rows) for choice in among])
        return among[np.lexsort((among, -means))][:keep]

    def found(self, choice: int) -> Point:
        """What is returned."""
        return point(self._model, choice, claim=self.mean(choice))


class Uniform:
    """As many rows for each as the budget allows."""

    name = "uniform"
    anytime = False

    def run(self, model: StandIn, budget: int) -> list[Point]:
        table = Table(model)
        pool = np.arange(len(model.arena.pool))
        rows = min(model.arena.search_rows, budget // len(pool))
        entered = pool if rows else pool[:budget]
        for choice in entered:
            table.walk(choice, max(1, rows))
        return [table.found(int(table.best(entered, 1)[0]))]


class Halving:
    """Sequential halving (Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed Bandits", 2013): the
    worse half goes after each round, rounds get equal numbers of calls, and rows of earlier rounds still count. What
    rounds cannot spend because there are no more rows is shared among the others."""

    name = "halving"
    anytime = False

    def run(self, model: StandIn, budget: int) -> list[Point]:
        table = Table(model)
        winner = halve(table, np.arange(len(model.arena.pool)), model.arena.search_rows, budget)
        return [table.found(winner)]


class ProvenHalving:
    """The same with half of the budget; the other half compares the winner with the user's prompt on test rows, by the
    exact McNemar test at 0.05."""

    name = "halving-proven"
    anytime = False

    def run(self, model: StandIn, budget: int) -> list[Point]:
        arena = model.arena
        numbers = np.arange(arena.search_rows, len(arena.rows))[: budget // 4]
        (found,) = Halving().run(model, budget - 2 * len(numbers))
        difference = exact_mcnemar(
            model.scores(found.choice, numbers).tolist(), model.scores(0, numbers).tolist(), level=0.95
        )
        decision = Decision(
            promoted=difference.low > 0,
            difference=difference.mean,
            low=difference.low,
            high=difference.high,
            calls=model.test_calls,
        )
        return [point(model, found.choice, found.claim, decision)]


def halve(table: Table, entrants: npt.NDArray[np.int_], most_rows: int, budget: int) -> int:
    """The winner of a sequential halving that takes at most `budget` calls, or fewer where rows were walked before."""
    alive = entrants[: max(1, budget // 2)]
    for keep, rows in zip(*rounds(len(alive), most_rows, budget), strict=True):
        for choice in alive:
            table.walk(choice, rows)
        alive = table.best(alive, keep, rows)
    return int(alive[0])


def rounds(entrants: int, most_rows: int, budget: int) -> tuple[list[int], list[int]]:
    """How many stay after each round, and up to which row each round goes, for at most `budget` calls."""
    sizes = [entrants]
    while sizes[-1] > 2:
        sizes.append((sizes[-1] + 1) // 2)
    weights = np.cumsum([1 / size for size in sizes])

    def up_to(scale: float) -> list[int]:
        return [min(most_rows, max(1, int(scale * weight))) for weight in weights]

    def calls(rows: list[int]) -> int:
        return sum(size * (new - old) for size, new, old in zip(sizes, rows, [0, *rows], strict=False))

    low, high = 0.0, float(most_rows * entrants)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if calls(up_to(middle)) <= budget else (low, middle)
    return [*sizes[1:], 1], up_to(low)


class Hyperband:
    """Brackets of sequential halving that begin with all instructions, half of them, a quarter and an eighth, and
    share the calls equally (Li et al., "Hyperband", 2018). Rows that an earlier bracket has paid for are free."""

    name = "hyperband"
    anytime = False
    brackets = 4

    def run(self, model: StandIn, budget: int) -> list[Point]:
        arena = model.arena
        table = Table(model)
        generator = np.random.default_rng([arena.seed, 12])
        winners = []
        for bracket in range(self.brackets):
            entrants = generator.permutation(len(arena.pool))[: len(arena.pool) >> bracket]
            share = (budget - model.calls) // (self.brackets - bracket)
            winners.append(halve(table, np.sort(entrants), arena.search_rows, share))
        return [table.found(int(table.best(np.unique(winners), 1)[0]))]
