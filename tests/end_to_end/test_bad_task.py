"""A mistake in the task file is explained, with the nearest right name, before anything is called or written."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint

MISTAKES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown field": ({"buget": {"calls": 5}}, ["buget: unknown field. Did you mean 'budget'?"]),
    "unknown field in a section": ({"budget": {"call": 5}}, ["budget.call: unknown field. Did you mean 'calls'?"]),
    "wrong type": ({"budget": {"calls": "many"}}, ["budget.calls", "valid integer", "'many'"]),
    "out of range": ({"budget": {"calls": 0}}, ["budget.calls", "greater than or equal to 1", "found 0"]),
    "output among the inputs": ({"output": "message"}, ["output 'message' is also an input"]),
    "no choice": ({"search": {"placement": []}}, ["search.placement", "at least 1 item"]),
    "unknown metric": ({"metric": "acuracy"}, ["no metric 'acuracy'. Did you mean 'accuracy'?", "Known: accuracy, "]),
    "unknown metric option": (
        {"metric": {"name": "accuracy", "extarct": "line"}},
        ["'accuracy' has no option 'extarct'", "Its options: extract."],
    ),
    "unknown delimiter family": (
        {"search": {"delimiters": ["markdwn"]}},
        ["unknown delimiter family 'markdwn'; known: plain, markdown, xml", "Did you mean 'markdown'?"],
    ),
    "delimiters of a model without tokens": (
        {"search": {"delimiters": ["model"]}},
        ["'model' needs model.special_tokens"],
    ),
    "unknown placement": ({"search": {"placement": ["top"]}}, ["unknown placement 'top'; known: system, user"]),
    "unknown proposer": (
        {"search": {"proposers": ["gramar"]}},
        ["unknown proposer 'gramar'; known: given, grammar, grounded, ", "Did you mean 'grammar'?"],
    ),
    "a model's proposer without a model": (
        {"search": {"proposers": ["grammar", "reflective"]}},
        ["names 'reflective', which a model writes, but there is no proposer_model", "Add proposer_model: {name: "],
    ),
    "unknown constraint": ({"constraints": {"protect": ["x"]}}, ["unknown field. Did you mean 'protected'?"]),
    "constraint that the prompt cannot keep": (
        {"constraints": {"protected": ["Never promise refunds."]}},
        ["'Never promise refunds.' does not occur in the baseline's instruction", "letter for letter"],
    ),
    "given without candidates": ({"search": {"proposers": ["given"]}}, ["there are no candidates.instructions"]),
    "variable that is no input": (
        {"prompt": {"instruction": "Route {{mesage}}."}},
        ["prompt.instruction uses {{mesage}}, which is no input; inputs: message. Did you mean 'message'?"],
    ),
    "variable of a candidate that is no input": (
        {"candidates": {"instructions": ["Route {{text}}."]}},
        ["uses {{text}}, which is no input; inputs: message."],
    ),
    "variable that is not closed": ({"prompt": {"instruction": "Route {{message."}}, ["'{{message.'", "not close it"]),
    "messages without an input": (
        {"prompt": {"messages": [{"role": "user", "content": "Route it."}]}},
        ["prompt.messages mentions no input; write {{message}}"],
    ),
    "answers that are no label": (
        {"labels": ["billing", "orders"]},
        ["30 rows", "not among the 2 labels", "'refunds'"],
    ),
    "no model": ({"model": None}, ["The task names no model", "--model and --api-base"]),
    "own metric in no file": ({"metric": "mine.py:score"}, ["no file 'mine.py'", "looked up from there"]),
    "own proposer in no module": ({"search": {"proposers": ["mine:Blunt"]}}, ["'mine:Blunt' could not be loaded"]),
    "address without a scheme": (
        {"model": {"name": "hosted_vllm/local", "api_base": "localhost:8000/v1"}},
        ["model.api_base", "http://localhost:8000/v1", "found 'localhost:8000/v1'"],
    ),
    "vLLM without an address": ({"model": {"name": "hosted_vllm/local"}}, ["needs model.api_base"]),
    "key that is not set": (
        {"model": {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:9/v1", "api_key_env": "MY_KEY"}},
        ["model.api_key_env names MY_KEY, which is not set", "export MY_KEY="],
    ),
    "dollar cap without a price": (
        {
            "model": {"name": "openai/local", "api_base": "http://127.0.0.1:9/v1"},
            "budget": {"calls": 160, "usd": 1.0},
        },
        ["cap of 1 USD", "no known price for 'openai/local'", "model.prices"],
    ),
}


@pytest.mark.parametrize(("fields", "messages"), MISTAKES.values(), ids=MISTAKES.keys())
def test_a_mistake_in_the_task_is_explained_and_costs_nothing(
    workplace: Workplace, endpoint: LocalEndpoint, fields: dict[str, Any], messages: list[str]
) -> None:
    workplace.write_task(tickets.task(endpoint.url, **fields))
    finished = workplace.run("optimize", "task.yaml", code=2)
    for message in messages:
        assert message in finished.err
    assert finished.err.startswith("whet: ")
    assert finished.out == ""
    assert endpoint.requests == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "There is no task file task.yaml."),
        ("", "task.yaml is empty or no mapping"),
        ("- a\n- b\n", "it needs at least name, inputs, output, data"),
        ("name: [", "task.yaml is not YAML or JSON: while parsing"),
        ("name: x\n", "  inputs: required\n  output: required\n  data: required\n"),
    ],
    ids=["missing", "empty", "a list", "broken", "half"],
)
def test_a_task_file_that_is_none_is_explained(workplace: Workplace, content: str | None, message: str) -> None:
    if content is not None:
        (workplace.folder / "task.yaml").write_text(content)
    assert message in workplace.run("optimize", "task.yaml", code=2).err
    assert not workplace.home.exists()


SMALL = {
    "calls": ({"calls": 10}, ["A budget of 10 calls", "Nothing was spent", "at least --budget-calls 30"]),
    "tokens": ({"calls": 160, "tokens": 100}, ["Nothing was spent", "Raise budget.tokens"]),
    "dollars": ({"calls": 160, "usd": 0.0001}, ["Nothing was spent", "budget.usd"]),
}


@pytest.mark.parametrize(("budget", "messages"), SMALL.values(), ids=SMALL.keys())
def test_a_budget_that_is_too_small_is_not_spent(
    workplace: Workplace, endpoint: LocalEndpoint, budget: dict[str, Any], messages: list[str]
) -> None:
    task = tickets.task(endpoint.url, budget=budget)
    task["model"]["prices"] = {"prompt_usd_per_million": 1.0, "completion_usd_per_million": 1.0}
    workplace.write_task(task)
    finished = workplace.run("optimize", "task.yaml", code=4)
    for message in messages:
        assert message in finished.err
    assert endpoint.requests == 0


def test_the_smallest_budget_that_is_named_is_enough(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(tickets.task(endpoint.url, budget={"calls": 10}))
    refused = workplace.run("optimize", "task.yaml", code=4).err
    assert workplace.optimize("--budget-calls", refused.split()[-1].rstrip("."))["spent"]["calls"] <= 30


@pytest.mark.parametrize("target", ["nowhere/result.json", "."])
def test_a_place_that_cannot_hold_the_result_is_refused_before_anything_is_spent(
    workplace: Workplace, endpoint: LocalEndpoint, target: str
) -> None:
    workplace.write_task(tickets.task(endpoint.url))
    assert f"--json {target} is" in workplace.run("optimize", "task.yaml", "--json", target, code=2).err
    assert endpoint.requests == 0
