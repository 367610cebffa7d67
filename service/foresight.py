"""What can be said about a run before anything is spent."""

from __future__ import annotations

import asyncio
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from benchmarks.budget import Caps
from benchmarks.errors import TaskError
from benchmarks.evaluation.run import Assignment
from benchmarks.ledger.protocol import Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.ledger.tables import ledger, texts
from benchmarks.models.connect import Endpoint, api_key
from benchmarks.models.protocol import ModelIdentity
from optimizers.journal import MemoryJournal
from optimizers.known_rows import known_rows
from optimizers.plan import Plan
from optimizers.search import Problem
from service.home import Home
from service.jobs import SUCCEEDED, Job

LATEST = 200
"""So many of a model's latest replies say how long one takes."""


def missing_keys(endpoints: Mapping[str, Endpoint], environment: Mapping[str, str]) -> Iterator[str]:
    """The keys that a run would not find, each with its remedy."""
    for endpoint in endpoints.values():
        try:
            api_key(endpoint, environment)
        except TaskError as error:
            yield f"{error} Without it the run stops before its first call."


def standing(job: Job) -> Iterator[str]:
    """That the run has been there before."""
    if job.status == SUCCEEDED:
        yield f"{job.id} is this very optimization, finished: its result is shown unless all is asked anew (fresh)."
    elif job.created_at:
        yield f"{job.id} is this very optimization, {job.status}: it is carried on, and pays for no reply twice."


def free_rows(known: Sequence[Assignment]) -> str:
    """What the ledger knows of the first candidates, in words."""
    replies = "1 reply" if len(known) == 1 else f"{len(known)} replies"
    return f"The ledger has {replies} on validation rows to these prompts and yours: free, and no part of the calls."


def known_now(problem: Problem, model: ModelIdentity, job: Job, home: Home) -> tuple[Assignment, ...]:
    """The rollouts of a warm start that are free, as the run would find them; nothing is written down. Not to be called
    where an event loop runs."""

    async def look() -> tuple[Assignment, ...]:
        kept = SqlLedger(home.engine, home.now)
        try:
            return await known_rows(
                [problem.baseline, *problem.earlier] if problem.earlier else [],
                problem.validation,
                model=model,
                ledger=kept,
                occasion=Occasion(epoch=job.epoch),
                mark=await kept.mark() if job.ledger_mark is None else job.ledger_mark,
                journal=MemoryJournal(),
            )
        finally:
            await kept.close()

    return asyncio.run(look())


def proof_in_time(plan: Plan, caps: Caps, endpoint: Endpoint, home: Home | None) -> Iterator[str]:
    """What a cap on seconds asks of the endpoint, if the proof is to fit; whether it can, where replies of the model in
    the ledger tell how long one takes."""
    if caps.seconds is None:
        return
    waves = math.ceil(plan.proof_calls / endpoint.max_concurrency)
    took_s = home and latest_latency_s(home, endpoint.model_identity)
    proof = f"The proof's {plan.proof_calls} calls, at most {endpoint.max_concurrency} at a time,"
    if not took_s:
        yield (
            f"{proof} fit into {caps.seconds:g} s only if a reply takes less than {caps.seconds / waves:.2g} s, and "
            "the search needs time before them. Without a proof nothing is promoted."
        )
    elif waves * took_s > caps.seconds / 2:
        never = waves * took_s > caps.seconds
        yield (
            f"{proof} take {waves * took_s:.0f} s or more if a reply takes {took_s:.2g} s, as the latest of this model "
            f"did, and budget.seconds is {caps.seconds:g}: there {'will' if never else 'may'} be no time for a proof, "
            "without which nothing is promoted. Raise budget.seconds, or lower budget.calls so that the proof takes "
            "fewer rows."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """How many seconds calls are expected to take, None where nothing is known; and `why`, in words."""

    seconds: float | None
    why: str


def duration(calls: Mapping[str, int], endpoints: Mapping[str, Endpoint], caps: Caps, home: Home | None) -> Duration:
    """How long `calls` take, by the roles of the models at `endpoints`, if replies take as long as the latest of each
    model in the ledger did and as many are under way as an endpoint allows."""
    took = {
        role: None if home is None else latest_latency_s(home, endpoints[role].model_identity)
        for role, count in calls.items()
        if count
    }
    if unknown := [endpoints[role].name for role, latency_s in took.items() if latency_s is None]:
        return Duration(
            seconds=None,
            why=f"How long it takes is not known: the ledger holds no reply of {' or '.join(dict.fromkeys(unknown))}.",
        )
    seconds, parts = 0.0, list[str]()
    for role, latency_s in took.items():
        at_once = endpoints[role].max_concurrency
        seconds += math.ceil(calls[role] / at_once) * (latency_s or 0.0)
        parts.append(f"{calls[role]} to {endpoints[role].name}, at most {at_once} at a time, {latency_s:.2g} s each")
    capped = caps.seconds is not None and seconds > caps.seconds
    return Duration(
        seconds=min(seconds, caps.seconds) if caps.seconds is not None else seconds,
        why=f"If replies take as long as the latest in the ledger: {'; '.join(parts)}."
        + (" The cap on seconds ends it before." if capped else " Waits between blocks of calls come on top."),
    )


def latest_latency_s(home: Home, model: ModelIdentity) -> float | None:
    """The median time of the latest replies of `model`; None if there are none."""
    endpoint, name = texts.alias(), texts.alias()
    query = (
        sa.select(ledger.c.latency_s)
        .join(endpoint, endpoint.c.number == ledger.c.endpoint)
        .join(name, name.c.number == ledger.c.model)
        .where(endpoint.c.text == model.endpoint, name.c.text == model.model, ledger.c.failure.is_(None))
        .order_by(ledger.c.sequence.desc())
        .limit(LATEST)
    )
    with home.reading() as connection:
        found = list(connection.scalars(query))
    return statistics.median(found) if found else None
