"""A dry run says in words what a run would run into, before anything is spent."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from benchmarks.budget import TASK as TASK_ROLE
from benchmarks.budget import Caps
from benchmarks.evaluation.rollout import request_for
from benchmarks.ledger.protocol import Entry, Occasion, ledger_key
from benchmarks.ledger.sql import SqlLedger
from benchmarks.models.protocol import Completion, Usage
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.problem import make_problem
from service.connection import endpoints_of
from service.earlier import WarmStart, settle
from service.forecast import foreseen
from service.foresight import Duration, duration
from service.home import Home
from service.jobs import CANCELLED, SUCCEEDED, Jobs, job_identity
from service.optimize import Settings
from tests.endpoints.jobs import labelled_rows, make_task
from tests.endpoints.judges import RUBRIC, human_labels
from tests.service.begun import begun

LOCAL = {"name": "hosted_vllm/local", "api_base": "http://127.0.0.1:9/v1", "max_concurrency": 16}
SMALL: dict[str, Any] = {
    "budget": {"calls": 60},
    "search": {"proposers": ["grammar"], "delimiters": ["plain"], "demonstrations": {"count": [0]}},
}


def task(**fields: Any) -> Task:
    return make_task(labelled_rows(60), **{"model": LOCAL, **SMALL, **fields})


def said(asked: Task, home: Home | None = None, *, fresh: bool = False, **environment: str) -> Sequence[str]:
    return foreseen(asked, Settings(environment=environment, fresh=fresh), home)[2]


def judged(count: int, **judge: str) -> Task:
    metric = {"name": "judge", "rubric": RUBRIC, "human_labels": human_labels(count)}
    return task(metric=metric, judge_model={**LOCAL, **judge}, budget={"calls": 240})


def test_where_nothing_is_amiss_nothing_is_said(home: Home) -> None:
    assert said(task()) == said(task(), home) == ()


@pytest.mark.parametrize("role", ["model", "proposer_model"])
def test_a_key_that_is_not_set_is_named_with_its_section(role: str) -> None:
    asked = task(**{role: {**LOCAL, "api_key_env": "THE_KEY"}})
    (notice,) = said(asked)
    assert notice.startswith(f"{role}.api_key_env names THE_KEY, which is not set. Set it: export THE_KEY=…")
    assert said(asked, THE_KEY="sk-1") == ()


def test_a_judge_s_key_and_too_few_labels_for_it_are_told() -> None:
    key, labels = said(judged(3, api_key_env="THE_KEY"))
    assert key.startswith("judge_model.api_key_env names THE_KEY")
    assert labels.startswith("There are 3 human labels for the judge.")
    assert said(judged(50)) == ()


def test_constraints_that_the_prompt_itself_violates_are_told() -> None:
    (notice,) = said(task(constraints={"must_contain": ["olive trees"]}))
    assert notice.startswith("Your prompt violates the constraints: it does not contain 'olive trees'")


def earlier_prompts(asked: Task, number: int) -> list[Prompt]:
    space = make_problem(asked, occasion="", seed=0, allow_code=False)[0].space
    return [prompt for point in space.points() if (prompt := space.prompt(point)).digest != asked.baseline.digest][
        :number
    ]


def end(asked: Task, home: Home, *, status: str = SUCCEEDED, winner: Prompt | None = None) -> str:
    """The id of an optimization of `asked` that has ended with `winner`."""
    jobs, model = Jobs(home), endpoints_of(asked.spec)[TASK_ROLE].model_identity
    found = jobs.find(job_identity(asked, {TASK_ROLE: model}), asked, fresh=False)
    job = begun(jobs, found, asked)
    settle(job, WarmStart(), asked, model, home)
    described: Mapping[str, Any] | None = None
    if winner is not None:
        described = {"winner": {**winner.to_json(), "version": 2}, "runners_up": []}
    jobs.conclude(job.id, status, result=described)
    return job.id


def keep(asked: Task, home: Home, prompt: Prompt, rows: int, latency_s: float = 0.1) -> None:
    """Replies to `prompt` on the first validation rows."""
    model = endpoints_of(asked.spec)[TASK_ROLE].model_identity

    async def main() -> None:
        ledger = SqlLedger(home.engine, home.now)
        for row in asked.dataset.validation[:rows]:
            request = request_for(prompt, row)
            reply = Completion(text="olive", usage=Usage(prompt_tokens=9, completion_tokens=1), latency_s=latency_s)
            key = ledger_key(Occasion(), model, request)
            await ledger.keep(
                Entry(
                    key=key, reply=reply, occasion=Occasion(), model=model, prompt_digest=prompt.digest,
                    example_id=row.id,
                )
            )  # fmt: skip
        await ledger.close()

    asyncio.run(main())


def test_a_warm_start_is_told_with_the_rows_that_are_free(home: Home) -> None:
    asked, later = task(), task(seed=1)
    (winner,) = earlier_prompts(asked, 1)
    job_id = end(asked, home, winner=winner)
    keep(asked, home, winner, rows=5)
    keep(asked, home, asked.baseline, rows=2)
    enters, free = said(later, home)
    assert enters == f"1 prompt of an earlier optimization enters as a first candidate ({job_id})."
    assert free.startswith("The ledger has 7 replies on validation rows to these prompts and yours: free, and no part")
    assert said(task(seed=1, warm_start=False), home) == ()
    assert said(later) == ()  # Without a home there is nothing to start from.
    assert [job.id for job in Jobs(home).listed(9)] == [job_id]


def test_a_job_that_is_there_already_is_told(home: Home) -> None:
    asked = task()
    job_id = end(asked, home, winner=earlier_prompts(asked, 1)[0])
    assert said(asked, home)[0].startswith(f"{job_id} is this very optimization, finished: its result is shown unless")
    assert not any("this very" in notice for notice in said(asked, home, fresh=True))
    stopped = task(seed=2)
    end(stopped, home, status=CANCELLED)
    assert "this very optimization, cancelled: it is carried on" in said(stopped, home)[0]


def test_what_a_seconds_cap_asks_of_the_endpoint_is_told(home: Home) -> None:
    asked = task(budget={"calls": 60, "seconds": 20})  # A proof of 30 calls, in two waves of 16.
    assert said(asked) == (
        "The proof's 30 calls, at most 16 at a time, fit into 20 s only if a reply takes less than 10 s, and the "
        "search needs time before them. Without a proof nothing is promoted.",
    )
    keep(asked, home, asked.baseline, rows=3, latency_s=0.5)
    assert said(asked, home) == ()  # Time enough.
    keep(asked, home, replace(asked.baseline, parameters={"max_tokens": 9}), rows=9, latency_s=7.0)
    (notice,) = said(asked, home)
    assert "take 14 s or more if a reply takes 7 s, as the latest of this model did, and budget.seconds is 20" in notice
    assert "there may be no time for a proof" in notice
    slower = task(budget={"calls": 60, "seconds": 12})
    assert "there will be no time for a proof" in said(slower, home)[0]


def test_how_long_it_takes_follows_from_the_latest_replies_of_the_models_that_are_asked(home: Home) -> None:
    asked = task()
    calls = {TASK_ROLE: 33, "proposer": 0}
    endpoints = {role: endpoints_of(asked.spec)[TASK_ROLE] for role in calls}

    def lasts(seconds: float | None = None, within: Home | None = home) -> Duration:
        return duration(calls, endpoints, Caps(calls=60, seconds=seconds), within)

    for unknown in (lasts(), lasts(within=None)):
        assert unknown.seconds is None
        assert unknown.why == "How long it takes is not known: the ledger holds no reply of hosted_vllm/local."
    keep(asked, home, asked.baseline, rows=5, latency_s=0.5)
    assert lasts().seconds == 1.5  # 33 calls are three waves of 16.
    assert "33 to hosted_vllm/local, at most 16 at a time, 0.5 s each" in lasts().why
    assert lasts(seconds=1.0).seconds == 1.0
    assert "The cap on seconds ends it before." in lasts(seconds=1.0).why
    assert (
        "hosted_vllm/other"
        in duration(
            {TASK_ROLE: 1, "judge": 1},
            {**endpoints, "judge": replace(endpoints[TASK_ROLE], name="hosted_vllm/other")},
            Caps(calls=60),
            home,
        ).why
    )
