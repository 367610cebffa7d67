"""Whole jobs under bounds: what is surely too dear is not tried, and what is too dear does not win."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from benchmarks.budget import Caps
from benchmarks.models.protocol import Request
from benchmarks.models.tokens import TokenCounter
from optimizers.expense import expense_of
from optimizers.objective import COUNTING_ERROR, Objective
from optimizers.optimization import PROMOTE, Outcome
from optimizers.search import Problem
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, truth, wrong

TASK = make_task(
    labelled_rows(180),
    split={"train": 20, "validation": 80, "test": 80},
    search={"demonstrations": {"count": [0, 2, 8], "selector": ["balanced"]}, "delimiters": ["plain", "xml"]},
)
ANSWERS = truth(TASK)
BYTES = TokenCounter(of_text=lambda text: len(text.encode()), per_message=0, per_prompt=0)


@dataclass(slots=True, kw_only=True)
class Bounded(Job):
    """A job with an objective of its own; every byte is a token."""

    objective: Objective

    def problem(self) -> Problem:
        return replace(Job.problem(self), objective=replace(self.objective, counter=BYTES))


@dataclass(slots=True)
class Watched:
    """Answers the better the longer the prompt, and remembers the prompts' sizes."""

    sizes: dict[str, list[int]] = field(default_factory=dict)

    def respond(self, request: Request) -> str:
        size = sum(len(message.content.encode()) for message in request.messages)
        self.sizes.setdefault(request.prompt_digest, []).append(size)
        answer = ANSWERS[request.example_id]
        return answer if chance(request.example_id) < 0.3 + size / 1500 else wrong(answer)


def run(objective: Objective, seed: int = 0) -> tuple[Outcome, Watched]:
    watched = Watched()
    job = Bounded(task=TASK, caps=Caps(calls=500), seed=seed, objective=objective)
    return job.run(Respondent(respond=watched.respond)).outcome, watched


@pytest.mark.parametrize("bound", [120, 250, 400])
def test_the_winner_is_the_best_within_the_bound(bound: float) -> None:
    free, _ = run(Objective(), seed=1)
    outcome, watched = run(Objective(prompt_tokens=bound), seed=1)
    free_size = expense_of(free.proof.winner_rollouts if free.proof else [], None)
    assert free_size is not None
    assert free_size.prompt_tokens > 400
    baseline = TASK.baseline.digest
    # What was sent is what may just be within the bound, by a counter that may err.
    longest = max(sum(sizes) / len(sizes) for prompt, sizes in watched.sizes.items() if prompt != baseline)
    assert longest < 1.05 * bound / (1 - COUNTING_ERROR)
    assert outcome.proof is not None
    took = expense_of(outcome.proof.winner_rollouts, None)
    assert took is not None
    assert outcome.winner is outcome.baseline or outcome.decision != PROMOTE or took.prompt_tokens <= bound
    if bound == 400:
        assert outcome.decision == PROMOTE
    members = [member.expense.prompt_tokens for member in outcome.front[1:]]
    assert all(tokens <= bound for tokens in members)


def test_a_baseline_beyond_the_bound_stays_and_is_told() -> None:
    outcome, watched = run(Objective(prompt_tokens=20))
    assert outcome.winner is outcome.baseline
    assert set(watched.sizes) == {TASK.baseline.digest}
    assert "above 20, which objective.within allows" in outcome.why


def test_where_no_prompt_keeps_within_the_bound_nothing_is_spent_on_a_search() -> None:
    outcome, watched = run(Objective(prompt_tokens=1))
    assert outcome.winner is outcome.baseline
    assert watched.sizes.keys() == {TASK.baseline.digest}
    proved = outcome.proof.n if outcome.proof else 0
    assert len(watched.sizes[TASK.baseline.digest]) <= proved + 8  # The look at the headroom has at most 8 rows.
