"""What is tried again, how often, and after how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.errors import AccessDenied, EndpointDown
from benchmarks.models.direct import Direct
from benchmarks.models.pace import MAX_RETRY_AFTER_S
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message
from benchmarks.models.retrying import Patience, Retrying
from benchmarks.models.scripted import Script, Scripted
from tests.benchmarks.models.parts import FREE, IDENTITY, ask, echo, failure, in_turn, settle
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.local import echo as local_echo

TRANSIENT = [kind for kind in FailureKind if kind.transient and kind is not FailureKind.UNAFFORDABLE]
PERMANENT = [kind for kind in FailureKind if not kind.transient]


class Recording:
    """A sleep that takes no time and remembers how long it was asked for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.waits.append(seconds)


def retrying(
    script: Script, sleep: Callable[[float], Awaitable[None]], seed: int = 0, **patience: float
) -> tuple[Retrying, Scripted]:
    inner = Scripted(script=script)
    limits = Patience(**{"attempts": 4, **patience})  # type: ignore[arg-type]
    return Retrying(inner, patience=limits, rng=random.Random(seed), sleep=sleep), inner


@pytest.mark.parametrize("kind", TRANSIENT)
async def test_what_passes_by_itself_is_tried_again(kind: FailureKind) -> None:
    model, inner = retrying(in_turn(failure(kind), "billing"), Recording())
    reply = await model.complete(ask())
    assert isinstance(reply, Completion)
    assert reply.text == "billing"
    assert len(inner.requests) == 2


@pytest.mark.parametrize("kind", PERMANENT)
async def test_what_would_be_met_again_is_not_tried_again(kind: FailureKind) -> None:
    sleep = Recording()
    model, inner = retrying(in_turn(failure(kind), "billing"), sleep)
    assert await model.complete(ask()) == failure(kind)
    assert len(inner.requests) == 1
    assert sleep.waits == []


async def test_a_call_the_budget_has_no_room_for_is_not_tried_again() -> None:
    model, inner = retrying(in_turn(failure(FailureKind.UNAFFORDABLE)), Recording())
    reply = await model.complete(ask())
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.UNAFFORDABLE
    assert len(inner.requests) == 1


@pytest.mark.parametrize("kind", TRANSIENT)
async def test_patience_ends_with_the_last_failure(kind: FailureKind) -> None:
    sleep = Recording()
    model, inner = retrying(in_turn("hello", failure(kind)), sleep)
    await model.complete(ask())
    reply = await model.complete(ask())
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.kind.transient) == (kind, True)
    assert len(inner.requests) == 1 + 4
    assert len(sleep.waits) == 3


async def test_an_address_where_nobody_ever_answered_is_reported_after_two_attempts() -> None:
    model, inner = retrying(in_turn(failure(FailureKind.CONNECTION)), Recording())
    reply = await model.complete(ask())
    assert isinstance(reply, Failure)
    assert len(inner.requests) == 2


async def test_an_address_that_took_the_request_is_not_mistyped() -> None:
    model, inner = retrying(in_turn(failure(FailureKind.CONNECTION, maybe_billed=True)), Recording())
    await model.complete(ask())
    assert len(inner.requests) == 4


async def test_an_endpoint_that_has_answered_before_is_waited_for() -> None:
    model, inner = retrying(in_turn("hello", failure(FailureKind.CONNECTION)), Recording())
    await model.complete(ask())
    await model.complete(ask())
    assert len(inner.requests) == 1 + 4


async def test_retry_after_is_kept_to() -> None:
    sleep = Recording()
    limited = failure(FailureKind.RATE_LIMITED, retry_after_s=37.0)
    model, _ = retrying(in_turn(limited, limited, "billing"), sleep, first_s=0.5, longest_s=2.0)
    await model.complete(ask())
    assert sleep.waits == [37.0, 37.0]


async def test_a_retry_after_of_hours_is_cut() -> None:
    sleep = Recording()
    model, _ = retrying(in_turn(failure(FailureKind.RATE_LIMITED, retry_after_s=1e9), "billing"), sleep)
    await model.complete(ask())
    assert sleep.waits == [MAX_RETRY_AFTER_S]


async def test_a_retry_after_shorter_than_the_backoff_does_not_shorten_it() -> None:
    sleep, plain = Recording(), Recording()
    for waits, asked_for in ((sleep, 0.0), (plain, None)):
        model, _ = retrying(in_turn(failure(FailureKind.RATE_LIMITED, retry_after_s=asked_for), "billing"), waits)
        await model.complete(ask())
    assert sleep.waits == plain.waits
    assert sleep.waits[0] > 0


async def test_waits_are_jittered_below_a_doubling_limit_and_follow_from_the_seed() -> None:
    waits = []
    for seed in [*range(40), 0]:
        sleep = Recording()
        model, _ = retrying(
            in_turn("hello", failure(FailureKind.SERVER_ERROR)), sleep, seed, attempts=6, first_s=1.0, longest_s=5.0
        )
        await model.complete(ask())
        await model.complete(ask())
        waits.append(sleep.waits)
    assert waits[0] == waits[-1]
    for position, longest in enumerate([1.0, 2.0, 4.0, 5.0, 5.0]):
        column = [row[position] for row in waits]
        assert 0 <= min(column) < longest / 4
        assert longest * 3 / 4 < max(column) <= longest


