"""What is promoted, and the words for it."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.evaluation.rollout import Rollout
from benchmarks.evidence.mcnemar import exact_mcnemar
from benchmarks.evidence.records import Interval
from optimizers.decision import decide
from optimizers.objective import Objective
from optimizers.proof import Proof

SCORE = Interval(mean=0.5, low=0.4, high=0.6, n=200)


def rollouts(prompt: str, tokens: int) -> tuple[Rollout, ...]:
    return tuple(
        Rollout(prompt_digest=prompt, example_id=str(n), score=1.0, reply="a", prompt_tokens=tokens) for n in range(200)
    )


def proof(wins: int, losses: int, *, tokens: tuple[int, int] = (300, 200), **fields: Any) -> Proof:
    """A proof on 200 rows; the winner takes `tokens[0]` per request, the baseline `tokens[1]`."""
    ours = [1.0] * wins + [0.0] * losses + [1.0] * (200 - wins - losses)
    theirs = [0.0] * wins + [1.0] * losses + [1.0] * (200 - wins - losses)
    difference = exact_mcnemar(ours, theirs, 0.95)
    usual = {
        "method": "fixed",
        "n": 200,
        "planned": 200,
        "missing": 0.0,
        "winner": SCORE,
        "baseline": SCORE,
        "difference": difference,
        "decisive": difference,
        "look": 1,
        "slices": (),
        "winner_rollouts": rollouts("w", tokens[0]),
        "baseline_rollouts": rollouts("b", tokens[1]),
    }
    return Proof(**{**usual, **fields})


def decided(found: Proof | None, *, baseline_won: bool = False, **objective: Any) -> tuple[bool, str]:
    return decide(found, Objective(**objective), baseline_won=baseline_won)


def test_a_proven_winner_is_promoted() -> None:
    promoted, why = decided(proof(20, 2))
    assert promoted
    assert why.startswith("On 200 test rows that the search never saw, the winner scores +0.090 against your prompt")
    assert why.endswith("The lower bound is above 0.")


@pytest.mark.parametrize(
    ("found", "baseline_won", "said"),
    [
        (None, False, "The proof could not be finished within the caps"),
        (proof(0, 0), True, "No candidate beat your prompt on the validation rows"),
        (proof(20, 2, missing=0.02), False, "2.0% of the test rows got no reply"),
        (proof(5, 2), False, "The lower bound is not above 0, so a gain is not proven"),
    ],
)
def test_everything_else_keeps_the_prompt(found: Proof | None, baseline_won: bool, said: str) -> None:
    promoted, why = decided(found, baseline_won=baseline_won)
    assert not promoted
    assert said in why
    assert "But it" not in why


def test_a_winner_that_is_too_dear_on_the_test_rows_is_not_promoted_however_good_it_is() -> None:
    promoted, why = decided(proof(60, 2), prompt_tokens=299)
    assert not promoted
    assert why == (
        "On 200 test rows the best candidate takes 300.0 prompt tokens per request, above 299, which objective.within "
        "allows, so your prompt stays."
    )
    assert decided(proof(60, 2), prompt_tokens=300)[0]


def test_a_baseline_beyond_the_bounds_is_told() -> None:
    for found, baseline_won in ((proof(3, 1, tokens=(100, 200)), False), (proof(0, 0), True)):
        promoted, why = decided(found, baseline_won=baseline_won, prompt_tokens=150)
        assert not promoted
        assert why.endswith("But it takes 200.0 prompt tokens per request, above 150, which objective.within allows.")
    assert "within the bounds" in why


@pytest.mark.parametrize(
    ("wins", "losses", "tokens", "margin", "promoted"),
    [
        (3, 3, (100, 200), None, False),
        (3, 3, (100, 200), 0.05, True),
        (3, 3, (100, 200), 0.01, False),
        (3, 3, (200, 200), 0.05, False),
        (3, 3, (300, 200), 0.05, False),
        (0, 20, (100, 200), 0.05, False),
        (20, 2, (300, 200), 0.05, True),
    ],
)
def test_a_cheaper_prompt_may_lose_what_the_user_lets_it(
    wins: int, losses: int, tokens: tuple[int, int], margin: float | None, promoted: bool
) -> None:
    found = proof(wins, losses, tokens=tokens)
    decision, why = decided(found, non_inferiority=margin)
    assert decision == promoted
    if promoted and not found.proven:
        assert "takes 50 % fewer tokens. The lower bound is above -0.05, which promote.non_inferiority lets" in why
