"""The models of a task, connected for one job: each behind ledger, retries and concurrency limit of its own, all of
them on one budget."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from benchmarks.budget import TASK, Budget, Caps
from benchmarks.errors import TaskError
from benchmarks.evaluation.run import MOST_AT_ONCE
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.connect import Endpoint, pace_of, tariff_for, wire, wrapped
from benchmarks.models.pace import Pace
from benchmarks.models.paced import nobody
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import LanguageModel
from benchmarks.models.retrying import Patience
from benchmarks.tasks.schema import SECTIONS, BudgetSection, ModelSection, TaskSpec
from service.telemetry import traced


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Models:
    """The connected models of a job by their roles; None where the task names none."""

    task: Connection
    proposer: Connection | None = None
    judge: Connection | None = None

    @property
    def all(self) -> tuple[LanguageModel, ...]:
        """The models that there are."""
        there = (self.task, self.proposer, self.judge)
        return tuple(connection.model for connection in there if connection is not None)


def endpoints_of(spec: TaskSpec) -> dict[str, Endpoint]:
    """The endpoints that a task names, by the roles of their models. Raises TaskError if it names no task model."""
    if spec.model is None:
        raise TaskError(
            "The task names no model. Add model: {name: hosted_vllm/<model>, api_base: http://localhost:8000/v1} to "
            "the task file, or give --model and --api-base."
        )
    return {role: endpoint_of(model, SECTIONS[role]) for role, model in spec.models.items()}


def endpoint_of(model: ModelSection, section: str = SECTIONS[TASK]) -> Endpoint:
    """The endpoint that a section of the task names."""
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
        section=section,
    )


def caps_of(budget: BudgetSection) -> Caps:
    """The caps that a task sets."""
    return Caps(calls=budget.calls, tokens=budget.tokens, usd=budget.usd, seconds=budget.seconds)


@asynccontextmanager
async def connected(
    endpoints: Mapping[str, Endpoint],
    *,
    caps: Caps,
    ledger: Ledger,
    occasion: Occasion,
    mark: int,
    seed: int,
    environment: Mapping[str, str] = os.environ,
    patience: Patience | None = None,
    on_notice: Callable[[str], None] = nobody,
) -> AsyncIterator[Models]:
    """The models at `endpoints`, by their roles, connected: `caps` hold for all of them together. `on_notice` is told,
    in words, when an endpoint stops answering and when it answers again.

    Whatever ends the block, requests under way are answered and kept (for a few seconds) before connections close.
    """
    budget = Budget(caps)
    tariffs = {role: tariff_for(endpoint, caps) for role, endpoint in endpoints.items()}
    connections: dict[str, Connection] = {}
    async with AsyncExitStack() as closing:
        for role, endpoint in endpoints.items():
            pace = pace_of(endpoint)
            model = wrapped(
                traced(wire(endpoint, tariffs[role], environment), environment),
                max_concurrency=endpoint.max_concurrency,
                tariff=tariffs[role],
                budget=budget.of(role),
                ledger=ledger,
                occasion=occasion,
                mark=mark,
                patience=patience or Patience(),
                rng=random.Random(seed),
                pace=pace,
                outage_s=endpoint.outage_s,
                hedge=endpoint.hedge,
                on_notice=_named(endpoint, on_notice) if len(endpoints) > 1 else on_notice,
            )
            closing.push_async_callback(model.close)
            connections[role] = Connection(
                model=model,
                tariff=tariffs[role],
                budget=budget.of(role),
                pace=pace,
                at_once=endpoint.max_concurrency,
            )
        try:
            yield Models(**connections)
        finally:
            # At once, so that a second cancellation ends all their waits.
            async with asyncio.TaskGroup() as withdrawing:
                for connection in connections.values():
                    withdrawing.create_task(connection.model.withdraw())


def _named(endpoint: Endpoint, on_notice: Callable[[str], None]) -> Callable[[str], None]:
    """Tells which of several models a notice is about."""
    return lambda message: on_notice(f"{endpoint.section}: {message}")
