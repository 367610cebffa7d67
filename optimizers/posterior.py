"""What the rollouts so far say about every candidate: an item-response model with a prior that prompts share.

A candidate of ability a scores on a row of difficulty d as a Bernoulli variable with mean Φ(a - d) does; scores
between 0 and 1 enter by their quasi-likelihood, with the dispersion that they show. Abilities have a Gaussian prior
whose covariance is a sum of kernels (`optimizers.kernels`), difficulties an independent one. So a candidate's rows
count for as much as they are worth, rows that are hard for all are no candidate's fault, and prompts that are alike
inform each other.

Sources: item response with a probit link, Lord, "Applications of Item Response Theory" (1980); Laplace's
approximation by Fisher scoring, Rasmussen and Williams, "Gaussian Processes for Machine Learning" (2006), chapter 3;
the variance of each kernel by the MM algorithm of Zhou, Hu, Qiao, Cho and Zhou, "MM Algorithms for Variance Components
Models" (2019), within an EM step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from optimizers.kernels import Kernels
from optimizers.one_thread import one_thread

Floats = npt.NDArray[np.float64]

LEARNING_STEPS = 4
"""Steps after which variances are left as they are."""

STEPS = 10
SETTLED = 1e-3
FARTHEST = 6.0
"""Latent differences beyond this are taken for this: Φ(-6) is 1e-9."""

CENTRE_VARIANCE = 2.0
ABILITY_VARIANCE = 1.0
DIFFICULTY_VARIANCE = 1.0
"""Where the variances of abilities and difficulties are expected before there are data; noise has variance 1."""

OWN_SHARE = 0.75
"""The share of the abilities' variance that no part explains, before there are data."""

VARIANCE_WEIGHT = 4.0
DIFFICULTY_WEIGHT = 20.0
"""How many candidates', and rows', worth of evidence those expectations carry."""

LEAST_DISPERSION = 0.02
_NODES = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Abilities of K candidates, jointly Gaussian, and difficulties of N rows, all on the latent scale.

    `prior` is the prior covariance of the abilities around `centre`, `variances` its parts. `difficulty` has mean 0
    a priori and `difficulty_variance` there; `difficulty_doubt` is its posterior variance, row by row.
    """

    ability: Floats
    covariance: Floats
    centre: float
    prior: Floats
    variances: Mapping[str, float]
    difficulty: Floats
    difficulty_doubt: Floats
    difficulty_variance: float

    def scores(self) -> Floats:
        """The mean score to expect of each candidate over rows there could be, in [0, 1]."""
        return _normal_cdf(self.ability / np.sqrt(1.0 + self.difficulty_variance))

    def predict(self, across: Kernels, among: Kernels) -> tuple[Floats, Floats]:
        """Mean and covariance of the abilities of U other candidates, of which `across` are the kernels to the K known
        ones (U, K) and `among` those among each other (U, U)."""
        reach = np.linalg.solve(self.prior, across.weighted(self.variances).T).T
        mean = self.centre + reach @ (self.ability - self.centre)
        covariance = among.weighted(self.variances) - reach @ (self.prior - self.covariance) @ reach.T
        return mean, covariance


def differ(ahead: Floats, doubt: Floats) -> Floats:
    """The chance that two scores of the same mean differ: 2 E[q (1 - q)] with q = Φ(x) and x normal with mean `ahead`
    and variance `doubt`, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
    q = _normal_cdf(ahead[..., None] + np.sqrt(doubt)[..., None] * nodes)
    return np.asarray(2.0 * (q * (1.0 - q)) @ (weights / weights.sum()))


def fit(scores: Floats, kernels: Kernels) -> Posterior:
    """The posterior given `scores` of shape (K, N), NaN where a candidate did not run a row, and the kernels of the
    candidates (K, K)."""
    with one_thread():
        return _Fit(scores, kernels).posterior()


