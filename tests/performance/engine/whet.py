"""whet's whole path as one of the clients: render, ledger, budget, request, parse, extract, score, keep."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.budget import TASK, Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.ledger.database import open_database
from benchmarks.ledger.protocol import Occasion
from benchmarks.ledger.sql import SqlLedger, tables
from benchmarks.metrics.registry import make_metric
from benchmarks.models.connect import Endpoint
from optimizers.evaluator import Evaluator
from optimizers.journal import MemoryJournal
from service.connection import connected
from service.loop import collect_seldom
from tests.performance.engine.load import LABELS, MODEL, Load, examples, prompt
from tests.performance.engine.protocol import Ask


@asynccontextmanager
async def cold(load: Load) -> AsyncIterator[Ask]:
    """A job whose ledger, in an SQLite file of its own, is empty."""
    with TemporaryDirectory() as folder:
        async with _job(load, Path(folder)) as ask:
            yield ask


@asynccontextmanager
async def warm(load: Load) -> AsyncIterator[Ask]:
    """A job that finds every reply in the ledger."""
    with TemporaryDirectory() as folder:
        async with _job(load, Path(folder)) as ask:
            await ask(load.uncounted)
            await ask(load.counted)
        async with _job(load, Path(folder)) as ask:
            yield ask


@asynccontextmanager
async def _job(load: Load, folder: Path) -> AsyncIterator[Ask]:
    ledger = SqlLedger(open_database(folder / "whet.sqlite", tables.create_all))
    asked_about, asked_with = examples(load.rows), prompt()
    total = load.warm_up + load.calls
    async with connected(
        {TASK: Endpoint(name=f"hosted_vllm/{MODEL}", api_base=load.url, max_concurrency=load.concurrency)},
        caps=Caps(calls=total),
        ledger=ledger,
        occasion=Occasion(),
        mark=await ledger.mark(),
        seed=0,
    ) as models:
        connection = models.task
        collect_seldom()
        evaluator = Evaluator(
            model=connection.model,
            metric=make_metric("accuracy", {}, LABELS),
            budget=connection.budget,
            tariff=connection.tariff,
            journal=MemoryJournal(),
            level=lambda: connection.level,
            at_once=connection.at_once,
        )

        async def ask(calls: Sequence[int]) -> None:
            remaining = iter(calls)
            while numbers := list(islice(remaining, load.rows)):
                await evaluator.block(
                    [
                        Assignment(prompt=asked_with, example=asked_about[n % load.rows], repeat=n // load.rows)
                        for n in numbers
                    ]
                )

        yield ask
    await ledger.close()
