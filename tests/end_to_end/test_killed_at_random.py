"""kill -9 at seeded random moments: run again, a job ends as if nothing had happened, with the same budget left, and
pays twice for no more calls than were in flight.

What a seconds cap cuts off depends on the clock, so two runs that reach their deadline cannot be compared. What can: a
run with a cap that is not reached with another one; and a run that met its deadline with its own replay.
"""

from __future__ import annotations

import random
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end import tickets
from tests.end_to_end.command import Launcher, Workplace, warm_launcher
from tests.end_to_end.conftest import MainJob
from tests.end_to_end.contents import die_at_the_end, journal, kept, kept_for_good, until
from tests.end_to_end.interruption import Interrupted, interrupted, untimed
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import Answer
from tests.endpoints.wire import Json, Reply

MOST_IN_FLIGHT = 6
"""The job's max_concurrency: a request keeps its place until its reply is written."""

AFTER_LAST_S = 0.3
"""From the last request to the end of the process, with room to spare."""

START_S = 0.6
"""From the start of the process, its first request or the end of its replay lie within this time."""

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """A kill `after_s` after the request at `share`, in [0, 1], of those that the job has yet to make; None is the
    start of the process."""

    share: float | None
    after_s: float


def blows(count: int, seed: int) -> list[Blow]:
    """Seeded moments spread over a whole run: half of them just when a request arrives, half up to 30 ms later, when
    blocks end and groups are written."""
    rng = random.Random(seed)
    return [
        Blow(share=(number + rng.random()) / count, after_s=rng.choice([0.0, rng.uniform(0.0, 0.03)]))
        for number in range(count)
    ]


def at_the_start(count: int, seed: int) -> list[Blow]:
    """Moments before the first request, or in a replay: whet opens its database, finds the job, looks replies up."""
    rng = random.Random(seed)
    return [Blow(share=None, after_s=START_S * (number + rng.random()) / count) for number in range(count)]


def at_the_end(count: int, seed: int) -> list[Blow]:
    """Moments after the last request has left: it is kept, the proof is judged, prompts are registered."""
    rng = random.Random(seed)
    return [Blow(share=1.0, after_s=AFTER_LAST_S * (number + rng.random()) / count) for number in range(count)]


def pairs(first: Sequence[Blow], then: Sequence[Blow], seed: int) -> list[tuple[Blow, ...]]:
    """Each of `first` with one of `then`."""
    return list(zip(first, random.Random(seed).sample(then, len(then)), strict=True))


def strike(job: Interrupted, blow: Blow, left: int, *arguments: str) -> None:
    """Runs the job, of which `left` requests are left, into one blow."""
    answered, before = job.endpoint.answered, kept(job.workplace)
    job.at = 0 if blow.share is None else job.endpoint.requests + max(1, round(blow.share * left))
    job.after_s = blow.after_s
    code = job.run("--no-progress", *arguments).code
    job.at = -1
    # Before the first request or after the last one, a fast machine may be faster than the blow.
    assert code == -signal.SIGKILL or (code == 0 and blow.share in (None, 1.0))
    paid = job.endpoint.answered - answered
    assert kept(job.workplace) - before >= paid - MOST_IN_FLIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Variety:
    """A kind of job: the budget that it has, what the endpoint answers, and the arguments of its first run."""

    budget: Mapping[str, Any] = field(default_factory=lambda: {"calls": 160})
    answer: Callable[[MainJob], Answer] = lambda main_job: tickets.answer
    arguments: tuple[str, ...] = ()

    def task(self, main_job: MainJob) -> dict[str, Any]:
        model = {**main_job.task["model"], "max_concurrency": MOST_IN_FLIGHT}
        return {**main_job.task, "budget": dict(self.budget), "model": model}


@dataclass(frozen=True, slots=True, kw_only=True)
class Uninterrupted:
    """What a job came to that nobody killed: `requests` is what the endpoint saw of it, in `folder` is its home before
    it began."""

    result: Mapping[str, Any]
    kept: Mapping[str, Any]
    requests: int
    answered: int
    folder: Path


