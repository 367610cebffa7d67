"""Whole jobs at endpoints that misbehave, over real HTTP in virtual time: faults times invariants.

Whatever goes wrong: no zero for a missing answer, no lost reply, no overspend; where the fault passes, the same course
as without it; where it stays, the cause and the remedy in words, and the job can be carried on.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.datasets.records import Split
from benchmarks.errors import EndpointError
from benchmarks.models.protocol import Completion
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.jobs import truth
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.rough_jobs import (
    PLAN,
    PLENTY,
    TASK,
    TIMEOUT_S,
    Course,
    Forecast,
    Kept,
    answer,
    course_at,
    question,
)
from tests.endpoints.wire import Json, Reply


@pytest.fixture(scope="module")
def usual() -> Course:
    course = course_at(LocalEndpoint(answer))
    assert course.outcome.decision == "promote"
    return course


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing was left to the event loop to complain about."""
    yield
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def no_reply_is_lost(endpoint: LocalEndpoint, kept: Kept, *, refused: int = 0) -> None:
    """The ledger holds everything that was answered well, once, and `refused` refusals for good."""
    assert len(kept.ledger.entries) == len(endpoint.times_answered) + refused
    assert endpoint.answered_again == 0


def no_row_without_a_reply_scores(course: Course, kept: Kept) -> None:
    """A row is right or wrong by its reply, 0 if that was refused or cut off, and missing if there is none."""
    answers = truth(TASK)
    replies = {(e.prompt_digest, e.example_id, e.repeat): e.reply for e in kept.ledger.entries.values()}
    for cell, rollout in course.evaluator.rollouts.items():
        reply = replies.get(cell)
        if reply is None:
            assert rollout.score is None
        elif isinstance(reply, Completion) and not reply.truncated:
            assert rollout.score == float(reply.text == answers[rollout.example_id])
        else:
            assert rollout.score == 0.0


def no_cap_is_exceeded(course: Course, endpoint: LocalEndpoint, caps: Caps) -> None:
    """What the endpoint would charge for is at most what the job says it has spent, and that is within the caps."""
    spent = course.spent
    tokens = spent.prompt_tokens + spent.completion_tokens
    assert endpoint.billed_calls <= spent.calls <= caps.calls
    assert endpoint.billed_tokens <= tokens
    assert caps.tokens is None or tokens <= caps.tokens
    assert spent.cost_usd == pytest.approx(tokens / 1e6)
    assert caps.usd is None or tokens / 1e6 <= caps.usd + 1e-9
    assert caps.seconds is None or course.elapsed_s <= caps.seconds + 1e-6


FIRST = 26
"""The request at which trouble begins: the search has begun, too."""

HOURS_S = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Passing:
    """A fault that `requests` requests meet in the middle of the search, or all those of `spell_s` seconds.

    `lost` says that attempts may have been billed in vain, `paused` that the job must have been paused meanwhile. The
    job takes between `least_s` and `most_s` seconds, where nothing else in it takes any time.
    """

    fault: Fault
    requests: int = 0
    spell_s: float = 0.0
    lost: bool = False
    paused: bool = False
    least_s: float = 0.0
    most_s: float = 100.0

    def forecast(self) -> Forecast:
        began: list[float] = []

        def meets(number: int) -> Fault | None:
            now = asyncio.get_running_loop().time()
            if number == FIRST:
                began.append(now)
            on = began and (number < FIRST + self.requests or now < began[0] + self.spell_s)
            return self.fault if on else None

        return meets


def spell(kind: FaultKind, **fields: Any) -> Passing:
    """Half a minute in which every request meets the same."""
    retry_after_s, clock_ahead_s = fields.pop("retry_after_s", None), fields.pop("clock_ahead_s", None)
    fault = Fault(kind=kind, retry_after_s=retry_after_s, clock_ahead_s=clock_ahead_s)
    return Passing(**{"fault": fault, "spell_s": 30.0, "least_s": 30.0, "paused": True, **fields})


def few(kind: FaultKind | None, delay_s: float = 0.0, **fields: Any) -> Passing:
    """Twenty requests meet the same."""
    return Passing(fault=Fault(kind=kind, delay_s=delay_s), requests=20, **fields)


def asked_to_wait(clock_ahead_s: float | None = None) -> Passing:
    """A burst of refusals that ask for 7 s."""
    fault = Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=7.0, clock_ahead_s=clock_ahead_s)
    return Passing(fault=fault, spell_s=0.5, least_s=5.0, most_s=20.0)


