"""A race: candidates on common rows, in blocks; after each block the better half goes on.

All candidates of a race walk the same seeded, stratified order of validation rows, so every comparison is paired. Who
goes on is decided by what all rollouts of the job say (`optimizers.posterior`); a candidate that was left behind comes
back when it looks better than those ahead. One that is worse than another beyond doubt is stopped for good: a test by
betting on their paired differences says so, which may look after every block. The race decides who goes on, never who
is promoted: that is the proof's business, on rows the race does not know.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.records import Example
from benchmarks.evaluation.run import Assignment
from benchmarks.evidence.sequential import log_e_values
from optimizers.board import DIGITS, Board, Standing
from optimizers.evaluator import Evaluator
from optimizers.study import Candidate

FINALISTS = 2
"""How many candidates the last block of a race is for."""

STOP_ERROR = 0.05
"""The best of a race's candidates is stopped in at most this share of races, however often one looks."""


def common_order(examples: Sequence[Example], seed: int, *, stratify: bool) -> tuple[Example, ...]:
    """The order in which all candidates of a job walk `examples`: shuffled by `seed`, and, if `stratify`, such that
    each answer has about its share of every beginning."""
    rng = random.Random(f"{seed}/rows")
    shuffled = rng.sample(sorted(examples, key=lambda example: example.id), len(examples))
    if not stratify:
        return tuple(shuffled)
    strata: dict[str, list[Example]] = defaultdict(list)
    for example in shuffled:
        strata[example.answer].append(example)
    placed = [
        ((position + rng.random()) / len(stratum), example)
        for stratum in strata.values()
        for position, example in enumerate(stratum)
    ]
    return tuple(example for _, example in sorted(placed, key=lambda pair: pair[0]))


class Race:
    """One race of `entrants` for at most `calls` calls, from row `start` of the board's order on.

    With `rivals`, the best so far, two rows of three are those on which candidates as able as they are differ most
    likely, by what is known of the rows' difficulties. The third is drawn, and the only one that counts where
    an estimate must be fair.

    Source: sequential halving, Karnin, Koren and Somekh, "Almost Optimal Exploration in Multi-Armed Bandits" (2013),
    with the posterior in place of means, and planned anew after each block, so that calls which were saved (rows that
    were run before, candidates that were stopped) go to those still in.
    """

    def __init__(
        self,
        entrants: Sequence[Candidate],
        *,
        board: Board,
        evaluator: Evaluator,
        calls: int,
        start: int = 0,
        rivals: Sequence[Candidate] = (),
    ) -> None:
        self.entrants = list(entrants)
        self.stopped: list[Candidate] = []
        self._board = board
        self._evaluator = evaluator
        self._calls = calls
        self._chooses = bool(rivals)
        walk = np.roll(np.arange(len(board.order)), -start)
        self._walk = _chosen_first(walk, board, rivals) if rivals else walk
        board.enter(entrants)

    async def run(self, on_block: Callable[[Sequence[Standing]], None] = lambda _: None) -> list[Standing]:
        """Where the entrants stand in the end, the best first; nobody, where not even one block was run.

        Rows that an entrant has run before are not run again. The race ends when the caps do not pay for one more
        row, and so it does at the seconds cap: what was decided before stands.
        """
        size, ended = min(len(self.entrants), max(FINALISTS, self._calls // 2)), []
        while not self._evaluator.out_of_time and (block := self._next_block(size)):
            if self._chooses:
                self._board.chose(self._running(block))
            await self._evaluator.block(block)
            if self._evaluator.out_of_time:
                break
            self._calls -= len(block)
            self._stop()
            ended = self._board.ranked(self._alive)
            on_block(ended[:size])
            size = max(FINALISTS, math.ceil(size / 2))
        return ended

    def _running(self, block: Sequence[Assignment]) -> list[Candidate]:
        running = {assignment.prompt.digest for assignment in block}
        return [candidate for candidate in self.entrants if candidate.prompt.digest in running]

    @property
    def _alive(self) -> list[Candidate]:
        return [candidate for candidate in self.entrants if candidate not in self.stopped]

    def _next_block(self, size: int) -> list[Assignment]:
        """What the best `size` candidates run next, rows in common; empty when nothing is left to run or to pay with.

        All blocks that would follow, with half as many candidates each, are to get equally many calls.
        """
        ranked = [standing.candidate for standing in self._board.ranked(self._alive)]
        missing = ~self._board.ran(ranked)[:, self._walk]
        unfinished = missing.any(axis=1)
        front = np.arange(len(ranked)) < size
        # Once those in front have run every row, the next best may show what they can.
        in_play = np.flatnonzero(front & unfinished if (front & unfinished).any() else unfinished)[:size]
        if not in_play.size:
            return []
        blocks = 1 + max(0, math.ceil(math.log2(size / FINALISTS)))
        share = self._calls // blocks
        while rows := _reach(missing[in_play], share, self._calls):
            cells = [(k, self._walk[i]) for k in in_play for i in np.flatnonzero(missing[k, :rows])]
            block = [Assignment(prompt=ranked[k].prompt, example=self._board.order[i]) for k, i in cells]
            if self._evaluator.affords(block):
                return block
            if share == 0:
                break
            share = min(share, len(block)) // 2
        return []

    def _stop(self) -> None:
        if not self._evaluator.metric.mean_of_rows:
            return  # Row scores do not say which set of answers is worth more.
        alive = self._alive
        beaten = surely_beaten(self._board.scores(alive, fair=True), len(self._board.candidates))
        self.stopped += [candidate for candidate, over in zip(alive, beaten, strict=True) if over]


def surely_beaten(scores: npt.NDArray[np.float64], tried: int) -> list[bool]:
    """Who is worse than another beyond doubt, by row `scores` of shape (candidates, rows), NaN where there is none. The
    best of all K candidates that were `tried` so far, from whom those of this race were picked, is stopped only if one
    of K - 1 tests errs, each with probability `STOP_ERROR` / (K - 1) at most, whenever one looks."""
    if len(scores) < 2:
        return [False] * len(scores)
    bar = math.log((tried - 1) / STOP_ERROR)
    return [bool(np.max(np.delete(log_e_values(scores - row), place)) >= bar) for place, row in enumerate(scores)]


def _chosen_first(walk: npt.NDArray[np.int64], board: Board, rivals: Sequence[Candidate]) -> npt.NDArray[np.int64]:
    """`walk` with one row that is drawn, in the order of `walk`, before every two of the others, of which the most
    telling come first."""
    telling = board.telling(rivals)
    drawn = board.drawn[walk]
    ours, theirs = walk[drawn], walk[~drawn]
    theirs = theirs[np.argsort(-np.round(telling[theirs], DIGITS), kind="stable")]
    turns = np.concatenate([np.arange(len(ours)), (np.arange(len(theirs)) + 0.5) / 2])
    return np.concatenate([ours, theirs])[np.argsort(turns, kind="stable")]


def _reach(missing: npt.NDArray[np.bool_], share: int, most: int) -> int:
    """Up to which row to go, so that the rows still missing on the way take about `share` calls: at least one row that
    is missing, unless it takes more than `most`."""
    cost = np.cumsum(missing.sum(axis=0))
    rows = int(np.searchsorted(cost, share, side="right"))
    if rows == 0 or cost[rows - 1] == 0:
        rows = int(np.searchsorted(cost, 0, side="right")) + 1
    return rows if cost[min(rows, len(cost)) - 1] <= most else 0