def some_rows_never(main_job: MainJob) -> Answer:
    """An endpoint that answers all tickets but three: one of validation gets replies without choices, which may be
    billed, one of validation and one of test get a 429."""
    messages = [row["message"] for row in tickets.rows(90)]
    asked = [[m for m in messages if m in body["messages"][-1]["content"]] for body in main_job.bodies]
    alone = list(dict.fromkeys(found[0] for found in asked if len(found) == 1))
    trouble = {alone[8]: FaultKind.EMPTY_CHOICES, alone[2]: FaultKind.RATE_LIMITED, alone[-1]: FaultKind.RATE_LIMITED}

    def answer(messages: list[Json], body: Json) -> Reply | Fault:
        content = messages[-1]["content"]
        kind = next((kind for message, kind in trouble.items() if message in content), None)
        return tickets.answer(messages, body) if kind is None else Fault(kind=kind)

    return answer


VARIETIES = {
    "plain": Variety(),
    "seconds": Variety(budget={"calls": 160, "seconds": 600}),
    "missing": Variety(answer=some_rows_never),
    "fresh": Variety(arguments=("--fresh",)),
}


@pytest.fixture(scope="module")
def hasty() -> Iterator[Launcher]:
    with warm_launcher("tests.end_to_end.hasty") as launch:
        yield launch


@pytest.fixture(scope="module")
def uninterrupted(
    main_job: MainJob, hasty: Launcher, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Uninterrupted]:
    """Each variety, run once without a blow."""
    known: dict[str, Uninterrupted] = {}

    def run(name: str) -> Uninterrupted:
        if name not in known:
            known[name] = _run_without_a_blow(VARIETIES[name], main_job, hasty, tmp_path_factory.mktemp(name))
        return known[name]

    return run


def _run_without_a_blow(variety: Variety, main_job: MainJob, hasty: Launcher, folder: Path) -> Uninterrupted:
    workplace = Workplace(folder=folder / "used", launcher=hasty)
    workplace.folder.mkdir()
    tickets.write_csv(workplace.folder / "tickets.csv", tickets.rows(90))
    with interrupted(workplace, variety.task(main_job), signal.SIGKILL, -1, variety.answer(main_job)) as job:
        if variety.arguments:
            workplace.optimize()
        shutil.copytree(workplace.folder, folder / "new")
        before, answered = job.endpoint.requests, job.endpoint.answered
        result = workplace.optimize(*variety.arguments)
        return Uninterrupted(
            result=result,
            kept=kept_for_good(workplace),
            requests=job.endpoint.requests - before,
            answered=job.endpoint.answered - answered,
            folder=folder / "new",
        )


CASES = [
    *(("plain", (blow,)) for blow in [*blows(18, 0), *at_the_start(4, 1), *at_the_end(4, 2)]),
    *(("plain", pair) for pair in pairs(blows(4, 3), blows(4, 4), 5)),
    *(("plain", pair) for pair in pairs(blows(2, 6), at_the_start(2, 7), 8)),
    *(("seconds", pair) for pair in pairs(blows(2, 9), [*blows(1, 10), *at_the_start(1, 11)], 12)),
    *(("missing", pair) for pair in pairs(blows(3, 13), [*blows(2, 14), *at_the_start(1, 15)], 16)),
    *(("fresh", (blow,)) for blow in [*blows(2, 17), *at_the_end(1, 18)]),
]


def spoken(case: tuple[str, tuple[Blow, ...]]) -> str:
    moments = ("start" if blow.share is None else f"{blow.share:.2f}" for blow in case[1])
    return f"{case[0]}-{'-'.join(moments)}"


@pytest.mark.parametrize("case", CASES, ids=spoken)
def test_killed_at_any_moment_it_ends_as_if_it_had_never_been_killed(
    main_job: MainJob,
    uninterrupted: Callable[[str], Uninterrupted],
    hasty: Launcher,
    tmp_path: Path,
    case: tuple[str, tuple[Blow, ...]],
) -> None:
    name, moments = case
    workplace = Workplace(folder=tmp_path / "workplace", launcher=hasty)
    shutil.copytree(uninterrupted(name).folder, workplace.folder)
    ends_as(uninterrupted(name), VARIETIES[name], workplace, main_job, moments)


