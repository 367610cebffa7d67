"""promptolution's CAPO itself, talking to the stand-in in process.

The stand-in also plays its meta model: a crossover gives back one of the parents, a mutation the next of the pool.
"""

from __future__ import annotations

import itertools
import logging
import random
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.performance.search_quality.arena import StandIn
from tests.performance.search_quality.proposals import proposals
from tests.performance.search_quality.searcher import Point, point

POPULATION = 10
STEPS = 60
"""By then every instruction of the pool has come up seven times, and scores are never asked for twice."""

_MOTHER = re.compile(r"^Prompt 1: (.*)^Prompt 2: ", re.DOTALL | re.MULTILINE)


class Capo:
    """CAPO with its defaults (ten prompts, four crossovers a step, blocks of 30 rows, tests at 0.2) on all search
    rows. Few-shot examples and the penalty on length are off: the one has no effect here, the other is no aim here.
    It returns the first of its population, until its first step is over the user's prompt."""

    name = "capo"
    anytime = True

    def run(self, model: StandIn, budget: int) -> list[Point]:
        import pandas as pd
        from promptolution.llms.base_llm import BaseLLM
        from promptolution.optimizers.capo import CAPO
        from promptolution.predictors.maker_based_predictor import MarkerBasedPredictor
        from promptolution.tasks.classification_tasks import ClassificationTask
        from promptolution.utils.callbacks import BaseCallback

        arena = model.arena
        instructions = proposals(arena)
        first = [arena.pool[0], *itertools.islice(instructions, POPULATION - 1)]
        found: list[Point] = []

        class TaskModel(BaseLLM):  # type: ignore[misc]
            def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
                asked = zip(system_prompts, prompts, strict=True)
                answers = [model.reply([("system", system), ("user", prompt)]) for system, prompt in asked]
                return [f"<final_answer>{answer}</final_answer>" for answer in answers]

        class MetaModel(BaseLLM):  # type: ignore[misc]
            def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
                return [f"<prompt>{written(prompt, instructions)}</prompt>" for prompt in prompts]

        class Watcher(BaseCallback):  # type: ignore[misc]
            def on_step_end(self, optimizer: Any) -> bool:
                choice = arena.find(optimizer.prompts[0].instruction)
                claim = float(optimizer.scores[0])
                found.append(point(model, choice, claim=claim))
                return model.calls - model.repeats < budget

        rows = pd.DataFrame([{"x": row["text"], "y": row["label"]} for row in arena.rows[: arena.search_rows]])
        random.seed(arena.seed)
        np.random.seed(arena.seed)
        logging.disable(logging.CRITICAL)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                task = ClassificationTask(
                    rows,
                    task_description="Label the item.",
                    eval_strategy="sequential_block",
                    seed=arena.seed,
                    metric=lambda wanted, given: float(wanted == given),  # As its own, which takes a millisecond.
                )
                optimizer = CAPO(
                    predictor=MarkerBasedPredictor(TaskModel()),
                    task=task,
                    meta_llm=MetaModel(),
                    initial_prompts=first,
                    upper_shots=0,
                    length_penalty=0.0,
                    df_few_shots=rows.head(0),
                    callbacks=[Watcher()],
                )
                optimizer.optimize(n_steps=STEPS)
        finally:
            logging.disable(logging.NOTSET)
        return found


def written(prompt: str, instructions: Iterator[str]) -> str:
    """What the meta model writes: for a crossover its first parent, else the next of `instructions`."""
    mother = _MOTHER.search(prompt)
    return mother[1].strip() if mother else next(instructions)
