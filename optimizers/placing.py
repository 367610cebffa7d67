"""Where the user's prompt stands among prompts drawn at random: whether a gain over it means anything."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from optimizers.evaluator import Evaluator
from optimizers.study import Candidate

FEWEST_ROWS = 10
"""On fewer rows a placing is mostly chance, and is not told. Of two prompts that are right on 70 % and on 50 % of all
rows, where half of a row's difficulty is common to both, the better one is ahead on 10 rows four times in five (and
behind once in 13), on 4 rows three times in five, on a single row once in four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Of `prompts` drawn at random from the search space, the baseline was ahead of `ahead` and level with `level`,
    on the same `rows` rows."""

    ahead: int
    level: int
    prompts: int
    rows: int

    @property
    def tells(self) -> bool:
        """Whether the rows are enough to say so."""
        return self.rows >= FEWEST_ROWS


def place(
    baseline: Candidate, drawn: Sequence[Candidate], rows: Sequence[Example], evaluator: Evaluator
) -> Placing | None:
    """The placing of `baseline` among those of `drawn` that ran on all `rows`; None if it did not, or none did."""
    own = _total(baseline, rows, evaluator)
    others = [total for c in drawn if c is not baseline and (total := _total(c, rows, evaluator)) is not None]
    if own is None or not rows or not others:
        return None
    return Placing(
        ahead=sum(own > other for other in others),
        level=sum(own == other for other in others),
        prompts=len(others),
        rows=len(rows),
    )


def _total(candidate: Candidate, rows: Sequence[Example], evaluator: Evaluator) -> float | None:
    """The sum of its scores on `rows`; None if one is missing."""
    scores = [score for score in evaluator.scores(candidate.prompt, rows) if score is not None]
    return math.fsum(scores) if len(scores) == len(rows) else None
