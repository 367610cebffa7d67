"""What a job reports while it runs: seldom, and never more than is true."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Budget, Caps, Charge
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, Rollout
from benchmarks.models.protocol import Failure, FailureKind, Request
from optimizers.progress import Advanced, Event, Tally
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task, mixed_quality, of_quality
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 20, "validation": 60, "test": 40})


class Clock:
    """A clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Watched:
    """A tally with what it reported."""

    def __init__(self, caps: Caps | None = None, level: Callable[[], int | None] = lambda: None) -> None:
        self.clock = Clock()
        self.budget = Budget(caps or Caps(calls=1000))
        self.events: list[Event] = []
        self.tally = Tally(self.budget, self.events.append, level=level, clock=self.clock)

    def count(self, rollouts: int, after_s: float, problem: str | None = None, score: float | None = 1.0) -> None:
        """Counts `rollouts`, each `after_s` seconds after the one before."""
        for _ in range(rollouts):
            self.clock.now_s += after_s
            self.tally.count(Rollout(prompt_digest="p", example_id="e", score=score, problem=problem))

    @property
    def reports(self) -> list[Advanced]:
        return [event for event in self.events if isinstance(event, Advanced)]

    def last(self) -> Advanced:
        """A report of the moment."""
        self.tally.report()
        return self.reports[-1]


def test_rollouts_that_were_known_before_the_job_are_no_calls_of_its_plan() -> None:
    watched = Watched()
    watched.tally.skip(30)
    watched.tally.expect(100)
    watched.count(20, after_s=0.001)
    assert (watched.last().calls_done, watched.last().rate_per_s) == (0, 0.0)
    watched.count(20, after_s=1.0, problem=FORMAT, score=0.0)
    report = watched.last()
    assert (report.calls_done, report.calls_planned, report.format_failures) == (10, 100, 20)


def test_ten_reports_a_second_are_enough() -> None:
    watched = Watched()
    watched.count(20_000, after_s=0.0005)
    assert 95 <= len(watched.reports) <= 105
    assert watched.last().calls_done == 20_000


def test_slow_rollouts_are_all_reported() -> None:
    watched = Watched()
    watched.count(5, after_s=3.0)
    assert [report.calls_done for report in watched.reports] == [1, 2, 3, 4, 5]


def test_missing_rows_and_replies_without_an_answer_are_counted_apart() -> None:
    watched = Watched()
    watched.count(1, 1.0)
    watched.count(2, 1.0, problem=FailureKind.TIMEOUT.value, score=None)
    watched.count(3, 1.0, problem=FORMAT, score=0.0)
    watched.count(4, 1.0, problem=TRUNCATED, score=0.0)
    watched.count(5, 1.0, problem=FailureKind.REJECTED.value, score=0.0)
    last = watched.last()
    assert (last.calls_done, last.missing, last.format_failures) == (15, 2, 7)


def test_the_rate_is_the_recent_one_and_the_rest_is_expected_to_take_as_long() -> None:
    watched = Watched()
    watched.tally.expect(3000)
    watched.count(1000, after_s=0.001)  # From the ledger, say.
    assert watched.last().rate_per_s == pytest.approx(1000)
    watched.count(40, after_s=0.5)  # For 20 s, longer than what counts as recent.
    last = watched.last()
    assert last.rate_per_s == pytest.approx(2)
    assert last.eta_s == pytest.approx(1960 / 2)


def test_nothing_is_made_up_before_anything_is_known() -> None:
    first = Watched().last()
    assert (first.rate_per_s, first.eta_s, first.concurrency) == (None, 0.0, None)
    watched = Watched()
    watched.tally.expect(10)
    watched.clock.now_s += 5
    assert (watched.last().rate_per_s, watched.last().eta_s) == (0.0, None)


def test_no_longer_is_expected_than_the_seconds_cap_allows() -> None:
    watched = Watched(Caps(calls=1000, seconds=60.0))
    watched.tally.expect(900)
    watched.tally.resume_at(30.0)
    watched.count(10, after_s=1.0)
    last = watched.last()
    assert last.elapsed_s == pytest.approx(40.0)
    assert last.eta_s == pytest.approx(20.0)


