"""What holds for every race, whatever the rows, the replies and the order in which they arrive."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.datasets.records import Example
from benchmarks.models.protocol import Message, Request
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.race import Standing, against, common_order, race
from optimizers.schedule import Rung, cost, schedule
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respond, Respondent, chance, labelled_rows, make_task, of_quality
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(60), split={"train": 0, "validation": 58, "test": 2})
ORDER = common_order(TASK.dataset.validation, 0, stratify=True)

answers = st.lists(st.sampled_from("abcd"), min_size=1, max_size=80)
races = st.tuples(st.integers(1, 12), st.integers(1, 58), st.integers(1, 400))


def entrants(count: int) -> list[Candidate]:
    """The baseline, whose prompt is the longest, and challengers; digests, and with them qualities, differ."""
    texts = ["The baseline answers {{text}}", *(f"{number}: {{{{text}}}}" for number in range(1, count))]
    prompts = [Prompt(messages=(Message(role="user", content=text),), parameters={}) for text in texts]
    return [Candidate(trial=trial, prompt=prompt, choices=None) for trial, prompt in enumerate(prompts)]


def run(
    candidates: Sequence[Candidate],
    rungs: Sequence[Rung],
    respond: Respond,
    *,
    latency: object = None,
    concurrency: int = 8,
    calls: int = 10_000,
) -> tuple[list[Standing], Evaluator]:
    def latency_s(request: Request) -> float:
        return chance(latency, request.prompt_digest, request.example_id) if latency is not None else 0.0

    async def main() -> tuple[list[Standing], Evaluator]:
        job = Job(task=TASK, caps=Caps(calls=calls), concurrency=concurrency)
        _, evaluator = job.connect(Respondent(respond=respond, latency_s=latency_s))
        return await race(candidates, order=ORDER, rungs=rungs, evaluator=evaluator), evaluator

    return in_virtual_time(main())


def rows_run(evaluator: Evaluator, candidate: Candidate) -> set[str]:
    return {example for prompt, example, _ in evaluator.rollouts if prompt == candidate.prompt.digest}


@settings(max_examples=25, deadline=None)
@given(races, st.integers(0, 10**6), st.integers(1, 16))
def test_the_order_in_which_replies_arrive_changes_nothing(
    size: tuple[int, int, int], latency: int, concurrency: int
) -> None:
    candidates, respond = entrants(size[0]), of_quality(TASK, chance)
    one, _ = run(candidates, schedule(*size), respond)
    other, _ = run(candidates, schedule(*size), respond, latency=latency, concurrency=concurrency)
    assert one == other


@settings(max_examples=25, deadline=None)
@given(races)
def test_everyone_walks_a_beginning_of_the_common_order_and_the_stopped_no_further(size: tuple[int, int, int]) -> None:
    candidates, rungs = entrants(size[0]), schedule(*size)
    standings, evaluator = run(candidates, rungs, of_quality(TASK, chance))
    assert len(standings) == rungs[0].candidates
    for standing in standings:
        assert rows_run(evaluator, standing.candidate) == {example.id for example in ORDER[: standing.rows]}
    walked = [standing.rows for standing in standings]
    assert walked == sorted(walked, reverse=True)
    for rung in rungs:
        assert sum(rows >= rung.rows for rows in walked) == rung.candidates
    assert len(evaluator.rollouts) == cost(rungs)


@settings(max_examples=25, deadline=None)
@given(races, st.floats(0, 1))
def test_the_baseline_wins_when_all_answer_alike(size: tuple[int, int, int], share: float) -> None:
    answers = {example.id: example.answer for example in ORDER}

    def alike(request: Request) -> str:
        return answers[request.example_id] if chance(request.example_id) < share else "no idea"

    candidates = entrants(size[0])
    standings, _ = run(candidates[::-1], schedule(size[0], size[1], 10_000), alike)
    assert standings[0].candidate.trial == 0


@settings(max_examples=25, deadline=None)
@given(races)
def test_on_each_rung_the_better_half_goes_on(size: tuple[int, int, int]) -> None:
    rungs = schedule(*size)
    standings, evaluator = run(entrants(size[0]), rungs, of_quality(TASK, chance))

    def mean(candidate: Candidate, rows: int) -> float:
        scores = [score for score in evaluator.scores(candidate.prompt, ORDER[:rows]) if score is not None]
        return sum(scores) / len(scores)

    for rung in rungs[:-1]:
        alive = [s for s in standings if s.rows >= rung.rows]
        stopped = [mean(s.candidate, rung.rows) for s in alive if s.rows == rung.rows]
        went_on = [mean(s.candidate, rung.rows) for s in alive if s.rows > rung.rows]
        assert min(went_on) >= max(stopped)


@settings(max_examples=25, deadline=None)
@given(races, st.integers(0, 300))
def test_a_race_ends_with_the_last_rung_that_is_paid_for(size: tuple[int, int, int], calls: int) -> None:
    rungs = schedule(*size)
    standings, evaluator = run(entrants(size[0]), rungs, of_quality(TASK, chance), calls=calls)
    paid = [rung for number, rung in enumerate(rungs) if cost(list(rungs[: number + 1])) <= calls]
    assert len(evaluator.rollouts) == cost(paid)
    assert [s.rows for s in standings[:1]] == [rung.rows for rung in paid[-1:]]


def test_rows_that_an_entrant_ran_before_are_not_run_again() -> None:
    async def main() -> tuple[int, int]:
        model = Respondent(respond=of_quality(TASK, chance))
        _, evaluator = Job(task=TASK, caps=Caps(calls=1000)).connect(model)
        first, *others = entrants(3)
        await race([first], order=ORDER, rungs=[Rung(1, 20)], evaluator=evaluator)
        before = len(model.asked)
        await race([first, *others], order=ORDER, rungs=[Rung(3, 10)], evaluator=evaluator)
        return before, len(model.asked)

    assert in_virtual_time(main()) == (20, 40)


def test_two_candidates_are_compared_on_the_rows_that_both_ran() -> None:
    candidates = entrants(3)
    _, evaluator = run(candidates, [Rung(3, 5), Rung(2, 20)], of_quality(TASK, chance))
    by_rows = sorted(candidates, key=lambda candidate: len(rows_run(evaluator, candidate)))
    shortest, longest = by_rows[0], by_rows[-1]
    pairs = zip(evaluator.scores(longest.prompt, ORDER[:5]), evaluator.scores(shortest.prompt, ORDER[:5]), strict=True)
    assert against(longest, shortest, ORDER, evaluator) == sum((a or 0) - (b or 0) for a, b in pairs) / 5
    stranger = Candidate(trial=9, prompt=Prompt(messages=(), parameters={}), choices=None)
    assert against(longest, stranger, ORDER, evaluator) is None


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