FINAL = (FaultKind.HTML, FaultKind.CONTENT_FILTER, FaultKind.REVOKED_KEY)
MIXED = [kind for kind in FaultKind if kind not in FINAL]


def mixture(seed: int, share: float) -> Forecast:
    """A share of the requests meets a fault; every kind that passes is among them."""

    def meets(number: int) -> Fault | None:
        rng = random.Random(1000 * seed + number)
        fault = Fault(kind=rng.choice(MIXED), delay_s=2.0, retry_after_s=rng.choice([None, 1.0]))
        return fault if rng.random() < share else None

    return meets


PASSING = {
    "429": Passing(fault=Fault(kind=FaultKind.RATE_LIMITED), requests=20),
    "429 with Retry-After": asked_to_wait(),
    "429 until a date": asked_to_wait(clock_ahead_s=0.0),
    "429 until a date, by a clock that is fast": asked_to_wait(clock_ahead_s=HOURS_S),
    "429 until a date, by a clock that is slow": asked_to_wait(clock_ahead_s=-HOURS_S),
    "429 for a while": spell(FaultKind.RATE_LIMITED, paused=False),
    "500": spell(FaultKind.SERVER_ERROR),
    "502 with a web page": spell(FaultKind.BAD_GATEWAY),
    "503": spell(FaultKind.OVERLOADED),
    "503 with Retry-After": spell(FaultKind.OVERLOADED, retry_after_s=7.0),
    "hangs": spell(FaultKind.HANG, lost=True),
    "stalls in mid-body": spell(FaultKind.STALL, lost=True),
    "resets in mid-body": spell(FaultKind.RESET, lost=True),
    "late": few(None, 0.9 * TIMEOUT_S, least_s=0.9 * TIMEOUT_S),
    "too late": few(None, 1.1 * TIMEOUT_S, lost=True, least_s=TIMEOUT_S, most_s=300.0),
    "truncated JSON": few(FaultKind.TRUNCATED_JSON, lost=True),
    "wrong content type": few(FaultKind.WRONG_CONTENT_TYPE),
    "empty choices": few(FaultKind.EMPTY_CHOICES, lost=True),
    "drips": few(FaultKind.SLOW_DRIP, 0.9 * TIMEOUT_S, least_s=0.9 * TIMEOUT_S),
    "drips too slowly": few(FaultKind.SLOW_DRIP, 3 * TIMEOUT_S, lost=True, least_s=TIMEOUT_S, most_s=300.0),
}


@pytest.mark.parametrize("passing", PASSING.values(), ids=PASSING.keys())
def test_what_passes_changes_nothing_but_the_bill(usual: Course, passing: Passing) -> None:
    endpoint, kept = LocalEndpoint(answer, fault=passing.forecast()), Kept()
    course = course_at(endpoint, kept)
    no_reply_is_lost(endpoint, kept)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, PLENTY)
    assert course.decisions == usual.decisions
    assert (course.spent == usual.spent) is not passing.lost
    assert passing.least_s <= course.elapsed_s <= passing.most_s
    if passing.paused:
        paused, resumed = course.said
        assert paused.startswith("Paused: ")
        assert endpoint.url in paused
        assert paused.endswith("giving up after 10 min.")
        assert resumed.startswith("The endpoint answers again, after ")


@pytest.mark.parametrize("seed", range(5))
def test_all_faults_at_once_change_nothing_but_the_bill(usual: Course, seed: int) -> None:
    endpoint, kept = LocalEndpoint(answer, fault=mixture(seed, 0.15)), Kept()
    course = course_at(endpoint, kept)
    no_reply_is_lost(endpoint, kept)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, PLENTY)
    assert course.decisions == usual.decisions


TIGHT = {
    "calls": Caps(calls=140),
    "tokens": Caps(calls=600, tokens=15_000),
    "dollars": Caps(calls=600, usd=0.015),
    "seconds": Caps(calls=600, seconds=150.0),
}
"""Caps that lost attempts use up before the job is at its end."""


@pytest.mark.slow
@pytest.mark.parametrize("caps", TIGHT.values(), ids=TIGHT.keys())
@pytest.mark.parametrize("seed", range(4))
def test_attempts_in_vain_are_paid_for_within_the_caps(usual: Course, caps: Caps, seed: int) -> None:
    endpoint, kept = LocalEndpoint(answer, fault=mixture(seed, 0.5)), Kept()
    course = course_at(endpoint, kept, caps)
    no_reply_is_lost(endpoint, kept)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, caps)
    assert course.decisions != usual.decisions  # The caps were felt.


