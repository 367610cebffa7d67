"""How the level of a schedule's nights went, from the first night to the last."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from benchmarks.evidence.inversion import paired_difference
from benchmarks.evidence.level_changes import WOBBLES, Bets, Floats, Series, half_width, posterior, tail
from benchmarks.evidence.night_readings import Epochs
from benchmarks.evidence.night_records import LEAST_SHARE, Baseline, Kind, Mean, Policy, Reading, Scores, Verdict
from benchmarks.evidence.night_words import words
from benchmarks.evidence.records import PairedDifference

LEVEL = 0.95

# The changes looked for, in multiples of min_drop, and what is bet on each: with 300 rows and min_drop 0.02 the largest
# is to show within two nights, the middle one within seven.
_SIZES: Floats = np.array([1.25, 2.5, 5.0])
_STAKES: Floats = np.array([0.1, 0.4, 0.5])

_NOTHING = Mean(value=0.0, share=0.0, variance=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What is known after a `night`; nights are counted from 0, and the baseline's epochs come before.

    The level that nights have now `began` at one, the level of the baseline `ended` at another (None while nothing has
    changed); it is `down`, `up` or neither (`level`). `closed` says how well each wobble explains what came before
    `began`. `log_evidence` is that of the last change, or for a drop since. Since the drop was proven, `agreed` nights
    in a row were low; `opened` is the night that opened the regression.
    """

    night: int
    began: int
    ended: int | None
    closed: Floats
    stands: Literal["down", "up", "level"]
    log_evidence: float
    agreed: int
    opened: int | None


