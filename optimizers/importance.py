"""What mattered among all prompts tried: how much each factor had to do with which half a prompt ended up in.

The measure is Optuna's PED-ANOVA: Watanabe, Bansal and Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter
Importance in Arbitrary Subspaces" (2023), in its form for factors that only some trials have, as the style of
demonstrations that only prompts with demonstrations have. Of a hundred prompts it would call something important in any
case, so each factor is also measured with the scores shuffled among the prompts: Altmann et al., "Permutation
importance: a corrected feature importance measure", Bioinformatics 26 (2010).

The better half is set against all, where Optuna's default is the best tenth: on 40 to 160 trials with two effects
planted, the half found them two to ten times as often, and called nothing important by chance more often than it said.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from optimizers.board import Standing
from optimizers.study import shrunk

FEWEST_TRIALS = 20
BETTER_SHARE = 0.5
SHUFFLES = 199
BY_CHANCE = 0.05
"""A factor is named if its `p` is at most this: then one in twenty searches names any without reason."""

NAMES = {
    "instruction": "the instruction",
    "count": "the number of demonstrations",
    "style": "the style of demonstrations",
    "selector": "how demonstrations were selected",
    "draw": "which demonstrations were drawn",
    "delimiters": "the delimiters",
    "placement": "the placement",
    "answer_marker": "the answer marker",
    "reasoning": "reasoning",
    "temperature": "the temperature",
    "max_tokens": "max_tokens",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorImportance:
    """How important a factor was: its `share` of the importance of all factors, in [0, 1], and `p`, the chance of as
    much if scores had nothing to do with the factors, corrected for their number by Holm's method."""

    factor: str
    share: float
    p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Importance:
    """The factors that had more than one choice, the most important first, by `trials` prompts. Without factors,
    `why` says why nothing can be said."""

    factors: tuple[FactorImportance, ...]
    trials: int
    why: str | None = None


def importance_of(standings: Sequence[Standing], seed: int) -> Importance:
    """How important each factor was, by all candidates that are points of the search space and ran a row. Their scores
    are drawn towards the mean of all as far as their rows are few, as the sampler learns them."""
    tried = sorted((s for s in standings if s.candidate.choices and s.scored), key=lambda s: s.candidate.trial)
    if len(tried) < FEWEST_TRIALS:
        return _nothing(len(tried), f"{len(tried)} prompts were tried; which factor matters takes {FEWEST_TRIALS}")
    overall = sum(s.mean * s.scored for s in tried) / sum(s.scored for s in tried)
    values = [shrunk(s.mean, s.scored, overall) for s in tried]
    measure = _Measure([s.candidate.choices or {} for s in tried])
    found = measure.of(values)
    total = sum(found.values())
    if total == 0.0:
        return _nothing(len(tried), f"the {len(tried)} prompts tried scored too much alike")
    rng = random.Random(f"{seed}/importance")
    shuffled = [measure.of(rng.sample(values, len(values))) for _ in range(SHUFFLES)]
    chances = {
        factor: (1 + sum(chance[factor] >= value for chance in shuffled)) / (1 + SHUFFLES)
        for factor, value in found.items()
    }
    factors = [
        FactorImportance(factor=factor, share=found[factor] / total, p=p) for factor, p in _corrected(chances).items()
    ]
    return Importance(factors=tuple(sorted(factors, key=lambda f: (-f.share, f.factor))), trials=len(tried))


def in_words(importance: Importance) -> str:
    """The factors that are not by chance, in a sentence."""
    if importance.why is not None:
        return f"Which factor mattered cannot be said: {importance.why}."
    named = [f"{NAMES.get(f.factor, f.factor)} ({100 * f.share:.0f} %)" for f in importance.factors if f.p <= BY_CHANCE]
    if not named:
        return f"By {importance.trials} prompts, no factor mattered more than chance would make it seem."
    return (
        f"What told the better half of {importance.trials} prompts from the rest: {', '.join(named)}. No other factor "
        "mattered more than chance would make it seem."
    )


def _nothing(trials: int, why: str) -> Importance:
    return Importance(factors=(), trials=trials, why=why)


def _corrected(chances: Mapping[str, float]) -> dict[str, float]:
    """The chances, such that all of them together are wrong as rarely as one alone: Holm, "A simple sequentially
    rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979)."""
    corrected, highest = {}, 0.0
    for place, (factor, p) in enumerate(sorted(chances.items(), key=lambda pair: (pair[1], pair[0]))):
        highest = max(highest, min(1.0, p * (len(chances) - place)))
        corrected[factor] = highest
    return corrected


class _Measure:
    """PED-ANOVA over the same trials, with values of one's choice. A factor that fewer than two trials have, or lack,
    or that has one choice, is left out."""

    def __init__(self, points: Sequence[Mapping[str, int]]) -> None:
        import optuna  # noqa: PLC0415 - takes half a second

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        names = sorted({factor for point in points for factor in point})
        choices = {name: sorted({point[name] for point in points if name in point}) for name in names}
        with_it = {name: sum(name in point for point in points) for name in names}
        self._factors = [
            name for name in names if len(choices[name]) > 1 and with_it[name] > 1 and len(points) - with_it[name] != 1
        ]
        kinds = {name: optuna.distributions.CategoricalDistribution(choices[name]) for name in self._factors}
        self._study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
        self._study.add_trials(
            [
                optuna.trial.create_trial(
                    params={name: point[name] for name in kinds if name in point},
                    distributions={name: kind for name, kind in kinds.items() if name in point},
                    value=0.0,
                )
                for point in points
            ]
        )
        self._evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BETTER_SHARE)

    def of(self, values: Sequence[float]) -> dict[str, float]:
        """The importance of each factor if the trials had these values."""
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # It says that it takes lower targets for better, which is why they are negated.
            return self._evaluator.evaluate(
                self._study, params=self._factors, target=lambda trial: -values[trial.number]
            )
