"""What holds for every objective: no winner beyond its bounds, and none that takes more may lose a point."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.evaluation.rollout import Rollout
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from optimizers.board import Standing
from optimizers.evaluator import Evaluator
from optimizers.expense import expense_of
from optimizers.objective import Objective, finalists, winner_of
from optimizers.paired import expenses, pairs
from optimizers.study import Candidate
from tests.endpoints.jobs import Job, Respondent, labelled_rows, make_task
from tests.endpoints.virtual_time import in_virtual_time

TASK = make_task(labelled_rows(12), split={"train": 0, "validation": 10, "test": 2})
ROWS = TASK.dataset.validation
PRICE = Price(prompt_usd_per_million=1000.0, completion_usd_per_million=0.0)

Found = list[tuple[float | None, int, float, bool]]

rows = st.tuples(
    st.sampled_from([0.0, 1.0, None]), st.integers(1, 100), st.sampled_from([0.5, 1.0, 2.0]), st.booleans()
)
crowds = st.lists(st.lists(rows, min_size=0, max_size=10), min_size=2, max_size=6)
worths = st.lists(st.sampled_from([0.5, 0.505, 0.6, 0.9]), min_size=6, max_size=6)
bounds = st.one_of(st.none(), st.floats(min_value=1.0, max_value=100.0))
objectives = st.builds(
    Objective,
    prompt_tokens=bounds,
    cost_usd_per_1000=bounds,
    latency_s=st.sampled_from([None, 0.5, 1.0]),
    non_inferiority=st.sampled_from([None, 0.01, 0.5]),
    price=st.just(PRICE),
)


def evaluated(crowd: list[Found]) -> tuple[list[Candidate], Evaluator]:
    """Candidates with the rollouts that `crowd` lists: score, tokens, seconds and whether there was a reply."""

    async def main() -> Evaluator:
        return Job(task=TASK, caps=Caps(calls=1)).connect(Respondent(respond=lambda _: ""))[1]

    evaluator = in_virtual_time(main())
    candidates = []
    for trial, found in enumerate(crowd):
        prompt = Prompt(messages=(Message(role="user", content=f"{trial} {{{{text}}}}"),), parameters={})
        candidates.append(Candidate(trial=trial, prompt=prompt, choices=None))
        for row, (score, tokens, seconds, replied) in zip(ROWS, found, strict=False):
            evaluator.rollouts[prompt.digest, row.id, 0] = Rollout(
                prompt_digest=prompt.digest,
                example_id=row.id,
                score=score,
                reply="a" if replied and score is not None else None,
                prompt_tokens=tokens,
                latency_s=seconds,
            )
    return candidates, evaluator


def standings(candidates: list[Candidate], expected: list[float]) -> list[Standing]:
    """How they stand, the best first; the baseline wins ties."""
    found = [
        Standing(candidate=c, mean=worth, rows=len(ROWS), scored=len(ROWS), expected=worth)
        for c, worth in zip(candidates, expected, strict=False)
    ]
    return sorted(found, key=lambda s: (-s.expected, s.candidate.trial))


@settings(max_examples=80, deadline=None)
@given(crowds, worths, objectives)
def test_no_winner_but_the_baseline_is_ever_beyond_a_bound(
    crowd: list[Found], expected: list[float], objective: Objective
) -> None:
    candidates, evaluator = evaluated(crowd)
    best = standings(candidates, expected)
    baseline = next(s for s in best if s.candidate.trial == 0)
    entered = finalists([s.candidate for s in best], baseline.candidate, ROWS, evaluator, objective, count=3)
    winner = winner_of([s for s in best if s.candidate in entered], baseline, ROWS, evaluator, objective)
    if winner.trial == 0:
        return
    took = expense_of((evaluator.rollout(winner.prompt, row) for row in ROWS), PRICE)
    bound = (objective.prompt_tokens, objective.cost_usd_per_1000, objective.latency_s)
    assert took is not None or bound == (None, None, None)
    if took is not None:
        assert objective.prompt_tokens is None or took.prompt_tokens <= objective.prompt_tokens
        assert objective.latency_s is None or took.latency_s <= objective.latency_s
        assert took.cost_usd_per_1000 is not None
        assert objective.cost_usd_per_1000 is None or took.cost_usd_per_1000 <= objective.cost_usd_per_1000


@settings(max_examples=80, deadline=None)
@given(crowds, worths, objectives)
def test_what_is_not_better_than_the_baseline_wins_only_if_it_is_cheaper_and_may_lose_as_much(
    crowd: list[Found], expected: list[float], objective: Objective
) -> None:
    candidates, evaluator = evaluated(crowd)
    best = standings(candidates, expected)
    baseline = next(s for s in best if s.candidate.trial == 0)
    winner = winner_of(best, baseline, ROWS, evaluator, objective)
    if winner.trial == 0 or expected[winner.trial] > expected[0]:
        return
    assert objective.non_inferiority is not None
    assert expected[winner.trial] > expected[0] - objective.non_inferiority
    took = expenses(pairs(winner.prompt, baseline.candidate.prompt, ROWS, evaluator), PRICE)
    assert took is not None
    assert took[0].cheaper_than(took[1])