@pytest.mark.parametrize("blow", blows(3, 19), ids=lambda blow: f"{blow.share:.2f}")
def test_so_it_does_on_a_server(
    main_job: MainJob,
    uninterrupted: Callable[[str], Uninterrupted],
    workplace: Workplace,
    database_url: str,
    blow: Blow,
) -> None:
    workplace = replace(workplace, environment={"WHET_DATABASE_URL": database_url})
    ends_as(uninterrupted("plain"), VARIETIES["plain"], workplace, main_job, [blow])


def ends_as(
    expected: Uninterrupted, variety: Variety, workplace: Workplace, main_job: MainJob, moments: Sequence[Blow]
) -> None:
    """Struck at `moments` and run again, the job ends as expected."""
    task, answer, before = variety.task(main_job), variety.answer(main_job), kept(workplace)
    with interrupted(workplace, task, signal.SIGKILL, -1, answer) as job:
        arguments = variety.arguments
        for blow in moments:
            strike(job, blow, expected.requests - (kept(workplace) - before), *arguments)
            arguments = ()
        assert untimed(workplace.optimize()) == untimed(dict(expected.result))
        assert kept_for_good(workplace) == expected.kept
        assert job.endpoint.answered - job.endpoint.answered_again == expected.answered
        assert job.endpoint.answered_again <= len(moments) * MOST_IN_FLIGHT
        assert job.endpoint.max_in_flight <= 2 * MOST_IN_FLIGHT  # Those of a killed process may still be under way.


CAP_S = 2.5
CALLS = 400
IN_FLIGHT = 4
DELAY_S = 0.05
"""So all calls take 5 s and the proof takes 0.9 s, on any machine: the deadline is met while the search goes on."""


Facts = Mapping[tuple[str, str], Mapping[str, Any]]


def met(facts: Facts) -> bool:
    """Whether the deadline of the search is behind."""
    return any("out_of_time" in fact for fact in facts.values())


PHASES: dict[str, Callable[[Facts], bool]] = {
    "before the deadline": lambda facts: len(facts) >= 5,
    "at the deadline": met,
    "in the proof": lambda facts: met(facts) and "out_of_time" not in list(facts.values())[-1],
}


@pytest.mark.parametrize("reached", PHASES.values(), ids=PHASES.keys())
def test_a_deadline_that_was_met_is_met_again_by_every_later_run(
    main_job: MainJob, workplace: Workplace, reached: Callable[[Facts], bool]
) -> None:
    model = {**main_job.task["model"], "max_concurrency": IN_FLIGHT}
    task = {**main_job.task, "budget": {"calls": CALLS, "seconds": CAP_S}, "model": model}
    with interrupted(workplace, task, signal.SIGKILL, -1) as job:
        job.delay_s = DELAY_S
        running = workplace.start("optimize", "task.yaml")
        until(lambda: job.endpoint.requests > 0 and reached(journal(workplace, alive=True)))
        running.signal(signal.SIGKILL)
        assert running.finished().code == -signal.SIGKILL
        at_the_kill, before = journal(workplace), job.endpoint.requests
        result = workplace.optimize()
        spent, facts = result["spent"], journal(workplace)
        assert at_the_kill.items() <= facts.items()
        assert met(facts)
        assert spent["seconds"] <= CAP_S
        assert spent["calls"] <= CALLS
        if met(at_the_kill):
            assert job.endpoint.requests - before <= spent["by_phase"]["proof"]
        assert job.endpoint.answered_again <= IN_FLIGHT
        end, requests = kept_for_good(workplace), job.endpoint.requests
        die_at_the_end(workplace)
        assert workplace.optimize() == result
        assert kept_for_good(workplace) == end
        assert job.endpoint.requests == requests


def test_rows_that_stayed_missing_are_not_asked_again(main_job: MainJob, workplace: Workplace, hasty: Launcher) -> None:
    workplace, variety = replace(workplace, launcher=hasty), VARIETIES["missing"]
    with interrupted(workplace, variety.task(main_job), signal.SIGKILL, -1, variety.answer(main_job)) as job:
        result = workplace.optimize()
        end, requests = kept_for_good(workplace), job.endpoint.requests
        assert result["problems"].keys() >= {"garbled", "rate_limited"}
        die_at_the_end(workplace)
        assert workplace.optimize() == result
        assert kept_for_good(workplace) == end
        assert job.endpoint.requests == requests
