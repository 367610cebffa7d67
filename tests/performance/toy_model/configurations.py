"""How much the prompt matters to the bundled toy model.

    python -m tests.performance.toy_model.configurations

Draws prompts at random out of the search space of examples/support-triage.yaml, each factor by itself, and answers
every validation row with each. Prints the spread of their accuracies, how far it is real (split-half correlation, the
mean over 20 random halvings of the rows), and where the example's own prompt, the baseline, stands.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.evaluation.rollout import roll_out
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.tiny.lane import WEIGHTS, Tiny
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import parse_task, read_task_file
from benchmarks.tasks.task import Task, load_task
from optimizers.problem import make_problem
from optimizers.space import Choices, SearchSpace

EXAMPLE = Path(__file__).parents[3] / "examples" / "support-triage.yaml"
CONFIGURATIONS = 50
HALVINGS = 20
FREE = Tariff(price=Price(prompt_usd_per_million=0, completion_usd_per_million=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Accuracies of the drawn prompts, best last, and of the baseline; all in [0, 1]."""

    prompts: Sequence[tuple[float, Prompt]]
    baseline: float
    split_half: float
    seconds: float

    def percentile(self, q: float) -> float:
        """The accuracy below which `q` percent of the drawn prompts are."""
        return float(np.percentile([accuracy for accuracy, _ in self.prompts], q))

    @property
    def below_baseline(self) -> float:
        """The share of drawn prompts that the baseline beats."""
        return sum(accuracy < self.baseline for accuracy, _ in self.prompts) / len(self.prompts)


def example_task(path: Path = EXAMPLE) -> Task:
    """The task of the example."""
    return load_task(parse_task(read_task_file(path)), path.parent, allow_code=False)


def drawn(space: SearchSpace, rng: random.Random) -> Prompt:
    """A prompt with every factor chosen at random."""
    choices: Choices = {}
    for factor, count in space.factors.items():
        if space.applies(factor, choices):
            choices[factor] = rng.randrange(count)
    return space.prompt(choices)


async def correct(model: Tiny, task: Task, prompt: Prompt, limit: int | None) -> list[float]:
    """The scores of `prompt` on the validation rows."""
    rows = task.dataset.validation[:limit]
    rollouts = await asyncio.gather(*(roll_out(prompt, row, model=model, metric=task.metric) for row in rows))
    return [rollout.score or 0.0 for rollout in rollouts]


async def measure(count: int, seed: int, folder: Path = WEIGHTS, limit: int | None = None) -> Measured:
    """The accuracies of `count` prompts drawn by `seed`, on all validation rows or the first `limit`."""
    task = example_task()
    space = make_problem(task, occasion="", seed=0, allow_code=False)[0].space
    rng = random.Random(seed)
    prompts = [drawn(space, rng) for _ in range(count)]
    model = Tiny(tariff=FREE, folder=folder)
    begun = time.perf_counter()
    try:
        baseline = await correct(model, task, task.baseline, limit)
        scores = np.array([await correct(model, task, prompt, limit) for prompt in prompts])
    finally:
        await model.close()
    accuracies = scores.mean(axis=1)
    return Measured(
        prompts=sorted(zip(accuracies.tolist(), prompts, strict=True), key=lambda pair: pair[0]),
        baseline=float(np.mean(baseline)),
        split_half=split_half(scores, np.random.default_rng(seed)),
        seconds=time.perf_counter() - begun,
    )


def split_half(scores: np.ndarray[tuple[int, int], np.dtype[np.float64]], rng: np.random.Generator) -> float:
    """The correlation between the accuracies on two random halves of the rows, (prompts, rows), without correction
    for the halved length."""
    found = []
    for _ in range(HALVINGS):
        order = rng.permutation(scores.shape[1])
        half = len(order) // 2
        found.append(np.corrcoef(scores[:, order[:half]].mean(axis=1), scores[:, order[half:]].mean(axis=1))[0, 1])
    return float(np.mean(found))


def described(prompt: Prompt) -> str:
    """What a prompt is made of, in a line."""
    f = prompt.factors
    labels = "labels" if "product questions" in str(f["instruction"]) else "no labels"
    return (
        f"{f['demonstrations']} {f['demonstration_style'] or '-':6} {f['delimiters']:9} {f['placement']:6} "
        f"{f['answer_marker'] or '-':8} {labels}"
    )


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description="How much the prompt matters to the bundled toy model.")
    parser.add_argument("--prompts", type=int, default=CONFIGURATIONS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=WEIGHTS)
    parser.add_argument("--rows", type=int, default=None, help="only the first rows of validation")
    parser.add_argument("--list", action="store_true", help="each prompt with its accuracy")
    arguments = parser.parse_args()
    found = asyncio.run(measure(arguments.prompts, arguments.seed, arguments.folder, arguments.rows))
    if arguments.list:
        for accuracy, prompt in found.prompts:
            print(f"{accuracy:.3f}  {described(prompt)}")
    low, middle, high = (found.percentile(q) for q in (10, 50, 90))
    print(
        f"The toy model on {arguments.prompts} random prompts (seed {arguments.seed}):\n"
        f"10th percentile {low:.3f}, median {middle:.3f}, 90th {high:.3f}, best {found.prompts[-1][0]:.3f}\n"
        f"10th to 90th percentile: {100 * (high - low):.1f} points; split-half correlation {found.split_half:.2f}\n"
        f"The example's own prompt: {found.baseline:.3f}, better than {found.below_baseline:.0%} of them\n"
        f"{found.seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
