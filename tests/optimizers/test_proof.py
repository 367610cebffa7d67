from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from benchmarks.budget import Caps
from benchmarks.evidence.looks import alpha_for_look
from benchmarks.models.protocol import Failure, FailureKind, Message, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.proof import Proof, prove
from optimizers.study import Candidate
from tests.endpoints.jobs import (
    Job,
    Respond,
    Respondent,
    labelled_rows,
    make_task,
    of_quality,
    truth,
    wrong,
)
from tests.endpoints.virtual_time import in_virtual_time

ROWS = [{**row, "channel": "mail" if number % 4 else "chat"} for number, row in enumerate(labelled_rows(250))]
TASK = make_task(ROWS, split={"train": 0, "validation": 50, "test": 200}, slices=["channel"])
TEST = TASK.dataset.test
ANSWERS = truth(TASK)
BASELINE = Candidate(trial=0, prompt=TASK.baseline, choices=None)
WINNER = Candidate(
    trial=7,
    prompt=Prompt(messages=(Message(role="user", content="Better: {{text}}"),), parameters=TASK.parameters),
    choices=None,
)


def discordant(wins: int, losses: int) -> Respond:
    """The winner alone is right on the first `wins` test rows, the baseline alone on the next `losses`."""
    won = {example.id for example in TEST[:wins]}
    lost = {example.id for example in TEST[wins : wins + losses]}

    def respond(request: Request) -> str:
        failed = lost if request.prompt_digest == WINNER.prompt.digest else won
        answer = ANSWERS[request.example_id]
        return wrong(answer) if request.example_id in failed else answer

    return respond


def without_replies(count: int, otherwise: Respond) -> Respond:
    silent = {example.id for example in TEST[-count:]} if count else set()

    def respond(request: Request) -> str | Failure:
        if request.example_id in silent and request.prompt_digest == WINNER.prompt.digest:
            return Failure(kind=FailureKind.TIMEOUT, detail="slow")
        return otherwise(request)

    return respond


def proof_of(
    respond: Respond, winner: Candidate = WINNER, job: Job | None = None, model: Respondent | None = None, **more: Any
) -> Proof | None:
    job = job or Job(task=TASK, caps=Caps(calls=1000))

    async def main() -> Proof | None:
        _, evaluator = job.connect(model or Respondent(respond=respond))
        arguments = {"rows": TEST, "test_digest": "split", "occasion": "one model", "seed": 0, **more}
        return await prove(winner, BASELINE, looks=job.looks, journal=job.journal, evaluator=evaluator, **arguments)

    return in_virtual_time(main())


def proved(*arguments: Any, **more: Any) -> Proof:
    proof = proof_of(*arguments, **more)
    assert proof is not None
    return proof


@pytest.mark.parametrize(
    ("wins", "losses"), [(0, 0), (1, 0), (5, 0), (7, 0), (20, 3), (20, 9), (20, 10), (20, 19), (40, 60)]
)
def test_a_winner_is_proven_exactly_when_the_deciding_interval_lies_above_0(wins: int, losses: int) -> None:
    proof = proved(discordant(wins, losses))
    assert proof.decisive is not None
    assert proof.difference is not None
    assert proof.difference.mean == pytest.approx((wins - losses) / 200)
    assert proof.proven == (proof.decisive.low > 0) == (wins > losses and proof.decisive.p <= alpha_for_look(1))


def test_the_card_shows_95_percent_and_the_look_decides() -> None:
    proof = proved(discordant(6, 0))  # p = 0.03125, between alpha of the first look and 0.05
    assert proof.difference is not None
    assert proof.decisive is not None
    assert (proof.difference.level, proof.decisive.level) == (0.95, 1 - alpha_for_look(1))
    assert proof.difference.low > 0 > proof.decisive.low
    assert not proof.proven


def test_each_further_look_at_a_split_must_clear_a_higher_bar() -> None:
    first = Job(task=TASK, caps=Caps(calls=1000))
    assert proved(discordant(8, 0), job=first).proven
    levels = []
    for look in (2, 3, 4):
        later = Job(task=TASK, caps=Caps(calls=1000), looks=first.looks)
        proof = proved(discordant(8, 0), job=later, occasion=f"model {look}")
        assert proof.look == look
        assert proof.decisive is not None
        levels.append(proof.decisive.level)
    assert levels == [1 - alpha_for_look(look) for look in (2, 3, 4)]
    assert not proof.proven


def test_the_same_proof_again_is_no_new_look_and_another_split_counts_for_itself() -> None:
    first = Job(task=TASK, caps=Caps(calls=1000))
    proof = proved(discordant(9, 1), job=first)
    assert proved(discordant(9, 1), job=first) == proof  # a replay
    elsewhere = Job(task=TASK, caps=Caps(calls=1000), looks=first.looks)
    assert proved(discordant(9, 1), job=elsewhere).look == 1
    assert (
        proved(discordant(9, 1), job=Job(task=TASK, caps=Caps(calls=1000), looks=first.looks), test_digest="b").look
        == 1
    )