def test_what_is_spent_the_caps_and_the_level_are_told() -> None:
    caps = Caps(calls=10, tokens=5000, usd=1.0)
    watched = Watched(caps, level=lambda: 16)
    charge = Charge(calls=3, prompt_tokens=200, cached_tokens=50, cost_usd=0.5)
    watched.budget.charge(charge)
    last = watched.last()
    assert (last.spent, last.caps, last.concurrency) == (charge, caps, 16)
    assert last.spent.cached_share == 0.25


def of_a_job(job: Job, model: Respondent) -> list[Advanced]:
    """What a whole job reports."""
    job.run(model)
    return [event for event in job.events if isinstance(event, Advanced)]


@settings(max_examples=8, deadline=None)
@given(calls=st.integers(60, 500), seed=st.integers(0, 50), same=st.booleans(), latency_s=st.sampled_from([0.0, 0.3]))
def test_a_job_goes_forward_to_the_end_of_what_it_planned(calls: int, seed: int, same: bool, latency_s: float) -> None:
    respond = of_quality(TASK, lambda _: 1.0) if same else mixed_quality(TASK)
    job = Job(task=TASK, caps=Caps(calls=calls), seed=seed)
    for _ in range(2):  # The second time everything comes from the ledger.
        job.events.clear()
        reports = of_a_job(job, Respondent(respond=respond, latency_s=lambda _: latency_s))
        shares = [report.calls_done / report.calls_planned for report in reports]
        planned = [report.calls_planned for report in reports]
        assert shares == sorted(shares)
        assert planned == sorted(planned, reverse=True)
        assert planned[0] <= calls
        assert shares[-1] == 1.0


def test_a_job_that_is_resumed_counts_the_seconds_of_its_first_run() -> None:
    job = Job(task=TASK, caps=Caps(calls=200, seconds=1000.0))
    first = of_a_job(job, Respondent(respond=mixed_quality(TASK), latency_s=lambda _: 1.0))
    job.events.clear()
    again = of_a_job(job, Respondent(respond=mixed_quality(TASK)))
    assert again[-1].elapsed_s == pytest.approx(first[-1].elapsed_s)
    assert again[-1].elapsed_s > 10


def test_rows_that_got_no_reply_are_done_and_missing() -> None:
    lost = {example.id for example in TASK.dataset.validation[:3]}

    def respond(request: Request) -> str | Failure:
        if request.example_id in lost:
            return Failure(kind=FailureKind.RATE_LIMITED, detail="busy")
        return "amber"

    reports = of_a_job(Job(task=TASK, caps=Caps(calls=200)), Respondent(respond=respond))
    assert reports[-1].missing > 0
    assert reports[-1].calls_done == reports[-1].calls_planned


def test_the_last_of_a_burst_is_told_soon_and_nothing_is_foretold_while_it_is_paused() -> None:
    levels, reports = [4], list[Advanced]()
    rollout = Rollout(prompt_digest="p", example_id="e", score=1.0)

    def observe(event: Event) -> None:
        assert isinstance(event, Advanced)
        reports.append(event)

    async def main() -> None:
        clock = asyncio.get_running_loop().time
        tally = Tally(Budget(Caps(calls=1000)), observe, level=lambda: levels[-1], clock=clock)
        tally.expect(100)
        async with tally.ticking():
            await asyncio.sleep(0.5)
            for _ in range(10):
                tally.count(rollout)
            await asyncio.sleep(2.0)
            assert (reports[-1].calls_done, reports[-1].eta_s is None) == (10, False)
            levels.append(0)
            await asyncio.sleep(60.0)
            assert (reports[-1].concurrency, reports[-1].rate_per_s, reports[-1].eta_s) == (0, None, None)
            levels.append(4)
            tally.count(rollout)
        assert reports[-1].calls_done == 11

    in_virtual_time(main())
