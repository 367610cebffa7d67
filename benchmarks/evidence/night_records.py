"""The records of a nightly rerun: what is agreed on, what is pinned, what a night brought, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.errors import DataError, InputError
from benchmarks.evidence.records import PairedDifference

Scores = tuple[float, ...]
Kind = Literal["regressed", "improved", "unchanged", "inconclusive", "environment_drift"]

LEAST_EPOCHS = 5
LEAST_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What counts as worse, and how often an alarm may be false.

    `alpha` is the expected number of false alarms per schedule in a year of `nights_per_year` nights, in (0, 1): an
    alarm opens a regression (`regressed` or `environment_drift`). A drop below `min_drop`, in score units, in (0, 1),
    is nobody's business. After the night that proves a drop, `confirm_runs` further nights in a row must each be lower
    than the baseline by `min_drop`, which comes on top: it silences one bad night, and delays each alarm by as much.
    Raises `InputError` for other values.
    """

    alpha: float = 0.05
    min_drop: float = 0.02
    confirm_runs: int = 0
    nights_per_year: int = 365

    def __post_init__(self) -> None:
        for name, value in (("alpha", self.alpha), ("min_drop", self.min_drop)):
            if not 0 < value < 1:
                raise InputError(f"policy.{name} is {value}; it must lie between 0 and 1, for example 0.05")
        if self.confirm_runs < 0:
            raise InputError(f"policy.confirm_runs is {self.confirm_runs}; it counts further nights, from 0")
        if self.nights_per_year < 1:
            raise InputError(f"policy.nights_per_year is {self.nights_per_year}; a schedule runs at least once a year")


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What is pinned: the row scores of at least 5 epochs, one line an epoch, each in [0, 1] or nan where no score
    arrived; of the prompt, and of the anchor prompt on the same or other rows (none where there is no anchor).

    Raises `DataError` with fewer epochs, lines of different length, a score outside [0, 1], or an epoch without half
    of its rows.
    """

    prompt: tuple[Scores, ...]
    anchor: tuple[Scores, ...] = ()

    def __post_init__(self) -> None:
        for name, epochs in (("prompt", self.prompt), ("anchor", self.anchor)):
            if (epochs or name == "prompt") and len(epochs) < LEAST_EPOCHS:
                raise DataError(
                    f"The baseline has {len(epochs)} epochs of the {name}; it needs at least {LEAST_EPOCHS}, as they "
                    "alone say how much one night differs from another. Let it run more often before it is pinned."
                )
            for number, scores in enumerate(epochs, start=1):
                check_scores(scores, len(epochs[0]), f"Epoch {number} of the baseline ({name})")
                if np.count_nonzero(~np.isnan(scores)) < LEAST_SHARE * len(scores) or not scores:
                    raise DataError(
                        f"Epoch {number} of the baseline ({name}) has scores for fewer than half of its rows. Pin "
                        "epochs whose replies arrived."
                    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """The row scores of one night, in the order of the baseline's rows, nan where none arrived; no anchor scores where
    the anchor was not run."""

    prompt: Scores
    anchor: Scores = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A night's mean difference to the baseline's rows, over the rows that both have: its `value` in [-1, 1], 0 without
    any; the `share`, in [0, 1], of the baseline's rows that these are; and the `variance` of the value as this night's
    rows alone show it."""

    value: float
    share: float
    variance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a night comes to, for the prompt and the anchor (None where it was not run). It depends on that night and
    the baseline alone, so it may be kept instead of the rows."""

    prompt: Mean
    anchor: Mean | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be said after a night.

    `difference` is that of the level the nights now have to the pinned baseline, over `nights` nights with at least
    half of their rows, of which the first is number `since`, counted from 0: those since the last proven change of
    level, or all. `anchor` is the same of the anchor prompt, `tonight` of this night alone; None without scores. Their
    95 % intervals hold the baseline's own noise and what is not known about the nights' wobble; they are not corrected
    for the choice of `since`.

    `p` decides: the expected number of nights in a year, at most, on which a schedule without any change would reach
    the evidence for a drop (where the level is higher: for a rise) that this one has; at most 1. A level has changed
    when it is `alpha` or less, whenever one looks. `smallest_detectable` is the drop, in score units, that an interval
    of as many nights would show in 80 % of cases. `opened` is the number of the night that opened the regression which
    is open now, None if there is none. `words` is a sentence or two for a person.
    """

    kind: Kind
    difference: PairedDifference | None
    anchor: PairedDifference | None
    tonight: PairedDifference | None
    p: float
    smallest_detectable: float
    nights: int
    since: int
    opened: int | None
    words: str


def check_scores(scores: Scores, rows: int, what: str) -> None:
    """Raises `DataError` unless these are scores of as many `rows`."""
    if len(scores) != rows:
        raise DataError(f"{what} has {len(scores)} rows, the baseline {rows}: both must be the same rows, in order.")
    values = np.asarray(scores, dtype=np.float64)
    outside = values[(values < 0) | (values > 1)]
    if outside.size:
        raise DataError(f"{what} has a score of {outside[0]}; scores lie between 0 and 1, or are nan where missing.")
