"""Of the optimizations of a home, those lend their prompts that were of the same kind and know none of the test rows;
what a job starts from is settled when it first starts."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.examples import make_examples
from benchmarks.datasets.records import Dataset, Example
from benchmarks.datasets.row_keys import row_key
from benchmarks.datasets.rows import rows_from_values
from benchmarks.models.protocol import ModelIdentity
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task
from optimizers.problem import make_problem
from service.earlier import LATEST, WarmStart, find, settle, warm_start
from service.home import Home, open_home
from service.jobs import FAILED, SUCCEEDED, Jobs
from tests.endpoints.jobs import labelled_rows, make_task
from tests.service.begun import begun

MODEL = ModelIdentity(endpoint="http://localhost:8000/v1", model="local")
ROWS = labelled_rows(60)
TASK = make_task(ROWS)
HUNDRED = make_examples(rows_from_values(labelled_rows(100)), ["text"], "label", [])
_numbers = count()


@pytest.fixture
def home(home: Home) -> Home:
    """A home whose clock advances by a second at each look."""
    seconds = count()
    return replace(home, now=lambda: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=next(seconds)))


def prompts_of(task: Task, number: int, seed: int = 0) -> list[Prompt]:
    """The first prompts of the search space of `task`, those of another seed being others."""
    space = make_problem(task, occasion="", seed=seed, allow_code=False)[0].space
    points = [{**point, "instruction": seed % len(space.instruction)} for point in space.points()]
    return [space.prompt(point) for point in points[1 : number + 1]]


def ended(
    home: Home, task: Task, prompts: Sequence[Prompt], *, status: str = SUCCEEDED, model: ModelIdentity = MODEL
) -> str:
    """The id of an optimization of `task` that has ended with `prompts`: the winner, then the runners-up."""
    jobs = Jobs(home)
    job = begun(jobs, jobs.find(f"job {next(_numbers)}", task, fresh=False), task)
    settle(job, warm_start(job, task, model, home), task, model, home)
    winner, *others = [prompt.to_json() for prompt in prompts]
    result = {"winner": {**winner, "version": 2}, "runners_up": [{"prompt": p, "score": 0.5, "n": 9} for p in others]}
    jobs.conclude(job.id, status, result=result)
    return job.id


def found(home: Home, task: Task = TASK) -> list[tuple[str, int]]:
    return [(earlier.optimization, earlier.place) for earlier in find(task, MODEL, home).prompts]


def lenders(warm: WarmStart) -> set[str]:
    return {earlier.optimization for earlier in warm.prompts}


def with_splits(rows: Sequence[Example], train: Sequence[int], validation: Sequence[int], test: Sequence[int]) -> Task:
    parts = [tuple(rows[place] for place in places) for places in (train, validation, test)]
    return replace(TASK, dataset=Dataset(train=parts[0], validation=parts[1], test=parts[2]))


def test_winners_come_before_runners_up_and_the_latest_first(home: Home) -> None:
    first = ended(home, TASK, prompts_of(TASK, 3, seed=1))
    second = ended(home, TASK, prompts_of(TASK, 3, seed=2))
    assert found(home) == [(second, 0), (first, 0), (second, 1), (first, 1)]


def test_the_same_prompt_comes_once_and_the_task_s_own_never(home: Home) -> None:
    one, two, *_ = prompts_of(TASK, 3)
    first = ended(home, TASK, [one, TASK.baseline, two])
    second = ended(home, TASK, [TASK.baseline, one])
    assert found(home) == [(first, 0), (first, 2)]
    assert find(TASK, MODEL, home).prompts[0].prompt.digest == one.digest
    assert second not in {optimization for optimization, _ in found(home)}


def test_the_same_data_come_first_and_of_these_the_same_model_s(home: Home) -> None:
    same = ended(home, TASK, prompts_of(TASK, 1, seed=1))
    other_model = ended(home, TASK, prompts_of(TASK, 1, seed=2), model=replace(MODEL, model="other"))
    alike = make_task(labelled_rows(60, seed=9))
    similar = ended(home, alike, prompts_of(alike, 1, seed=3))
    assert [optimization for optimization, _ in found(home)] == [same, other_model, similar]
    assert [earlier.similarity == 1.0 for earlier in find(TASK, MODEL, home).prompts] == [True, True, False]


@pytest.mark.parametrize(
    "other",
    [
        make_task([{**row, "label": row["label"].upper()} for row in labelled_rows(60, seed=9)]),
        make_task([{**row, "text": f"{row['text'][::-1]} {row['text'][::-2]}"} for row in labelled_rows(60, seed=9)]),
        make_task(labelled_rows(60, seed=9), metric="rouge_l"),
    ],
    ids=["other labels", "other words", "no labels"],
)
def test_other_tasks_lend_nothing(home: Home, other: Task) -> None:
    ended(home, other, prompts_of(other, 2))
    assert found(home) == []


def test_a_task_of_another_name_with_other_columns_lends(home: Home) -> None:
    rows = [{"message": row["text"], "colour": row["label"]} for row in labelled_rows(60, seed=9)]
    other = make_task(rows, name="other", inputs=["message"], output="colour", metric="macro_f1")
    assert found(home) == []
    lender = ended(home, other, prompts_of(other, 1))
    assert found(home) == [(lender, 0)]


def test_one_that_did_not_succeed_lends_nothing(home: Home) -> None:
    ended(home, TASK, prompts_of(TASK, 1), status=FAILED)
    assert found(home) == []


def test_a_job_starts_from_what_it_first_found(home: Home) -> None:
    """Also if others have ended in the meantime; one that is asked not to starts from nothing."""
    jobs = Jobs(home)
    first = ended(home, TASK, prompts_of(TASK, 2))
    job = begun(jobs, jobs.find("resumed", TASK, fresh=False), TASK)
    started = warm_start(job, TASK, MODEL, home)
    settle(job, started, TASK, MODEL, home)
    second = ended(home, TASK, prompts_of(TASK, 1, seed=2))
    resumed = warm_start(job, TASK, MODEL, home)
    assert resumed == started
    assert [earlier.prompt.factors for earlier in resumed.prompts] == [e.prompt.factors for e in started.prompts]
    settle(job, resumed, TASK, MODEL, home)
    assert lenders(warm_start(job, TASK, MODEL, home)) == {first}
    new = jobs.find("new", TASK, fresh=False)
    assert lenders(warm_start(new, TASK, MODEL, home)) == {first, second}
    assert warm_start(new, make_task(ROWS, warm_start=False), MODEL, home) == WarmStart()


def test_a_job_that_is_asked_anew_does_not_start_from_itself(home: Home) -> None:
    other = ended(home, TASK, prompts_of(TASK, 1))
    own = ended(home, TASK, prompts_of(TASK, 1, seed=1))
    again = Jobs(home).find(Jobs(home).get(own).identity, TASK, fresh=True)
    assert again.id != own
    assert lenders(warm_start(again, TASK, MODEL, home)) == {other}


def test_prompts_tuned_on_a_test_row_stay_out(home: Home) -> None:
    grown = make_task([*ROWS, *labelled_rows(80)[60:]])
    lender = ended(home, TASK, prompts_of(TASK, 2))
    tuned_on = {row_key(row) for row in (*TASK.dataset.train, *TASK.dataset.validation)}
    warm = find(grown, MODEL, home)
    assert warm.prompts == ()
    assert warm.kept_out == {lender: sum(row_key(row) in tuned_on for row in grown.dataset.test)}
    (notice,) = warm.notices(())
    assert lender in notice
    assert f"up to {warm.kept_out[lender]} of them" in notice


def test_where_the_test_rows_stay_apart_prompts_carry_over_to_data_that_have_grown(home: Home) -> None:
    rows = make_examples(rows_from_values(labelled_rows(80)), ["text"], "label", [])
    small = with_splits(rows, range(12), range(12, 36), range(60, 80))
    grown = with_splits(rows, range(20), range(20, 60), range(60, 80))
    lender = ended(home, small, prompts_of(small, 1))
    assert found(home, grown) == [(lender, 0)]


def test_what_a_lender_had_borrowed_counts_too(home: Home) -> None:
    """The second one's own rows are innocent, but its prompts may go back to those of the first."""
    rows = make_examples(rows_from_values(labelled_rows(160)), ["text"], "label", [])
    first = with_splits(rows, range(10), range(10, 40), range(140, 150))
    second = with_splits(rows, range(40, 50), range(50, 80), range(140, 160))
    third = with_splits(rows, range(80, 90), range(90, 120), range(30, 60))
    innocent = with_splits(rows, range(80, 90), range(90, 120), range(120, 160))
    tuned = ended(home, first, prompts_of(first, 1))
    heir = ended(home, second, prompts_of(second, 1, seed=1))
    assert set(found(home, innocent)) == {(tuned, 0), (heir, 0)}
    assert find(third, MODEL, home).kept_out == {tuned: 10, heir: 20}
    only_first = with_splits(rows, range(80, 90), range(90, 120), range(30, 40))
    assert find(only_first, MODEL, home).kept_out == {tuned: 10, heir: 10}


