"""The LiteLLM lane against real HTTP: every fault becomes what the direct lane makes of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from aiohttp import web

from benchmarks.errors import AccessDenied, EndpointDown
from benchmarks.metrics.judge import Scale
from benchmarks.models.litellm_lane import LiteLlm
from benchmarks.models.protocol import Completion, Failure, FailureKind
from tests.benchmarks.models.parts import IDENTITY, KEY, PRICED, ask, serving
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint, echo


def lane(api_base: str | None, **fields: Any) -> LiteLlm:
    settings = {"model": "openai/local", "api_key": KEY, "timeout_s": 5.0, **fields}
    return LiteLlm(identity=IDENTITY, tariff=PRICED, api_base=api_base, **settings)


async def answer_of(model: LiteLlm, text: str = "Which team?", **fields: Any) -> Completion | Failure:
    try:
        return await model.complete(ask(text, **fields))
    finally:
        await model.close()


async def test_a_reply_comes_with_what_it_took_and_no_price_list_was_fetched() -> None:
    async with LocalEndpoint(echo, key=KEY) as endpoint:
        reply = await answer_of(lane(endpoint.url), "a long answer", parameters={"max_tokens": 2, "temperature": 0})
    assert isinstance(reply, Completion)
    assert (reply.text, reply.truncated) == ("a long a", True)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (5, 2)
    assert reply.usage.cost_usd == pytest.approx((5 * 1.0 + 2 * 2.0) / 1e6)
    assert endpoint.bodies[0]["max_tokens"] == 2
    assert endpoint.bodies[0]["temperature"] == 0
    source = sys.modules["litellm.litellm_core_utils.get_model_cost_map"].get_model_cost_map_source_info()
    assert source["source"] == "local"
    assert source["fallback_reason"] is None


@pytest.mark.parametrize(
    ("kind", "expected", "maybe_billed"),
    [
        (FaultKind.RATE_LIMITED, FailureKind.RATE_LIMITED, False),
        (FaultKind.SERVER_ERROR, FailureKind.SERVER_ERROR, False),
        (FaultKind.OVERLOADED, FailureKind.SERVER_ERROR, False),
        (FaultKind.CONTENT_FILTER, FailureKind.CONTENT_FILTER, False),
        (FaultKind.HANG, FailureKind.TIMEOUT, True),
        (FaultKind.RESET, FailureKind.CONNECTION, True),
        (FaultKind.TRUNCATED_JSON, FailureKind.GARBLED, True),
        (FaultKind.EMPTY_CHOICES, FailureKind.GARBLED, True),
    ],
)
async def test_a_fault_is_met_once_and_sorted(kind: FaultKind, expected: FailureKind, maybe_billed: bool) -> None:
    async with LocalEndpoint(echo, fault=lambda number: Fault(kind=kind, retry_after_s=7)) as endpoint:
        reply = await answer_of(lane(endpoint.url, timeout_s=0.5 if kind is FaultKind.HANG else 5.0))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.maybe_billed) == (expected, maybe_billed)
    assert endpoint.requests == 1
    if kind is FaultKind.RATE_LIMITED:
        assert reply.retry_after_s == 7.0


async def test_a_prompt_that_is_too_long_is_the_prompts_doing() -> None:
    async with LocalEndpoint(echo, context_tokens=1) as endpoint:
        reply = await answer_of(lane(endpoint.url))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.CONTEXT_TOO_LONG


async def test_nobody_at_the_address_is_a_connection_failure_that_cost_nothing() -> None:
    reply = await answer_of(lane("http://127.0.0.1:9/v1"))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.maybe_billed) == (FailureKind.CONNECTION, False)


async def test_a_refused_key_stops_at_once_without_showing_it() -> None:
    requests = 0

    async def tells_the_key(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        told = {"error": {"message": f"{'.' * 240} bad key {request.headers['Authorization']}"}}
        return web.json_response(told, status=401)

    async with serving(tells_the_key) as api_base:
        with pytest.raises(AccessDenied, match="api_key_env") as caught:
            await answer_of(lane(api_base))
    assert requests == 1
    assert KEY[:8] not in str(caught.value)


async def test_an_unknown_model_is_named() -> None:
    async with LocalEndpoint(echo, models=("another",)) as endpoint:
        with pytest.raises(EndpointDown, match="openai/local: the provider does not know this model"):
            await answer_of(lane(endpoint.url))


async def test_a_web_page_is_no_model() -> None:
    async with LocalEndpoint(echo, fault=lambda number: Fault(kind=FaultKind.HTML)) as endpoint:
        with pytest.raises(EndpointDown, match=r"is no model.*/v1"):
            await answer_of(lane(endpoint.url))


async def test_a_schema_for_the_reply_is_passed_on() -> None:
    schema = {"name": "verdict", "strict": True, "schema": Scale.of(5).schema}
    form = {"type": "json_schema", "json_schema": schema}
    async with LocalEndpoint(echo, key=KEY) as endpoint:
        await answer_of(lane(endpoint.url), parameters={"response_format": form})
    assert endpoint.bodies[0]["response_format"] == form


async def test_half_a_character_does_not_spoil_a_reply() -> None:
    async def cut(request: web.Request) -> web.Response:
        choice = {"message": {"role": "assistant", "content": "billing \ud83d"}}
        content = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        return web.json_response(content)

    async with serving(cut) as api_base:
        reply = await answer_of(lane(api_base))
    assert isinstance(reply, Completion)
    assert reply.text == "billing ?"


async def test_a_name_without_a_provider_is_explained() -> None:
    with pytest.raises(EndpointDown, match=r"'nonsense' names no provider\. Write provider/model"):
        await answer_of(lane(None, model="nonsense"))


async def test_a_closed_model_opens_again_when_it_is_asked() -> None:
    async with LocalEndpoint(echo) as endpoint:
        model = lane(endpoint.url)
        assert isinstance(await answer_of(model), Completion)
        assert isinstance(await answer_of(model), Completion)
        await model.close()
