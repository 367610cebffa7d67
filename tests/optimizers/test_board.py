"""The board says where candidates stand, by what they scored on the rows of the common order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from benchmarks.budget import Caps
from benchmarks.datasets.records import Example
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Failure, FailureKind, Message, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.board import Board
from optimizers.evaluator import Evaluator
from optimizers.race import common_order
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respond, Respondent, labelled_rows, make_task, truth, wrong
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 40, "test": 20})
ORDER = common_order(TASK.dataset.validation, 0, stratify=True)
ANSWERS = truth(TASK)
PLACES = {example.id: place for place, example in enumerate(ORDER)}


def candidate(trial: int, text: str) -> Candidate:
    prompt = Prompt(messages=(Message(role="user", content=text + " {{text}}"),), parameters={})
    return Candidate(trial=trial, prompt=prompt, choices=None)


BASELINE = candidate(0, "The baseline is the longest of all prompts.")
FIRST, SECOND, LONGER = candidate(1, "First."), candidate(2, "Other."), candidate(3, "Somewhat longer.")
EVERYBODY = [BASELINE, FIRST, SECOND, LONGER]


def right_on(shares: Mapping[int, Sequence[int]]) -> Respond:
    """Right on the places that `shares` says by the candidate's trial; missing at places below zero."""
    trials = {c.prompt.digest: c.trial for c in EVERYBODY}

    def respond(request: Request) -> str | Failure:
        place, answer = PLACES[request.example_id], ANSWERS[request.example_id]
        own = shares[trials[request.prompt_digest]]
        if -place in own and place:
            return Failure(kind=FailureKind.TIMEOUT, detail="no reply")
        return answer if place in own else wrong(answer)

    return respond


def board_of(
    respond: Respond, ran: Mapping[int, Sequence[int]], entered: Sequence[Candidate] = EVERYBODY
) -> tuple[Board, Evaluator]:
    """The board of `entered`, after those ran on the places that `ran` says by trial."""

    async def main() -> tuple[Board, Evaluator]:
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(Respondent(respond=respond))
        board = Board(ORDER, evaluator)
        board.enter(entered)
        for one in EVERYBODY:
            await evaluator.block([Assignment(prompt=one.prompt, example=ORDER[n]) for n in ran.get(one.trial, ())])
        return board, evaluator

    return in_virtual_time(main())


def trials(board: Board, candidates: Sequence[Candidate] = EVERYBODY, *, fair: bool = False) -> list[int]:
    return [standing.candidate.trial for standing in board.ranked(candidates, fair=fair)]


def test_a_standing_has_the_mean_over_the_rows_with_a_score() -> None:
    board, _ = board_of(right_on({0: [0, 1, 2, -4, -5]}), {0: range(8)})
    (standing,) = board.ranked([BASELINE])
    assert (standing.mean, standing.rows, standing.scored) == (0.5, 8, 6)
    assert 0.0 < standing.expected < 1.0


def test_rows_outside_of_the_order_and_repetitions_do_not_count() -> None:
    async def main() -> Board:
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(
            Respondent(respond=lambda request: ANSWERS[request.example_id])
        )
        board = Board(ORDER, evaluator)
        board.enter([BASELINE])
        rows: list[tuple[Example, int]] = [(TASK.dataset.test[0], 0), (ORDER[0], 1)]
        await evaluator.block([Assignment(prompt=BASELINE.prompt, example=e, repeat=r) for e, r in rows])
        return board

    (standing,) = in_virtual_time(main()).ranked([BASELINE])
    assert (standing.mean, standing.rows, standing.scored) == (0.0, 0, 0)


def test_who_scores_more_on_the_same_rows_stands_higher() -> None:
    board, _ = board_of(
        right_on({0: range(20), 1: range(30), 2: range(10), 3: range(38)}), {n: range(40) for n in range(4)}
    )
    assert trials(board) == [3, 1, 0, 2]
    assert trials(board, [SECOND, BASELINE]) == [0, 2]


def test_hard_rows_are_no_candidates_fault() -> None:
    # The first candidate met easy rows, the second one hard ones, on which it does better than the others do.
    easy, hard = range(20), range(20, 40)
    board, _ = board_of(
        right_on({0: easy, 1: range(19), 2: range(20, 32), 3: easy}),
        {0: range(40), 1: easy, 2: hard, 3: range(40)},
    )
    standings = {standing.candidate.trial: standing for standing in board.ranked(EVERYBODY)}
    assert standings[1].mean > standings[2].mean
    assert standings[2].expected > standings[1].expected


