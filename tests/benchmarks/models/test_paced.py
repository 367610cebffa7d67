"""When attempts leave: Retry-After for all, the pause of an endpoint that does not answer, jobs that share one."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from benchmarks.budget import Budget, Caps
from benchmarks.errors import AccessDenied, EndpointDown
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import Endpoint, pace_of, wrapped
from benchmarks.models.pace import FEW_ROWS, FEW_ROWS_S, LONGEST_PROBE_S, MAX_RETRY_AFTER_S, Pace
from benchmarks.models.paced import Paced
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, ModelIdentity, Request
from benchmarks.models.retrying import Patience
from tests.benchmarks.models.parts import IDENTITY, PRICED, Held, ask, failure, settle
from tests.endpoints.virtual_time import in_virtual_time

REFUSED = failure(FailureKind.CONNECTION)
LATENCY_S = 0.5


@dataclass(slots=True)
class Clocked:
    """Answers after half a second, or with what `failing(now_s, request)` gives. `left` keeps when attempts left.
    `under_way` counts those that have."""

    failing: Callable[[float, Request], Failure | None] = lambda _now_s, _request: None
    left: list[float] = field(default_factory=list)
    under_way: int = 0
    identity: ModelIdentity = IDENTITY

    async def complete(self, request: Request) -> Completion | Failure:
        now_s = asyncio.get_running_loop().time()
        self.left.append(now_s)
        self.under_way += 1
        failed = self.failing(now_s, request)
        await asyncio.sleep(LATENCY_S)
        self.under_way -= 1
        return failed or Completion(text="yes", usage=PRICED.usage(10, 5), latency_s=LATENCY_S)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Nothing to release."""


def during(begin_s: float, end_s: float, failed: Failure) -> Callable[[float, Request], Failure | None]:
    return lambda now_s, _request: failed if begin_s <= now_s < end_s else None


@dataclass(slots=True)
class Bench:
    """`inner` behind all wrappers; `notices` is what was said."""

    inner: LanguageModel
    outage_s: float = 600.0
    concurrency: int = 16
    notices: list[str] = field(default_factory=list)
    budget: Budget = field(default_factory=lambda: Budget(Caps(calls=10_000)))
    ledger: MemoryLedger = field(default_factory=MemoryLedger)

    def model(self, pace: Pace | None = None) -> LanguageModel:
        return wrapped(
            self.inner,
            max_concurrency=self.concurrency,
            tariff=PRICED,
            budget=self.budget,
            ledger=self.ledger,
            occasion=Occasion(),
            mark=0,
            patience=Patience(),
            rng=random.Random(0),
            pace=pace,
            outage_s=self.outage_s,
            on_notice=self.notices.append,
        )

    def ask_rows(self, count: int) -> list[Completion | Failure]:
        """The replies to `count` different rows, asked at once."""

        async def main() -> list[Completion | Failure]:
            model = self.model()
            return await asyncio.gather(*(model.complete(row(number)) for number in range(count)))

        return in_virtual_time(main())


def row(number: int) -> Request:
    return ask(f"row {number}", example_id=f"row-{number}")


OUTAGES = {
    "connections refused": REFUSED,
    "503": failure(FailureKind.SERVER_ERROR),
    "429": failure(FailureKind.RATE_LIMITED),
    "resets": failure(FailureKind.CONNECTION, maybe_billed=True),
    "time-outs": failure(FailureKind.TIMEOUT, maybe_billed=True),
}


@pytest.mark.parametrize("failed", OUTAGES.values(), ids=OUTAGES.keys())
def test_an_outage_that_ends_in_time_leaves_no_row_without_a_reply(failed: Failure) -> None:
    inner = Clocked(during(2.0, 92.0, failed))
    bench = Bench(inner)
    assert all(isinstance(reply, Completion) for reply in bench.ask_rows(300))
    lost = sum(2.0 <= moment < 92.0 for moment in inner.left)
    assert bench.budget.spent.calls == 300 + (lost if failed.maybe_billed else 0)
    assert len(bench.ledger.entries) == 300
    paused, resumed = bench.notices
    assert paused == f"Paused: {failed.detail}. Trying again every 10 s, giving up after 10 min."
    assert resumed.startswith("The endpoint answers again, after ")


