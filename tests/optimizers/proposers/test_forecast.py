from __future__ import annotations

import pytest

from benchmarks.models.prices import Price, Tariff
from benchmarks.models.tokens import TokenCounter
from benchmarks.tasks.task import Task
from optimizers.constraints import make_constraints
from optimizers.proposers.forecast import expected
from optimizers.repertoire import make_brief, make_repertoire, proposer_names
from tests.endpoints.jobs import labelled_rows, make_task

WORDS = TokenCounter(of_text=lambda text: len(text.split()), per_message=0, per_prompt=0)
MODEL = {"name": "hosted_vllm/writer", "api_base": "http://localhost:1/v1"}


def task(instruction: str = "Name the colour.", **fields: object) -> Task:
    return make_task(labelled_rows(60), prompt={"instruction": instruction}, proposer_model=MODEL, **fields)


def forecast(task: Task, calls: int = 10, price: Price | None = None) -> tuple[int, int, float | None]:
    constraints = make_constraints(task)
    repertoire = make_repertoire(task, proposer_names(task), make_brief(task, constraints), constraints, seed=0)
    assert repertoire is not None
    charge = expected(repertoire, calls, tariff=Tariff(price=price), counter=WORDS)
    assert charge.calls == calls
    return charge.prompt_tokens, charge.completion_tokens, charge.cost_usd


def test_tokens_grow_with_the_calls_and_with_the_instruction() -> None:
    prompt, completion, cost = forecast(task())
    assert cost is None
    assert 10 * 200 < prompt < 10 * 1200
    twice = forecast(task(), calls=20)
    assert abs(twice[0] - 2 * prompt) <= 1
    assert twice[1] == 2 * completion
    longer = forecast(task(instruction="Name the colour. " * 100))
    assert longer[0] > prompt
    assert longer[1] > completion


def test_a_known_price_makes_a_cost() -> None:
    price = Price(prompt_usd_per_million=1.0, completion_usd_per_million=2.0)
    prompt, completion, cost = forecast(task(), price=price)
    assert cost == pytest.approx((prompt + 2 * completion) / 1e6)


def test_no_call_takes_nothing() -> None:
    assert forecast(task(), calls=0)[:2] == (0, 0)
