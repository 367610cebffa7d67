"""The Optuna study of a round: it suggests points of the search space, and learns from how far they got.

Optuna is the suggester, in memory; it can be thrown away and rebuilt from the job's own rollouts.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.prompts.prompt import Prompt
from optimizers.space import Choices, SearchSpace

if TYPE_CHECKING:
    import optuna

PRIOR_ROWS = 10
"""How many rows' worth of doubt a partial mean carries, see `shrunk`."""

ASKS_PER_CANDIDATE = 8
"""How often the sampler is asked again when it repeats itself, before the study is taken to be exhausted."""


def shrunk(mean: float, rows: int, overall: float) -> float:
    """A mean over few rows, drawn towards the mean of all candidates as if `PRIOR_ROWS` average rows had been seen as
    well (the posterior mean under a conjugate prior)."""
    return (mean * rows + overall * PRIOR_ROWS) / (rows + PRIOR_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prompt not yet judged. `trial` is its number in the study; the baseline is trial 0 and may lie outside the
    space, where `choices` is None."""

    trial: int
    prompt: Prompt
    choices: Choices | None


class Study:
    """Suggests candidates, each prompt once.

    The first cohort covers every choice of every factor about equally often; later ones come from Optuna's TPE
    sampler (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011; multivariate, as in Falkner et al.,
    "BOHB", 2018).
    """

    def __init__(self, space: SearchSpace, baseline: Prompt, seed: int) -> None:
        import optuna  # noqa: PLC0415 - takes half a second

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._space = space
        self._rng = random.Random(f"{seed}/study")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                seed=self._rng.randrange(2**31), n_startup_trials=1, multivariate=True, group=True, constant_liar=True
            )
            self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._known = {baseline.digest}
        self._asked: dict[int, optuna.Trial] = {}
        self._told: set[int] = {0}
        self.baseline = Candidate(trial=0, prompt=baseline, choices=None)
        self._next = 1

    def first_cohort(self, count: int) -> list[Candidate]:
        """The whole space, in a shuffled order, if it has no more than `count` points; else points that cover it."""
        if self._space.size <= count:
            points = list(self._space.points())
            self._rng.shuffle(points)
        else:
            points = self._space.covering(count * 2, self._rng)
        cohort = []
        for point in points:
            candidate = self._new(point)
            if candidate is not None:
                cohort.append(candidate)
            if len(cohort) == count:
                break
        return cohort

    def next_cohort(self, count: int) -> list[Candidate]:
        """`count` candidates that the sampler expects most of; fewer when it only repeats itself."""
        cohort: list[Candidate] = []
        for _ in range(count * ASKS_PER_CANDIDATE):
            if len(cohort) == count:
                break
            trial = self._study.ask()
            point: Choices = {}
            for name, choices in self._space.factors.items():
                if self._space.applies(name, point):
                    point[name] = trial.suggest_categorical(name, range(choices))
            candidate = self._new(point)
            if candidate is None:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._asked[candidate.trial] = trial
                cohort.append(candidate)
        return cohort

    def tell(self, standings: Sequence[tuple[Candidate, float, int]]) -> None:
        """Reports how candidates did: (candidate, mean score, rows). The more rows, the more a mean counts.

        TPE takes every value for equally sure, so means over few rows are told shrunk.
        """
        total = sum(rows for _, _, rows in standings)
        overall = sum(mean * rows for _, mean, rows in standings) / total if total else 0.0
        for candidate, mean, rows in sorted(standings, key=lambda standing: standing[0].trial):
            if candidate.trial in self._told or candidate.choices is None:
                continue
            self._told.add(candidate.trial)
            value = shrunk(mean, rows, overall)
            asked = self._asked.pop(candidate.trial, None)
            if asked is not None:
                self._study.tell(asked, value)
                continue
            choices = self._space.factors
            self._study.add_trial(
                self._optuna.create_trial(
                    params=candidate.choices,
                    distributions={
                        name: self._optuna.distributions.CategoricalDistribution(range(choices[name]))
                        for name in candidate.choices
                    },
                    value=value,
                )
            )

    def _new(self, point: Choices) -> Candidate | None:
        prompt = self._space.prompt(point)
        if prompt.digest in self._known:
            return None
        self._known.add(prompt.digest)
        candidate = Candidate(trial=self._next, prompt=prompt, choices=point)
        self._next += 1
        return candidate
