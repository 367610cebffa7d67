"""A sampler behind Optuna's interface that knows what a prompt is.

It suggests the point of the search space from which the posterior of all candidates (`optimizers.posterior`) expects
the largest improvement on the best one, for its cost. Points suggested and not yet judged are taken to be as good as
expected, so that a cohort does not consist of near copies.

Source: expected improvement, Jones, Schonlau and Welch, "Efficient Global Optimization of Expensive Black-Box
Functions" (1998); believing one's own predictions within a batch, Ginsbourger, Le Riche and Carraro, "Kriging is
Well-Suited to Parallelize Optimization" (2010).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from scipy.special import ndtr

from benchmarks.prompts.prompt import Prompt
from optimizers.kernels import Likeness
from optimizers.one_thread import one_thread
from optimizers.posterior import Posterior
from optimizers.space import Choices, SearchSpace

Floats = npt.NDArray[np.float64]

POINTS = 600
"""So many points are compared for each cohort: all, or, where the space has more, some at random and some near the best
candidates."""

NEAR = 0.5
"""The share of points that lie near the best candidates."""

PARENTS = 8
ROWS_BELIEVED = 30
"""A suggestion is taken to be known as well as this many rows would tell."""

AT_RANDOM = 8
"""One suggestion in so many is drawn at random: what the model does not believe gets a chance."""


class PosteriorSampler(BaseSampler):
    """Suggests points of `space`; `learn` tells it what is known so far."""

    def __init__(self, space: SearchSpace, rng: random.Random, cost: Callable[[Prompt], float]) -> None:
        self._space = space
        self._rng = rng
        self._cost = cost
        self._queue: _Batch | None = None

    def learn(self, prompts: Sequence[Prompt], choices: Sequence[Choices | None], posterior: Posterior) -> None:
        """`posterior` is what is known about `prompts`, which lie at `choices` (None outside the space)."""
        best = np.argsort(-posterior.ability, kind="stable")
        parents = [found for place in best if (found := choices[place]) is not None][:PARENTS]
        known = {prompt.digest for prompt in prompts}
        points: dict[str, tuple[Choices, Prompt]] = {}
        for point in self._points(parents):
            prompt = self._space.prompt(point)
            if prompt.digest not in known:
                points.setdefault(prompt.digest, (point, prompt))
        self._queue = _Batch(list(points.values()), prompts, posterior, self._cost) if points else None

    def infer_relative_search_space(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Every factor."""
        return {name: CategoricalDistribution(range(choices)) for name, choices in self._space.factors.items()}

    def sample_relative(
        self, study: optuna.Study, trial: optuna.trial.FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The choices of the point to try next; factors that cannot matter there are left out."""
        if self._queue is None or not self._queue.left or self._rng.randrange(AT_RANDOM) == 0:
            return dict(self._space.covering(1, self._rng)[0])
        return dict(self._queue.pop())

    def sample_independent(
        self,
        study: optuna.Study,
        trial: optuna.trial.FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A choice at random: for a factor that `sample_relative` left out."""
        return self._rng.randrange(self._space.factors[param_name])

    def _points(self, parents: Sequence[Choices]) -> list[Choices]:
        if self._space.size <= POINTS:
            return list(self._space.points())
        near = [self._neighbour(parents[n % len(parents)]) for n in range(int(POINTS * NEAR))] if parents else []
        return [*near, *self._space.covering(POINTS - len(near), self._rng)]

    def _neighbour(self, parent: Choices) -> Choices:
        """A point that differs from `parent` in one or two factors; factors that begin to matter are drawn."""
        free = [name for name, choices in self._space.factors.items() if choices > 1]
        changed = set(self._rng.sample(free, min(len(free), self._rng.randint(1, 2))))
        point: Choices = {}
        for name, choices in self._space.factors.items():
            if self._space.applies(name, point):
                drawn = self._rng.randrange(choices)
                point[name] = drawn if name in changed or name not in parent else parent[name]
        return point


class _Batch:
    """Points in the order in which they are worth trying."""

    def __init__(
        self,
        points: Sequence[tuple[Choices, Prompt]],
        known: Sequence[Prompt],
        posterior: Posterior,
        cost: Callable[[Prompt], float],
    ) -> None:
        prompts = [prompt for _, prompt in points]
        likeness = Likeness([*known, *prompts])
        ours, theirs = slice(len(known), None), slice(0, len(known))
        self.left = len(points)
        self._points = [point for point, _ in points]
        with one_thread():
            self._mean, self._covariance = posterior.predict(
                likeness.kernels(ours, theirs), likeness.kernels(ours, ours)
            )
        self._best = float(posterior.ability.max())
        self._noise = (1.0 + posterior.difficulty_variance) / ROWS_BELIEVED
        self._cost = np.array([cost(prompt) for prompt in prompts])
        self._open = np.ones(len(points), dtype=bool)

    def pop(self) -> Mapping[str, int]:
        deviation = np.sqrt(np.maximum(np.diag(self._covariance), 1e-12))
        ahead = (self._mean - self._best) / deviation
        density = np.exp(-0.5 * ahead**2) / np.sqrt(2 * np.pi)
        improvement = deviation * (ahead * ndtr(ahead) + density)
        place = int(np.argmax(np.where(self._open, np.round(improvement / self._cost, 12), -1.0)))
        self._open[place] = False
        self.left -= 1
        column = self._covariance[:, place]
        self._covariance = self._covariance - np.outer(column, column) / (column[place] + self._noise)
        self._best = max(self._best, float(self._mean[place]))
        return self._points[place]
