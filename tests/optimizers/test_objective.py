"""Bounds on what a winner may take, and what a cheaper prompt may lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.errors import TaskError
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Message
from benchmarks.models.tokens import TokenCounter
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import TaskSpec, parse_task
from optimizers.board import Standing
from optimizers.evaluator import Evaluator
from optimizers.expense import Expense, expense_of
from optimizers.objective import Objective, finalists, make_objective, winner_of
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, right_on_first
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 40, "test": 20})
ROWS = TASK.dataset.validation
PRICE = Price(prompt_usd_per_million=2.0, completion_usd_per_million=8.0)
BYTES = TokenCounter(of_text=lambda text: len(text.encode()), per_message=0, per_prompt=0)


def candidate(trial: int, length: int) -> Candidate:
    """A prompt of `length` bytes without the row; every byte is a token."""
    text = f"{trial} ".ljust(length, "x")
    prompt = Prompt(messages=(Message(role="user", content=text + "{{text}}"),), parameters={})
    return Candidate(trial=trial, prompt=prompt, choices=None)


BASELINE, SHORT, LONG = candidate(0, 200), candidate(1, 100), candidate(2, 400)


def ran(right: Mapping[int, int], candidates: Sequence[Candidate]) -> Evaluator:
    """Each candidate is right on the first rows, as many as `right` says of its trial."""

    async def main() -> Evaluator:
        answer = right_on_first(TASK, ROWS, {c.prompt.digest: right[c.trial] for c in candidates})
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(Respondent(respond=answer))
        await evaluator.block([Assignment(prompt=c.prompt, example=e) for c in candidates for e in ROWS])
        return evaluator

    return in_virtual_time(main())


def standing(of: Candidate, right: int) -> Standing:
    mean = right / len(ROWS)
    return Standing(candidate=of, mean=mean, rows=len(ROWS), scored=len(ROWS), expected=mean)


def expense(**fields: Any) -> Expense:
    usual = {"prompt_tokens": 100.0, "completion_tokens": 5.0, "cost_usd_per_1000": 0.24, "latency_s": 1.0}
    return Expense(**{**usual, **fields})


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({}, None),
        ({"prompt_tokens": 100, "cost_usd_per_1000": 0.24, "latency_s": 1.0}, None),
        ({"prompt_tokens": 99.9}, "takes 100.0 prompt tokens per request, above 99.9"),
        ({"cost_usd_per_1000": 0.2}, "costs $0.2400 per 1,000 requests, above $0.2"),
        ({"latency_s": 0.5}, "takes 1.00 s per reply, above 0.5 s"),
    ],
)
def test_a_bound_is_what_may_just_be_reached(bounds: dict[str, Any], said: str | None) -> None:
    assert Objective(**bounds).exceeded(expense()) == said


def test_what_is_not_known_keeps_within_no_bound() -> None:
    assert Objective().exceeded(None) is None
    assert Objective(prompt_tokens=10).exceeded(None) == "got no reply, so nobody knows what it takes"
    unknown = Objective(cost_usd_per_1000=10).exceeded(expense(cost_usd_per_1000=None))
    assert unknown == "costs an unknown price per 1,000 requests, above $10"


def rollout(**fields: Any) -> Rollout:
    return Rollout(prompt_digest="p", example_id="e", score=1.0, **fields)


def test_an_expense_is_a_mean_over_replies_at_the_price_of_today() -> None:
    rollouts = [
        rollout(reply="a", prompt_tokens=90, completion_tokens=4, latency_s=1.0, cost_usd=None),
        rollout(reply="b", prompt_tokens=110, completion_tokens=6, latency_s=9.0, cost_usd=77.0),
        rollout(reply="c", prompt_tokens=100, completion_tokens=5, latency_s=2.0),
        rollout(reply=None, problem="context_too_long"),
        None,
    ]
    assert expense_of(rollouts, PRICE) == expense(latency_s=2.0, cost_usd_per_1000=pytest.approx(0.24))
    assert expense_of(rollouts, None) == expense(latency_s=2.0, cost_usd_per_1000=None)
    assert expense_of([None, rollout(reply=None)], PRICE) is None


@pytest.mark.parametrize(
    ("fields", "cheaper"),
    [
        ({}, False),
        ({"prompt_tokens": 99.0, "cost_usd_per_1000": None}, True),
        ({"prompt_tokens": 99.0, "completion_tokens": 7.0}, False),
        ({"prompt_tokens": 90.0, "completion_tokens": 7.0, "cost_usd_per_1000": 0.236}, True),
        ({"prompt_tokens": 90.0, "completion_tokens": 14.0, "cost_usd_per_1000": 0.292}, False),
    ],
)
def test_cheaper_is_fewer_tokens_for_no_more_dollars(fields: dict[str, float | None], cheaper: bool) -> None:
    assert expense(**fields).cheaper_than(expense()) == cheaper


def test_a_prompt_is_ruled_out_before_it_is_tried_only_if_it_is_surely_too_long() -> None:
    evaluator = ran({0: 20}, [BASELINE])
    row = sum(len(e.inputs["text"]) for e in ROWS[:8]) / 8

    def ruled_out(bound: float, counter: TokenCounter = BYTES) -> bool:
        objective = Objective(prompt_tokens=bound, counter=counter)
        return objective.rules_out(LONG.prompt, ROWS, BASELINE.prompt, evaluator) is not None

    assert not ruled_out(400 + row)
    assert not ruled_out(0.91 * (400 + row))
    assert ruled_out(0.89 * (400 + row))
    # A counter that is wrong by a factor is put right by what the endpoint counted for the baseline.
    half = TokenCounter(of_text=lambda text: len(text.encode()) // 2, per_message=0, per_prompt=0)
    assert ruled_out(0.88 * (400 + row), half)
    assert not ruled_out(0.92 * (400 + row), half)


def test_dollars_rule_out_what_its_prompt_alone_costs_too_much() -> None:
    evaluator = ran({0: 20}, [BASELINE])
    row = sum(len(e.inputs["text"]) for e in ROWS[:8]) / 8
    least = 0.9 * 1000 * PRICE.cost_usd(1, 0) * (400 + row)
    for bound, out in ((0.99 * least, True), (1.01 * least, False)):
        objective = Objective(cost_usd_per_1000=bound, price=PRICE, counter=BYTES)
        assert (objective.rules_out(LONG.prompt, ROWS, BASELINE.prompt, evaluator) is not None) == out


def test_without_bounds_nothing_is_counted_and_nothing_ruled_out() -> None:
    evaluator = ran({0: 20}, [BASELINE])
    for objective in (Objective(), Objective(latency_s=0.001)):
        assert objective.rules_out(LONG.prompt, ROWS, BASELINE.prompt, evaluator) is None


@pytest.mark.parametrize(
    ("right", "objective", "trial"),
    [
        ({0: 20, 1: 25, 2: 30}, Objective(), 2),
        ({0: 30, 1: 25, 2: 30}, Objective(), 0),
        ({0: 20, 1: 25, 2: 30}, Objective(prompt_tokens=300), 1),
        ({0: 20, 1: 19, 2: 30}, Objective(prompt_tokens=300), 0),
        ({0: 20, 1: 25, 2: 30}, Objective(prompt_tokens=50), 0),
        ({0: 20, 1: 19, 2: 18}, Objective(non_inferiority=0.03), 1),
        ({0: 20, 1: 18, 2: 19}, Objective(non_inferiority=0.03), 0),
        ({0: 20, 1: 19, 2: 30}, Objective(non_inferiority=0.03), 2),
        ({0: 20, 1: 19, 2: 30}, Objective(non_inferiority=0.03, prompt_tokens=300), 1),
    ],
)
def test_the_winner_is_the_best_within_the_bounds_that_beats_the_baseline_or_a_cheaper_one_that_loses_little(
    right: dict[int, int], objective: Objective, trial: int
) -> None:
    everybody = [BASELINE, SHORT, LONG]
    best = sorted((standing(c, right[c.trial]) for c in everybody), key=lambda s: (-s.mean, s.candidate.trial))
    baseline = standing(BASELINE, right[0])
    assert winner_of(best, baseline, ROWS, ran(right, everybody), objective).trial == trial


def test_finalists_are_within_the_bounds_and_a_cheaper_one_is_among_them_if_it_may_lose_points() -> None:
    everybody = [LONG, candidate(3, 300), BASELINE, SHORT]
    evaluator = ran({0: 20, 1: 19, 2: 30, 3: 25}, everybody)

    def chosen(**fields: Any) -> list[int]:
        objective = Objective(**fields)
        return [c.trial for c in finalists(everybody, BASELINE, ROWS, evaluator, objective, count=2)]

    assert chosen() == [2, 3]
    assert chosen(prompt_tokens=350) == [3, 0]
    assert chosen(prompt_tokens=150) == [0, 1]
    assert chosen(non_inferiority=0.05) == [2, 3, 1]
    assert chosen(non_inferiority=0.05, prompt_tokens=150) == [0, 1]


def spec(**fields: Any) -> TaskSpec:
    return parse_task(
        {
            "name": "t",
            "inputs": ["text"],
            "output": "label",
            "data": {"path": "rows.csv"},
            "metric": "accuracy",
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"objective": {"within": {}}}, "give at least one bound"),
        ({"objective": {"within": {"prompt_tokens": 0}}}, "greater than 0"),
        ({"objective": {"within": {"tokens": 400}}}, "Did you mean 'prompt_tokens'"),
        ({"objective": {"within": {"prompt_tokens": "400"}}}, "should be a valid number"),
        ({"objective": {"maximize": "cost"}}, "'score'"),
        ({"promote": {"non_inferiority": 0}}, "greater than 0"),
        ({"promote": {"non_inferiority": 1}}, "less than 1"),
    ],
)
def test_a_bound_that_makes_no_sense_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        spec(**fields)


def test_the_objective_is_the_tasks_and_the_models() -> None:
    found = make_objective(
        spec(objective={"within": {"prompt_tokens": 400, "latency_s": 2}}, promote={"non_inferiority": 0.01}),
        Endpoint(name="openai/own", price=PRICE),
    )
    assert (found.prompt_tokens, found.cost_usd_per_1000, found.latency_s) == (400, None, 2)
    assert (found.non_inferiority, found.price) == (0.01, PRICE)
    assert found.counter is not None
    assert make_objective(spec(), Endpoint(name="openai/own")) == Objective()


def test_a_bound_in_dollars_needs_a_price() -> None:
    with pytest.raises(TaskError, match=r"within.cost_usd_per_1000 is 0.5, but no price is known for 'openai/own'"):
        make_objective(spec(objective={"within": {"cost_usd_per_1000": 0.5}}), Endpoint(name="openai/own"))
