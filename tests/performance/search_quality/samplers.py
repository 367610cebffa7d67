"""Which sampler finds the better prompts of a large search space: ours beside Optuna's TPE.

    scripts/bench samplers --spaces held-out --calls 1000 2000 --seeds 10

The space is that of a task as users have it: instructions of the grammar, demonstrations, delimiters, placement, answer
marker, some thousands of prompts. A stand-in model answers with each as well as effects and interactions say that are
drawn by seed (`Space`); rows share their difficulty. Both samplers have the same races, rows and budgets; the true
accuracy of the winners is compared, seed by seed. What was tuned was tuned on the development spaces alone.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.special import ndtr, ndtri

from benchmarks.budget import Caps
from benchmarks.digests import digest
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import LanguageModel, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, truth, wrong

SAMPLERS = ("posterior", "tpe")
VALIDATION_ROWS = 300
TEST_ROWS = 2
RHO = 0.5


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How a landscape is made: standard deviations, on the latent scale, of the effects of each factor's choices, of
    the words of the instruction, of pairs of choices, and of single prompts; `level` is a usual prompt's accuracy."""

    factors: Mapping[str, float]
    pairs: float
    single: float
    level: float


USUAL = {
    "instruction": 0.35,
    "demonstrations": 0.3,
    "demonstration_style": 0.1,
    "demonstration_selector": 0.1,
    "demonstration_ids": 0.15,
    "delimiters": 0.2,
    "placement": 0.15,
    "answer_marker": 0.15,
}
DEVELOPMENT = {
    "additive": Kind(factors=USUAL, pairs=0.0, single=0.1, level=0.35),
    "interacting": Kind(factors=USUAL, pairs=0.15, single=0.1, level=0.3),
}
HELD_OUT = {
    "instruction-led": Kind(
        factors={**dict.fromkeys(USUAL, 0.05), "instruction": 0.6}, pairs=0.05, single=0.1, level=0.5
    ),
    "layout-led": Kind(
        factors={**dict.fromkeys(USUAL, 0.05), "delimiters": 0.4, "placement": 0.4, "answer_marker": 0.3},
        pairs=0.1,
        single=0.05,
        level=0.35,
    ),
    "tangled": Kind(factors=dict.fromkeys(USUAL, 0.1), pairs=0.2, single=0.2, level=0.25),
    "rugged": Kind(factors=dict.fromkeys(USUAL, 0.05), pairs=0.0, single=0.5, level=0.3),
}
KINDS = {**DEVELOPMENT, **HELD_OUT}


class Space:
    """The accuracy of every prompt of a landscape."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self._kind = kind
        self._seed = seed

    def accuracy(self, prompt: Prompt) -> float:
        """The share of all rows there could be on which `prompt` is right."""
        kind, factors = self._kind, prompt.factors
        choices = {name: str(factors.get(name)) for name in kind.factors}
        ability = float(ndtri(kind.level))
        ability += sum(scale * self._normal(name, choices[name]) for name, scale in kind.factors.items())
        ability += kind.single * self._normal(prompt.digest)
        if kind.pairs:
            pairs = list(combinations(sorted(choices), 2))
            shares = sum(self._normal(a, choices[a], b, choices[b]) for a, b in pairs) / math.sqrt(len(pairs))
            ability += kind.pairs * math.sqrt(len(choices)) * shares
        return float(ndtr(ability))

    def right(self, accuracy: float, prompt: str, row: str) -> bool:
        """Whether the model is right on a row with a prompt of that accuracy."""
        z = math.sqrt(RHO) * self._normal("row", row) + math.sqrt(1 - RHO) * self._normal("noise", prompt, row)
        return z < float(ndtri(accuracy))

    def _normal(self, *parts: str) -> float:
        uniform = (int(digest([str(self._seed), *parts])[:13], 16) + 0.5) / 16**13
        return statistics.NormalDist().inv_cdf(uniform)


@dataclass(frozen=True, slots=True)
class Cell:
    """One search."""

    kind: str
    sampler: str
    calls: int
    seed: int


def run(cell: Cell) -> float:
    """The true accuracy of the winner."""
    space = Space(KINDS[cell.kind], cell.seed)
    rows = labelled_rows(40 + VALIDATION_ROWS + TEST_ROWS, cell.seed)
    task = make_task(
        rows,
        split={"train": 40, "validation": VALIDATION_ROWS, "test": TEST_ROWS, "seed": cell.seed},
        prompt={"instruction": "Name the colour."},
        search={"sampler": cell.sampler, "proposers": ["grammar"]},
        headroom={"stop": False},
    )
    answers, accuracy = truth(task), dict[str, float]()

    class Noting(Job):
        """Notes the accuracy of every prompt that is run."""

        def connect(self, inner: LanguageModel) -> tuple[LanguageModel, Evaluator]:
            model, evaluator = super().connect(inner)
            block = evaluator.block

            async def noted(assignments: Sequence[Assignment]) -> None:
                accuracy.update({a.prompt.digest: space.accuracy(a.prompt) for a in evaluator.new(assignments)})
                await block(assignments)

            evaluator.block = noted  # type: ignore[method-assign]
            return model, evaluator

    def respond(request: Request) -> str:
        prompt, row = request.prompt_digest, request.example_id
        return answers[row] if space.right(accuracy[prompt], prompt, row) else wrong(answers[row])

    job = Noting(task=task, caps=Caps(calls=cell.calls + 2 * TEST_ROWS), seed=cell.seed)
    return space.accuracy(job.run(Respondent(respond=respond)).outcome.winner.prompt)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.performance.search_quality.samplers")
    parser.add_argument("--spaces", choices=["development", "held-out"], default="held-out")
    parser.add_argument("--calls", nargs="+", type=int, default=[1000, 2000])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    kinds = DEVELOPMENT if options.spaces == "development" else HELD_OUT
    cells = [
        Cell(kind, sampler, calls, seed)
        for kind in kinds
        for calls in options.calls
        for sampler in SAMPLERS
        for seed in range(options.seeds)
    ]
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        found = dict(zip(cells, pool.map(run, cells, chunksize=1), strict=True))
    print(f"{'':18}{'calls':>7}{'posterior':>11}{'tpe':>8}{'difference':>12}{'± se':>8}")
    for calls in options.calls:
        overall = []
        for kind in kinds:
            ours, theirs = ([found[Cell(kind, s, calls, n)] for n in range(options.seeds)] for s in SAMPLERS)
            overall += _line(kind, calls, ours, theirs)
        print(f"{'mean':18}{calls:7}{'':19}{statistics.fmean(overall):+12.4f}{_error(overall):8.4f}")


def _line(kind: str, calls: int, ours: list[float], theirs: list[float]) -> list[float]:
    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    print(
        f"{kind:18}{calls:7}{statistics.fmean(ours):11.4f}{statistics.fmean(theirs):8.4f}"
        f"{statistics.fmean(differences):+12.4f}{_error(differences):8.4f}"
    )
    return differences


def _error(values: list[float]) -> float:
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else math.nan


if __name__ == "__main__":
    main()