class _Fit:
    def __init__(self, scores: Floats, kernels: Kernels) -> None:
        self.seen = ~np.isnan(scores)
        self.scores = np.where(self.seen, scores, 0.5)
        candidates, rows = scores.shape
        self.kernels = kernels
        self.variances = _first_variances(kernels)
        self.expected = dict(self.variances)
        self.difficulty_variance = DIFFICULTY_VARIANCE
        self.dispersion = 1.0
        self.binary = bool(np.isin(scores[self.seen], (0.0, 1.0)).all())
        self.centre = _normal_quantile(np.clip((scores[self.seen].sum() + 1.0) / (self.seen.sum() + 2.0), 0.02, 0.98))
        self.ability = np.full(candidates, self.centre)
        self.difficulty = np.zeros(rows)

    def posterior(self) -> Posterior:
        for number in range(STEPS):
            before = self.ability
            self._step()
            if number < LEARNING_STEPS:
                self._learn()
            elif np.max(np.abs(self.ability - before), initial=0.0) < SETTLED:
                break
        return Posterior(
            ability=self.ability,
            covariance=self.covariance,
            centre=self.centre,
            prior=self.prior,
            variances=self.variances,
            difficulty=self.difficulty,
            difficulty_doubt=self.difficulty_doubt,
            difficulty_variance=self.difficulty_variance,
        )

    def _step(self) -> None:
        """One step of Fisher scoring towards the joint mode. The rows' block of the information is diagonal, so they
        are eliminated first."""
        latent = np.clip(self.ability[:, None] - self.difficulty[None, :], -FARTHEST, FARTHEST)
        density, mean = np.exp(-0.5 * latent**2) / np.sqrt(2 * np.pi), _normal_cdf(latent)
        spread = mean * (1.0 - mean)
        pull = np.where(self.seen, density * (self.scores - mean) / spread, 0.0) / self.dispersion
        weight = np.where(self.seen, density**2 / spread, 0.0) / self.dispersion
        squares = (self.scores - mean)[self.seen] ** 2 / np.maximum(spread[self.seen], 1e-3)
        self.residuals = squares.mean() if squares.size else 1.0

        self.prior = self.kernels.weighted(self.variances)
        self.precision = np.linalg.inv(self.prior)
        of_rows = weight.sum(axis=0) + 1.0 / self.difficulty_variance
        share = weight / of_rows
        information = np.diag(weight.sum(axis=1)) + self.precision - share @ weight.T
        towards = pull.sum(axis=1) - self.precision @ (self.ability - self.centre)
        rows_towards = -pull.sum(axis=0) - self.difficulty / self.difficulty_variance
        self.covariance = np.linalg.inv(information)
        change = self.covariance @ (towards + share @ rows_towards)
        rows_change = (rows_towards + weight.T @ change) / of_rows
        self.ability = self.ability + np.clip(change, -1.0, 1.0)
        self.difficulty = self.difficulty + np.clip(rows_change, -1.0, 1.0)
        self.difficulty_doubt = 1.0 / of_rows + np.einsum("ki,kl,li->i", share, self.covariance, share)

    def _learn(self) -> None:
        """The centre, the variances and the dispersion that the present abilities and difficulties make likely."""
        weights = self.precision.sum(axis=0)
        self.centre = float(weights @ self.ability / (weights.sum() + 1.0 / CENTRE_VARIANCE))
        pulled = self.precision @ (self.ability - self.centre)
        doubt = self.precision @ self.covariance @ self.precision
        for part, kernel in self.kernels.parts.items():
            variance = self.variances.get(part)
            if variance is None:
                continue
            explained = variance**2 * (pulled @ kernel @ pulled + np.sum(kernel * doubt))
            expected = variance * np.sum(kernel * self.precision)
            prior = VARIANCE_WEIGHT * self.expected[part]
            self.variances[part] = variance * np.sqrt(
                (explained + prior) / (variance * expected + VARIANCE_WEIGHT * variance)
            )
        squares = np.sum(self.difficulty**2 + self.difficulty_doubt)
        self.difficulty_variance = float(
            (squares + DIFFICULTY_WEIGHT * DIFFICULTY_VARIANCE) / (len(self.difficulty) + DIFFICULTY_WEIGHT)
        )
        if not self.binary:
            self.dispersion = float(np.clip(self.residuals, LEAST_DISPERSION, 1.0))


def _first_variances(kernels: Kernels) -> dict[str, float]:
    """The variances before there are data: half for the candidate as such, the rest in equal shares for the parts in
    which candidates differ. Of parts that tell candidates apart in the same way, the last counts."""
    shares: dict[bytes, str] = {}
    own = kernels.parts["own"]
    for part, kernel in kernels.parts.items():
        if not np.allclose(kernel, 1.0) and not (part != "own" and np.array_equal(kernel, own)):
            shares[kernel.tobytes()] = part
    parts = [part for part in shares.values() if part != "own"]
    first = {part: (1.0 - OWN_SHARE) * ABILITY_VARIANCE / len(parts) for part in parts}
    return {**first, "own": OWN_SHARE * ABILITY_VARIANCE if parts else ABILITY_VARIANCE}


def _normal_cdf(x: Floats) -> Floats:
    from scipy.special import ndtr  # noqa: PLC0415 - takes a tenth of a second

    return np.asarray(ndtr(x), dtype=np.float64)


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist  # noqa: PLC0415

    return NormalDist().inv_cdf(float(p))