class Course:
    """All nights of one schedule since its baseline was pinned."""

    def __init__(self, baseline: Baseline, readings: Sequence[Reading], policy: Policy) -> None:
        self._policy = policy
        self._nights = len(readings)
        self._prompt = _Arm.of(baseline.prompt, [reading.prompt for reading in readings])
        self._anchor = None
        if baseline.anchor:
            self._anchor = _Arm.of(baseline.anchor, [reading.anchor for reading in readings])

    def standings(self) -> list[Standing]:
        """How things stood after each night."""
        standing = Standing(
            night=-1,
            began=-self._prompt.series.epochs,
            ended=None,
            closed=np.zeros_like(WOBBLES),
            stands="level",
            log_evidence=-math.inf,
            agreed=0,
            opened=None,
        )
        found = []
        for night in range(self._nights):
            standing = self._after(replace(standing, night=night))
            found.append(standing)
        return found

    def _after(self, standing: Standing) -> Standing:
        night = standing.night
        if not self._prompt.series.seen(night, night + 1):
            return standing
        standing = self._level_now(standing)
        stands = self._stands(standing)
        if stands != "down":
            return replace(standing, stands=stands, agreed=0, opened=None)
        low = self._prompt.moved(night, night + 1) <= -self._policy.min_drop
        agreed = (standing.agreed + 1 if low else 0) if standing.stands == "down" else 0
        opened = standing.opened
        if opened is None and agreed >= self._policy.confirm_runs:
            opened = night
        return replace(standing, stands="down", agreed=agreed, opened=opened)

    def _level_now(self, standing: Standing) -> Standing:
        """The level that the nights have after this one: a new one, if it was proven to have changed."""
        bar = math.log(self._policy.nights_per_year / self._policy.alpha)
        first = max(0, standing.began + 1)
        bets = Bets(sizes=self._policy.min_drop * _SIZES, stakes=_STAKES)
        wobbles = self._wobbles(standing)
        fall, rise = self._prompt.series.changes(standing.began, first, standing.night + 1, wobbles, bets)
        change = fall if fall.log_evidence >= bar else rise
        if change.log_evidence >= bar:
            return replace(
                standing,
                began=change.began,
                ended=change.began if standing.ended is None else standing.ended,
                closed=standing.closed + self._prompt.series.log_likelihoods(standing.began, change.began),
                log_evidence=change.log_evidence,
            )
        return standing if standing.stands != "level" else replace(standing, log_evidence=fall.log_evidence)

    def _stands(self, standing: Standing) -> Literal["down", "up", "level"]:
        if standing.ended is None:
            return "level"
        moves = [self._prompt.moved(standing.began, standing.night + 1, since) for since in (0, standing.ended)]
        least = {name: self._policy.min_drop / (2 if standing.stands == name else 1) for name in ("down", "up")}
        if max(moves) <= -least["down"]:
            return "down"
        return "up" if min(moves) >= least["up"] else "level"

    def _wobbles(self, standing: Standing) -> Floats:
        return posterior(standing.closed + self._prompt.series.log_likelihoods(standing.began, standing.night + 1))

    def verdict(self, standing: Standing) -> Verdict:
        """What is to be said of it."""
        began, end = max(standing.began, 0), standing.night + 1
        wobbles = self._wobbles(standing)
        difference = self._prompt.difference(began, end, wobbles)
        tonight = self._prompt.difference(standing.night, end, wobbles)
        # The endpoint is the same, and so is its wobble.
        anchor = self._anchor.difference(began, end, wobbles) if self._anchor else None
        p = math.exp(min(0.0, math.log(self._policy.nights_per_year) - standing.log_evidence))
        verdict = Verdict(
            kind=self._kind(standing, difference, tonight, anchor, p),
            difference=difference,
            anchor=anchor,
            tonight=tonight,
            p=p,
            smallest_detectable=self._prompt.smallest_detectable(began, end, wobbles),
            nights=self._prompt.series.seen(began, end),
            since=began,
            opened=standing.opened,
            words="",
        )
        return replace(verdict, words=words(verdict, self._policy, standing.stands == "down"))

    def _kind(
        self,
        standing: Standing,
        difference: PairedDifference | None,
        tonight: PairedDifference | None,
        anchor: PairedDifference | None,
        p: float,
    ) -> Kind:
        if tonight is None or difference is None:
            return "inconclusive"
        if standing.opened is not None:
            return "environment_drift" if self._fell_too(standing, anchor) else "regressed"
        if standing.stands == "down":
            return "inconclusive"
        if standing.stands == "up":
            return "improved"
        return "unchanged" if difference.low > -self._policy.min_drop and p >= 1 else "inconclusive"

    def _fell_too(self, standing: Standing, anchor: PairedDifference | None) -> bool:
        """Whether the anchor fell for sure, or by at least half of what the prompt fell."""
        if self._anchor is None or anchor is None or standing.ended is None:
            return False
        end = standing.night + 1
        ours, theirs = (arm.moved(standing.began, end, standing.ended) for arm in (self._prompt, self._anchor))
        return anchor.high < 0 or theirs <= ours / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    """One prompt's epochs and nights."""

    series: Series
    rows: int

    @classmethod
    def of(cls, baseline: tuple[Scores, ...], nights: Sequence[Mean | None]) -> _Arm:
        epochs = Epochs.of(baseline)
        means = [*epochs.means, *(night if night and night.share >= LEAST_SHARE else _NOTHING for night in nights)]
        series = Series(
            np.array([mean.value for mean in means]),
            np.array([mean.share for mean in means]),
            np.array([epochs.chance(mean) if mean.share else 1.0 for mean in means]),
            epochs=len(baseline),
        )
        return cls(series=series, rows=epochs.rows)

    def moved(self, began: int, end: int, since: int = 0) -> float:
        """The mean of the nights in [began, end) less that of the baseline and the nights before `since`."""
        return self.series.level(began, end) - self.series.level(-self.series.epochs, since)

    def difference(self, began: int, end: int, wobbles: Floats) -> PairedDifference | None:
        """The same beside the baseline alone, with its interval; None where no night counts."""
        if not self.series.seen(began, end):
            return None
        mean, variances = self.moved(began, end), self._variances(began, end)
        half = half_width(LEVEL, variances, wobbles)
        return paired_difference(
            mean=mean,
            low=mean - half,
            high=mean + half,
            p=tail(abs(mean), variances, wobbles),
            n=self.rows,
            test="paired nights",
            level=LEVEL,
        )

    def smallest_detectable(self, began: int, end: int, wobbles: Floats) -> float:
        """The drop that such an interval shows with probability 0.8; 1.0 where no night counts."""
        if not self.series.seen(began, end):
            return 1.0
        variances = self._variances(began, end)
        # Two-sided at 0.6 is one-sided at 0.8.
        return min(1.0, half_width(LEVEL, variances, wobbles) + half_width(0.6, variances, wobbles))

    def _variances(self, began: int, end: int) -> Floats:
        return self.series.variances(-self.series.epochs, 0) + self.series.variances(began, end)
