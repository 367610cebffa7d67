"""The result of an optimization as the JSON that files, pages and the REST API show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.budget import Budget, Charge
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.models.connect import Endpoint
from benchmarks.prompts.prompt import Prompt
from optimizers.headroom import Headroom
from optimizers.optimization import Outcome
from optimizers.placing import Placing
from optimizers.proof import Proof

TOY = (
    "The model is whet's bundled toy model `tiny`, trained for this one task: its scores show how whet works and say "
    "nothing about real language models."
)
PHASES = ("headroom", "search", "finalists", "proof")


def result_json(
    outcome: Outcome,
    *,
    optimization_id: str,
    task: str,
    endpoint: Endpoint,
    dataset_digest: str,
    seed: int,
    budget: Budget,
    seconds: float,
    server_cached_share: float | None = None,
    winner_version: int | None,
    baseline_version: int,
    problems: dict[str, int],
) -> dict[str, Any]:
    """Everything a user may want to know, with the names that the schema of results gives it."""
    return {
        "optimization_id": optimization_id,
        "task": task,
        "model": model_json(endpoint),
        "dataset_digest": dataset_digest,
        "seed": seed,
        "decision": outcome.decision,
        "why": outcome.why,
        "winner": prompt_json(outcome.winner.prompt, winner_version),
        "baseline": prompt_json(outcome.baseline.prompt, baseline_version),
        "evidence": evidence_json(outcome.proof),
        "headroom": _headroom(outcome.headroom),
        "placing": _placing(outcome.placing),
        "spent": spent_json(budget, seconds, server_cached_share),
        "trials": outcome.trials,
        "problems": problems,
    }


def model_json(endpoint: Endpoint) -> dict[str, Any]:
    """The task model; `toy` marks the bundled one, whose scores say nothing about real language models."""
    return {"name": endpoint.name, "toy": endpoint.bundled}


def prompt_json(prompt: Prompt, version: int | None) -> dict[str, Any]:
    """A prompt with its version in the registry; None where it was not registered."""
    return {**prompt.to_json(), "version": version}


def evidence_json(proof: Proof | None) -> dict[str, Any] | None:
    """The evidence of a proof; None where no proof was finished."""
    if proof is None:
        return None
    decisive = proof.decisive
    return {
        "split": "test",
        "n": proof.n,
        "missing": proof.missing,
        "winner": interval_json(proof.winner),
        "baseline": interval_json(proof.baseline),
        "difference": difference_json(proof.difference),
        "decisive": decisive and {**difference_json(decisive), "level": decisive.level, "look": proof.look},
        "slices": [
            {
                "column": part.column,
                "value": part.value,
                "n": part.n,
                "winner": part.winner,
                "baseline": part.baseline,
                "difference": difference_json(part.difference),
            }
            for part in proof.slices
        ],
        "per_1000_requests": {
            "winner": per_1000_requests(proof.winner_rollouts),
            "baseline": per_1000_requests(proof.baseline_rollouts),
        },
    }


def interval_json(interval: Interval) -> dict[str, Any]:
    """An estimate with its interval."""
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}


def difference_json(difference: PairedDifference | None) -> dict[str, Any]:
    """A paired difference; that of a prompt to itself is zero by definition and needs no test."""
    if difference is None:
        return {"mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0, "test": "none: winner and baseline are one prompt"}
    return {
        "mean": difference.mean,
        "low": difference.low,
        "high": difference.high,
        "p": difference.p,
        "test": difference.test,
    }


def per_1000_requests(rollouts: Sequence[Rollout]) -> dict[str, float | None]:
    """What a thousand requests with a prompt take, by the rollouts of its proof."""
    costs = [r.cost_usd for r in rollouts if r.cost_usd is not None]
    return {
        "prompt_tokens": 1000 * sum(r.prompt_tokens for r in rollouts) / len(rollouts),
        "completion_tokens": 1000 * sum(r.completion_tokens for r in rollouts) / len(rollouts),
        "cost_usd": 1000 * sum(costs) / len(costs) if len(costs) == len(rollouts) else None,
    }


def spent_json(budget: Budget, seconds: float, server_cached_share: float | None = None) -> dict[str, Any]:
    """What was spent; `usd` is None where the price is unknown, `by_phase` counts calls, and see `cached_json`."""
    spent, by_phase = budget.spent, budget.by_phase
    return {
        "calls": spent.calls,
        "lost_calls": spent.lost_calls,
        "ledger_hits": spent.ledger_hits,
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        **cached_json(spent, server_cached_share),
        "usd": spent.cost_usd,
        "seconds": round(seconds, 3),
        "by_phase": {phase: by_phase[phase].calls if phase in by_phase else 0 for phase in PHASES},
    }


def cached_json(spent: Charge, server_cached_share: float | None) -> dict[str, Any]:
    """What the endpoint had in its cache: tokens and their share of the prompt tokens, by its replies (None where they
    tell of none), and, for such a vLLM server, the share that it found for all its clients meanwhile."""
    return {
        "cached_tokens": spent.cached_tokens,
        "cached_share": spent.cached_share,
        "server_cached_share": None if spent.cached_tokens else server_cached_share,
    }


def _headroom(headroom: Headroom | None) -> dict[str, Any] | None:
    if headroom is None:
        return None
    return {
        "n": headroom.baseline.n,
        "baseline": interval_json(headroom.baseline),
        "best_probe": headroom.best_probe,
        "format_failures": headroom.format_failures,
        "noise": headroom.noise,
    }


def _placing(placing: Placing | None) -> dict[str, Any] | None:
    if placing is None:
        return None
    return {
        "ahead": placing.ahead,
        "level": placing.level,
        "prompts": placing.prompts,
        "rows": placing.rows,
    }
