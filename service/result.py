"""The result of an optimization as the JSON that files, pages and the REST API show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.budget import ROLES, Budget, Charge
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.models.connect import Endpoint
from benchmarks.prompts.prompt import Prompt
from optimizers import ablation, importance
from optimizers.ablation import Ablation
from optimizers.earlier import SOURCE
from optimizers.front import Member, as_good_in_words, in_words
from optimizers.headroom import Headroom
from optimizers.importance import Importance
from optimizers.optimization import Outcome
from optimizers.placing import Placing
from optimizers.proof import Proof
from optimizers.rounds import Written

TOY = (
    "The model is whet's bundled toy model `tiny`, trained for this one task: its scores show how whet works and say "
    "nothing about real language models."
)
MOST_RUNNERS_UP = 4
"""So many are kept, for later optimizations to start from."""
PHASES = ("headroom", "search", "finalists", "report", "proof")


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
    judge: dict[str, Any] | None = None,
    winner_version: int | None,
    baseline_version: int,
    problems: dict[str, int],
    earlier: Sequence[Prompt] = (),
    proposer: dict[str, Any] | None = None,
    overtaken: str | None = None,
) -> dict[str, Any]:
    """Everything a user may want to know, with the names that the schema of results gives it."""
    return {
        "optimization_id": optimization_id,
        "task": task,
        "model": model_json(endpoint),
        "judge": judge,
        "proposer": proposer,
        "dataset_digest": dataset_digest,
        "seed": seed,
        "decision": outcome.decision,
        "why": outcome.why,
        "overtaken": overtaken,
        "winner": prompt_json(outcome.winner.prompt, winner_version),
        "baseline": prompt_json(outcome.baseline.prompt, baseline_version),
        "runners_up": runners_up_json(outcome),
        "earlier": [{"optimization_id": p.factors[SOURCE], "digest": p.digest} for p in earlier],
        "evidence": evidence_json(outcome.proof),
        "headroom": _headroom(outcome.headroom),
        "placing": _placing(outcome.placing),
        "front": front_json(outcome.front),
        "cheaper": as_good_in_words(outcome.front),
        "mattered": mattered_json(importance.importance_of(outcome.standings, seed), outcome.parts),
        "written": [written_json(one) for one in outcome.written],
        "refused": dict(outcome.refused),
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


def runners_up_json(outcome: Outcome) -> list[dict[str, Any]]:
    """The best candidates besides winner and baseline, the best first, with their scores on the `n` validation rows
    that they ran: what the search saw, which is no evidence."""
    known = {outcome.winner.prompt.digest, outcome.baseline.prompt.digest}
    others = [s for s in outcome.standings if s.scored and s.candidate.prompt.digest not in known]
    others.sort(key=lambda s: (-s.expected, s.candidate.trial))
    return [
        {"prompt": prompt_json(s.candidate.prompt, None), "score": s.mean, "n": s.scored}
        for s in others[:MOST_RUNNERS_UP]
    ]


def written_json(one: Written) -> dict[str, Any]:
    """An instruction that a round wrote: how, upon which hypothesis, and what the best prompt with it gained on the
    leader it was to beat, by the estimates of the search over the `n` rows that its prompts ran (null if none did)."""
    return {
        "round": one.round,
        "source": one.proposal.source,
        "instruction": one.proposal.text,
        "hypothesis": one.proposal.hypothesis,
        "gain": one.gain,
        "n": one.rows,
    }


def front_json(members: Sequence[Member]) -> list[dict[str, Any]]:
    """The prompts of the front, the winner first, with their scores on the `n` validation rows that they ran and what
    one request takes; `difference` is to the winner (null for itself)."""
    return [
        {
            "prompt": prompt_json(member.candidate.prompt, None),
            "score": interval_json(member.score),
            "n": member.score.n,
            "difference": None if member.difference is None else difference_json(member.difference),
            "as_good": member.as_good,
            "prompt_tokens": member.expense.prompt_tokens,
            "completion_tokens": member.expense.completion_tokens,
            "cost_usd_per_1000": member.expense.cost_usd_per_1000,
            "latency_s": member.expense.latency_s,
            "words": in_words(member, members[0]),
        }
        for member in members
    ]


def mattered_json(factors: Importance, parts: Sequence[Ablation]) -> dict[str, Any]:
    """What mattered among all prompts tried (`importance`) and in the winner (`ablation`), and both in words."""
    return {
        "importance": [{"factor": f.factor, "share": f.share, "p": f.p} for f in factors.factors],
        "ablation": [
            {
                "part": part.part,
                "instead": part.instead,
                "n": part.difference.n,
                "difference": {**difference_json(part.difference), "level": part.difference.level},
                "prompt_tokens": part.prompt_tokens,
            }
            for part in parts
        ],
        "words": [*ablation.in_words(parts), importance.in_words(factors)],
    }


def evidence_json(proof: Proof | None) -> dict[str, Any] | None:
    """The evidence of a proof; None where no proof was finished."""
    if proof is None:
        return None
    decisive = proof.decisive
    return {
        "split": "test",
        "method": proof.method,
        "n": proof.n,
        "planned": proof.planned,
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
    """What was spent; `usd` is None where the price is unknown, `by_phase` counts calls, and see `cached_json` and
    `by_role_json`."""
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
        "by_phase": {**dict.fromkeys(PHASES, 0), **{phase: charge.calls for phase, charge in by_phase.items()}},
        "by_role": by_role_json(budget),
    }


def by_role_json(budget: Budget) -> dict[str, Any]:
    """What was spent on the model of each role: calls, tokens of prompt and completion together, US dollars."""
    return {
        role: {"calls": charge.calls, "tokens": charge.amount.tokens, "usd": charge.cost_usd}
        for role, charge in sorted(budget.by_role.items(), key=lambda item: ROLES.index(item[0]))
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
        "spread": headroom.spread,
        "verdict": headroom.verdict,
        "why": headroom.why,
    }


def _placing(placing: Placing | None) -> dict[str, Any] | None:
    if placing is None or not placing.tells:
        return None
    return {
        "ahead": placing.ahead,
        "level": placing.level,
        "prompts": placing.prompts,
        "rows": placing.rows,
    }