def test_the_number_of_a_look_is_remembered_in_the_journal() -> None:
    first = Job(task=TASK, caps=Caps(calls=1000))
    proved(discordant(9, 1), job=first)
    first.looks.looks.clear()
    first.looks.count("split", "somebody else")
    assert proved(discordant(9, 1), job=first).look == 1


def test_a_baseline_that_nothing_beat_is_run_alone_and_is_no_look() -> None:
    job, model = Job(task=TASK, caps=Caps(calls=200)), Respondent(respond=of_quality(TASK, lambda _: 0.7))
    proof = proved(model.respond, BASELINE, job=job, model=model)
    assert len(model.asked) == 200
    assert (proof.difference, proof.decisive, proof.look, proof.proven) == (None, None, None, False)
    assert proof.winner == proof.baseline
    assert job.looks.looks == {}


@pytest.mark.parametrize(("silent", "proven"), [(0, True), (2, True), (3, False), (20, False)])
def test_more_than_1_percent_missing_promotes_nothing(silent: int, proven: bool) -> None:
    proof = proved(without_replies(silent, discordant(40, 0)))
    assert proof.n == 200 - silent
    assert proof.missing == pytest.approx(silent / 200)
    assert proof.decisive is not None
    assert proof.decisive.low > 0
    assert proof.proven is proven


def test_rows_are_compared_in_pairs_so_a_row_missing_for_one_counts_for_neither() -> None:
    proof = proved(without_replies(10, discordant(40, 0)))
    assert len(proof.winner_rollouts) == len(proof.baseline_rollouts) == 190
    assert [r.example_id for r in proof.winner_rollouts] == [r.example_id for r in proof.baseline_rollouts]


def test_both_prompts_take_turns_in_blocks() -> None:
    model = Respondent(respond=discordant(10, 0))
    proof_of(model.respond, model=model)
    turns = [prompt == WINNER.prompt.digest for prompt, _, _ in model.asked]
    changes = sum(one != other for one, other in itertools.pairwise(turns))
    assert changes == 7  # 200 rows in 4 blocks of two turns each


def test_slices_say_where_the_difference_lies() -> None:
    chat = {example.id for example in TEST if example.slices["channel"] == "chat"}

    def respond(request: Request) -> str:
        answer = ANSWERS[request.example_id]
        good = request.prompt_digest == WINNER.prompt.digest or request.example_id not in chat
        return answer if good else wrong(answer)

    chat_rows, mail_rows = proved(respond).slices
    assert (chat_rows.column, chat_rows.value, mail_rows.value) == ("channel", "chat", "mail")
    assert (chat_rows.n, mail_rows.n) == (len(chat), 200 - len(chat))
    assert (chat_rows.winner, chat_rows.baseline, mail_rows.winner, mail_rows.baseline) == (1.0, 0.0, 1.0, 1.0)
    assert chat_rows.difference is not None
    assert mail_rows.difference is not None
    assert chat_rows.difference.low > 0 > mail_rows.difference.low


@pytest.mark.parametrize(
    ("caps", "n"),
    [
        (Caps(calls=400), 200),
        (Caps(calls=399), 199),
        (Caps(calls=300), 150),
        (Caps(calls=2), 1),
        (Caps(calls=1000, seconds=20.0), 128),
    ],
)
def test_a_proof_that_the_caps_cut_short_is_on_the_rows_they_paid_for(caps: Caps, n: int) -> None:
    model = Respondent(respond=discordant(40, 0), latency_s=lambda _: 1.0)
    capped = Job(task=TASK, caps=caps)
    proof = proved(model.respond, job=capped, model=model)
    assert proof.n == n
    assert proof.missing == 0
    assert [rollout.example_id for rollout in proof.winner_rollouts] == [example.id for example in TEST[:n]]
    assert proved(model.respond, job=capped) == proof


def test_a_token_cap_shortens_the_proof_by_what_calls_have_taken_so_far() -> None:
    proof = proved(discordant(40, 0), job=Job(task=TASK, caps=Caps(calls=1000, tokens=20_000)))
    rollouts = [*proof.winner_rollouts, *proof.baseline_rollouts]
    assert 17_000 < sum(rollout.prompt_tokens + rollout.completion_tokens for rollout in rollouts) <= 20_000


@pytest.mark.parametrize("caps", [Caps(calls=1), Caps(calls=1000, tokens=100), Caps(calls=1000, seconds=5.0)])
def test_a_proof_without_a_row_is_none(caps: Caps) -> None:
    model = Respondent(respond=discordant(40, 0), latency_s=lambda _: 1.0)
    assert proof_of(model.respond, job=Job(task=TASK, caps=caps), model=model) is None


def test_attempts_that_were_lost_cost_the_proof_rows_not_the_result() -> None:
    lost = Counter[str]()

    def respond(request: Request) -> str | Failure:
        lost[request.example_id] += 1
        if request.example_id in {example.id for example in TEST[:5]} and lost[request.example_id] == 1:
            return Failure(kind=FailureKind.TIMEOUT, detail="slow", maybe_billed=True)
        return discordant(40, 0)(request)

    proof = proved(respond, job=Job(task=TASK, caps=Caps(calls=400)))
    assert (proof.n, proof.missing, proof.proven) == (197, 0.0, True)


