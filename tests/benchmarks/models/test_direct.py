"""The direct lane over real HTTP: what each kind of answer, refusal and breakdown becomes."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from aiohttp import web

from benchmarks.budget import Budget, Caps
from benchmarks.errors import AccessDenied, EndpointDown, EndpointError
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import wrapped
from benchmarks.models.direct import Direct
from benchmarks.models.protocol import Completion, Failure, FailureKind, Request
from benchmarks.models.retrying import Patience
from tests.benchmarks.models.parts import IDENTITY, KEY, PRICED, ask, serving
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint, echo
from tests.endpoints.wire import Reply


def direct(api_base: str, **fields: Any) -> Direct:
    return Direct(identity=IDENTITY, api_base=api_base, model="local", tariff=PRICED, **{"timeout_s": 5.0, **fields})


async def answer_of(model: Direct, request: Request | None = None) -> Completion | Failure:
    try:
        return await model.complete(request or ask())
    finally:
        await model.close()


async def failure_of(endpoint: LocalEndpoint, **fields: Any) -> Failure:
    async with endpoint:
        reply = await answer_of(direct(endpoint.url, **fields))
    assert isinstance(reply, Failure)
    assert endpoint.requests == 1
    return reply


def always(kind: FaultKind, **fields: Any) -> LocalEndpoint:
    return LocalEndpoint(echo, fault=lambda number: Fault(kind=kind, **fields))


async def test_a_reply_comes_with_what_it_took() -> None:
    async with LocalEndpoint(echo) as endpoint:
        reply = await answer_of(direct(endpoint.url), ask("Which team is it, please?"))
    assert isinstance(reply, Completion)
    assert reply.text == "Which team is it, please?"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (8, 7)
    assert reply.usage.cost_usd == pytest.approx((8 * 1.0 + 7 * 2.0) / 1e6)
    assert reply.latency_s > 0
    assert not reply.truncated


async def test_exactly_the_messages_and_parameters_are_sent() -> None:
    request = ask("{{not a variable}} \u2028 é", parameters={"temperature": 0, "stop": ["\n"], "max_tokens": 64})
    async with LocalEndpoint(echo) as endpoint:
        await answer_of(direct(endpoint.url), request)
    assert list(endpoint.bodies) == [
        {
            "model": "local",
            "messages": [{"role": "user", "content": "{{not a variable}} \u2028 é"}],
            "temperature": 0,
            "stop": ["\n"],
            "max_tokens": 64,
        }
    ]


async def test_the_key_opens_the_door_and_is_shown_nowhere() -> None:
    async with LocalEndpoint(echo, key=KEY) as endpoint:
        model = direct(endpoint.url, api_key=KEY)
        assert isinstance(await answer_of(model), Completion)
    assert KEY not in repr(model)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_stops_at_once_without_showing_it(status: int) -> None:
    requests = 0

    async def tells_the_key(request: web.Request) -> web.Response:
        nonlocal requests
        requests += 1
        return web.json_response({"error": {"message": f"bad key {request.headers['Authorization']}"}}, status=status)

    async with serving(tells_the_key) as api_base:
        model = wrapped(
            direct(api_base, api_key=KEY),
            max_concurrency=4,
            tariff=PRICED,
            budget=Budget(Caps(calls=10)),
            ledger=MemoryLedger(),
            occasion=Occasion(),
            mark=0,
            patience=Patience(first_s=0.0, longest_s=0.0),
            rng=random.Random(0),
        )
        with pytest.raises(AccessDenied, match="api_key_env") as caught:
            await model.complete(ask())
        await model.close()
    assert requests == 1
    assert KEY not in str(caught.value)
    assert "bad key Bearer [key]" in str(caught.value)


@pytest.mark.parametrize("status", [200, 400, 429, 500])
async def test_no_failure_shows_the_key(status: int) -> None:
    async def tells_the_key(request: web.Request) -> web.Response:
        return web.Response(text=f"headers: {dict(request.headers)}", status=status)

    async with serving(tells_the_key) as api_base:
        reply = await answer_of(direct(api_base, api_key=KEY))
    assert isinstance(reply, Failure)
    assert KEY not in reply.detail
    assert KEY[:12] not in reply.detail


async def test_an_unknown_model_is_named() -> None:
    async with LocalEndpoint(echo, models=("another",)) as endpoint:
        with pytest.raises(EndpointDown, match=r"The model `local` does not exist.*/v1.*'local'"):
            await answer_of(direct(endpoint.url))


async def test_a_web_page_is_no_model() -> None:
    async with always(FaultKind.HTML) as endpoint:
        with pytest.raises(EndpointDown, match=r"web page.*/v1"):
            await answer_of(direct(endpoint.url))


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (404, "<html>Not Found</html>", "api_base"),
        (405, "<html>Not Allowed</html>", "api_base"),
        (402, '{"error": "pay first"}', "pay first.*credit"),
        (429, '{"error": {"code": "insufficient_quota", "message": "no money"}}', "no money.*credit"),
    ],
)
async def test_what_every_request_would_meet_stops_the_job(status: int, body: str, says: str) -> None:
    async def refuse(request: web.Request) -> web.Response:
        return web.Response(text=body, status=status)

    async with serving(refuse) as api_base:
        with pytest.raises(EndpointError, match=says):
            await answer_of(direct(api_base))


@pytest.mark.parametrize("api_base", ["localhost:8000/v1", "nonsense", "http://", "ftp://127.0.0.1/v1"])
async def test_what_is_no_address_is_said_to_be_none(api_base: str) -> None:
    with pytest.raises(EndpointDown, match="is not an address"):
        await answer_of(direct(api_base))


async def test_nobody_at_the_address_is_a_connection_failure_that_cost_nothing() -> None:
    reply = await answer_of(direct("http://127.0.0.1:9/v1"))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.maybe_billed) == (FailureKind.CONNECTION, False)
    assert "http://127.0.0.1:9/v1" in reply.detail


async def test_a_prompt_that_is_too_long_is_the_prompts_doing() -> None:
    reply = await failure_of(LocalEndpoint(echo, context_tokens=1))
    assert (reply.kind, reply.kind.transient) == (FailureKind.CONTEXT_TOO_LONG, False)
    assert "maximum context length is 1 tokens" in reply.detail


async def test_a_filtered_prompt_is_the_prompts_doing() -> None:
    reply = await failure_of(always(FaultKind.CONTENT_FILTER))
    assert (reply.kind, reply.kind.transient) == (FailureKind.CONTENT_FILTER, False)


async def test_a_filtered_reply_is_the_prompts_doing() -> None:
    reply = await failure_of(LocalEndpoint(lambda messages, body: Reply(text="", finish_reason="content_filter")))
    assert (reply.kind, reply.kind.transient) == (FailureKind.CONTENT_FILTER, False)


async def test_a_refused_parameter_is_rejected_for_good() -> None:
    async with LocalEndpoint(echo) as endpoint:
        reply = await answer_of(direct(endpoint.url), ask(parameters={"n": 2}))
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.kind.transient) == (FailureKind.REJECTED, False)
    assert "Unsupported parameter: 'n'" in reply.detail


@pytest.mark.parametrize(
    ("kind", "expected", "maybe_billed"),
    [
        (FaultKind.RATE_LIMITED, FailureKind.RATE_LIMITED, False),
        (FaultKind.SERVER_ERROR, FailureKind.SERVER_ERROR, False),
        (FaultKind.OVERLOADED, FailureKind.SERVER_ERROR, False),
        (FaultKind.HANG, FailureKind.TIMEOUT, True),
        (FaultKind.RESET, FailureKind.CONNECTION, True),
        (FaultKind.TRUNCATED_JSON, FailureKind.GARBLED, True),
        (FaultKind.EMPTY_CHOICES, FailureKind.GARBLED, True),
    ],
)
async def test_what_passes_by_itself_is_transient(kind: FaultKind, expected: FailureKind, maybe_billed: bool) -> None:
    reply = await failure_of(always(kind, retry_after_s=3), timeout_s=0.3 if kind is FaultKind.HANG else 5.0)
    assert (reply.kind, reply.kind.transient, reply.maybe_billed) == (expected, True, maybe_billed)
    asks_for_time = kind in (FaultKind.RATE_LIMITED, FaultKind.SERVER_ERROR, FaultKind.OVERLOADED)
    assert reply.retry_after_s == (3.0 if asks_for_time else None)


@pytest.mark.parametrize("kind", [FaultKind.WRONG_CONTENT_TYPE, FaultKind.SLOW_DRIP])
async def test_an_odd_way_to_send_a_good_reply_is_fine(kind: FaultKind) -> None:
    async with always(kind, delay_s=0.05) as endpoint:
        assert isinstance(await answer_of(direct(endpoint.url)), Completion)


async def test_a_reply_cut_off_at_max_tokens_says_so() -> None:
    async with LocalEndpoint(echo) as endpoint:
        reply = await answer_of(direct(endpoint.url), ask("a long answer", parameters={"max_tokens": 2}))
    assert isinstance(reply, Completion)
    assert (reply.text, reply.truncated) == ("a long a", True)


async def test_a_cancelled_request_lets_the_next_one_through() -> None:
    faults = iter([Fault(kind=FaultKind.HANG)])
    async with LocalEndpoint(echo, fault=lambda number: next(faults, None)) as endpoint:
        model = direct(endpoint.url)
        hanging = asyncio.create_task(model.complete(ask()))
        while not endpoint.requests:
            await asyncio.sleep(0.001)
        hanging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await hanging
        assert isinstance(await answer_of(model), Completion)


async def test_a_closed_model_opens_again_when_it_is_asked() -> None:
    async with LocalEndpoint(echo) as endpoint:
        model = direct(endpoint.url)
        assert isinstance(await answer_of(model), Completion)
        assert isinstance(await answer_of(model), Completion)
