"""The trials of a job follow from what it ran: none is missing, none is invented, and a replay tells the same."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from benchmarks.budget import Caps
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Failure, FailureKind, Request
from optimizers.optimization import Outcome, optimize
from optimizers.problem import plan_for
from optimizers.progress import Event, Leading, Tried
from optimizers.trials import Trials
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, mixed_quality
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 30, "validation": 50, "test": 40})
RIGHT = mixed_quality(TASK)


@dataclass(slots=True, kw_only=True)
class Watched:
    """What a watcher of a job saw, in order, and what came of the job."""

    outcome: Outcome
    events: list[Event] = field(default_factory=list)

    @property
    def tried(self) -> list[Tried]:
        return [event for event in self.events if isinstance(event, Tried)]

    @property
    def trials(self) -> list[Tried]:
        latest = {tried.number: tried for tried in self.tried}
        return [latest[number] for number in sorted(latest)]


def watched(job: Job, respondent: Respondent) -> Watched:
    events: list[Event] = []

    async def main() -> Outcome:
        problem = job.problem()
        _, evaluator = job.connect(respondent)
        trials = Trials(evaluator, problem.validation, problem.baseline.digest, events.append)
        outcome = await optimize(
            problem,
            plan_for(problem, job.caps.calls),
            evaluator=evaluator,
            tariff=Tariff(price=None),
            journal=job.journal,
            looks=job.looks,
            observer=trials,
        )
        trials.tell()
        return outcome

    return Watched(outcome=in_virtual_time(main()), events=events)


@pytest.fixture(scope="module")
def job() -> Job:
    return Job(task=TASK, caps=Caps(calls=900), seed=2)


@pytest.fixture(scope="module")
def seen(job: Job) -> Watched:
    return watched(job, Respondent(respond=RIGHT))


def test_they_are_the_prompts_that_the_search_tried_with_the_rows_they_ran(seen: Watched) -> None:
    told = {one.prompt.digest: one for one in seen.trials}
    assert [one.number for one in seen.trials] == list(range(len(told)))
    assert seen.trials[0].prompt == seen.outcome.baseline.prompt
    assert told.keys() == {standing.candidate.prompt.digest for standing in seen.outcome.standings}
    for standing in seen.outcome.standings:
        one = told[standing.candidate.prompt.digest]
        assert one.score is not None
        assert (one.rows, one.score.n) == (standing.rows, standing.scored)
        assert one.score.mean == pytest.approx(standing.mean)


def test_each_is_told_only_when_something_has_changed_and_never_runs_backwards(seen: Watched) -> None:
    for trial in seen.trials:
        course = [one for one in seen.tried if one.number == trial.number]
        assert len(course) == len({(one.rows, one.stopped) for one in course})
        assert [one.rows for one in course] == sorted(one.rows for one in course)


def test_a_race_goes_on_without_those_that_have_stopped(seen: Watched) -> None:
    last = max(place for place, event in enumerate(seen.events) if isinstance(event, Leading))
    before = {e.number: e.rows for e in seen.events[:last] if isinstance(e, Tried)}
    stopped = [one for one in seen.trials if one.stopped]
    assert stopped
    assert all(one.rows < 50 for one in stopped)
    alive = [one for one in seen.trials if not one.stopped]
    assert len(alive) < len(before)
    assert max(one.rows for one in seen.trials) == max(one.rows for one in alive)


def test_a_replay_tells_the_same_in_the_same_order(job: Job, seen: Watched) -> None:
    def unwilling(_request: Request) -> Failure:
        return Failure(kind=FailureKind.REJECTED, detail="nothing may be asked again")

    again = watched(job, Respondent(respond=unwilling))
    assert again.tried == seen.tried


def test_rows_without_a_reply_count_as_run_and_not_as_scored() -> None:
    def respond(request: Request) -> str | Failure:
        if chance("missing", request.prompt_digest, request.example_id) < 0.15:
            return Failure(kind=FailureKind.TIMEOUT, detail="")
        return RIGHT(request)

    found = watched(Job(task=TASK, caps=Caps(calls=200)), Respondent(respond=respond))
    rows = {one.rows: one.score.n for one in found.trials if one.score is not None}
    assert any(0 < scored < ran for ran, scored in rows.items())
