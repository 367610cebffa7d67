"""The model of a task, connected for one job: behind ledger, retries, budget and concurrency limit."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from benchmarks.budget import Budget, Caps
from benchmarks.errors import TaskError
from benchmarks.evaluation.run import MOST_AT_ONCE
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.connect import Endpoint, pace_of, tariff_for, wire, wrapped
from benchmarks.models.pace import Pace
from benchmarks.models.paced import nobody
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import LanguageModel
from benchmarks.models.retrying import Patience
from benchmarks.tasks.schema import BudgetSection, ModelSection


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """A connected model, what its calls cost, the budget they are charged to, and the pace of its endpoint (None where
    requests go out in batches). It pays to have `at_once` requests under way."""

    model: LanguageModel
    tariff: Tariff
    budget: Budget
    pace: Pace | None = None
    at_once: int = MOST_AT_ONCE

    @property
    def level(self) -> int | None:
        """How many requests may be under way at the endpoint now; 0 while it is paused, None without a limit."""
        return None if self.pace is None else self.pace.allowed


def endpoint_of(model: ModelSection | None) -> Endpoint:
    """The endpoint that a task names. Raises TaskError if it names none."""
    if model is None:
        raise TaskError(
            "The task names no model. Add model: {name: hosted_vllm/<model>, api_base: http://localhost:8000/v1} to "
            "the task file, or give --model and --api-base."
        )
    prices = model.prices
    return Endpoint(
        name=model.name,
        api_base=model.api_base,
        api_key_env=model.api_key_env,
        identity=model.identity,
        max_concurrency=model.max_concurrency,
        timeout_s=model.timeout_s,
        outage_s=model.outage_s,
        hedge=model.hedge,
        batch=model.batch,
        price=None
        if prices is None
        else Price(
            prompt_usd_per_million=prices.prompt_usd_per_million,
            completion_usd_per_million=prices.completion_usd_per_million,
        ),
    )


def caps_of(budget: BudgetSection) -> Caps:
    """The caps that a task sets."""
    return Caps(calls=budget.calls, tokens=budget.tokens, usd=budget.usd, seconds=budget.seconds)


@asynccontextmanager
async def connected(
    endpoint: Endpoint,
    *,
    caps: Caps,
    ledger: Ledger,
    occasion: Occasion,
    mark: int,
    seed: int,
    environment: Mapping[str, str] = os.environ,
    patience: Patience | None = None,
    on_notice: Callable[[str], None] = nobody,
) -> AsyncIterator[Connection]:
    """The model at `endpoint`, connected. `on_notice` is told, in words, when the endpoint stops answering and when it
    answers again.

    Whatever ends the block, requests under way are answered and kept (for a few seconds) before connections close.
    """
    tariff = tariff_for(endpoint, caps)
    budget = Budget(caps)
    pace = pace_of(endpoint)
    model = wrapped(
        wire(endpoint, tariff, environment),
        max_concurrency=endpoint.max_concurrency,
        tariff=tariff,
        budget=budget,
        ledger=ledger,
        occasion=occasion,
        mark=mark,
        patience=patience or Patience(),
        rng=random.Random(seed),
        pace=pace,
        outage_s=endpoint.outage_s,
        hedge=endpoint.hedge,
        on_notice=on_notice,
    )
    try:
        yield Connection(model=model, tariff=tariff, budget=budget, pace=pace, at_once=endpoint.max_concurrency)
    finally:
        try:
            await model.withdraw()
        finally:
            await model.close()
