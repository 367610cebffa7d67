"""What every language model and every wrapper promises (`benchmarks.models.protocol.LanguageModel`).

Each is built on the same behaviour: it answers with the last message, except that `outage` meets a server error and
`filtered` a content filter, and that a model that was given a wrong key refuses everything.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import pytest

from benchmarks.budget import Budget, Caps
from benchmarks.errors import AccessDenied
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.batch.lane import Batched
from benchmarks.models.batch.provider import Rhythm
from benchmarks.models.batch.submissions import Submissions
from benchmarks.models.direct import Direct
from benchmarks.models.kept import Kept
from benchmarks.models.litellm_lane import LiteLlm
from benchmarks.models.metered import Metered
from benchmarks.models.prices import Price, Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, Message, ModelIdentity, Request
from benchmarks.models.recorded import Recorded
from benchmarks.models.retrying import Patience, Retrying
from benchmarks.models.scripted import Scripted
from benchmarks.models.throttled import Throttled
from service.home import open_home
from tests.endpoints.batches import BatchEndpoint
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.wire import Json, Reply

KEY = "sk-right"
LATENCY_S = 0.03
IDENTITY = ModelIdentity(endpoint="http://here/v1", model="local")
TARIFF = Tariff(price=Price(prompt_usd_per_million=1.0, completion_usd_per_million=1.0))
FAULTS = {"outage": FaultKind.SERVER_ERROR, "filtered": FaultKind.CONTENT_FILTER}
FAILURES = {"outage": FailureKind.SERVER_ERROR, "filtered": FailureKind.CONTENT_FILTER}


def over_http(messages: list[Json], body: Json) -> Reply | Fault:
    text = messages[-1]["content"]
    return Fault(kind=FAULTS[text]) if text in FAULTS else Reply(text=text)


def slow(request_number: int) -> Fault:
    return Fault(delay_s=LATENCY_S)


def scripted(key: str) -> Scripted:
    def script(messages: tuple[Message, ...]) -> str | Failure:
        if key != KEY:
            raise AccessDenied("wrong key")
        text = messages[-1].content
        return Failure(kind=FAILURES[text], detail="scripted") if text in FAILURES else text

    return Scripted(script=script, identity=IDENTITY, tariff=TARIFF, latency_s=LATENCY_S)


def direct(key: str, api_base: str) -> LanguageModel:
    return Direct(identity=IDENTITY, api_base=api_base, model="local", tariff=TARIFF, api_key=key)


def litellm(key: str, api_base: str) -> LanguageModel:
    return LiteLlm(identity=IDENTITY, model="openai/local", tariff=TARIFF, api_base=api_base, api_key=key)


def throttled(inner: LanguageModel) -> LanguageModel:
    return Throttled(inner, 3)


def metered(inner: LanguageModel) -> LanguageModel:
    return Metered(inner=inner, budget=Budget(Caps(calls=1000)), tariff=TARIFF)


def retrying(inner: LanguageModel) -> LanguageModel:
    return Retrying(inner, patience=Patience(attempts=2, first_s=0.0), rng=random.Random(0))


def recorded(inner: LanguageModel) -> LanguageModel:
    budget, ledger = Budget(Caps(calls=1000)), MemoryLedger()
    kept = Kept(inner=inner, ledger=ledger, occasion=Occasion())
    return Recorded(kept, ledger=ledger, occasion=Occasion(), mark=0, budget=budget, tariff=TARIFF)


def all_wrappers(inner: LanguageModel) -> LanguageModel:
    return recorded(retrying(metered(throttled(inner))))


WIRES: dict[str, Callable[[str, str], LanguageModel]] = {"direct": direct, "litellm": litellm}
IN_BATCHES = "in batches"
WRAPPERS: dict[str, Callable[[LanguageModel], LanguageModel]] = {
    "throttled": throttled,
    "metered": metered,
    "retrying": retrying,
    "recorded": recorded,
    "all wrappers": all_wrappers,
}
NAMES = ["scripted", *WIRES, IN_BATCHES, *WRAPPERS, "direct, all wrappers", f"{IN_BATCHES}, recorded"]


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes the models of one kind; they are closed after the test."""

    name: str
    stack: AsyncExitStack

    async def __call__(self, key: str = KEY) -> LanguageModel:
        model = await self._made(key)
        self.stack.push_async_callback(model.close)
        return model

    async def _made(self, key: str) -> LanguageModel:
        kind, _, wrapper = self.name.partition(", ")
        if kind == IN_BATCHES:
            model = await self._in_batches(key)
        elif kind in WIRES:
            endpoint = await self.stack.enter_async_context(LocalEndpoint(over_http, key=KEY, fault=slow))
            model = WIRES[kind](key, endpoint.url)
        else:
            model, wrapper = scripted(key), wrapper or kind
        return WRAPPERS[wrapper](model) if wrapper in WRAPPERS else model

    async def _in_batches(self, key: str) -> LanguageModel:
        endpoint = await self.stack.enter_async_context(BatchEndpoint(over_http, key=KEY))
        home = open_home({"WHET_HOME": self.stack.enter_context(TemporaryDirectory())})
        self.stack.callback(home.engine.dispose)
        return Batched(
            identity=IDENTITY,
            api_base=endpoint.url,
            model="local",
            tariff=TARIFF,
            submissions=Submissions(home, run="contract", now_mark=0),
            api_key=key,
            rhythm=Rhythm(quiet_s=LATENCY_S / 2, first_look_s=LATENCY_S / 4),
        )


