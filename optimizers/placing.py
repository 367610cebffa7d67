"""Where the user's prompt stands among prompts drawn at random: whether a gain over it means anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from optimizers.evaluator import Evaluator
from optimizers.race import standing
from optimizers.study import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """Of `prompts` drawn at random from the search space, the baseline was ahead of `ahead` and level with `level`,
    on the same `rows` rows."""

    ahead: int
    level: int
    prompts: int
    rows: int


def place(
    baseline: Candidate, drawn: Sequence[Candidate], rows: Sequence[Example], evaluator: Evaluator
) -> Placing | None:
    """The placing of `baseline` among those of `drawn` that ran on all `rows`; None if it did not, or none did."""
    own = standing(baseline, rows, len(rows), evaluator)
    others = [s for c in drawn if (s := standing(c, rows, len(rows), evaluator)).scored == len(rows)]
    if own.scored < len(rows) or not rows or not others:
        return None
    return Placing(
        ahead=sum(own.mean > other.mean for other in others),
        level=sum(own.mean == other.mean for other in others),
        prompts=len(others),
        rows=len(rows),
    )
