"""What holds for every race, whatever the rows, the replies and the order in which they arrive."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.datasets.records import Example
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Message, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.board import Board, Standing
from optimizers.evaluator import Evaluator
from optimizers.journal import MemoryJournal
from optimizers.race import FINALISTS, STOP_ERROR, Race, common_order, surely_beaten
from optimizers.study import Candidate
from tests.endpoints.jobs import (
    Job,
    Killed,
    Respond,
    Respondent,
    chance,
    labelled_rows,
    make_task,
    of_quality,
    truth,
    wrong,
)
from tests.endpoints.virtual_time import in_virtual_time

ROWS = 58
TASK = make_task(labelled_rows(60), split={"train": 0, "validation": ROWS, "test": 2})
ORDER = common_order(TASK.dataset.validation, 0, stratify=True)
PLACES = {example.id: place for place, example in enumerate(ORDER)}

answers = st.lists(st.sampled_from("abcd"), min_size=1, max_size=80)
sizes = st.integers(1, 12)
starts = st.integers(0, ROWS - 1)
calls_given = st.integers(0, 400)


def entrants(count: int) -> list[Candidate]:
    """The baseline, whose prompt is the longest, and challengers; digests, and with them qualities, differ."""
    texts = ["The baseline answers {{text}}", *(f"{number}: {{{{text}}}}" for number in range(1, count))]
    prompts = [Prompt(messages=(Message(role="user", content=text),), parameters={}) for text in texts]
    return [Candidate(trial=trial, prompt=prompt, choices=None) for trial, prompt in enumerate(prompts)]


@dataclass(slots=True, kw_only=True)
class Raced:
    """A race that was run. `blocks` has for each block the places that were run by trial, `ranked` who stood where
    after it, `stopped` how many rows those had run that were stopped until then."""

    evaluator: Evaluator
    standings: list[Standing] = field(default_factory=list)
    blocks: list[dict[int, list[int]]] = field(default_factory=list)
    ranked: list[list[int]] = field(default_factory=list)
    stopped: dict[int, int] = field(default_factory=dict)

    @property
    def course(self) -> tuple[Any, ...]:
        """All that was decided."""
        return self.standings, self.blocks, self.ranked, self.stopped

    def rows(self, trial: int) -> set[int]:
        return {place for block in self.blocks for place in block.get(trial, ())}


def run(
    candidates: Sequence[Candidate],
    respond: Respond,
    calls: int,
    *,
    start: int = 0,
    job: Job | None = None,
    model: Respondent | None = None,
    before: Mapping[int, Sequence[int]] | None = None,
    rivals: int = 0,
) -> Raced:
    """A race of `candidates` of which some ran rows `before`, by their places among the candidates; the first `rivals`
    are those whose match is looked for."""
    asked = model or Respondent(respond=respond)
    trials = {candidate.prompt.digest: candidate.trial for candidate in candidates}

    async def main() -> Raced:
        _, evaluator = (job or Job(task=TASK, caps=Caps(calls=10_000))).connect(asked)
        raced, board = Raced(evaluator=evaluator), Board(ORDER, evaluator)
        for number, places in (before or {}).items():
            prompt = candidates[number].prompt
            await evaluator.block([Assignment(prompt=prompt, example=ORDER[place]) for place in places])
        board.enter(candidates)
        race = Race(candidates, board=board, evaluator=evaluator, calls=calls, start=start, rivals=candidates[:rivals])
        seen = len(evaluator.rollouts)

        def on_block(standings: Sequence[Standing]) -> None:
            nonlocal seen
            block: dict[int, list[int]] = {}
            for prompt, example, _ in list(evaluator.rollouts)[seen:]:
                block.setdefault(trials[prompt], []).append(PLACES[example])
            seen = len(evaluator.rollouts)
            raced.blocks.append(block)
            raced.ranked.append([standing.candidate.trial for standing in standings])
            for candidate in race.stopped:
                raced.stopped.setdefault(candidate.trial, int(board.ran([candidate]).sum()))

        raced.standings = await race.run(on_block)
        return raced

    return in_virtual_time(main())


def qualities(seed: int) -> Respond:
    """Every prompt is right with a chance of its own, in another world for each seed."""
    return of_quality(TASK, lambda prompt: chance(seed, prompt))


def right_on(shares: Mapping[int, Callable[[int], bool]], candidates: Sequence[Candidate]) -> Respond:
    """Right on the places that `shares` says by trial."""
    trials, expected = {c.prompt.digest: c.trial for c in candidates}, truth(TASK)

    def respond(request: Request) -> str:
        answer = expected[request.example_id]
        return answer if shares[trials[request.prompt_digest]](PLACES[request.example_id]) else wrong(answer)

    return respond


# Order of arrival, and what a race that is run again does


@settings(max_examples=20, deadline=None)
@given(sizes, calls_given, st.integers(0, 10**6), st.integers(1, 16))
def test_the_order_in_which_replies_arrive_changes_nothing(
    size: int, calls: int, latency: int, concurrency: int
) -> None:
    candidates, respond = entrants(size), qualities(latency)

    def latency_s(request: Request) -> float:
        return chance(latency, request.prompt_digest, request.example_id)

    one = run(candidates, respond, calls)
    other = run(
        candidates,
        respond,
        calls,
        job=Job(task=TASK, caps=Caps(calls=10_000), concurrency=concurrency),
        model=Respondent(respond=respond, latency_s=latency_s),
    )
    assert one.course == other.course


@dataclass(slots=True)
class Dying(MemoryJournal):
    """Raises Killed right after its `dies_at`-th fact was written down."""

    dies_at: int = 0

    def record(self, point: str, fact: Mapping[str, Any]) -> None:
        MemoryJournal.record(self, point, fact)
        if len(self.facts) == self.dies_at:
            raise Killed


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 10), st.integers(10, 300), starts, st.integers(0, 2), st.data())
def test_a_rebuilt_race_equals_the_live_one(
    size: int, calls: int, start: int, rivals: int, data: st.DataObject
) -> None:
    candidates, respond = entrants(size), qualities(size)
    given: dict[str, Any] = {"start": start, "rivals": rivals, "before": dict.fromkeys(range(rivals), range(20))}
    whole = Job(task=TASK, caps=Caps(calls=10_000))
    live = run(candidates, respond, calls, job=whole, **given)
    facts = len(whole.journal.facts)
    dies_at = data.draw(st.integers(1, facts)) if facts else 0
    broken = Job(task=TASK, caps=Caps(calls=10_000), journal=Dying(dies_at=dies_at))
    first, second, third = (Respondent(respond=respond) for _ in range(3))
    if facts:
        with pytest.raises(Killed):
            run(candidates, respond, calls, job=broken, model=first, **given)
    rebuilt = run(candidates, respond, calls, job=broken, model=second, **given)
    assert rebuilt.course == live.course
    assert not set(first.answered) & set(second.asked)
    assert len(first.answered) + len(second.answered) == len(live.evaluator.rollouts)
    again = run(candidates, respond, calls, job=broken, model=third, **given)
    assert again.course == live.course
    assert third.asked == []


# Calls and rows


@settings(max_examples=40, deadline=None)
@given(sizes, calls_given, starts, st.integers(0, 99))
def test_a_race_makes_no_more_calls_than_it_is_given(size: int, calls: int, start: int, seed: int) -> None:
    candidates, model = entrants(size), Respondent(respond=qualities(seed))
    raced = run(candidates, model.respond, calls, start=start, model=model)
    assert len(model.asked) == len(raced.evaluator.rollouts) <= calls
    asked_of = min(size, max(FINALISTS, calls // 2))
    assert bool(raced.standings) == bool(raced.blocks) == (calls >= asked_of)
    # What is left would not take all finalists one row further, or everybody who is still in has run every row.
    if raced.blocks and calls - len(model.asked) >= FINALISTS:
        assert all(s.rows == ROWS for s in raced.standings)


@settings(max_examples=20, deadline=None)
@given(sizes, calls_given, st.integers(0, 300))
def test_a_race_ends_where_the_caps_do_not_pay_for_one_more_row(size: int, calls: int, cap: int) -> None:
    candidates, model = entrants(size), Respondent(respond=qualities(0))
    raced = run(candidates, model.respond, calls, job=Job(task=TASK, caps=Caps(calls=cap)), model=model)
    assert len(model.asked) == len(raced.evaluator.rollouts) <= min(cap, calls)
    left = cap - len(model.asked)
    one_row = max(FINALISTS, -(-min(size, max(FINALISTS, calls // 2)) // 2 ** len(raced.blocks)))
    if len(model.asked) < calls - size and any(standing.rows < ROWS for standing in raced.standings[:FINALISTS]):
        assert left < 2 * one_row
    if cap >= calls:
        assert raced.course == run(candidates, model.respond, calls).course


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 8), st.integers(10, 300), starts, st.data())
def test_rows_that_an_entrant_ran_before_are_not_run_again(
    size: int, calls: int, start: int, data: st.DataObject
) -> None:
    places = st.lists(st.integers(0, ROWS - 1), unique=True, max_size=ROWS)
    before = data.draw(st.dictionaries(st.integers(0, size - 1), places, max_size=3))
    model = Respondent(respond=qualities(1))
    raced = run(entrants(size), model.respond, calls, start=start, model=model, before=before)
    assert max(Counter(model.asked).values(), default=0) <= 1
    assert len(model.asked) <= calls + sum(map(len, before.values()))
    for trial, ran in before.items():
        assert not raced.rows(trial) & set(ran)


@settings(max_examples=30, deadline=None)
@given(sizes, calls_given, starts, st.integers(0, 99))
def test_all_in_play_walk_the_same_rows_from_the_start_on(size: int, calls: int, start: int, seed: int) -> None:
    raced = run(entrants(size), qualities(seed), calls, start=start)
    walk = [(start + step) % ROWS for step in range(ROWS)]
    ran: dict[int, set[int]] = {}
    for block in raced.blocks:
        far = max(walk.index(place) for places in block.values() for place in places)
        for trial, places in block.items():
            ran.setdefault(trial, set()).update(places)
            assert ran[trial] == set(walk[: far + 1])


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 8), st.integers(20, 300), starts, st.integers(0, 99))
def test_of_the_rows_that_newcomers_run_against_rivals_a_third_is_drawn(
    size: int, calls: int, start: int, seed: int
) -> None:
    before = dict.fromkeys(range(2), range(30))
    raced = run(entrants(size), qualities(seed), calls, start=start, before=before, rivals=2)
    drawn = [(start + step) % ROWS for step in range(ROWS) if (start + step) % ROWS % 3 == 0]
    walks = sorted((raced.rows(trial) for trial in range(2, size)), key=len)
    for shorter, longer in itertools.pairwise(walks):
        assert shorter <= longer
    for walk in walks:
        third = walk & set(drawn)
        assert third == set(drawn[: len(third)])
        assert abs(len(third) - len(walk) / 3) <= 1


def test_newcomers_run_the_rows_on_which_they_and_their_rivals_may_differ() -> None:
    candidates = entrants(6)
    even, odd = (lambda place: place < 30 or place % 4 < 2), (lambda place: place < 30 or place % 4 > 1)
    shares: dict[int, Callable[[int], bool]] = {n: even if n % 2 else odd for n in range(6)}
    before = dict.fromkeys(range(4), range(ROWS))
    raced = run(candidates, right_on(shares, candidates), calls=44, before=before, rivals=2)
    chosen = [place for place in raced.rows(5) if place % 3]
    assert len(chosen) >= 4
    assert all(place >= 30 for place in chosen)


@settings(max_examples=30, deadline=None)
@given(sizes, calls_given, st.integers(0, 99))
def test_after_each_block_the_better_half_goes_on(size: int, calls: int, seed: int) -> None:
    raced = run(entrants(size), qualities(seed), calls)
    in_play = min(size, max(FINALISTS, calls // 2))
    for block, following, ranked in zip(raced.blocks, raced.blocks[1:], raced.ranked, strict=False):
        assert len(block) <= in_play
        assert len(ranked) <= in_play
        in_play = max(FINALISTS, -(-in_play // 2))
        done = {trial for trial in ranked if len(raced.rows(trial)) == ROWS}
        assert set(following) <= set(ranked[:in_play]) or done


def test_a_candidate_that_was_left_behind_comes_back_when_it_looks_better_than_those_ahead() -> None:
    candidates = entrants(8)
    shares: dict[int, Callable[[int], bool]] = {n: lambda place: place < 3 for n in (0, 1, 2)}  # They begin well.
    shares |= {3: lambda _: True, 4: lambda place: place != 2}
    shares |= {n: lambda place: place == 1 for n in (5, 6, 7)}
    raced = run(candidates, right_on(shares, candidates), calls=96)
    first, second, *later = raced.blocks
    assert set(first) == set(range(8))
    assert set(second) == {0, 1, 2, 3}
    assert any(4 in block for block in later)
    assert [standing.candidate.trial for standing in raced.standings[:2]] == [3, 4]


# Stopping


def test_a_hopeless_candidate_is_stopped_and_never_runs_again() -> None:
    candidates = entrants(4)
    shares: dict[int, Callable[[int], bool]] = {
        0: lambda place: place % 10 == 0,
        1: lambda place: place % 9 > 0,
        2: lambda _: False,
        3: lambda place: place % 8 > 0,
    }
    raced = run(candidates, right_on(shares, candidates), calls=200)
    assert set(raced.stopped) == {0, 2}
    assert {standing.candidate.trial for standing in raced.standings} == {1, 3}
    assert {trial: len(raced.rows(trial)) for trial in (0, 2)} == raced.stopped
    assert max(raced.stopped.values()) < ROWS
    assert len(raced.rows(1)) == len(raced.rows(3)) == ROWS


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(50, 400), st.integers(0, 99))
def test_the_stopped_run_no_further_and_somebody_is_left(size: int, calls: int, seed: int) -> None:
    raced = run(entrants(size), qualities(seed), calls)
    assert {trial: len(raced.rows(trial)) for trial in raced.stopped} == raced.stopped
    left = {standing.candidate.trial for standing in raced.standings}
    assert left
    assert left | raced.stopped.keys() == set(range(size))
    assert not left & raced.stopped.keys()


Draw = Callable[[np.random.Generator, int, int], npt.NDArray[np.float64]]
"""Scores of so many candidates on so many rows; the first candidate is the best, or as good as any."""


def as_good(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
    return (rng.random((candidates, rows)) < 0.5).astype(float)


def hardly_worse(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
    chances = np.where(np.arange(candidates) == 0, 0.71, 0.70)
    return (rng.random((candidates, rows)) < chances[:, None]).astype(float)


def rows_differ(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
    return (rng.random((candidates, rows)) < rng.beta(0.5, 0.5, rows)).astype(float)


def between(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
    return rng.beta(0.6, 0.4, (candidates, rows))


def skewed(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
    """Equal means; the first mostly loses a little, and seldom wins much."""
    table = np.full((candidates, rows), 0.5)
    table[0] = np.where(rng.random(rows) < 0.2, 1.0, 0.375)
    return table


def share_of_races_that_stop_the_best(draw: Draw, candidates: int, *, races: int, rows: int = 120) -> float:
    """Looks after every few rows, as a race does after its blocks."""
    stopped = 0
    for race in range(races):
        scores = draw(np.random.default_rng(race), candidates, rows)
        stopped += any(surely_beaten(scores[:, :seen], candidates)[0] for seen in range(4, rows + 1, 4))
    return stopped / races


DRAWS = (as_good, hardly_worse, rows_differ, between, skewed)


@pytest.mark.parametrize(
    ("draw", "candidates"),
    [
        (rows_differ, 2),
        *(pytest.param(draw, candidates, marks=pytest.mark.slow) for draw in DRAWS for candidates in (2, 6)),
    ],
)
def test_the_best_is_stopped_no_more_often_than_stated(draw: Draw, candidates: int) -> None:
    assert share_of_races_that_stop_the_best(draw, candidates, races=300) <= STOP_ERROR


def test_one_that_is_clearly_worse_is_stopped_in_most_races() -> None:
    def clearly_worse(rng: np.random.Generator, candidates: int, rows: int) -> npt.NDArray[np.float64]:
        return (rng.random((candidates, rows)) < np.array([0.5, 0.8, 0.8])[:, None]).astype(float)

    assert share_of_races_that_stop_the_best(clearly_worse, 3, races=20) > 0.8


@pytest.mark.slow
def test_whole_races_stop_the_best_no_more_often_than_stated() -> None:
    candidates, stopped = entrants(6), 0
    for seed in range(150):
        expected = truth(TASK)

        def alike(request: Request, seed: int = seed, expected: Mapping[str, str] = expected) -> str:
            right = chance(seed, request.prompt_digest, request.example_id) < 0.6
            return expected[request.example_id] if right else "?"

        stopped += 0 in run(candidates, alike, calls=240, start=seed % ROWS).stopped
    assert stopped / 150 <= STOP_ERROR


def test_nobody_is_stopped_for_being_alone() -> None:
    assert surely_beaten(np.ones((1, 50)), 1) == [False]
    assert surely_beaten(np.empty((0, 50)), 3) == []


# The common order


def examples(answers: Sequence[str]) -> list[Example]:
    return [
        Example(id=f"{chance(number)}", inputs={}, answer=answer, slices={}, origin=f"row {number}")
        for number, answer in enumerate(answers)
    ]


@settings(max_examples=60, deadline=None)
@given(answers, st.integers(0, 99), st.booleans(), st.randoms(use_true_random=False))
def test_the_common_order_does_not_depend_on_the_order_of_the_rows(
    answers: list[str], seed: int, stratify: bool, rng: random.Random
) -> None:
    rows = examples(answers)
    order = common_order(rows, seed, stratify=stratify)
    assert order == common_order(rng.sample(rows, len(rows)), seed, stratify=stratify)
    assert sorted(example.id for example in order) == sorted(example.id for example in rows)


@settings(max_examples=60, deadline=None)
@given(answers, st.integers(0, 99))
def test_each_answer_has_about_its_share_of_every_beginning(answers: list[str], seed: int) -> None:
    order = common_order(examples(answers), seed, stratify=True)
    sizes, seen = Counter(answers), Counter[str]()
    for length, example in enumerate(order, start=1):
        seen[example.answer] += 1
        for answer, size in sizes.items():
            share = size / len(order)
            assert abs(seen[answer] - length * share) <= 1 + len(sizes) * share


def test_another_seed_gives_another_order() -> None:
    assert common_order(ORDER, 1, stratify=True) != common_order(ORDER, 2, stratify=True)