@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 10**6), seen=st.integers(30, 60), test=st.integers(5, 40), apart=st.booleans())
def test_a_prompt_enters_if_and_only_if_none_of_its_rows_is_a_test_row(
    seed: int, seen: int, test: int, apart: bool
) -> None:
    rng, everything = random.Random(seed), range(100)
    ours = rng.sample(everything, 100)
    theirs = rng.sample(everything, 100)
    if apart:  # else two random draws hardly ever are
        theirs.sort(key=lambda place: place in ours[:test])
    lending = with_splits(HUNDRED, theirs[:5], theirs[5:seen], theirs[seen:])
    task = with_splits(HUNDRED, ours[-5:], ours[test:-5], ours[:test])
    shared = len(set(theirs[:seen]) & set(ours[:test]))
    with TemporaryDirectory() as folder:
        home = open_home({"WHET_HOME": folder})
        lender = ended(home, lending, prompts_of(TASK, 1, seed=1))
        warm = find(task, MODEL, home)
        home.engine.dispose()
    assert warm.kept_out == ({lender: shared} if shared else {})
    assert [earlier.optimization for earlier in warm.prompts] == ([] if shared else [lender])


def test_what_can_be_lent_is_announced(home: Home) -> None:
    one, two = prompts_of(TASK, 2)
    lender = ended(home, TASK, [one, two])
    entering = make_problem(TASK, occasion="", seed=0, allow_code=False, earlier=find(TASK, MODEL, home).prompts)[
        0
    ].earlier
    assert list(WarmStart().notices(entering)) == [
        f"2 prompts of earlier optimizations enter as first candidates ({lender})."
    ]
    assert list(WarmStart().notices(entering[:1])) == [
        f"1 prompt of an earlier optimization enters as a first candidate ({lender})."
    ]
    assert list(WarmStart().notices(())) == []


def test_of_very_many_only_the_latest_are_looked_at(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.earlier.LATEST", 2)
    assert LATEST >= 100
    ids = [ended(home, TASK, prompts_of(TASK, 1, seed=seed)) for seed in range(1, 4)]
    assert [optimization for optimization, _ in found(home)] == [ids[2], ids[1]]