@pytest.mark.parametrize("rows", [12, 200])
def test_only_one_attempt_now_and_then_leaves_for_a_paused_endpoint(rows: int) -> None:
    """Whether others wait for a place when the pause begins or not."""
    inner = Clocked(during(2.0, 120.0, REFUSED))

    async def main() -> None:
        model = Bench(inner).model()
        await asyncio.gather(*(model.complete(row(number)) for number in range(30)))
        await asyncio.sleep(3.0 - asyncio.get_running_loop().time())
        await asyncio.gather(*(model.complete(row(number)) for number in range(30, 30 + rows)))

    in_virtual_time(main())
    assert sum(moment >= 3.0 for moment in inner.left if moment < 120.0) <= 16 + 15
    probes = [moment for moment in inner.left if 10.0 <= moment < 120.0]
    gaps = [later - earlier for earlier, later in itertools.pairwise(probes)]
    assert len(probes) >= 10
    assert max(gaps) <= LONGEST_PROBE_S + LATENCY_S
    assert min(gaps[2:]) == pytest.approx(LONGEST_PROBE_S + LATENCY_S)


@pytest.mark.parametrize("concurrency", [5, 16])
def test_what_is_lost_in_an_outage_is_charged_the_same_in_a_replay(concurrency: int) -> None:
    lost = failure(FailureKind.TIMEOUT, maybe_billed=True)
    bench = Bench(Clocked(during(2.0, 30.0, lost)), concurrency=concurrency)
    bench.ask_rows(100)
    replay = Bench(Held(), ledger=bench.ledger)
    replay.ask_rows(100)
    paid, charged = bench.budget.spent.amount, replay.budget.spent.amount
    assert (charged.calls, charged.tokens) == (paid.calls, paid.tokens)
    assert charged.calls > 100
    assert charged.usd == pytest.approx(paid.usd)


def test_an_outage_without_end_is_given_up_with_cause_and_remedy() -> None:
    inner = Clocked(during(2.0, 1e9, REFUSED))
    with pytest.raises(
        EndpointDown, match=r"scripted: connection\. No answer for 60 s\. Nothing that was paid.*run the"
    ):
        Bench(inner, outage_s=60.0).ask_rows(200)
    assert inner.left[-1] <= 2.0 + 60.0 + 30.0


def test_an_endpoint_that_never_answered_is_not_waited_for() -> None:
    inner = Clocked(during(0.0, 1e9, REFUSED))
    bench = Bench(inner)
    with pytest.raises(EndpointDown, match="None of the first requests was answered"):
        bench.ask_rows(20)
    assert max(inner.left) < 60
    assert bench.notices == []


def failing_on(count: int) -> Callable[[float, Request], Failure | None]:
    bad = [f"row-{number}" for number in range(count)]
    return lambda _now_s, request: failure(FailureKind.SERVER_ERROR) if request.example_id in bad else None


@pytest.mark.parametrize("count", [1, 12])
def test_rows_that_a_server_fails_on_while_it_answers_others_do_not_pause_it(count: int) -> None:
    bench = Bench(Clocked(failing_on(count)))
    replies = bench.ask_rows(60)
    assert [isinstance(reply, Failure) for reply in replies] == [True] * count + [False] * (60 - count)
    assert bench.notices == []


def test_a_few_rows_that_a_server_fails_on_are_missing_and_hold_up_the_job_once() -> None:
    """They are asked when nothing else is that the server could answer."""
    bench = Bench(Clocked(failing_on(FEW_ROWS - 1)))

    async def main() -> float:
        model = bench.model()
        assert isinstance(await model.complete(row(50)), Completion)
        for prompt in range(3):
            questions = [ask(f"{prompt} {number}", example_id=f"row-{number}") for number in range(FEW_ROWS - 1)]
            replies = await asyncio.gather(*(model.complete(question) for question in questions))
            assert all(isinstance(reply, Failure) for reply in replies)
        return asyncio.get_running_loop().time()

    assert FEW_ROWS_S < in_virtual_time(main()) < FEW_ROWS_S + 3 * 40.0
    paused, going_on = bench.notices
    assert paused.startswith("Paused: ")
    assert going_on == "Going on: it may be that the endpoint fails on certain rows only."


@pytest.mark.parametrize(("failed", "ends_s"), [(failure(FailureKind.SERVER_ERROR), 45.0), (REFUSED, 500.0)])
def test_a_row_that_is_alone_when_an_outage_begins_gets_its_reply_when_it_ends(failed: Failure, ends_s: float) -> None:
    """Also one that failed before, and was answered in the end; and nobody speaks of the outage later."""
    inner = Clocked(during(10.0, ends_s, failed))
    bench = Bench(inner)
    inner.failing = lambda now_s, request: (
        failed if 10.0 <= now_s < ends_s or (request.example_id == "row-2" and now_s < 0.5) else None
    )

    async def main() -> None:
        model = bench.model()
        await asyncio.gather(*(model.complete(row(number)) for number in range(60)))
        await asyncio.sleep(10.0 - asyncio.get_running_loop().time())
        assert isinstance(await model.complete(ask("alone", example_id="row-2")), Completion)
        assert ends_s <= inner.left[-1] <= ends_s + LONGEST_PROBE_S
        await asyncio.sleep(1000.0)

    in_virtual_time(main())
    assert len(bench.notices) == 2