def test_second_attempts_at_stragglers_are_paid_for(usual: Course) -> None:
    """Every 40th request is answered, and billed, but its answer stalls; nobody waits for its time-out."""
    stall = Fault(kind=FaultKind.STALL)
    endpoint, kept = LocalEndpoint(answer, fault=lambda number: None if number % 40 else stall), Kept()
    course = course_at(endpoint, kept, hedge=True)
    no_reply_is_lost(endpoint, kept)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, PLENTY)
    assert course.decisions == usual.decisions
    assert course.spent.calls == endpoint.requests == usual.spent.calls + 3
    assert course.elapsed_s < TIMEOUT_S


@pytest.mark.parametrize("away_s", [3.0, 30.0, 300.0])
def test_an_endpoint_that_dies_and_comes_back_is_waited_for(usual: Course, away_s: float) -> None:
    away: list[asyncio.Task[None]] = []

    def fault(number: int) -> Fault | None:
        if number == FIRST:
            away.append(asyncio.ensure_future(stay_away(endpoint, away_s)))
        return Fault(kind=FaultKind.RESET) if away and not away[0].done() else None

    endpoint, kept = LocalEndpoint(answer, fault=fault), Kept()
    course = course_at(endpoint, kept)
    no_reply_is_lost(endpoint, kept)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, PLENTY)
    assert course.decisions == usual.decisions
    assert course.elapsed_s >= away_s


async def stay_away(endpoint: LocalEndpoint, seconds: float) -> None:
    """Nobody listens on the endpoint's port for so long."""
    await endpoint.__aexit__(None, None, None)
    await asyncio.sleep(seconds)
    await endpoint.__aenter__()


AGAIN = "run the same command again once the endpoint answers"

STAYING = {
    "429": (Fault(kind=FaultKind.RATE_LIMITED), "answered 429: Rate limit reached", AGAIN),
    "429 with Retry-After": (Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=7.0), "answered 429: Rate limit", AGAIN),
    "500": (Fault(kind=FaultKind.SERVER_ERROR), "answered 500: The server had an error", AGAIN),
    "502": (Fault(kind=FaultKind.BAD_GATEWAY), "answered 502: ", AGAIN),
    "503": (Fault(kind=FaultKind.OVERLOADED), "answered 503: ", AGAIN),
    "hangs": (Fault(kind=FaultKind.HANG), "within 20 s", AGAIN),
    "stalls": (Fault(kind=FaultKind.STALL), "within 20 s", AGAIN),
    "drips": (Fault(kind=FaultKind.SLOW_DRIP, delay_s=60.0), "within 20 s", AGAIN),
    "resets": (Fault(kind=FaultKind.RESET), "broke: ", AGAIN),
    "truncated JSON": (Fault(kind=FaultKind.TRUNCATED_JSON), "is not a chat completion", AGAIN),
    "empty choices": (Fault(kind=FaultKind.EMPTY_CHOICES), "is not a chat completion", AGAIN),
    "a web page": (Fault(kind=FaultKind.HTML), "answered with a web page, not with JSON", "usually ends in /v1"),
    "a revoked key": (Fault(kind=FaultKind.REVOKED_KEY), "answered 401: ", "Check the key: api_key_env"),
}


REFUSED_OUTRIGHT = (
    FaultKind.RATE_LIMITED,
    FaultKind.SERVER_ERROR,
    FaultKind.BAD_GATEWAY,
    FaultKind.OVERLOADED,
    FaultKind.REVOKED_KEY,
)
"""Nothing of it can be billed; what the other faults may have cost stays charged in the run that goes on."""


@pytest.mark.parametrize("first", [pytest.param(1, marks=pytest.mark.slow), FIRST])
@pytest.mark.parametrize(("fault", "cause", "remedy"), STAYING.values(), ids=STAYING.keys())
def test_what_stays_ends_the_job_which_goes_on_later(
    usual: Course, fault: Fault, cause: str, remedy: str, first: int
) -> None:
    kept, sick = Kept(), LocalEndpoint(answer, fault=lambda number: fault if number >= first else None)
    with pytest.raises(EndpointError) as caught:
        course_at(sick, kept)
    assert cause in str(caught.value)
    assert remedy in str(caught.value)
    no_reply_is_lost(sick, kept)
    assert sick.answered == first - 1
    healthy = LocalEndpoint(answer)
    course = course_at(healthy, kept)
    assert course.decisions == usual.decisions
    assert sick.times_answered.keys().isdisjoint(healthy.times_answered)
    assert sick.billed_calls + healthy.billed_calls <= course.spent.calls <= PLENTY.calls
    if fault.kind in REFUSED_OUTRIGHT:
        assert course.spent == usual.spent


