"""Where no prompt is better than any other, hardly ever is one promoted."""

from __future__ import annotations

import pytest

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from optimizers.optimization import PROMOTE
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, truth, wrong

RUNS = 100
TASK = make_task(
    labelled_rows(100),
    split={"train": 0, "validation": 50, "test": 50},
    candidates={"instructions": [f"Instruction number {n}." for n in range(8)]},
    search={"demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"]},
)
ANSWERS = truth(TASK)


def promoted(seed: int) -> bool:
    """Whether a job promotes a prompt although each reply is right with probability 0.6, whatever was asked."""

    def respond(request: Request) -> str:
        answer = ANSWERS[request.example_id]
        return answer if chance(seed, request.prompt_digest, request.example_id) < 0.6 else wrong(answer)

    result = Job(task=TASK, caps=Caps(calls=200), seed=seed).run(Respondent(respond=respond))
    return result.outcome.decision == PROMOTE


@pytest.mark.slow
def test_chance_promotes_a_prompt_in_at_most_5_of_100_jobs() -> None:
    # The proof's exact test errs upwards in 1.5 % of jobs at most; these seeds give none, seeds 0 to 399 give 2.
    assert sum(promoted(seed) for seed in range(RUNS)) <= 5