def test_an_outage_that_seems_over_for_a_moment_leaves_no_row_without_a_reply() -> None:
    def failing(now_s: float, _request: Request) -> Failure | None:
        if 2.0 <= now_s < 30.0 or (now_s >= 30.0 and seemed and now_s < 90.0):
            return failure(FailureKind.SERVER_ERROR)
        if now_s >= 30.0:
            seemed.append(now_s)
        return None

    seemed: list[float] = []
    bench = Bench(Clocked(failing))
    assert all(isinstance(reply, Completion) for reply in bench.ask_rows(200))
    assert [notice.split()[0] for notice in bench.notices] == ["Paused:", "The", "Paused:", "The"]


def test_a_late_answer_to_what_left_before_an_outage_blames_no_row() -> None:
    @dataclass(slots=True)
    class Lingering(Clocked):
        async def complete(self, request: Request) -> Completion | Failure:
            if request.example_id == "row-99":
                await asyncio.sleep(2.0)
            return await Clocked.complete(self, request)

    inner = Lingering(
        lambda now_s, request: (
            failure(FailureKind.SERVER_ERROR) if 2.0 <= now_s < 50.0 and request.example_id != "row-99" else None
        )
    )

    async def main() -> list[Completion | Failure]:
        model = Bench(inner).model()
        assert isinstance(await model.complete(row(1)), Completion)
        lingering = asyncio.create_task(model.complete(row(99)))
        await asyncio.sleep(2.0 - asyncio.get_running_loop().time())
        replies = await asyncio.gather(*(model.complete(row(number)) for number in range(2, 5)))
        return [*replies, await lingering]

    assert all(isinstance(reply, Completion) for reply in in_virtual_time(main()))


@pytest.mark.parametrize("retry_after_s", [None, 5.0, 100.0])
def test_a_storm_of_refusals_ends_some_day(retry_after_s: float | None) -> None:
    inner = Clocked(during(2.0, 1e9, failure(FailureKind.RATE_LIMITED, retry_after_s=retry_after_s)))
    with pytest.raises(EndpointDown, match="No answer for 10 min"):
        Bench(inner).ask_rows(100)


def test_a_paused_endpoint_is_not_tried_before_its_retry_after() -> None:
    inner = Clocked(during(2.0, 60.0, failure(FailureKind.RATE_LIMITED, retry_after_s=30.0)))
    assert all(isinstance(reply, Completion) for reply in Bench(inner).ask_rows(100))
    told = [moment + LATENCY_S for moment in inner.left if 2.0 <= moment < 60.0]
    assert not [(then, moment) for then in told for moment in inner.left if then < moment < then + 30.0]


def test_a_server_that_refuses_more_than_it_can_take_is_not_paused() -> None:
    inner = Clocked()
    inner.failing = lambda _now_s, _request: failure(FailureKind.RATE_LIMITED) if inner.under_way > 6 else None
    bench = Bench(inner)
    assert all(isinstance(reply, Completion) for reply in bench.ask_rows(300))
    assert bench.notices == []


@pytest.mark.parametrize(("asked_s", "kept_s"), [(30.0, 30.0), (1e9, MAX_RETRY_AFTER_S)])
@pytest.mark.parametrize("kind", [FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR])
def test_retry_after_holds_everything_back(kind: FailureKind, asked_s: float, kept_s: float) -> None:
    told = failure(kind, retry_after_s=asked_s)
    inner = Clocked(lambda _now_s, request: told if request.example_id == "row-40" and len(inner.left) < 60 else None)
    assert all(isinstance(reply, Completion) for reply in Bench(inner).ask_rows(200))
    silence = max(later - earlier for earlier, later in itertools.pairwise(inner.left))
    assert kept_s <= silence <= kept_s + LATENCY_S


@pytest.mark.parametrize("probing", [True, False])
def test_a_withdrawal_ends_every_wait_at_once(probing: bool) -> None:
    """Those who wait for a paused endpoint, or for a place, and the one that tries whether it answers."""

    async def main() -> float:
        pace = Pace(16)
        model = Bench(Clocked(during(2.0, 1e9, REFUSED))).model(pace)
        asked = [asyncio.create_task(model.complete(row(number))) for number in range(100)]
        await asyncio.sleep(30.0)
        while pace.under_way != probing:
            await asyncio.sleep(0.1)
        begun = asyncio.get_running_loop().time()
        await model.withdraw()
        replies = await asyncio.gather(*asked, return_exceptions=True)
        assert sum(isinstance(reply, asyncio.CancelledError) for reply in replies) > 20
        return asyncio.get_running_loop().time() - begun

    assert in_virtual_time(main()) <= LATENCY_S


