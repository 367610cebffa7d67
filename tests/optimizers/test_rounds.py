"""Rounds on a stand-in task that edits really help with: each round's instructions are tried on validation rows, and
the next round learns from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.datasets.records import Example
from benchmarks.errors import EndpointDown
from benchmarks.models.protocol import Failure, FailureKind, Request
from benchmarks.tasks.task import Task
from optimizers.optimization import PROMOTE
from optimizers.plan import Plan
from optimizers.progress import Notice
from optimizers.proposers.author import PHASE
from optimizers.proposers.leaks import squeezed
from optimizers.proposers.lints import Refusal
from optimizers.rounds import PER_ROUND, Written
from tests.endpoints.jobs import Job, Killed, Respondent, Result, make_task
from tests.endpoints.proposer import LABELS, Mode, ProposerModel, SorterModel, rows

GIVEN = ["Sort the parcel by its first thing.", "Where does the parcel go?"]
MODEL = {"name": "hosted_vllm/writer", "api_base": "http://localhost:1/v1"}
LAYOUT = {
    "demonstrations": {"count": [0]},
    "delimiters": ["plain", "xml"],
    "placement": ["system", "user"],
    "answer_marker": ["none"],
}
"""Little else to choose: it is about instructions."""


def sorting(**fields: Any) -> Task:
    content: dict[str, Any] = {
        "labels": list(LABELS),
        "prompt": {"instruction": "Give the label."},
        "candidates": {"instructions": GIVEN},
        "split": {"train": 40, "validation": 60, "test": 40},
        "budget": {"calls": 2000},
        "proposer_model": MODEL,
        **fields,
    }
    content["search"] = {**LAYOUT, **content.get("search", {})}
    return make_task(rows(140), **content)


def plan_of(rounds: int) -> Plan:
    """Of so many rounds, after the opening."""
    return Plan(
        proof_rows=40,
        search_calls=160 * (rounds + 1),
        repeat_calls=0,
        headroom_rows=8,
        probes=1,
        cohorts=(12, *[8] * rounds),
        proposer_calls=PER_ROUND * (rounds + 1),
    )


@dataclass(slots=True, kw_only=True)
class Search:
    """A whole optimization, in `rounds` rounds after the opening. It can be run again after it was killed. Of the last
    run: `asked` is the proposer model, `told` what it was told; `rolled` is the task model, `result` what came of
    it."""

    task: Task
    caps: Caps = field(default_factory=lambda: Caps(calls=2000))
    rounds: int = 2
    seed: int = 0
    job: Job = field(init=False)
    proposer: ProposerModel | None = field(default_factory=ProposerModel)
    asked: Respondent = field(init=False)
    rolled: Respondent = field(init=False)
    result: Result = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.job = Job(task=self.task, caps=self.caps, plan=plan_of(self.rounds), seed=self.seed)

    def run(self, proposer_dies_at: int | None = None, task_dies_at: int | None = None) -> Sequence[Written]:
        """What the rounds have written, with what it gained."""
        self.told.clear()
        self.asked = Respondent(respond=self._write, dies_at=proposer_dies_at, latency_s=lambda _: 0.5)
        self.rolled = Respondent(respond=SorterModel().respond, dies_at=task_dies_at)
        self.job.events.clear()
        self.job.proposer = self.asked if self.proposer is not None else None
        self.result = self.job.run(self.rolled)
        return self.written

    def _write(self, request: Request) -> str | Failure:
        assert self.proposer is not None
        self.told.append("\n".join(message.content for message in request.messages))
        return self.proposer.respond(request)

    @property
    def written(self) -> Sequence[Written]:
        return self.result.outcome.written

    @property
    def notices(self) -> list[str]:
        return [event.message for event in self.job.events if isinstance(event, Notice)]


def best(written: Sequence[Written]) -> float:
    return max((one.gain for one in written if one.gain is not None), default=0.0)


def test_edits_that_help_beat_the_given_instructions() -> None:
    search = Search(task=sorting())
    written = search.run()
    assert best(written) > 0.15
    gained = {one.proposal.source for one in written if one.gain is not None and one.gain > 0.02}
    assert "reflective" in gained
    assert all(one.proposal.hypothesis for one in written)
    given = [*GIVEN, "Give the label."]
    known = {*given, *(one.proposal.text for one in written)}
    for one in written:
        assert set(one.proposal.parents) <= known
    outcome = search.result.outcome
    assert outcome.decision == PROMOTE
    assert outcome.winner.prompt.factors["instruction"] in known - set(given)


def test_the_first_instructions_come_from_the_data_the_later_ones_from_all_operators() -> None:
    written = Search(task=sorting(), rounds=4).run()
    assert {one.proposal.source for one in written if one.round == 1} == {"grounded"}
    later = Counter(one.proposal.source for one in written if one.round > 1)
    assert {"reflective", "recombine", "paraphrase"} <= later.keys()


def test_operators_that_cannot_open_write_from_the_first_round_on() -> None:
    written = Search(task=sorting(search={"proposers": ["given", "reflective"]}), rounds=1).run()
    assert {(one.round, one.proposal.source) for one in written} == {(1, "reflective")}


def test_what_was_written_is_tried_beside_what_is_given() -> None:
    search = Search(task=sorting())
    written = search.run()
    sources = Counter(
        standing.candidate.prompt.factors["instruction_source"] for standing in search.result.outcome.standings
    )
    assert {"baseline", "given", "grounded"} <= sources.keys()
    assert all(one.rows > 0 for one in written)


def test_a_round_writes_no_more_than_its_share() -> None:
    search = Search(task=sorting())
    written = search.run()
    assert max(Counter(one.round for one in written).values()) <= PER_ROUND
    calls = len(search.asked.asked)
    assert calls == search.result.spent[PHASE].calls == search.result.by_role["proposer"].calls <= 3 * PER_ROUND


def test_all_rounds_together_take_at_most_a_tenth_of_the_budget() -> None:
    search = Search(task=sorting(budget={"calls": 110}))
    search.run()
    assert len(search.asked.asked) == 11


def test_no_row_of_validation_or_test_reaches_the_proposer() -> None:
    search = Search(task=sorting(), rounds=4)
    search.run()
    assert search.told
    dataset = search.task.dataset

    def told(examples: Sequence[Example]) -> list[str]:
        return [e.inputs["text"] for e in examples if any(squeezed(e.inputs["text"]) in text for text in everything)]

    everything = [squeezed(text) for text in search.told]
    assert told(dataset.validation) == []
    assert told(dataset.test) == []
    assert len(told(dataset.train)) > 8


def test_reflection_reads_what_the_leader_got_wrong_and_what_was_tried() -> None:
    search = Search(task=sorting(search={"proposers": ["reflective", "grounded"]}), rounds=3)
    search.run()
    asked = [text for text in search.told if "earlier_hypotheses" in text and "Expected: " in text]
    assert asked
    assert all("Got: amber" in text for text in asked)
    assert "[[ ## earlier_hypotheses ## ]]\n(none)" not in asked[-1]
    assert ": Some things are not said to belong anywhere." in asked[-1]


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        (Mode.BAD_FORMAT, Refusal.UNREADABLE),
        (Mode.CUT_OFF, Refusal.LENGTH),
        (Mode.LEAKING, Refusal.LEAK),
        (Mode.THINKING, Refusal.REASONING),
        (Mode.FAILING, Refusal.NO_REPLY),
    ],
)
def test_a_proposer_that_answers_badly_costs_its_calls_and_a_notice(mode: Mode, why: Refusal) -> None:
    task = sorting()
    secret = task.dataset.validation[0].inputs["text"]
    search = Search(task=task, proposer=ProposerModel(mode=mode, secret=secret), rounds=1)
    assert search.run() == ()
    assert search.result.outcome.refused == {why.value: 2 * PER_ROUND}
    assert len(set(search.told)) <= 2 * PER_ROUND
    assert any(f"can be tried; {PER_ROUND} {why.value}." in notice for notice in search.notices)
    assert search.result.outcome.proof is not None


def test_where_the_budget_ends_the_search_goes_on_without_the_proposer() -> None:
    search = Search(task=sorting(), caps=Caps(calls=2000, tokens=90_000), rounds=2)
    search.run()
    assert 0 < len(search.asked.asked) < 3 * PER_ROUND
    assert any("no more calls to the proposer model" in notice for notice in search.notices)
    assert sum(charge.amount.tokens for charge in search.result.spent.values()) <= 90_000
    assert search.result.outcome.proof is not None


@pytest.mark.parametrize(("cap_s", "answered"), [(20.0, 0), (60.0, 0), (60.0, PER_ROUND)])
def test_a_proposer_that_does_not_answer_ends_neither_the_search_nor_the_proof(cap_s: float, answered: int) -> None:
    waits = iter([0.5] * answered)
    job = Job(task=sorting(), caps=Caps(calls=900, seconds=cap_s), plan=plan_of(1))
    job.proposer = Respondent(respond=ProposerModel().respond, latency_s=lambda _: next(waits, 1000.0))
    result = job.run(Respondent(respond=SorterModel().respond, latency_s=lambda _: 0.2))
    assert job.journal.facts[f"round {1 + bool(answered)}"]["given_up"] == "out of time"
    assert result.elapsed_s <= cap_s
    assert result.spent["search"].calls > 0
    assert result.outcome.proof is not None


def test_a_proposer_is_not_asked_in_the_time_that_the_proof_needs() -> None:
    job = Job(task=sorting(), caps=Caps(calls=900, seconds=20.0), plan=plan_of(1))
    job.proposer = model = Respondent(respond=ProposerModel().respond, latency_s=lambda _: 1000.0)
    job.run(Respondent(respond=SorterModel().respond, latency_s=lambda _: 3.0))
    assert model.asked == []


def test_failed_starts_of_the_proposer_count_towards_the_cap() -> None:
    lost = Failure(kind=FailureKind.TIMEOUT, detail="no reply", maybe_billed=True)
    job, sent = Job(task=sorting(), caps=Caps(calls=600), plan=plan_of(1)), 0

    def run(proposer: Respondent) -> Result:
        nonlocal sent
        job.proposer, task_model = proposer, Respondent(respond=SorterModel().respond)
        try:
            return job.run(task_model)
        finally:
            sent += len(proposer.asked) + len(task_model.asked)

    for _ in range(3):
        with pytest.raises(EndpointDown):
            run(Respondent(respond=lambda _: lost))
    result = run(Respondent(respond=ProposerModel().respond))
    assert result.by_role["proposer"].lost_calls == 3 * 2 * PER_ROUND
    assert sent == result.calls <= 600


def test_without_a_model_blocks_are_exchanged() -> None:
    search = Search(task=sorting(candidates=None, proposer_model=None), proposer=None)
    written = search.run()
    assert search.asked.asked == []
    assert written
    assert {one.proposal.source for one in written} == {"recombine"}
    assert {one.round for one in written} == {1, 2}


def test_messages_of_the_users_own_are_a_leader_like_others() -> None:
    messages = [{"role": "system", "content": "Give the label."}, {"role": "user", "content": "{{text}}"}]
    search = Search(
        task=sorting(prompt={"messages": messages}, candidates=None, search={"proposers": ["reflective", "recombine"]})
    )
    written = search.run()
    assert best(written) > 0.05
    assert any("Give the label." in text for text in search.told)


def test_where_there_is_a_model_and_it_is_not_connected_nothing_is_written() -> None:
    search = Search(task=sorting(), proposer=None)
    assert search.run() == ()
    assert search.result.outcome.proof is not None


def test_constraints_hold_for_what_is_written() -> None:
    task = sorting(constraints={"must_contain": ["label"], "must_not_contain": ["tunnel"]})
    search = Search(task=task)
    written = search.run()
    assert search.result.outcome.refused[Refusal.CONSTRAINTS.value] > 0
    assert all("label" in one.proposal.text and "tunnel" not in one.proposal.text for one in written)
    assert all("It contains this passage, word for word: label" in text for text in search.told)
    tried = [s.candidate for s in search.result.outcome.standings if s.candidate.trial > 0]
    assert all(not search.job.problem().constraints.violation(candidate.prompt) for candidate in tried)


@pytest.fixture(scope="module")
def uninterrupted() -> Result:
    search = Search(task=sorting())
    search.run()
    return search.result


@pytest.mark.parametrize(
    "dies",
    [
        *({"proposer_dies_at": n} for n in (1, 9, 20)),
        *({"task_dies_at": n} for n in (3, 120, 300, 480)),
        *(pytest.param({"proposer_dies_at": n}, marks=pytest.mark.slow) for n in (5, 8, 16, 17, 24)),
        *(pytest.param({"task_dies_at": n}, marks=pytest.mark.slow) for n in range(40, 520, 60)),
    ],
)
def test_a_job_killed_at_any_call_writes_the_same_and_asks_nothing_twice(
    uninterrupted: Result, dies: dict[str, int]
) -> None:
    search = Search(task=sorting())
    with pytest.raises(Killed):
        search.run(**dies)
    before = Counter(search.asked.answered), Counter(search.rolled.answered)
    search.run()
    assert search.result.outcome == uninterrupted.outcome
    assert search.result.spent == uninterrupted.spent
    assert max((before[1] + Counter(search.rolled.answered)).values()) == 1
    assert before[0].total() + len(search.asked.answered) == search.result.by_role["proposer"].calls
    search.run()
    assert search.result.outcome == uninterrupted.outcome
    assert search.asked.asked == search.rolled.asked == []


def test_another_seed_writes_something_else(uninterrupted: Result) -> None:
    assert Search(task=sorting(), seed=1).run() != uninterrupted.outcome.written
