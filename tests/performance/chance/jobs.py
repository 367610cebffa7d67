"""Whole optimizations, in process, of prompts that are all equally good: each promotion is an error."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from functools import partial

from scipy.special import ndtr, ndtri

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from optimizers.optimization import PROMOTE
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, truth, wrong

ROWS = labelled_rows(200)
ANSWERS = truth(make_task(ROWS, split={"train": 0, "validation": 100, "test": 100}))
ACCURACY = 0.7
CORRELATION = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """What a number of jobs came to: promotions, those whose proof compared a winner with the baseline, the mean
    difference that all of them reported (0 where the baseline itself won) with its standard error, and the mean number
    of calls."""

    runs: int
    promoted: int
    compared: int
    difference: float
    error: float
    calls: float


def respond(seed: int, request: Request) -> str:
    """Right with the same probability whatever is asked; rows share their difficulty between prompts."""
    row = ndtri(chance(seed, request.example_id) or 1e-12)
    own = ndtri(chance(seed, request.prompt_digest, request.example_id) or 1e-12)
    level = ndtr(CORRELATION**0.5 * row + (1 - CORRELATION) ** 0.5 * own)
    answer = ANSWERS[request.example_id]
    return answer if level < ACCURACY else wrong(answer)


def run(*, runs: int, calls: int, sequential: bool = False) -> Jobs:
    """Jobs of `calls` calls with 32 instructions, 100 validation rows and 100 test rows, with seeds from 0 on."""
    task = make_task(
        ROWS,
        split={"train": 0, "validation": 100, "test": 100},
        candidates={"instructions": [f"Instruction number {n}." for n in range(32)]},
        search={"demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"]},
        proof={"sequential": sequential},
    )
    promoted, differences, compared, spent = 0, [], 0, []
    for seed in range(runs):
        model = Respondent(respond=partial(respond, seed))
        result = Job(task=task, caps=Caps(calls=calls), seed=seed).run(model)
        proof = result.outcome.proof
        difference = proof.difference if proof else None
        promoted += result.outcome.decision == PROMOTE
        compared += difference is not None
        differences.append(difference.mean if difference else 0.0)
        spent.append(result.calls)
    return Jobs(
        runs=runs,
        promoted=promoted,
        compared=compared,
        difference=statistics.fmean(differences),
        error=statistics.stdev(differences) / runs**0.5,
        calls=statistics.fmean(spent),
    )