def test_two_jobs_share_what_may_be_under_way() -> None:
    inner = Held()

    async def main() -> None:
        pace = Pace(4)
        models = [Bench(inner, concurrency=ceiling).model(pace) for ceiling in (4, 8)]
        asked = [asyncio.create_task(model.complete(row(number))) for number in range(6) for model in models]
        await settle()
        assert len(inner.asked) == 4
        inner.release.set()
        await asyncio.gather(*asked)
        await models[0].close()
        inner.release.clear()
        asked = [asyncio.create_task(models[1].complete(row(number))) for number in range(10, 20)]
        await settle()
        assert pace.level.ceiling == 8
        inner.release.set()
        await asyncio.gather(*asked)

    in_virtual_time(main())


def test_the_withdrawal_of_one_job_leaves_the_other_alone() -> None:
    inner = Held()

    async def main() -> list[bool]:
        pace = Pace(1)
        first, second = (Bench(inner).model(pace) for _ in range(2))
        asked = [
            asyncio.create_task(model.complete(row(number))) for number, model in enumerate([first, first, second])
        ]
        await settle()
        withdrawing = asyncio.create_task(first.withdraw())
        await settle()
        inner.release.set()
        await withdrawing
        replies = await asyncio.gather(*asked, return_exceptions=True)
        return [isinstance(reply, Completion) for reply in replies]

    assert in_virtual_time(main()) == [True, False, True]


async def test_an_endpoint_is_known_by_its_address_and_key() -> None:
    here = Endpoint(name="hosted_vllm/a", api_base="http://Here:8000/v1/")
    other_key = Endpoint(name="hosted_vllm/a", api_base="http://here:8000/v1", api_key_env="MINE")
    pace = pace_of(here)
    assert pace_of(Endpoint(name="hosted_vllm/b", api_base="http://here:8000/v1")) is pace
    assert pace_of(other_key) is not pace
    assert pace_of(Endpoint(name="anthropic/a")) is not pace_of(Endpoint(name="mistral/a"))


def test_attempts_that_were_cancelled_or_broke_give_their_places_back() -> None:
    class Broken(Clocked):
        async def complete(self, request: Request) -> Completion | Failure:
            if request.example_id == "row-0":
                raise AccessDenied("no")
            return await Clocked.complete(self, request)

    async def main() -> None:
        pace = Pace(1)
        model = Paced(Broken(), pace=pace, ceiling=1)
        with pytest.raises(AccessDenied):
            await model.complete(row(0))
        under_way, waiting, granted, last = (asyncio.create_task(model.complete(row(n))) for n in range(1, 5))
        await settle()
        waiting.cancel()
        under_way.cancel()
        await settle()
        granted.cancel()
        assert isinstance(await last, Completion)
        assert pace.under_way == 0

    in_virtual_time(main())


def test_a_place_that_is_given_to_somebody_who_is_cancelled_at_that_moment_goes_to_the_next() -> None:
    async def main() -> None:
        pace = Pace(1)
        user = Paced(Held(), pace=pace, ceiling=1)
        assert not await pace.place(user)
        cancelled, following = (asyncio.create_task(pace.place(user)) for _ in range(2))
        await settle()
        pace.back_without_word(probe=False)
        cancelled.cancel()
        await following
        assert pace.under_way == 1

    in_virtual_time(main())


def test_an_attempt_the_budget_has_no_room_for_does_not_count_as_a_sign_of_life() -> None:
    inner = Clocked(during(0.1, 1e9, REFUSED))
    bench = Bench(inner, outage_s=60.0, budget=Budget(Caps(calls=18)))
    with pytest.raises(EndpointDown):
        bench.ask_rows(40)
    assert bench.budget.spent.calls <= 18


def test_an_endpoint_that_nobody_can_reach_is_given_up_also_when_few_may_be_under_way() -> None:
    inner = Clocked(during(1.0, 1e9, REFUSED))
    bench = Bench(inner, outage_s=30.0, concurrency=2)

    async def main() -> float:
        model = bench.model()
        assert isinstance(await model.complete(row(100)), Completion)
        await asyncio.sleep(2.0)
        with pytest.raises(EndpointDown, match="No answer for 30 s"):
            await asyncio.gather(*(model.complete(row(number)) for number in range(24)))
        return asyncio.get_running_loop().time()

    assert in_virtual_time(main()) < 60.0