async def test_attempts_lost_on_the_way_are_counted_in_the_reply() -> None:
    lost = failure(FailureKind.TIMEOUT, maybe_billed=True)
    refused = failure(FailureKind.RATE_LIMITED)
    model, _ = retrying(in_turn(lost, refused, lost, "billing"), Recording())
    assert (await model.complete(ask())).lost_attempts == 2
    model, _ = retrying(in_turn("hello", lost), Recording())
    await model.complete(ask())
    assert (await model.complete(ask())).lost_attempts == 4
    model, _ = retrying(in_turn(lost, failure(FailureKind.CONTENT_FILTER)), Recording())
    assert (await model.complete(ask())).lost_attempts == 1


async def test_a_refused_key_passes_at_once() -> None:
    def refuse(messages: tuple[Message, ...]) -> str:
        raise AccessDenied("no")

    model, inner = retrying(refuse, Recording())
    with pytest.raises(AccessDenied):
        await model.complete(ask())
    assert len(inner.requests) == 1


async def test_no_attempt_follows_a_wait_that_a_withdrawal_ends() -> None:
    awake = asyncio.Event()

    async def sleep(seconds: float) -> None:
        await awake.wait()

    model, inner = retrying(in_turn(failure(FailureKind.SERVER_ERROR), "late"), sleep)
    waiting = asyncio.create_task(model.complete(ask()))
    await settle()
    await model.withdraw()
    awake.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert len(inner.requests) == 1
    assert isinstance(await model.complete(ask()), Completion)


async def test_requests_keep_their_own_count() -> None:
    failing = iter([True, True, False, True, False])

    def script(messages: tuple[Message, ...]) -> str | Failure:
        return failure(FailureKind.TIMEOUT, maybe_billed=True) if next(failing) else echo(messages)

    model, _ = retrying(script, Recording())
    first = await model.complete(ask("first"))
    second = await model.complete(ask("second"))
    assert (first.lost_attempts, second.lost_attempts) == (2, 1)


async def test_a_bad_stretch_of_a_real_connection_is_sat_out() -> None:
    faults = {
        1: Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=3),
        2: Fault(kind=FaultKind.SERVER_ERROR),
        3: Fault(kind=FaultKind.RESET),
        4: Fault(kind=FaultKind.TRUNCATED_JSON),
        5: Fault(kind=FaultKind.HANG),
    }
    sleep = Recording()
    async with LocalEndpoint(local_echo, fault=faults.get) as endpoint:
        direct = Direct(identity=IDENTITY, api_base=endpoint.url, model="local", tariff=FREE, timeout_s=0.3)
        model = Retrying(direct, patience=Patience(first_s=0.1), rng=random.Random(0), sleep=sleep)
        reply = await model.complete(ask("billing"))
        await model.close()
    assert isinstance(reply, Completion)
    assert (reply.text, reply.lost_attempts) == ("billing", 3)
    assert endpoint.requests == 6
    assert sleep.waits[0] == 3.0
    assert all(wait < 3.0 for wait in sleep.waits[1:])


@pytest.mark.parametrize(
    ("first", "most_sent"),
    [
        (failure(FailureKind.SERVER_ERROR), 16 * 4),
        (failure(FailureKind.TIMEOUT, maybe_billed=True), 4 * 4 + 1),
        (failure(FailureKind.CONNECTION), 12),
    ],
    ids=["500", "time-outs", "nobody there"],
)
async def test_an_endpoint_that_answers_nothing_at_first_is_given_up(first: Failure, most_sent: int) -> None:
    model, inner = retrying(in_turn(first), Recording())

    async def until_given_up() -> None:
        for number in range(100):
            await model.complete(ask(f"question {number}", example_id=f"row {number}"))

    with pytest.raises(EndpointDown, match=r"None of the first requests was answered.*run the same command again"):
        await until_given_up()
    assert len(inner.requests) <= most_sent


async def test_one_that_has_answered_is_not_given_up_here() -> None:
    model, inner = retrying(in_turn("hello", failure(FailureKind.TIMEOUT, maybe_billed=True)), Recording())
    await model.complete(ask())
    for number in range(10):
        assert isinstance(await model.complete(ask(f"question {number}")), Failure)
    assert len(inner.requests) == 1 + 10 * 4


async def test_a_few_rows_alone_do_not_give_it_up() -> None:
    """As when a job is resumed, and what is left begins with rows that the endpoint never answers."""
    model, inner = retrying(in_turn(failure(FailureKind.GARBLED, maybe_billed=True)), Recording())
    for prompt in range(10):
        for row in range(4):
            assert isinstance(await model.complete(ask(f"{prompt} {row}", example_id=f"row {row}")), Failure)
    assert len(inner.requests) == 10 * 4 * 4
