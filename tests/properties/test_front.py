"""What holds for every front, whatever the candidates scored and took."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from optimizers.expense import Expense
from optimizers.front import Contender, pace, undominated
from optimizers.study import Candidate

PROMPT = Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={})

Numbers = tuple[int, int, int, int, float]
few = st.integers(0, 3)
measures = st.tuples(few, few, few, few, st.sampled_from([1.0, 1.4, 1.6, 2.0, 3.1]))
crowds = st.lists(measures, min_size=1, max_size=12)


def contenders(crowd: list[Numbers]) -> list[Contender]:
    return [
        Contender(
            candidate=Candidate(trial=trial, prompt=PROMPT, choices=None),
            gain=gain / 10,
            n=50 + n,
            expense=Expense(
                prompt_tokens=float(tokens), completion_tokens=1.0, cost_usd_per_1000=float(cost), latency_s=seconds
            ),
        )
        for trial, (gain, n, tokens, cost, seconds) in enumerate(crowd)
    ]


def step(seconds: float) -> int:
    return pace(Expense(prompt_tokens=0.0, completion_tokens=0.0, cost_usd_per_1000=0.0, latency_s=seconds))


def beaten(crowd: list[Numbers], one: int, other: int) -> bool:
    """The rule, written down once more: the other is no worse in score, rows, tokens and cost, better in one of them,
    and of no slower step; or it is alike in all of them and of a faster step, or of the same one and earlier."""
    worth = [(its[0], its[1], -its[2], -its[3]) for its in (crowd[one], crowd[other])]
    steps = step(crowd[one][4]), step(crowd[other][4])
    if worth[0] == worth[1]:
        return (steps[1], other) < (steps[0], one)
    return all(a <= b for a, b in zip(*worth, strict=True)) and steps[1] <= steps[0]


@settings(max_examples=200, deadline=None)
@given(crowds)
def test_the_front_is_exactly_what_none_dominates(crowd: list[Numbers]) -> None:
    kept = {c.candidate.trial for c in undominated(contenders(crowd))}
    expected = {one for one in range(len(crowd)) if not any(beaten(crowd, one, other) for other in range(len(crowd)))}
    assert kept == expected
    assert kept


@settings(max_examples=200, deadline=None)
@given(crowds, st.integers(0, 99))
def test_the_order_in_which_candidates_come_makes_no_difference(crowd: list[Numbers], seed: int) -> None:
    ordered = contenders(crowd)
    shuffled = random.Random(seed).sample(ordered, len(ordered))
    trials = [{c.candidate.trial for c in undominated(order)} for order in (ordered, shuffled)]
    assert trials[0] == trials[1]


@settings(max_examples=200, deadline=None)
@given(crowds)
def test_who_scores_most_on_most_rows_or_takes_least_is_on_it(crowd: list[Numbers]) -> None:
    kept = [crowd[c.candidate.trial] for c in undominated(contenders(crowd))]
    assert max(one[:2] for one in kept) == max(one[:2] for one in crowd)
