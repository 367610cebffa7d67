"""The front: what a cheaper prompt costs in score, by the rows that both it and the winner ran."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Failure, FailureKind, Message, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.front import Member, as_good_in_words, front, in_words
from optimizers.objective import Objective
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respond, Respondent, labelled_rows, make_task, right_on_first
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(120), split={"train": 0, "validation": 100, "test": 20})
ROWS = TASK.dataset.validation


def candidate(trial: int, length: int) -> Candidate:
    """A prompt of `length` bytes without the row; every byte is a token."""
    text = f"{trial} ".ljust(length, "x")
    return Candidate(
        trial=trial,
        prompt=Prompt(messages=(Message(role="user", content=text + "{{text}}"),), parameters={}),
        choices=None,
    )


WINNER, CHEAPER, CHEAPEST, DEARER = candidate(1, 400), candidate(2, 300), candidate(3, 100), candidate(4, 500)
ALL = (WINNER, CHEAPER, CHEAPEST, DEARER)


def respond(right: Mapping[int, int]) -> Respond:
    """Each trial is right on the first rows, as many as `right` says."""
    by_digest = {c.prompt.digest: right[c.trial] for c in ALL if c.trial in right}
    return right_on_first(TASK, ROWS, by_digest)


def fronted(
    answer: Respond,
    rows: Mapping[int, int],
    *,
    candidates: Sequence[Candidate] = ALL,
    objective: Objective | None = None,
    latency_s: Mapping[int, float] | None = None,
) -> tuple[Member, ...]:
    """The front when each trial ran as many rows as `rows` says."""
    slow = {c.prompt.digest: (latency_s or {}).get(c.trial, 1.0) for c in ALL}

    async def main() -> tuple[Member, ...]:
        job = Job(task=TASK, caps=Caps(calls=1000))
        model = Respondent(respond=answer, latency_s=lambda request: slow[request.prompt_digest])
        _, evaluator = job.connect(model)
        for c in candidates:
            await evaluator.block([Assignment(prompt=c.prompt, example=e) for e in ROWS[: rows[c.trial]]])
        return front(WINNER, candidates, ROWS, evaluator, objective or Objective(), seed=0)

    return in_virtual_time(main())


def trials(members: Sequence[Member]) -> list[int]:
    return [member.candidate.trial for member in members]


EVERYTHING = dict.fromkeys((1, 2, 3, 4), 100)


def test_the_winner_comes_first_and_then_what_is_cheaper_the_dearest_first() -> None:
    members = fronted(respond({1: 90, 2: 88, 3: 60, 4: 90}), EVERYTHING)
    assert trials(members) == [1, 2, 3]
    assert [m.score.mean for m in members] == [0.9, 0.88, 0.6]
    assert [m.difference and m.difference.mean for m in members] == [None, -0.02, -0.3]
    assert [m.score.n for m in members] == [100] * 3
    whole = members[0].expense.prompt_tokens
    assert [whole - m.expense.prompt_tokens for m in members] == [0, 100, 300]


def test_a_cheaper_prompt_as_good_is_told_in_words() -> None:
    members = fronted(respond({1: 90, 2: 89, 3: 60, 4: 90}), EVERYTHING)
    assert [m.as_good for m in members] == [True, True, False]
    margin = 100 * members[1].margin
    share = 100 * 100 / members[0].expense.prompt_tokens
    assert as_good_in_words(members) == (
        f"Prompt 2 is as good within ±{margin:.1f} points and takes {share:.0f} % fewer prompt tokens."
    )
    assert in_words(members[0], members[0]) == "the winner"
    assert in_words(members[2], members[0]).startswith("30.0 points worse (")
    assert as_good_in_words(fronted(respond({1: 90, 2: 60, 3: 50, 4: 90}), EVERYTHING)) is None


def test_what_is_worse_and_no_cheaper_is_no_member() -> None:
    assert trials(fronted(respond({1: 90, 2: 60, 3: 70, 4: 95}), EVERYTHING)) == [1, 3]


@pytest.mark.parametrize(("rows", "found"), [(49, [1]), (50, [1, 3]), (100, [1, 3])])
def test_a_prompt_must_have_run_half_of_the_winners_rows(rows: int, found: list[int]) -> None:
    members = fronted(respond({1: 40, 3: 40}), {1: 100, 3: rows}, candidates=(WINNER, CHEAPEST))
    assert trials(members) == found


def test_a_lucky_score_on_fewer_rows_crowds_out_none_that_is_better_known() -> None:
    # On its 60 rows the cheapest prompt looks as good as the winner; on all of them nobody knows.
    members = fronted(respond({1: 60, 2: 58, 3: 60}), {1: 100, 2: 100, 3: 60}, candidates=ALL[:3])
    assert trials(members) == [1, 2, 3]
    assert members[2].score.n == 60
    members = fronted(respond({1: 60, 2: 58, 3: 60}), EVERYTHING, candidates=ALL[:3])
    assert trials(members) == [1, 3]


def test_tokens_are_compared_on_the_same_rows() -> None:
    longer = Candidate(trial=2, prompt=candidate(2, 400).prompt, choices=None)

    async def main() -> tuple[Member, ...]:
        job = Job(task=TASK, caps=Caps(calls=1000))
        _, evaluator = job.connect(Respondent(respond=lambda _: "amber"))
        short_first = sorted(ROWS, key=lambda e: len(e.inputs["text"]))
        await evaluator.block([Assignment(prompt=WINNER.prompt, example=e) for e in short_first])
        await evaluator.block([Assignment(prompt=longer.prompt, example=e) for e in short_first[:60]])
        return front(WINNER, [longer], short_first, evaluator, Objective(), seed=0)

    # Its 60 rows are shorter than all 100, but it takes as much as the winner does.
    assert trials(in_virtual_time(main())) == [1]


def test_a_faster_reply_counts_if_it_is_faster_by_a_step_of_one_half() -> None:
    slow = respond({1: 90, 4: 80})
    for seconds, found in ((1.0, [1]), (0.85, [1]), (0.5, [1, 4])):
        members = fronted(slow, EVERYTHING, candidates=(WINNER, DEARER), latency_s={4: seconds})
        assert trials(members) == found
    assert "0.50 s instead of 1.00 s per reply" in in_words(members[1], members[0])


def test_refusals_make_no_prompt_cheap() -> None:
    def refuse(request: Request) -> str | Failure:
        if request.prompt_digest == CHEAPEST.prompt.digest:
            return Failure(kind=FailureKind.CONTEXT_TOO_LONG, detail="too long")
        return "amber"

    assert trials(fronted(refuse, EVERYTHING, candidates=(WINNER, CHEAPEST))) == [1]


def test_cost_counts_where_the_price_is_known() -> None:
    price = Price(prompt_usd_per_million=1.0, completion_usd_per_million=1000.0)
    cheap_words = respond({1: 90, 4: 90})

    def long_winded(request: Request) -> str | Failure:
        answer = cheap_words(request)
        assert isinstance(answer, str)
        return answer if request.prompt_digest == DEARER.prompt.digest else answer + " " * 100

    for known, found in ((None, [1]), (price, [1, 4])):
        members = fronted(long_winded, EVERYTHING, candidates=(WINNER, DEARER), objective=Objective(price=known))
        assert trials(members) == found
        assert [m.expense.cost_usd_per_1000 is None for m in members] == [known is None] * len(found)
    assert "lower cost" in in_words(members[1], members[0])


def test_what_is_beyond_the_bounds_is_no_member() -> None:
    members = fronted(respond({1: 90, 2: 88, 3: 60, 4: 90}), EVERYTHING, objective=Objective(prompt_tokens=300))
    assert trials(members) == [1, 3]  # the winner is what it is


def test_without_any_reply_to_the_winner_there_is_no_front() -> None:
    broken = Failure(kind=FailureKind.REJECTED, detail="no")
    assert (
        fronted(lambda r: broken if r.prompt_digest == WINNER.prompt.digest else "amber", EVERYTHING,
                candidates=(CHEAPER, WINNER)) == ()
    )  # fmt: skip
