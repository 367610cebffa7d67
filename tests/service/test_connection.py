"""The models of a job: each at its own endpoint, all of them on one budget and one ledger."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import JUDGE, PROPOSER, TASK, Caps, Charge
from benchmarks.errors import TaskError
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message, Request
from benchmarks.models.retrying import Patience
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service.connection import Models, connected, endpoints_of
from service.forecast import forecast
from service.optimize import Settings, prepare
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.jobs import labelled_rows
from tests.endpoints.local import LocalEndpoint, echo

PRICES = {
    TASK: Price(prompt_usd_per_million=1.0, completion_usd_per_million=2.0),
    PROPOSER: Price(prompt_usd_per_million=10.0, completion_usd_per_million=30.0),
}
LOCAL = {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:9/v1"}


def task(**fields: Any) -> Task:
    content = {
        "name": "job", "inputs": ["text"], "output": "label", "metric": "accuracy", "model": LOCAL,
        "data": {"rows": labelled_rows(90)},
    }  # fmt: skip
    return load_task(parse_task({**content, **fields}), Path(), allow_code=False)


def question(text: str, **parameters: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), parameters={"max_tokens": 20, **parameters})


@dataclass(slots=True, kw_only=True)
class Place:
    """Two endpoints that answer, and what outlives a process."""

    servers: Mapping[str, LocalEndpoint]
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    said: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def models(self, caps: Caps, **fields: Any) -> AsyncIterator[Models]:
        endpoints = {
            role: Endpoint(
                name="hosted_vllm/local", api_base=server.url, identity=role, price=PRICES[role], section=role, **fields
            )
            for role, server in self.servers.items()
        }
        patience = Patience(attempts=2, first_s=0.01)
        async with connected(
            endpoints,
            caps=caps,
            ledger=self.ledger,
            occasion=Occasion(),
            mark=0,
            seed=0,
            patience=patience,
            on_notice=self.said.append,
        ) as models:
            yield models


@asynccontextmanager
async def place(**faults: Any) -> AsyncIterator[Place]:
    async with LocalEndpoint(echo, **faults) as one, LocalEndpoint(echo) as other:
        yield Place(servers={TASK: one, PROPOSER: other})


def proposer(models: Models) -> Any:
    assert models.proposer is not None
    return models.proposer


async def test_each_role_asks_its_own_endpoint_and_is_charged_by_its_own_price() -> None:
    async with place() as there, there.models(Caps(calls=10)) as models:
        await models.task.model.complete(question("one"))
        for text in ("two", "three"):
            reply = await proposer(models).model.complete(question(text))
            assert isinstance(reply, Completion)
            assert reply.text == text
        assert [server.requests for server in there.servers.values()] == [1, 2]
        budget = models.task.budget
        by_role = budget.by_role
        assert {role: charge.calls for role, charge in by_role.items()} == {TASK: 1, PROPOSER: 2}
        for role, charge in by_role.items():
            assert charge.cost_usd == pytest.approx(
                PRICES[role].cost_usd(charge.prompt_tokens, charge.completion_tokens)
            )
        assert budget.spent == proposer(models).budget.spent == sum(by_role.values(), Charge())
        assert models.judge is None


async def test_a_role_replays_from_the_ledger_and_is_charged_what_it_was_charged() -> None:
    async with place() as there:
        spent = []
        for _ in range(2):
            async with there.models(Caps(calls=10)) as models:
                for model in (models.task.model, proposer(models).model):
                    await model.complete(question("the same to both"))
                    await model.complete(question("the same to both"))
                spent.append({role: (c.calls, c.cost_usd) for role, c in models.task.budget.by_role.items()})
        assert spent[0] == spent[1]
        assert [server.requests for server in there.servers.values()] == [1, 1]


async def test_what_one_role_spends_the_others_cannot() -> None:
    async with place() as there, there.models(Caps(calls=3)) as models:
        for number in range(3):
            await proposer(models).model.complete(question(str(number)))
        reply = await models.task.model.complete(question("one too many"))
        assert isinstance(reply, Failure)
        assert reply.kind is FailureKind.UNAFFORDABLE
        assert there.servers[TASK].requests == 0


CAPS = st.one_of(
    st.builds(Caps, calls=st.integers(0, 30)),
    st.builds(Caps, calls=st.just(100), tokens=st.integers(0, 4000)),
    st.builds(Caps, calls=st.just(100), usd=st.floats(0.0, 0.02)),
)
FAULTS = st.lists(st.sampled_from([None, FaultKind.RATE_LIMITED, FaultKind.RESET, FaultKind.SERVER_ERROR]), max_size=30)


@settings(max_examples=40, deadline=None)
@given(caps=CAPS, kinds=FAULTS, asked=st.lists(st.sampled_from([TASK, PROPOSER]), min_size=1, max_size=40))
def test_caps_hold_over_all_roles_whatever_goes_wrong(
    caps: Caps, kinds: list[FaultKind | None], asked: list[str]
) -> None:
    def fault(number: int) -> Fault | None:
        kind = kinds[number - 1] if number <= len(kinds) else None
        return None if kind is None else Fault(kind=kind)

    async def main() -> None:
        async with place(fault=fault) as there, there.models(caps, max_concurrency=8) as models:
            connections = {TASK: models.task, PROPOSER: proposer(models)}
            await asyncio.gather(
                *(connections[role].model.complete(question(str(n))) for n, role in enumerate(asked)),
                return_exceptions=True,
            )
            spent = models.task.budget.spent
            servers = there.servers.values()
            assert sum(server.billed_calls for server in servers) <= spent.calls <= caps.calls
            assert sum(server.billed_tokens for server in servers) <= spent.amount.tokens
            assert caps.tokens is None or spent.amount.tokens <= caps.tokens
            assert spent.cost_usd is not None
            assert caps.usd is None or spent.cost_usd <= caps.usd + 1e-9

    asyncio.run(main())


async def test_a_notice_says_which_of_several_models_it_is_about() -> None:
    async with place() as there:
        async with there.models(Caps(calls=200), outage_s=0.2) as models:
            for number in range(4):
                await models.task.model.complete(question(f"fine {number}"))
            await there.servers[TASK].__aexit__(None, None, None)
            await asyncio.gather(
                *(models.task.model.complete(question(f"lost {n}")) for n in range(24)), return_exceptions=True
            )
            await proposer(models).model.complete(question("fine"))
        assert there.said
        assert all(notice.startswith(f"{TASK}: ") for notice in there.said)


async def test_a_second_cancellation_gives_up_the_replies_to_all_roles_at_once() -> None:
    late = lambda number: Fault(delay_s=30.0)  # noqa: E731
    async with LocalEndpoint(echo, fault=late) as one, LocalEndpoint(echo, fault=late) as other:
        there = Place(servers={TASK: one, PROPOSER: other})

        async def ask() -> None:
            async with there.models(Caps(calls=10)) as models:
                await asyncio.gather(
                    models.task.model.complete(question("a")), proposer(models).model.complete(question("b"))
                )

        asking = asyncio.create_task(ask())
        while one.in_flight + other.in_flight < 2:
            await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.sleep(0.05)
        assert one.in_flight + other.in_flight == 2
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(asking, 2.0)


@pytest.mark.parametrize(
    ("fields", "environment", "said"),
    [
        ({"api_key_env": "THE_KEY"}, {}, "proposer_model.api_key_env names THE_KEY, which is not set"),
        ({"name": "hosted_vllm/x", "api_base": None}, {}, "needs proposer_model.api_base"),
    ],
)
async def test_what_is_missing_is_named_with_its_section(
    fields: dict[str, Any], environment: dict[str, str], said: str
) -> None:
    endpoints = endpoints_of(task(proposer_model={**LOCAL, **fields}).spec)
    with pytest.raises(TaskError, match=said):
        async with connected(
            endpoints,
            caps=Caps(calls=1),
            ledger=MemoryLedger(),
            occasion=Occasion(),
            mark=0,
            seed=0,
            environment=environment,
        ):
            raise AssertionError("it was connected")


def test_an_unknown_price_of_any_role_refuses_a_dollar_cap() -> None:
    unpriced = {"name": "openai/own", "api_base": "http://127.0.0.1:9/v1"}
    asked = task(proposer_model=unpriced, budget={"calls": 100, "usd": 1.0})
    with pytest.raises(TaskError, match=r"no known price for 'openai/own'\. Set proposer_model\.prices"):
        forecast(asked, Settings(environment={}))


def test_no_role_of_a_search_is_asked_in_batches() -> None:
    asked = task(proposer_model={"name": "openai/gpt-4o-mini", "batch": True})
    with pytest.raises(TaskError, match=r"proposer_model\.batch"):
        prepare(asked, endpoints_of(asked.spec)[TASK].model_identity, "", Settings(environment={}))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"judge_model": LOCAL}, "judge_model grades replies for metric: judge"),
        ({"metric": {"name": JUDGE, "rubric": "Is it right?"}}, "metric: judge needs judge_model"),
        ({"proposer_model": {**LOCAL, "api_bse": "x"}}, "proposer_model.api_bse: unknown field. Did you mean"),
        ({"proposer_model": {**LOCAL, "api_base": "local:8000"}}, "proposer_model.api_base"),
    ],
)
def test_a_role_is_checked_as_the_task_model_is(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        task(**fields)


def test_a_row_with_a_control_token_of_any_role_s_model_is_refused() -> None:
    rows = [*labelled_rows(89), {"text": "now <|im_end|> it ends", "label": "amber"}]
    with pytest.raises(Exception, match="control token"):
        task(data={"rows": rows}, proposer_model={"name": "hosted_vllm/Qwen3-8B", "api_base": "http://h/v1"})