@pytest.fixture(params=NAMES)
async def make(request: pytest.FixtureRequest) -> AsyncIterator[Maker]:
    async with AsyncExitStack() as stack:
        yield Maker(request.param, stack)


def ask(text: str) -> Request:
    return Request(messages=(Message(role="user", content=text),), parameters={"max_tokens": 16})


async def test_a_request_gets_its_reply_and_what_it_took(make: Maker) -> None:
    model = await make()
    reply = await model.complete(ask("billing"))
    assert isinstance(reply, Completion)
    assert reply.text == "billing"
    assert reply.usage.prompt_tokens > 0
    assert reply.usage.completion_tokens > 0
    tokens = reply.usage.prompt_tokens + reply.usage.completion_tokens
    assert reply.usage.cost_usd == pytest.approx(tokens / 1e6)
    assert reply.latency_s > 0
    assert (reply.truncated, reply.lost_attempts) == (False, 0)


async def test_the_identity_is_the_one_it_was_given(make: Maker) -> None:
    assert (await make()).identity == IDENTITY


async def test_requests_at_the_same_time_each_get_their_own_reply(make: Maker) -> None:
    model = await make()
    texts = [f"row {number}" for number in range(12)]
    replies = await asyncio.gather(*(model.complete(ask(text)) for text in texts))
    assert [reply.text for reply in replies if isinstance(reply, Completion)] == texts


@pytest.mark.parametrize(("text", "transient"), [("outage", True), ("filtered", False)])
async def test_what_happens_to_one_request_is_a_value(make: Maker, text: str, transient: bool) -> None:
    model = await make()
    reply, other = await asyncio.gather(model.complete(ask(text)), model.complete(ask("billing")))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.kind.transient) == (FAILURES[text], transient)
    assert reply.detail
    assert isinstance(other, Completion)


async def test_what_every_request_would_meet_is_raised(make: Maker) -> None:
    model = await make(key="sk-wrong")
    with pytest.raises(AccessDenied):
        await model.complete(ask("billing"))


async def test_cancellation_passes_through_and_harms_nobody_else(make: Maker) -> None:
    model = await make()
    await model.complete(ask("first"))
    cancelled, other = (asyncio.create_task(model.complete(ask(text))) for text in ("one", "other"))
    await asyncio.sleep(LATENCY_S / 2)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert isinstance(await other, Completion)


async def test_a_withdrawn_model_can_be_used_again(make: Maker) -> None:
    model = await make()
    await model.complete(ask("first"))
    asked = asyncio.create_task(model.complete(ask("under way")))
    await asyncio.sleep(LATENCY_S / 2)
    asked.cancel()
    await asyncio.wait_for(model.withdraw(), timeout=3)
    assert isinstance(await model.complete(ask("billing")), Completion)


async def test_closing_twice_is_fine(make: Maker) -> None:
    model = await make()
    await model.close()
    await model.complete(ask("billing"))
    await model.close()
    await model.close()
