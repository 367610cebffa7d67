"""Whether the winner is promoted, and why, in words."""

from __future__ import annotations

from benchmarks.evidence.records import PairedDifference
from optimizers.expense import expense_of
from optimizers.objective import Objective
from optimizers.proof import MOST_MISSING, Proof


def decide(proof: Proof | None, objective: Objective, *, baseline_won: bool) -> tuple[bool, str]:
    """Whether to promote the prompt that `proof` judged (None: it could not be finished), and why.

    It is promoted if the lower bound of its difference to the baseline is above 0, or above minus the score that the
    user lets a cheaper prompt lose, and if it is within the user's bounds on the test rows, too.
    """
    if proof is None:
        return False, (
            "The proof could not be finished within the caps, so nothing is proven and your prompt stays. Run again "
            "with a larger budget."
        )
    beyond = objective.exceeded(expense_of(proof.baseline_rollouts, objective.price))
    but = f" But it {beyond}, which objective.within allows." if beyond else ""
    if baseline_won:
        return False, (
            f"No candidate{' within the bounds' if beyond else ''} beat your prompt on the validation rows, so it "
            f"stays. The score shown is your prompt's, on {proof.n} test rows.{but}"
        )
    obstacle = _obstacle(proof, objective)
    if obstacle:
        return False, f"{obstacle}{but}"
    return _judged(proof, objective, but)


def _obstacle(proof: Proof, objective: Objective) -> str | None:
    """What forbids a promotion whatever the scores are, if anything does."""
    if proof.missing > MOST_MISSING:
        return (
            f"{proof.missing:.1%} of the test rows got no reply, more than the {MOST_MISSING:.0%} that a proof allows; "
            "your prompt stays. Run again when the endpoint is reliable."
        )
    beyond = objective.exceeded(expense_of(proof.winner_rollouts, objective.price))
    if beyond:
        return (
            f"On {proof.n} test rows the best candidate {beyond}, which objective.within allows, so your prompt stays."
        )
    return None


def _judged(proof: Proof, objective: Objective, but: str) -> tuple[bool, str]:
    """What the scores say."""
    decisive = proof.decisive
    if decisive is None:
        raise AssertionError("a winner other than the baseline was compared with it")
    bar = _bar(proof, decisive)
    if proof.proven:
        return True, (
            f"On {proof.n} test rows that the search never saw, the winner scores {decisive.mean:+.3f} against your "
            f"prompt ({bar}). The lower bound is above 0."
        )
    saved = _saved(proof, objective)
    if saved and objective.non_inferiority is not None and decisive.low > -objective.non_inferiority:
        return True, (
            f"On {proof.n} test rows that the search never saw, the winner scores {decisive.mean:+.3f} against your "
            f"prompt ({bar}) and takes {100 * saved:.0f} % fewer tokens. The lower bound is above "
            f"{-objective.non_inferiority:+g}, which promote.non_inferiority lets a cheaper prompt lose."
        )
    return False, (
        f"The best candidate's difference on {proof.n} test rows is {decisive.mean:+.3f} ({bar}). The lower bound is "
        f"not above 0, so a gain is not proven and your prompt stays.{but}"
    )


def _bar(proof: Proof, decisive: PairedDifference) -> str:
    nth = f"look {proof.look} at this test split, " if proof.look and proof.look > 1 else ""
    return (
        f"{nth}deciding {decisive.level:.1%} interval {decisive.low:+.3f} to {decisive.high:+.3f}, p = {decisive.p:.2g}"
    )


def _saved(proof: Proof, objective: Objective) -> float:
    """The share of tokens that the winner takes less than the baseline, on the test rows; 0 if it is not cheaper."""
    winner = expense_of(proof.winner_rollouts, objective.price)
    baseline = expense_of(proof.baseline_rollouts, objective.price)
    if winner is None or baseline is None or not winner.cheaper_than(baseline):
        return 0.0
    took = baseline.prompt_tokens + baseline.completion_tokens
    return 1 - (winner.prompt_tokens + winner.completion_tokens) / took
