"""An evaluation in batches: one batch for all of its rows, at half the price, within the caps, interrupted or not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from benchmarks.budget import TASK, Caps, Charge
from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment, run
from benchmarks.ledger.protocol import Entry, Occasion
from benchmarks.ledger.sql import SqlLedger
from benchmarks.metrics.registry import make_metric
from benchmarks.models.batch.provider import Rhythm
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.batches import batched
from service.connection import connected
from service.home import Home, open_home
from tests.endpoints.batches import BatchEndpoint
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import echo
from tests.endpoints.wire import Json, Reply

METRIC = make_metric("exact_match", {}, ())
PROMPT = Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={"max_tokens": 10})
PRICE = Price(prompt_usd_per_million=1.0, completion_usd_per_million=2.0)
QUICK = Rhythm(quiet_s=0.02, first_look_s=0.001, longest_wait_s=0.01)
CAPS = Caps(calls=5000)


class Killed(Exception):
    """What a process dies of."""


class DyingLedger(SqlLedger):
    """A ledger whose process dies once it has kept `lives` replies."""

    lives = 0

    async def keep(self, entry: Entry) -> Entry:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        return await super().keep(entry)


def rows(count: int) -> list[Assignment]:
    return [
        Assignment(
            prompt=PROMPT,
            example=Example(
                id=str(number), inputs={"text": f"row {number}"}, answer=f"row {number}", slices={}, origin="rows.csv"
            ),
        )
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation came to."""

    rollouts: list[Rollout]
    spent: Charge

    @property
    def missing(self) -> int:
        return sum(rollout.missing for rollout in self.rollouts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluator:
    """Somebody who evaluates the same again and again, on the same caps."""

    home: Home
    url: str
    caps: Caps = CAPS
    rhythm: Rhythm = QUICK

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(name="openai/local", api_base=self.url, price=PRICE, batch=True)

    async def evaluate(self, count: int, *, lives: int = -1) -> Evaluation:
        ledger = DyingLedger(self.home.engine)
        ledger.lives = lives
        try:
            async with batched(
                self.endpoint,
                run="evaluation",
                caps=self.caps,
                ledger=ledger,
                mark=await ledger.mark(),
                home=self.home,
                environment={},
                on_notice=lambda _: None,
                on_left=lambda _: None,
                rhythm=self.rhythm,
            ) as models:
                model, at_once = models.task.model, models.task.at_once
                rollouts = await run(rows(count), model=model, metric=METRIC, at_once=at_once)
            return Evaluation(rollouts=rollouts, spent=models.task.budget.spent)
        finally:
            await ledger.close()

    async def one_by_one(self, count: int) -> Evaluation:
        """The same over the direct lane."""
        ledger = SqlLedger(self.home.engine)
        try:
            async with connected(
                {TASK: replace(self.endpoint, batch=False)},
                caps=self.caps,
                ledger=ledger,
                occasion=Occasion(),
                mark=await ledger.mark(),
                seed=0,
            ) as models:
                rollouts = await run(rows(count), model=models.task.model, metric=METRIC)
            return Evaluation(rollouts=rollouts, spent=models.task.budget.spent)
        finally:
            await ledger.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home({"WHET_HOME": str(tmp_path / "home")})
    yield opened
    opened.engine.dispose()


@pytest.fixture
def another_home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home({"WHET_HOME": str(tmp_path / "another")})
    yield opened
    opened.engine.dispose()


@pytest.mark.slow
async def test_all_rows_of_an_evaluation_go_out_in_one_batch(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        patient = replace(QUICK, quiet_s=1.0)
        result = await Evaluator(home=home, url=endpoint.url, rhythm=patient).evaluate(600)
    assert [rollout.score for rollout in result.rollouts] == [1.0] * 600
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [600]
    assert result.spent.calls == 600


async def test_it_costs_half_of_what_single_calls_cost(home: Home, another_home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        single = await Evaluator(home=home, url=endpoint.url).one_by_one(8)
        together = await Evaluator(home=another_home, url=endpoint.url).evaluate(8)
    assert single.spent.cost_usd == pytest.approx(8 * (3 * 1.0 + 2 * 2.0) / 1e6)
    assert together.spent.cost_usd == pytest.approx((single.spent.cost_usd or 0.0) / 2)
    assert together.spent.amount.tokens == single.spent.amount.tokens


async def test_replies_are_shared_with_single_calls(home: Home) -> None:
    async with BatchEndpoint(echo) as endpoint:
        evaluator = Evaluator(home=home, url=endpoint.url)
        await evaluator.one_by_one(3)
        result = await evaluator.evaluate(5)
        assert (result.spent.ledger_hits, result.spent.calls) == (3, 2)
        assert (await evaluator.one_by_one(5)).spent.calls == 0
    assert endpoint.answered_again == 0


async def test_what_its_batch_did_not_answer_is_missing_and_the_next_evaluation_asks_it_anew(home: Home) -> None:
    async with BatchEndpoint(echo, expires_after=4) as endpoint:
        evaluator = Evaluator(home=home, url=endpoint.url)
        first = await evaluator.evaluate(6)
        assert ([rollout.score for rollout in first.rollouts], first.spent.calls) == ([1.0] * 4 + [None] * 2, 4)
        assert len(endpoint.batches) == 1
        endpoint.expires_after = None
        again = await evaluator.evaluate(6)
        assert (again.missing, again.spent.calls, again.spent.ledger_hits) == (0, 2, 4)
    assert [len(endpoint.lines(batch)) for batch in endpoint.batches.values()] == [6, 2]


async def test_a_refusal_of_one_row_scores_0_as_it_would_elsewhere(home: Home) -> None:
    def answer(messages: list[Json], body: Json) -> Reply | Fault:
        text = messages[-1]["content"]
        return Fault(kind=FaultKind.CONTENT_FILTER) if text == "row 1" else Reply(text=text)

    async with BatchEndpoint(answer) as endpoint:
        evaluator = Evaluator(home=home, url=endpoint.url)
        result = await evaluator.evaluate(3)
        assert [rollout.score for rollout in result.rollouts] == [1.0, 0.0, 1.0]
        assert result.rollouts[1].problem == "content_filter"
        assert (await evaluator.evaluate(3)).spent.calls == 0


@pytest.mark.parametrize("caps", [Caps(calls=100, tokens=700), Caps(calls=100, usd=0.0004)])
async def test_caps_hold_and_what_fits_into_them_later_goes_out_in_the_next_batch(home: Home, caps: Caps) -> None:
    async with BatchEndpoint(echo) as endpoint:
        result = await Evaluator(home=home, url=endpoint.url, caps=caps).evaluate(20)
    sizes = [len(endpoint.lines(batch)) for batch in endpoint.batches.values()]
    assert len(sizes) > 1
    assert sum(sizes) == 20 - result.missing > sizes[0]
    assert caps.tokens is None or result.spent.amount.tokens <= caps.tokens
    assert caps.usd is None or (result.spent.cost_usd or 0.0) <= caps.usd


@pytest.mark.parametrize("lives", [0, 4, 12])
async def test_interrupted_while_its_replies_are_kept_it_spends_as_if_it_had_not_been(
    home: Home, another_home: Home, lives: int
) -> None:
    caps = Caps(calls=100, tokens=700)
    async with BatchEndpoint(echo, steps=9) as endpoint:
        whole = await Evaluator(home=another_home, url=endpoint.url, caps=caps).evaluate(20)
    async with BatchEndpoint(echo, steps=9) as endpoint:
        evaluator = Evaluator(home=home, url=endpoint.url, caps=caps)
        with pytest.raises(Killed):
            await evaluator.evaluate(20, lives=lives)
        resumed = await evaluator.evaluate(20)
    assert resumed.spent == whole.spent
    assert [rollout.score for rollout in resumed.rollouts] == [rollout.score for rollout in whole.rollouts]
    assert endpoint.answered_again == 0