def test_macro_f1_is_compared_as_a_whole() -> None:
    task = make_task(ROWS, split={"train": 0, "validation": 50, "test": 200}, metric="macro_f1")
    proof = proved(discordant(20, 0), job=Job(task=task, caps=Caps(calls=1000)), rows=TEST[:60])
    assert proof.difference is not None
    assert "bootstrap" in proof.difference.test
    assert proof.proven


def test_rows_that_lost_attempts_left_no_budget_for_are_not_missing() -> None:
    """Ten attempts were billed in vain, so the cap of two calls a row ends ten calls early."""
    lost: set[str] = set()

    def respond(request: Request) -> str | Failure:
        if request.example_id not in lost and len(lost) < 10:
            lost.add(request.example_id)
            return Failure(kind=FailureKind.TIMEOUT, detail="slow", maybe_billed=True)
        return discordant(60, 10)(request)

    proof = proof_of(respond, job=Job(task=TASK, caps=Caps(calls=2 * len(TEST))))
    assert proof is not None
    assert len(TEST) - 10 <= proof.n < len(TEST)
    assert proof.missing == 0.0
    assert proof.proven


def early(respond: Respond, **more: Any) -> Proof:
    return proved(respond, sequential=True, **more)


def test_a_sequential_proof_ends_when_the_case_is_clear() -> None:
    model = Respondent(respond=of_quality(TASK, lambda prompt: 0.9 if prompt == WINNER.prompt.digest else 0.3))
    proof = early(model.respond, model=model)
    assert (proof.method, proof.planned, proof.proven) == ("sequential", 200, True)
    assert proof.n == len(model.asked) / 2 <= 64
    assert proof.decisive is not None
    assert proof.decisive.test == "confidence sequence"
    assert {part.difference.test for part in proof.slices if part.difference} == {"confidence sequence"}
    fixed = proved(model.respond)
    assert (fixed.method, fixed.n, fixed.planned) == ("fixed", 200, 200)


def test_a_sequential_proof_ends_when_the_winner_is_clearly_worse() -> None:
    respond = of_quality(TASK, lambda prompt: 0.4 if prompt == WINNER.prompt.digest else 0.9)
    proof = early(respond)
    assert not proof.proven
    assert proof.n < 100


def test_a_sequential_proof_of_equally_good_prompts_runs_to_the_end() -> None:
    proof = early(of_quality(TASK, lambda _: 0.6))
    assert (proof.n, proof.proven) == (200, False)


def test_a_sequential_proof_ends_when_no_gain_that_could_be_shown_is_left() -> None:
    proof = early(discordant(0, 0))
    assert proof.difference is not None
    assert (proof.difference.mean, proof.proven) == (0.0, False)
    assert proof.n < 100


def test_a_winner_that_may_be_a_little_worse_is_not_given_up_for_being_no_better() -> None:
    respond = of_quality(TASK, lambda prompt: 0.5 if prompt == WINNER.prompt.digest else 0.65)
    without, allowed = early(respond), early(respond, margin=0.3)
    assert without.n < allowed.n == 200


def test_a_sequential_proof_is_one_look_however_often_it_looked() -> None:
    job = Job(task=TASK, caps=Caps(calls=1000))
    respond = of_quality(TASK, lambda prompt: 0.9 if prompt == WINNER.prompt.digest else 0.3)
    assert early(respond, job=job).look == 1
    replayed = Respondent(respond=respond)
    assert early(respond, job=job, model=replayed).look == 1
    assert replayed.asked == []
    assert {split: len(looks) for split, looks in job.looks.looks.items()} == {"split": 1}


def test_a_sequential_proof_needs_more_evidence_at_a_later_look() -> None:
    respond = of_quality(TASK, lambda prompt: 0.8 if prompt == WINNER.prompt.digest else 0.5)
    job = Job(task=TASK, caps=Caps(calls=1000))
    first = early(respond, job=job)
    for number in range(10):
        job.looks.count("split", f"somebody else's {number}")
    tenth = early(respond, job=Job(task=TASK, caps=Caps(calls=1000), looks=job.looks), occasion="another")
    assert first.n < tenth.n


def test_a_sequential_proof_goes_on_until_missing_rows_are_few() -> None:
    lost = TEST[3].id
    clear = of_quality(TASK, lambda prompt: 0.95 if prompt == WINNER.prompt.digest else 0.2)

    def respond(request: Request) -> str | Failure:
        return Failure(kind=FailureKind.TIMEOUT, detail="slow") if request.example_id == lost else clear(request)

    proof = early(respond)
    assert (proof.proven, proof.n) == (True, 111)


def test_macro_f1_is_proved_on_all_rows() -> None:
    task = make_task(ROWS, split={"train": 0, "validation": 50, "test": 200}, metric="macro_f1")
    job = Job(task=task, caps=Caps(calls=1000))
    proof = early(discordant(40, 0), job=job, rows=TEST[:60])
    assert (proof.method, proof.n) == ("fixed", 60)
