"""Optuna's TPE on random minibatches, as DSPy's MIPROv2 drives it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.searcher import Point, point

MINIBATCH = 35
TRIALS_PER_FULL_EVALUATION = 5


class MinibatchTpe:
    """Multivariate TPE over the instruction's number, each trial the mean score on 35 random rows. First the user's
    prompt, and then after every 5 trials the best on average of those that were not, are scored on all rows, which
    counts as a trial, too. Returns the best that was scored on all rows."""

    name = "tpe"
    anytime = True

    def run(self, model: StandIn, budget: int) -> list[Point]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        arena = model.arena
        generator = np.random.default_rng([arena.seed, 13])
        everything = np.arange(arena.search_rows)
        choices = optuna.distributions.CategoricalDistribution(range(len(arena.pool)))
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=arena.seed, multivariate=True)
        )
        full: dict[int, float] = {}
        averages: dict[int, list[float]] = defaultdict(list)
        found = []

        def evaluate(choice: int) -> None:
            full[choice] = float(model.scores(choice, everything).mean())
            study.add_trial(
                optuna.trial.create_trial(
                    params={"instruction": choice}, distributions={"instruction": choices}, value=full[choice]
                )
            )
            best = max(full, key=lambda known: full[known])
            found.append(point(model, best, claim=full[best]))

        evaluate(0)
        while model.calls - model.repeats < budget and len(full) < len(arena.pool):
            for _ in range(TRIALS_PER_FULL_EVALUATION):
                trial = study.ask({"instruction": choices})
                choice = int(trial.params["instruction"])
                batch = generator.choice(everything, MINIBATCH, replace=False)
                averages[choice].append(float(model.scores(choice, batch).mean()))
                study.tell(trial, averages[choice][-1])
            fresh = [known for known in averages if known not in full]
            if fresh:
                evaluate(max(fresh, key=lambda known: float(np.mean(averages[known]))))
        return found
