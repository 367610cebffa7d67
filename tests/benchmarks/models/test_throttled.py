"""How many requests are under way at once."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.models.direct import Direct
from benchmarks.models.protocol import Completion
from benchmarks.models.throttled import Throttled
from tests.benchmarks.models.parts import FREE, IDENTITY, Held, ask, settle
from tests.endpoints.faults import Fault
from tests.endpoints.local import LocalEndpoint, echo


@pytest.mark.parametrize("limit", [1, 5])
async def test_an_endpoint_never_sees_more_requests_at_once_than_allowed(limit: int) -> None:
    async with LocalEndpoint(echo, fault=lambda number: Fault(delay_s=0.01)) as endpoint:
        direct = Direct(identity=IDENTITY, api_base=endpoint.url, model="local", tariff=FREE)
        model = Throttled(direct, limit)
        replies = await asyncio.gather(*(model.complete(ask(f"row {number}")) for number in range(20)))
        await model.close()
    assert [reply.text for reply in replies if isinstance(reply, Completion)] == [f"row {n}" for n in range(20)]
    assert endpoint.max_in_flight == limit


async def test_requests_leave_in_order_of_arrival() -> None:
    inner = Held()
    model = Throttled(inner, 1)
    inner.release.set()
    await asyncio.gather(*(model.complete(ask(str(number))) for number in range(10)))
    assert [request.messages[0].content for request in inner.asked] == [str(number) for number in range(10)]


async def test_a_cancelled_request_gives_its_place_to_the_next() -> None:
    inner = Held()
    model = Throttled(inner, 1)
    first, second = (asyncio.create_task(model.complete(ask(text))) for text in ("first", "second"))
    await settle()
    first.cancel()
    inner.release.set()
    assert isinstance(await second, Completion)


async def test_a_withdrawal_turns_away_those_who_wait_and_no_one_else() -> None:
    inner = Held()
    model = Throttled(inner, 2)
    asked = [asyncio.create_task(model.complete(ask(str(number)))) for number in range(5)]
    await settle()
    await model.withdraw()
    inner.release.set()
    replies = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(reply, Completion) for reply in replies] == [True, True, False, False, False]
    assert all(isinstance(reply, asyncio.CancelledError) for reply in replies[2:])
    assert len(inner.asked) == 2
    assert isinstance(await model.complete(ask("later")), Completion)
