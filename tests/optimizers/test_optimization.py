from __future__ import annotations

from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.errors import EndpointDown
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.tasks.task import Task
from optimizers.optimization import KEEP_BASELINE, PROMOTE
from optimizers.plan import Plan
from optimizers.progress import Leading, Notice, PhaseStarted
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    chance,
    labelled_rows,
    make_task,
    mixed_quality,
    of_quality,
    truth,
)

ROWS = labelled_rows(180)
SPLIT = {"train": 20, "validation": 80, "test": 80}
SEARCH = {
    "demonstrations": {"count": [0, 2], "selector": ["balanced", "random"]},
    "delimiters": ["plain", "markdown", "xml"],
}
TASK = make_task(ROWS, split=SPLIT, search=SEARCH)
TEST_IDS = {example.id for example in TASK.dataset.test}
PRICE = Price(prompt_usd_per_million=1.0, completion_usd_per_million=4.0)


def baseline_of(share: float, others: float, task: Task = TASK) -> Respond:
    return of_quality(task, lambda prompt: share if prompt == task.baseline.digest else others)


def job(**fields: Any) -> Job:
    return Job(**{"task": TASK, "caps": Caps(calls=400), **fields})


def test_a_much_better_prompt_is_promoted_and_says_why() -> None:
    outcome = job().run(Respondent(respond=baseline_of(0.3, 0.9))).outcome
    assert outcome.decision == PROMOTE
    assert outcome.proof is not None
    assert outcome.proof.proven
    assert outcome.winner.prompt.digest != outcome.baseline.prompt.digest == TASK.baseline.digest
    assert outcome.why.startswith("On 80 test rows that the search never saw, the winner scores +0.")
    assert outcome.why.endswith("lower bound is above 0.")


def test_when_nothing_beats_the_baseline_it_stays_and_is_all_that_is_run_on_test() -> None:
    model = Respondent(respond=baseline_of(1.0, 0.2))
    result = job().run(model)
    assert result.outcome.decision == KEEP_BASELINE
    assert result.outcome.winner is result.outcome.baseline
    assert "No candidate beat your prompt" in result.outcome.why
    assert {prompt for prompt, example, _ in model.asked if example in TEST_IDS} == {TASK.baseline.digest}
    assert result.spent["proof"].calls == 80


@pytest.mark.parametrize("seed", range(4))
def test_candidates_that_are_only_as_good_leave_the_baseline_where_it_is(seed: int) -> None:
    answers = truth(TASK)
    alike = Respondent(respond=lambda r: answers[r.example_id] if chance(r.example_id) < 0.6 else "?")
    outcome = job(seed=seed).run(alike).outcome
    assert outcome.decision == KEEP_BASELINE
    standings = {standing.candidate.trial: standing for standing in outcome.standings}
    winner = standings[outcome.winner.trial]
    assert outcome.winner is outcome.baseline or winner.rows > standings[0].rows


def test_a_gain_that_is_not_proven_is_not_promoted() -> None:
    lucky = {example.id for example in TASK.dataset.validation}

    def respond(request: Request) -> str | Failure:
        share = 0.9 if request.example_id in lucky and request.prompt_digest != TASK.baseline.digest else 0.5
        return of_quality(TASK, lambda _: share)(request)

    outcome = job().run(Respondent(respond=respond)).outcome
    assert outcome.decision == KEEP_BASELINE
    assert outcome.winner is not outcome.baseline
    assert "lower bound is not above 0, so a gain is not proven" in outcome.why


def test_a_proof_with_missing_rows_promotes_nothing_and_says_so() -> None:
    good = baseline_of(0.2, 0.9)

    def respond(request: Request) -> str | Failure:
        lost = request.example_id in TEST_IDS and chance("lost", request.example_id) < 0.05
        return Failure(kind=FailureKind.SERVER_ERROR, detail="busy") if lost else good(request)

    outcome = job().run(Respondent(respond=respond)).outcome
    assert outcome.decision == KEEP_BASELINE
    assert outcome.proof is not None
    assert outcome.proof.missing > 0.01
    assert "of the test rows got no reply, more than the 1% that a proof allows" in outcome.why


def test_a_proof_that_ran_out_of_time_proves_nothing_and_says_so() -> None:
    slow = job(caps=Caps(calls=400, seconds=8.0), concurrency=2)
    outcome = slow.run(Respondent(respond=baseline_of(0.2, 0.9), latency_s=lambda _: 0.2)).outcome
    assert (outcome.decision, outcome.proof) == (KEEP_BASELINE, None)
    assert "The proof could not be finished within the caps" in outcome.why


def test_test_rows_are_asked_in_the_proof_alone_and_shown_in_no_prompt() -> None:
    model, seen = Respondent(respond=mixed_quality(TASK)), []

    def remember(request: Request) -> str | Failure:
        seen.append(request)
        return model.respond(request)

    result = job().run(Respondent(respond=remember))
    searched = sum(charge.calls for phase, charge in result.spent.items() if phase != "proof")
    assert all(request.example_id not in TEST_IDS for request in seen[:searched])
    assert all(request.example_id in TEST_IDS for request in seen[searched:])
    scored = {e.id: e.inputs["text"] for e in (*TASK.dataset.validation, *TASK.dataset.test)}
    for request in seen:
        text = "\n".join(message.content for message in request.messages)
        assert [example for example, row in scored.items() if row in text] == [request.example_id]


def test_the_same_seed_and_replies_give_the_same_outcome_and_another_seed_another_search() -> None:
    one, other, another = (job(seed=seed).run(Respondent(respond=mixed_quality(TASK))) for seed in (3, 3, 4))
    assert one == other
    assert one.outcome.standings != another.outcome.standings