def test_with_nothing_known_the_baseline_is_first_then_the_shorter_then_the_earlier() -> None:
    board, _ = board_of(right_on({}), {})
    assert trials(board, EVERYBODY[::-1]) == [0, 1, 2, 3]
    assert len({standing.expected for standing in board.ranked(EVERYBODY)}) == 1


def test_where_all_rows_are_missing_nothing_is_known() -> None:
    every = [-n for n in range(1, 9)]
    board, _ = board_of(right_on({0: [1, 2, 3, 4, 5], 1: every}), {0: range(1, 6), 1: [3]})
    standings = {standing.candidate.trial: standing for standing in board.ranked(EVERYBODY)}
    assert (standings[1].rows, standings[1].scored, standings[1].mean) == (1, 0, 0.0)
    assert standings[1].expected == pytest.approx(standings[2].expected, abs=0.02)


def test_nobody_is_an_empty_ranking() -> None:
    board, _ = board_of(right_on({}), {}, entered=[])
    assert board.ranked([]) == []
    assert board.scores([]).shape == (0, 40)
    assert board.ran([]).shape == (0, 40)


def test_chosen_rows_say_who_is_better_and_nothing_about_how_good() -> None:
    # On the rows that were chosen for it the first candidate is always right, on the others as often as the second.
    drawn = [place for place in range(40) if place % 3 == 0]
    chosen = [place for place in range(40) if place % 3][:20]
    half = range(0, 40, 2)
    shares = {0: half, 1: [*chosen, *half], 2: half, 3: []}
    board, _ = board_of(right_on(shares), {0: range(40), 1: [*drawn, *chosen], 2: range(40)})
    board.chose([FIRST])
    assert not board.fair(FIRST)
    assert board.fair(SECOND)
    kept = np.flatnonzero(~np.isnan(board.scores([FIRST], fair=True)[0]))
    assert kept.tolist() == drawn == np.flatnonzero(board.drawn).tolist()
    assert np.isnan(board.scores([FIRST])[0]).sum() == 40 - len(drawn) - len(chosen)
    assert not np.isnan(board.scores([SECOND], fair=True)).any()
    first, *_ = board.ranked([FIRST, SECOND, BASELINE])
    assert first.candidate is FIRST
    fairly = {standing.candidate.trial: standing.expected for standing in board.ranked(EVERYBODY, fair=True)}
    assert fairly[1] == pytest.approx(fairly[2], abs=0.03)
    assert first.expected > fairly[1] + 0.05


def test_who_ran_all_rows_there_are_was_judged_fairly() -> None:
    board, _ = board_of(right_on({0: range(20), 1: range(30), 2: [], 3: []}), {0: range(40), 1: range(40)})
    before = board.ranked([BASELINE, FIRST], fair=True)
    board.chose([FIRST])
    assert board.fair(FIRST)
    assert board.ranked([BASELINE, FIRST], fair=True) == before


def test_rows_tell_more_the_less_sure_it_is_who_is_right() -> None:
    # Everybody is right on the first rows, nobody on the last ones, and half of them on those between.
    easy, hard = range(10), range(30, 40)
    shares = {0: range(20), 1: [*easy, *range(20, 30)], 2: range(20), 3: [*easy, *range(20, 30)]}
    board, _ = board_of(right_on(shares), {n: [*range(25), *hard] for n in range(4)})
    telling = board.telling([BASELINE, FIRST])
    assert telling.shape == (40,)
    assert ((telling >= 0) & (telling <= 0.5 + 1e-9)).all()
    between, unseen = telling[10:25].min(), telling[25:30]
    assert between > max(telling[list(easy)].max(), telling[list(hard)].max())
    assert np.ptp(unseen) == pytest.approx(0.0)


def test_the_board_follows_the_rollouts() -> None:
    async def main() -> tuple[int, int, float, float]:
        respond = right_on({0: range(4), 1: range(40), 2: [], 3: []})
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(Respondent(respond=respond))
        board = Board(ORDER, evaluator)
        board.enter([BASELINE])
        await evaluator.block([Assignment(prompt=BASELINE.prompt, example=e) for e in ORDER[:4]])
        (before,) = board.ranked([BASELINE])
        board.enter([FIRST, BASELINE])
        assert list(board.candidates.values()) == [BASELINE, FIRST]
        await evaluator.block([Assignment(prompt=c.prompt, example=e) for c in (BASELINE, FIRST) for e in ORDER[:20]])
        after = {s.candidate.trial: s for s in board.ranked([BASELINE, FIRST])}
        return before.rows, after[0].rows, before.expected, after[0].expected

    before, after, high, low = in_virtual_time(main())
    assert (before, after) == (4, 20)
    assert high > low
