"""The Optuna study of a job: it suggests points of the search space, and learns from how far they got.

Optuna is the suggester, in memory; it can be thrown away and rebuilt from the job's own rollouts.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.prompts.prompt import Prompt
from optimizers.space import Choices, SearchSpace

if TYPE_CHECKING:
    import optuna

    from optimizers.posterior import Posterior

PRIOR_ROWS = 10
"""How many rows' worth of doubt a partial mean carries, see `shrunk`."""

ASKS_PER_CANDIDATE = 8
"""How often the sampler is asked again when it repeats itself, before the study is taken to be exhausted."""

MOST_LOOKED_AT = 50
"""How many points are looked at for each candidate of the first cohort, before the rest is taken to be ruled out."""

POSTERIOR, TPE, AT_RANDOM = "posterior", "tpe", "random"
"""The samplers of later cohorts: our own, Optuna's TPE, and Optuna's that learns nothing."""


def shrunk(mean: float, rows: int, overall: float) -> float:
    """A mean over few rows, drawn towards the mean of all candidates as if `PRIOR_ROWS` average rows had been seen as
    well (the posterior mean under a conjugate prior)."""
    return (mean * rows + overall * PRIOR_ROWS) / (rows + PRIOR_ROWS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prompt not yet judged. `trial` is its number in the study; the baseline is trial 0. `choices` is its point of
    the space, None for a prompt that lies at none."""

    trial: int
    prompt: Prompt
    choices: Choices | None


def anything(_prompt: Prompt) -> bool:
    """Every prompt may be tried."""
    return True


def alike(_prompt: Prompt) -> float:
    """Every prompt costs the same."""
    return 1.0


class Study:
    """Suggests candidates, each prompt once.

    The first cohort covers every choice of every factor about equally often; later ones come from a sampler behind
    Optuna's interface: our own (`optimizers.sampler`), or Optuna's TPE (Bergstra et al., "Algorithms for
    Hyper-Parameter Optimization", 2011; multivariate, as in Falkner et al., "BOHB", 2018). `admits` says whether a
    prompt may be tried at all, `cost` what a call with it costs beside others.
    """

    def __init__(
        self,
        space: SearchSpace,
        baseline: Prompt,
        seed: int,
        *,
        sampler: str = POSTERIOR,
        admits: Callable[[Prompt], bool] = anything,
        cost: Callable[[Prompt], float] = alike,
    ) -> None:
        import optuna  # noqa: PLC0415 - takes half a second

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._rng = random.Random(f"{seed}/study")
        self._sampler_name = sampler
        self._admits = admits
        self._cost = cost
        self._known = {baseline.digest}
        self._asked: dict[int, optuna.Trial] = {}
        self._told: dict[int, tuple[Candidate, float]] = {}
        self.baseline = Candidate(trial=0, prompt=baseline, choices=None)
        self._next = 1
        self._open(space)

    def grow(self, space: SearchSpace) -> None:
        """From now on candidates come from `space`, which has the choices of the one before at the same places, and
        more. Optuna's categorical choices cannot grow, so the study begins anew with what it was told."""
        self._open(space)
        for candidate, value in self._told.values():
            self._add(candidate, value)

    def first_cohort(self, count: int) -> list[Candidate]:
        """The whole space, in a shuffled order, if it has no more than `count` points; else points that cover it."""
        if self.space.size <= count:
            points = list(self.space.points())
            self._rng.shuffle(points)
            return [candidate for point in points if (candidate := self.at(point)) is not None]
        cohort: list[Candidate] = []
        for _ in range(MOST_LOOKED_AT // 2):
            for point in self.space.covering(count * 2, self._rng):
                candidate = self.at(point)
                if candidate is not None:
                    cohort.append(candidate)
                if len(cohort) == count:
                    return cohort
        return cohort

    def next_cohort(self, count: int) -> list[Candidate]:
        """`count` candidates that the sampler expects most of; fewer when it only repeats itself."""
        cohort: list[Candidate] = []
        for _ in range(count * ASKS_PER_CANDIDATE):
            if len(cohort) == count:
                break
            trial = self._study.ask()
            point: Choices = {}
            for name, choices in self.space.factors.items():
                if self.space.applies(name, point):
                    point[name] = trial.suggest_categorical(name, range(choices))
            candidate = self.at(point)
            if candidate is None:
                self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)
            else:
                self._asked[candidate.trial] = trial
                cohort.append(candidate)
        return cohort

    def at(self, point: Choices) -> Candidate | None:
        """A new candidate at `point`; None if its prompt is known already, or not admitted."""
        return self.enter(self.space.prompt(point), point)

    def draw(self) -> Choices:
        """A point drawn at random."""
        return self.space.covering(1, self._rng)[0]

    def enter(self, prompt: Prompt, point: Choices | None) -> Candidate | None:
        """`prompt` as a new candidate; None if it is known already, or not admitted."""
        if prompt.digest in self._known or not self._admits(prompt):
            return None
        self._known.add(prompt.digest)
        candidate = Candidate(trial=self._next, prompt=prompt, choices=point)
        self._next += 1
        return candidate

    def tell(self, standings: Sequence[tuple[Candidate, float, int]]) -> None:
        """Reports how candidates did: (candidate, mean score, rows). The more rows, the more a mean counts.

        TPE takes every value for equally sure, so means over few rows are told shrunk.
        """
        total = sum(rows for _, _, rows in standings)
        overall = sum(mean * rows for _, mean, rows in standings) / total if total else 0.0
        for candidate, mean, rows in sorted(standings, key=lambda standing: standing[0].trial):
            if candidate.trial in self._told or candidate.choices is None:
                continue
            value = shrunk(mean, rows, overall)
            self._told[candidate.trial] = candidate, value
            asked = self._asked.pop(candidate.trial, None)
            if asked is not None:
                self._study.tell(asked, value)
            else:
                self._add(candidate, value)

    def learn(self, candidates: Sequence[Candidate], posterior: Posterior) -> None:
        """Tells our own sampler the posterior of `candidates`; the other ones have no use for it."""
        if self._sampler_name == POSTERIOR:
            self._ours.learn([c.prompt for c in candidates], [c.choices for c in candidates], posterior)

    def _open(self, space: SearchSpace) -> None:
        from optimizers.sampler import PosteriorSampler  # noqa: PLC0415 - imports Optuna

        self.space = space
        self._asked.clear()
        samplers = self._optuna.samplers
        seed = self._rng.randrange(2**31)
        self._ours = PosteriorSampler(space, random.Random(seed), self._cost)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._optuna.exceptions.ExperimentalWarning)
            tpe = samplers.TPESampler(seed=seed, n_startup_trials=1, multivariate=True, group=True, constant_liar=True)
        sampler = {POSTERIOR: self._ours, TPE: tpe, AT_RANDOM: samplers.RandomSampler(seed=seed)}[self._sampler_name]
        self._study = self._optuna.create_study(direction="maximize", sampler=sampler)

    def _add(self, candidate: Candidate, value: float) -> None:
        choices = self.space.factors
        point = candidate.choices or {}
        self._study.add_trial(
            self._optuna.create_trial(
                params=point,
                distributions={
                    name: self._optuna.distributions.CategoricalDistribution(range(choices[name])) for name in point
                },
                value=value,
            )
        )
