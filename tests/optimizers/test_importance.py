"""How important each factor was, and that chance is not taken for importance."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from optimizers.board import Standing
from optimizers.importance import FEWEST_TRIALS, Importance, importance_of, in_words
from optimizers.space import DEMONSTRATION_FACTORS, Choices
from optimizers.study import Candidate

CHOICES = {"instruction": 6, "count": 3, "delimiters": 3, "placement": 2, "reasoning": 1, "style": 2, "draw": 3}
PROMPT = Prompt(messages=(Message(role="user", content="{{text}}"),), parameters={})


def standings(quality: Callable[[Choices], float], trials: int, seed: int = 0) -> list[Standing]:
    """Trials at random points, the first choice of `count` without demonstrations, on 8 to 128 rows each."""
    rng = random.Random(seed)
    found = []
    for trial in range(1, trials + 1):
        point = {name: rng.randrange(choices) for name, choices in CHOICES.items()}
        if point["count"] == 0:
            point = {name: choice for name, choice in point.items() if name not in DEMONSTRATION_FACTORS}
        rows = rng.choice([8, 32, 128])
        mean = sum(rng.random() < quality(point) for _ in range(rows)) / rows
        candidate = Candidate(trial=trial, prompt=PROMPT, choices=point)
        found.append(Standing(candidate=candidate, mean=mean, rows=rows, scored=rows, expected=mean))
    return found


def named(importance: Importance) -> list[str]:
    return [f.factor for f in importance.factors if f.p <= 0.05]


def by_delimiters(point: Choices) -> float:
    return 0.2 + 0.25 * point["delimiters"]


@pytest.fixture(scope="module")
def found() -> Importance:
    """What 40 prompts show of which the delimiters alone decided."""
    return importance_of(standings(by_delimiters, 40), seed=0)


def test_the_factor_that_matters_comes_first_and_is_told(found: Importance) -> None:
    assert named(found) == ["delimiters"] == [found.factors[0].factor]
    assert sum(f.share for f in found.factors) == pytest.approx(1.0)
    share = f"{100 * found.factors[0].share:.0f} %"
    assert in_words(found) == (
        f"What told the better half of 40 prompts from the rest: the delimiters ({share}). "
        "No other factor mattered more than chance would make it seem."
    )


def test_a_factor_without_a_choice_is_no_factor(found: Importance) -> None:
    assert {f.factor for f in found.factors} == set(CHOICES) - {"reasoning"}


def test_a_factor_that_only_some_prompts_have_can_matter() -> None:
    shown = standings(lambda point: 0.2 + 0.6 * point.get("style", 0.5), 80)
    assert named(importance_of(shown, seed=0)) == ["style"]


@pytest.mark.slow
def test_chance_is_rarely_taken_for_importance() -> None:
    false_alarms = sum(bool(named(importance_of(standings(lambda _: 0.5, 40, seed), seed))) for seed in range(30))
    assert false_alarms <= 5  # one in twenty expected; more than five by chance in 0.3 % of such tests


def test_the_order_of_candidates_and_those_outside_of_the_space_make_no_difference(found: Importance) -> None:
    tried = standings(by_delimiters, 40)
    outside = Standing(
        candidate=Candidate(trial=0, prompt=PROMPT, choices=None), mean=1.0, rows=100, scored=100, expected=1.0
    )
    never_run = Standing(
        candidate=Candidate(trial=41, prompt=PROMPT, choices={"delimiters": 0}),
        mean=0.0,
        rows=0,
        scored=0,
        expected=0.5,
    )
    assert importance_of([never_run, *tried[::-1], outside], seed=0) == found


@pytest.mark.parametrize(
    ("tried", "said"),
    [
        (standings(lambda _: 0.5, FEWEST_TRIALS - 1), f"{FEWEST_TRIALS - 1} prompts were tried; which factor matters"),
        (standings(lambda _: 1.0, FEWEST_TRIALS), "prompts tried scored too much alike"),
        ([], "0 prompts were tried"),
    ],
)
def test_where_nothing_can_be_said_it_says_why(tried: list[Standing], said: str) -> None:
    found = importance_of(tried, seed=0)
    assert found.factors == ()
    assert said in in_words(found)


def test_nothing_more_than_chance_is_told_as_that() -> None:
    found = importance_of(standings(lambda _: 0.5, 30, seed=3), seed=0)
    assert named(found) == []
    assert in_words(found) == "By 30 prompts, no factor mattered more than chance would make it seem."