@pytest.mark.parametrize("first", [1, FIRST])
def test_runs_that_fail_one_after_the_other_do_not_exceed_the_caps_together(usual: Course, first: int) -> None:
    """What a run has lost on an endpoint that takes requests and never ends its answers, the next one counts."""
    kept, caps, billed, failed = Kept(), Caps(calls=137), 0, 0
    for healthy_until in (first, 1, 1, 1):

        def fault(number: int, until: int = healthy_until) -> Fault | None:
            return Fault(kind=FaultKind.STALL) if number >= until else None

        sick = LocalEndpoint(answer, fault=fault)
        try:
            course_at(sick, kept, caps)
        except EndpointError:
            failed += 1
        billed += sick.billed_calls
    assert failed
    healthy = LocalEndpoint(answer)
    course = course_at(healthy, kept, caps)
    assert billed + healthy.billed_calls <= course.spent.calls <= caps.calls


ON_CERTAIN_ROWS: dict[str, tuple[Reply | Fault, str, float | None]] = {
    "429": (Fault(kind=FaultKind.RATE_LIMITED), "rate_limited", None),
    "500": (Fault(kind=FaultKind.SERVER_ERROR), "server_error", None),
    "hangs": (Fault(kind=FaultKind.HANG), "timeout", None),
    "stalls": (Fault(kind=FaultKind.STALL), "timeout", None),
    "resets": (Fault(kind=FaultKind.RESET), "connection", None),
    "truncated JSON": (Fault(kind=FaultKind.TRUNCATED_JSON), "garbled", None),
    "empty choices": (Fault(kind=FaultKind.EMPTY_CHOICES), "garbled", None),
    "a filter that refuses": (Fault(kind=FaultKind.CONTENT_FILTER), "content_filter", 0.0),
    "a filter that cuts off": (Reply(text="amb", finish_reason="content_filter"), "content_filter", 0.0),
    "max_tokens": (Reply(text="amber, cobalt, olive, " * 100), "truncated", 0.0),
}


@pytest.mark.parametrize(("met", "problem", "score"), ON_CERTAIN_ROWS.values(), ids=ON_CERTAIN_ROWS.keys())
def test_only_what_a_prompt_would_meet_again_scores_zero(
    usual: Course, met: Reply | Fault, problem: str, score: float | None
) -> None:
    assert usual.outcome.proof is not None
    asked = Counter(row for _, row, _ in usual.evaluator.rollouts)
    seldom = min((e.id for e in TASK.dataset.split(Split.VALIDATION) if e.id in asked), key=asked.__getitem__)
    unlucky = {seldom, usual.outcome.proof.winner_rollouts[3].example_id}
    texts = {e.inputs["text"] for split in Split for e in TASK.dataset.split(split) if e.id in unlucky}

    def answer_most(messages: list[Json], body: Json) -> Reply | Fault:
        return met if question(messages) in texts else answer(messages, body)

    endpoint, kept = LocalEndpoint(answer_most), Kept()
    course = course_at(endpoint, kept)
    spoilt = [r for r in course.evaluator.rollouts.values() if r.example_id in unlucky]
    assert len({r.example_id for r in spoilt}) == 2
    assert {(r.problem, r.score) for r in spoilt} == {(problem, score)}
    assert not any(r.missing for r in course.evaluator.rollouts.values() if r not in spoilt)
    no_reply_is_lost(endpoint, kept, refused=len(spoilt) if met == Fault(kind=FaultKind.CONTENT_FILTER) else 0)
    no_row_without_a_reply_scores(course, kept)
    no_cap_is_exceeded(course, endpoint, PLENTY)
    proof = course.outcome.proof
    assert proof is not None
    assert proof.n == (PLAN.proof_rows if score == 0.0 else PLAN.proof_rows - 1)
    assert score == 0.0 or "4.2% of the test rows got no reply" in course.outcome.why
