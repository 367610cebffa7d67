"""Rounds on a stand-in task that edits really help with: each round's instructions are tried on validation rows, and
the next round learns from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.budget import Budget, Caps
from benchmarks.datasets.records import Example
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Failure, Request
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import Layout, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.constraints import make_constraints
from optimizers.problem import make_problem
from optimizers.progress import Notice
from optimizers.proposers.author import PHASE
from optimizers.proposers.leaks import squeezed
from optimizers.proposers.lints import Refusal
from optimizers.proposers.protocol import Proposal
from optimizers.race import Standing
from optimizers.repertoire import Repertoire, make_brief, make_repertoire, proposer_names
from optimizers.rounds import PER_ROUND, Rounds, Written
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Killed, Respondent, make_task
from tests.endpoints.proposer import LABELS, Mode, ProposerModel, SorterModel, connect, rows
from tests.endpoints.virtual_time import in_virtual_time

ROWS_TRIED = 20
GIVEN = ["Sort the parcel by its first thing.", "Where does the parcel go?"]
MODEL = {"name": "hosted_vllm/writer", "api_base": "http://localhost:1/v1"}


def sorting(**fields: Any) -> Task:
    content: dict[str, Any] = {
        "labels": list(LABELS),
        "prompt": {"instruction": "Give the label."},
        "candidates": {"instructions": GIVEN},
        "split": {"train": 40, "validation": 60, "test": 20},
        "budget": {"calls": 2000},
        "proposer_model": MODEL,
        **fields,
    }
    return make_task(rows(120), **content)


@dataclass(slots=True, kw_only=True)
class Search:
    """A plain search: in each round every new instruction is tried as one prompt on the same rows. It can be run again
    after it was killed. Of the last run: `asked` is the proposer model, `told` what it was told; `rolled` is the task
    model."""

    task: Task
    caps: Caps = field(default_factory=lambda: Caps(calls=2000))
    rounds: int = 3
    job: Job = field(init=False)
    proposer: ProposerModel = field(default_factory=ProposerModel)
    asked: Respondent = field(init=False)
    rolled: Respondent = field(init=False)
    made: Rounds = field(init=False)
    budget: Budget = field(init=False)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.job = Job(task=self.task, caps=self.caps)

    def run(self, proposer_dies_at: int | None = None, task_dies_at: int | None = None) -> list[Written]:
        """What the rounds have written, with what it gained."""
        self.told.clear()
        self.asked = Respondent(respond=self._write, dies_at=proposer_dies_at, latency_s=lambda _: 0.5)
        self.rolled = Respondent(respond=SorterModel().respond, dies_at=task_dies_at)
        self.job.events.clear()
        return in_virtual_time(self._run())

    def _write(self, request: Request) -> str | Failure:
        self.told.append("\n".join(message.content for message in request.messages))
        return self.proposer.respond(request)

    async def _run(self) -> list[Written]:
        problem, _ = make_problem(self.task, occasion="test", seed=0, allow_code=False)
        known = list(problem.space.instruction)
        _, evaluator = self.job.connect(self.rolled)
        self.budget = evaluator.budget
        self.made = Rounds(
            repertoire(self.task),
            evaluator=evaluator,
            journal=self.job.journal,
            writer=connect(self.asked, evaluator.budget, self.job.ledger),
            observer=self.job.events.append,
        )
        tried = [Candidate(trial=0, prompt=self.task.baseline, choices=None)]
        known += await self.made.propose([], known)
        for _ in range(self.rounds):
            fresh = [
                proposal for proposal in known if proposal.text not in {c.prompt.factors["instruction"] for c in tried}
            ]
            tried += [
                Candidate(trial=len(tried) + n, prompt=plain(self.task, p), choices=None) for n, p in enumerate(fresh)
            ]
            order = self.task.dataset.validation[:ROWS_TRIED]
            await evaluator.block([Assignment(prompt=c.prompt, example=e) for c in tried for e in order])
            standings = [standing(c, evaluator.scores(c.prompt, order)) for c in tried]
            self.made.learn(standings)
            known += await self.made.propose(standings, known)
        return self.made.written

    @property
    def notices(self) -> list[str]:
        return [event.message for event in self.job.events if isinstance(event, Notice)]


def repertoire(task: Task) -> Repertoire:
    constraints = make_constraints(task)
    made = make_repertoire(task, proposer_names(task), make_brief(task, constraints), constraints, seed=0)
    assert made is not None
    return made


def plain(task: Task, proposal: Proposal) -> Prompt:
    layout = Layout(instruction=proposal.text, instruction_source=proposal.source, delimiters=FAMILIES["plain"])
    return lay_out(layout, task.signature, task.parameters)


def standing(candidate: Candidate, scores: Sequence[float | None]) -> Standing:
    scored = [score for score in scores if score is not None]
    return Standing(candidate=candidate, mean=sum(scored) / len(scored), rows=len(scores), scored=len(scored))


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


def test_the_first_instructions_come_from_the_data_the_later_ones_from_all_operators() -> None:
    written = Search(task=sorting(), rounds=4).run()
    assert {one.proposal.source for one in written if one.round == 1} == {"grounded"}
    later = Counter(one.proposal.source for one in written if one.round > 1)
    assert {"reflective", "recombine", "paraphrase"} <= later.keys()


def test_a_round_writes_no_more_than_its_share() -> None:
    search = Search(task=sorting())
    written = search.run()
    assert max(Counter(one.round for one in written).values()) <= PER_ROUND
    assert search.made.calls == len(search.asked.asked) == search.budget.by_phase[PHASE].calls <= 4 * PER_ROUND
    assert search.budget.by_role["proposer"].calls == search.made.calls


def test_all_rounds_together_take_at_most_a_tenth_of_the_budget() -> None:
    search = Search(task=sorting(budget={"calls": 110}), rounds=3)
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
    search = Search(task=sorting(search={"proposers": ["reflective", "grounded"]}), rounds=4)
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
    search = Search(task=task, proposer=ProposerModel(mode=mode, secret=secret), rounds=2)
    assert search.run() == []
    assert search.made.refused == {why: search.made.calls}
    assert any(f"can be tried; {PER_ROUND} {why.value}." in notice for notice in search.notices)
    assert len(search.rolled.answered) > 2 * ROWS_TRIED


def test_where_the_budget_ends_the_search_goes_on_without_the_proposer() -> None:
    search = Search(task=sorting(), caps=Caps(calls=2000, tokens=60_000), rounds=3)
    search.run()
    assert 0 < search.made.calls < 3 * PER_ROUND
    assert any("no more calls to the proposer model" in notice for notice in search.notices)
    assert search.budget.spent.amount.tokens <= 60_000


def test_without_a_model_blocks_are_exchanged() -> None:
    task = sorting(candidates=None, proposer_model=None)
    search = Search(task=task, rounds=2)
    written = search.run()
    assert search.asked.asked == []
    assert written
    assert {one.proposal.source for one in written} == {"recombine"}
    assert {one.round for one in written} == {2, 3}


def test_messages_of_the_users_own_are_a_leader_like_others() -> None:
    messages = [{"role": "system", "content": "Give the label."}, {"role": "user", "content": "{{text}}"}]
    search = Search(
        task=sorting(prompt={"messages": messages}, candidates=None, search={"proposers": ["grounded", "fresh"]})
    )
    written = search.run()
    assert best(written) > 0.05
    assert any("Give the label." in text for text in search.told)


def test_a_rehearsal_without_a_model_has_nothing_written() -> None:
    async def main() -> list[Proposal]:
        search = Search(task=sorting())
        _, evaluator = search.job.connect(Respondent(respond=SorterModel().respond))
        rounds = Rounds(repertoire(search.task), evaluator=evaluator, journal=search.job.journal)
        return await rounds.propose([], [])

    assert in_virtual_time(main()) == []


def test_constraints_hold_for_what_is_written() -> None:
    task = sorting(constraints={"must_contain": ["label"], "must_not_contain": ["tunnel"]})
    search = Search(task=task, rounds=3)
    written = search.run()
    assert search.made.refused[Refusal.CONSTRAINTS] > 0
    assert all("label" in one.proposal.text and "tunnel" not in one.proposal.text for one in written)
    assert all("It contains this passage, word for word: label" in text for text in search.told)


@pytest.fixture(scope="module")
def uninterrupted() -> list[Written]:
    return Search(task=sorting()).run()


@pytest.mark.parametrize(
    "dies", [{"proposer_dies_at": n} for n in (1, 5, 9, 20)] + [{"task_dies_at": n} for n in (3, 90, 300)]
)
def test_a_job_killed_at_any_call_writes_the_same_and_asks_nothing_twice(
    uninterrupted: list[Written], dies: dict[str, int]
) -> None:
    search = Search(task=sorting())
    with pytest.raises(Killed):
        search.run(**dies)
    before = Counter(search.asked.answered), Counter(search.rolled.answered)
    assert search.run() == uninterrupted
    assert max((before[1] + Counter(search.rolled.answered)).values()) == 1
    assert before[0].total() + len(search.asked.answered) == search.made.calls
    assert search.run() == uninterrupted
    assert search.asked.asked == search.rolled.asked == []


def test_another_seed_writes_something_else(uninterrupted: list[Written]) -> None:
    assert Search(task=sorting(seed=1)).run() != []
