"""A landscape of a real, if small, model: what the bundled toy model answers to 32 prompts of its example.

    python -m tests.performance.search_quality.tiny

Draws 32 prompts at random out of the search space of examples/support-triage.yaml, answers all validation and test rows
with each (some minutes), and writes to `tiny.json` which rows were answered right. In the arena a prompt goes by its
instruction and, in words, by its other factors; its true accuracy is that over all of these rows.
"""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

import numpy as np

from benchmarks.evaluation.rollout import roll_out
from benchmarks.models.tiny.lane import Tiny, weights_identity
from benchmarks.prompts.prompt import Prompt
from optimizers.problem import make_problem
from tests.endpoints.landscape import rows
from tests.performance.search_quality.arena import POOL, SEARCH_ROWS, TEST_ROWS, Arena
from tests.performance.toy_model.configurations import FREE, drawn, example_task

RECORD = Path(__file__).with_name("tiny.json")


def tiny_arena(seed: int) -> Arena:
    """The arena of the toy model; `seed` draws the user's prompt and the rows."""
    record = json.loads(RECORD.read_text())
    generator = np.random.default_rng([seed, 15])
    places = generator.permutation(POOL)
    answered = np.array([[digit == "1" for digit in right] for right in record["right"]])[places]
    return Arena(
        name="tiny",
        seed=seed,
        pool=[record["prompts"][place] for place in places],
        accuracy=answered.mean(axis=1),
        right=answered[:, generator.permutation(answered.shape[1])[: SEARCH_ROWS + TEST_ROWS]],
        rows=rows(SEARCH_ROWS + TEST_ROWS, seed),
    )


def in_words(prompt: Prompt) -> str:
    """The instruction, and the other factors in words."""
    shown = ", ".join(
        f"{name} {value}"
        for name, value in prompt.factors.items()
        if name not in ("instruction", "instruction_source", "demonstration_ids") and value is not None
    )
    return f"{prompt.factors['instruction']}\n({shown})"


async def recorded() -> dict[str, object]:
    """What `tiny.json` holds."""
    task = example_task()
    space = make_problem(task, occasion="", seed=0, allow_code=False)[0].space
    rng = random.Random(0)
    prompts: dict[str, Prompt] = {}
    while len(prompts) < POOL:
        prompt = drawn(space, rng)
        prompts.setdefault(in_words(prompt), prompt)
    model = Tiny(tariff=FREE)
    right = []
    try:
        for prompt in prompts.values():
            asked = (
                roll_out(prompt, row, model=model, metric=task.metric)
                for row in (*task.dataset.validation, *task.dataset.test)
            )
            right.append("".join("1" if rollout.score == 1.0 else "0" for rollout in await asyncio.gather(*asked)))
            print(f"{len(right)} of {POOL}: {right[-1].count('1') / len(right[-1]):.3f}", flush=True)
    finally:
        await model.close()
    return {"weights": weights_identity().endpoint, "prompts": list(prompts), "right": right}


if __name__ == "__main__":
    RECORD.write_text(json.dumps(asyncio.run(recorded()), indent=1) + "\n")
