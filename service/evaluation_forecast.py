"""What an evaluation would spend, and what it could show."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.budget import TASK, Charge
from benchmarks.datasets.records import Example, Split
from benchmarks.evaluation.rollout import request_for
from benchmarks.evidence.detectable import smallest_detectable_difference
from benchmarks.ledger.protocol import Occasion, ledger_key
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.connect import tariff_for
from benchmarks.models.prices import max_tokens
from benchmarks.models.tokens import token_counter
from service.connection import caps_of, endpoints_of
from service.evaluate import check
from service.evaluations import Asked
from service.foresight import missing_keys
from service.home import Home
from service.journal import SqlLooks
from service.judging import calls_for, too_few_labels
from service.scoring import scoring_endpoints

ROWS_COUNTED = 100
"""The tokens of so many rows, evenly spread, stand for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationForecast:
    """What an evaluation of `rows` rows would spend: at most `calls`; without the replies that the ledger has already,
    `expected_calls` with `spent` tokens and dollars, those of a judge left out. A split of so many rows shows a
    difference between two prompts of `smallest_difference` in four runs of five. `notices` are what a person should
    know before, in words."""

    rows: int
    calls: int
    expected_calls: int
    spent: Charge
    smallest_difference: float
    notices: tuple[str, ...]


def foresee(asked: Asked, home: Home, environment: Mapping[str, str]) -> EvaluationForecast:
    """What evaluating `asked` would spend; nothing is called, and nothing is written. Raises what would stop it at
    once. Not to be called where an event loop runs."""
    check(asked.task, asked.prompt, asked.split)
    task, examples = asked.task, asked.task.dataset.split(asked.split)
    unknown = asyncio.run(_unknown(asked, home))
    judged = task.spec.judge_model is not None
    return EvaluationForecast(
        rows=len(examples),
        calls=calls_for(task, len(examples)),
        # What the ledger knows of a judged task are replies without their grades.
        expected_calls=calls_for(task, len(examples)) if judged else len(unknown),
        spent=_charge(asked, unknown),
        smallest_difference=smallest_detectable_difference(len(examples)),
        notices=tuple(_notices(asked, home, environment)),
    )


async def _unknown(asked: Asked, home: Home) -> list[Example]:
    """The rows whose replies the ledger does not have in this epoch."""
    examples, occasion = asked.task.dataset.split(asked.split), Occasion(epoch=asked.epoch)
    model = endpoints_of(asked.task.spec)[TASK].model_identity
    ledger = SqlLedger(home.engine, home.now)
    try:
        keys = [ledger_key(occasion, model, request_for(asked.prompt, example)) for example in examples]
        found = await ledger.find_all(keys)
    finally:
        await ledger.close()
    return [example for example, entry in zip(examples, found, strict=True) if entry is None]


def _charge(asked: Asked, rows: Sequence[Example]) -> Charge:
    if not rows:
        return Charge(cost_usd=0.0)
    prompt, endpoint = asked.prompt, endpoints_of(asked.task.spec)[TASK]
    counter, tariff = token_counter(endpoint), tariff_for(endpoint, caps_of(asked.task.spec.budget))
    counted = rows[:: -(-len(rows) // ROWS_COUNTED)]
    before, after = prompt.reply_format.marker or "", prompt.reply_format.closing or ""
    most = max_tokens(prompt.parameters)
    asking = fmean(counter.of_messages(prompt.render_row(row.inputs)) for row in counted)
    answering = fmean(min(most, 1 + counter.of_text(f"{before}{row.answer}{after}")) for row in counted)
    usage = tariff.usage(round(asking * len(rows)), round(answering * len(rows)))
    return Charge(
        calls=len(rows),
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
    )


def _notices(asked: Asked, home: Home, environment: Mapping[str, str]) -> Iterator[str]:
    task = asked.task
    yield from missing_keys(scoring_endpoints(task), environment)
    if task.spec.judge_model is not None:
        yield "A judge grades every reply: what that takes is among the calls, but not among tokens and dollars."
    few = too_few_labels(task)
    if few:
        yield few
    if asked.split is Split.TEST:
        taken = SqlLooks(home).taken(task.dataset.test_digest)
        yield (
            f"This is a look at test, of which there {'was' if taken == 1 else 'were'} {taken} before. Whoever chooses "
            "among prompts by what they score there has no test split left; validation is for that."
        )
