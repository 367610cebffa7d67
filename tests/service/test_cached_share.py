"""The share of prompt tokens that an endpoint had in its cache: as its replies say, else as the server says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.datasets.records import Split
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.cli.card import print_evaluation
from service.evaluate import run_evaluation
from service.home import Home
from service.optimize import Settings, run_optimization
from tests.endpoints.jobs import LABELS, labelled_rows
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.vllm import VllmEndpoint
from tests.endpoints.wire import Json, Reply


def amber(messages: list[Json], body: Json) -> Reply:
    return Reply(text="amber")


def task(endpoint: LocalEndpoint) -> Task:
    content: dict[str, Any] = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy",
        "data": {"rows": labelled_rows(60)}, "budget": {"calls": 60},
        "prompt": {"instruction": f"Which colour is it? Answer with one of: {', '.join(LABELS)}. " * 4},
        "model": {"name": "hosted_vllm/local", "api_base": endpoint.url},
    }  # fmt: skip
    return load_task(parse_task(content), Path(), allow_code=False)


def evaluated(endpoint: LocalEndpoint, home: Home) -> dict[str, Any]:
    found = task(endpoint)
    return asyncio.run(run_evaluation(found, found.baseline, Split.VALIDATION, home, environment={}))


def printed(result: dict[str, Any]) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        print_evaluation(console, result)
    return captured.get()


def test_replies_that_tell_of_cached_tokens_are_added_up(home: Home) -> None:
    with LocalEndpoint(amber).in_thread() as endpoint:
        result = evaluated(endpoint, home)
        again = evaluated(endpoint, home)
    spent = result["spent"]
    assert 0.5 < spent["cached_share"] == spent["cached_tokens"] / spent["prompt_tokens"] < 1
    assert spent["server_cached_share"] is None
    assert f"{spent['cached_share']:.0%} of the prompt tokens from the endpoint's cache" in printed(result)
    # Replies from the ledger took no tokens.
    assert (again["spent"]["cached_tokens"], again["spent"]["cached_share"]) == (0, None)
    assert "cache" not in printed(again)


def test_where_they_do_not_the_server_is_asked(home: Home) -> None:
    with VllmEndpoint(amber).in_thread() as endpoint:
        spent = evaluated(endpoint, home)["spent"]
        optimized = asyncio.run(run_optimization(task(endpoint), home, Settings(environment={})))["spent"]
    assert (spent["cached_tokens"], spent["cached_share"]) == (0, None)
    assert 0.5 < spent["server_cached_share"] < 1
    assert 0.3 < optimized["server_cached_share"] < 1