def test_the_outcome_does_not_depend_on_how_fast_replies_come() -> None:
    steady = job().run(Respondent(respond=mixed_quality(TASK)))
    for concurrency in (3, 4, 5):

        def latency_s(request: Request, concurrency: int = concurrency) -> float:
            return chance(concurrency, request.prompt_digest, request.example_id)

        jittery = job(concurrency=concurrency).run(Respondent(respond=mixed_quality(TASK), latency_s=latency_s))
        assert [(s.candidate.prompt.digest, s.mean) for s in jittery.outcome.standings] == [
            (s.candidate.prompt.digest, s.mean) for s in steady.outcome.standings
        ]
        assert (jittery.outcome.why, jittery.spent) == (steady.outcome.why, steady.spent)


def test_a_job_whose_endpoint_broke_down_goes_on_where_it_stopped() -> None:
    whole, broken = job(), job()
    expected = whole.run(Respondent(respond=mixed_quality(TASK)))
    answered = sum(whole.journal.facts[f"block {number} intent"]["calls"] for number in (1, 2, 3))
    good, count = mixed_quality(TASK), 0

    def breaking_down(request: Request) -> str | Failure:
        nonlocal count
        count += 1
        return good(request) if count <= answered else Failure(kind=FailureKind.SERVER_ERROR, detail="gone")

    first, second = Respondent(respond=breaking_down), Respondent(respond=good)
    with pytest.raises(EndpointDown, match="gone"):
        broken.run(first)
    resumed = broken.run(second)
    assert resumed.outcome == expected.outcome
    assert resumed.spent == expected.spent
    assert len(second.asked) == expected.calls - answered


def test_progress_is_reported_phase_by_phase() -> None:
    watched = job(caps=Caps(calls=800))
    result = watched.run(Respondent(respond=mixed_quality(TASK)))
    phases = [event for event in watched.events if isinstance(event, PhaseStarted)]
    assert [phase.phase for phase in phases] == ["headroom", "search", "finalists", "report", "proof"]
    planned = {phase.phase: phase.calls_planned for phase in phases}
    assert {"headroom", "search", "report", "proof"} <= result.spent.keys()
    assert all(charge.calls <= planned[phase] for phase, charge in result.spent.items())
    assert any(isinstance(event, Leading) for event in watched.events)


def test_the_end_of_the_time_for_searching_is_announced() -> None:
    hurried = job(caps=Caps(calls=400, seconds=10.0))
    hurried.run(Respondent(respond=mixed_quality(TASK), latency_s=lambda _: 0.5))
    notices = [event.message for event in hurried.events if isinstance(event, Notice)]
    assert any("The seconds cap is near" in notice for notice in notices)


def test_a_prompt_outside_of_the_search_space_can_be_the_baseline() -> None:
    messages = [{"role": "user", "content": "Colour of {{text}}?"}]
    task = make_task(ROWS, split=SPLIT, search=SEARCH, prompt={"messages": messages})
    outcome = job(task=task).run(Respondent(respond=baseline_of(0.2, 0.9, task))).outcome
    assert outcome.decision == PROMOTE
    assert outcome.baseline.choices is None


def test_a_space_that_holds_the_baseline_alone_still_ends_with_its_score() -> None:
    search = {"demonstrations": {"count": [0]}, "delimiters": ["plain"], "placement": ["system"]}
    instruction = "Name the colour."
    task = make_task(
        ROWS,
        split=SPLIT,
        search={**search, "answer_marker": ["none"]},
        prompt={"instruction": instruction},
        candidates={"instructions": [instruction]},
    )
    result = job(task=task).run(Respondent(respond=of_quality(task, lambda _: 0.6)))
    assert result.outcome.winner is result.outcome.baseline
    assert result.outcome.trials == 1


def test_a_later_cohort_can_win() -> None:
    plan = Plan(proof_rows=80, search_calls=500, repeat_calls=0, headroom_rows=8, probes=2, cohorts=(8, 8, 8))

    def late(request: Request) -> str | Failure:
        return of_quality(TASK, lambda prompt: 0.4 if prompt in first else 0.95)(request)

    candidates = job(plan=plan).run(Respondent(respond=of_quality(TASK, lambda _: 0.5))).outcome.standings
    first = {s.candidate.prompt.digest for s in candidates if s.candidate.trial <= 8}
    outcome = job(plan=plan, caps=Caps(calls=700)).run(Respondent(respond=late)).outcome
    assert outcome.decision == PROMOTE


def test_where_there_is_nothing_to_gain_the_job_ends_before_the_search_and_says_why() -> None:
    answers = truth(TASK)
    model = Respondent(respond=lambda request: answers[request.example_id])
    result = job(caps=Caps(calls=1200)).run(model)
    assert (result.outcome.decision, result.outcome.proof) == (KEEP_BASELINE, None)
    assert result.outcome.winner is result.outcome.baseline
    assert "There is little to gain here, because your prompt is right on all of the first" in result.outcome.why
    assert set(result.spent) == {"headroom"}


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("I would rather not say.", "None of the first replies to your prompt is usable: “I would rather not say.”"),
        ("", "is right on all of the first "),
    ],
)
def test_what_the_look_at_the_headroom_shows_is_said(reply: str, said: str) -> None:
    answers = truth(TASK)
    watched = job()
    watched.run(Respondent(respond=lambda request: reply or answers[request.example_id]))
    assert any(said in event.message for event in watched.events if isinstance(event, Notice))
