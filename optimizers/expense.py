"""What a request with one prompt takes: tokens, dollars, seconds."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.evaluation.rollout import Rollout
from benchmarks.models.prices import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Expense:
    """What one request takes on average, as the endpoint counted it, the row's own text included.

    `cost_usd_per_1000` is what 1,000 requests cost, None where no price is known. `latency_s` is the median time of a
    reply, as it was measured when it was paid for: under the load of that moment.
    """

    prompt_tokens: float
    completion_tokens: float
    cost_usd_per_1000: float | None
    latency_s: float

    def cheaper_than(self, other: Expense) -> bool:
        """Whether it takes fewer tokens, prompt and completion together, and costs no more where the price is known."""
        fewer = self.prompt_tokens + self.completion_tokens < other.prompt_tokens + other.completion_tokens
        return fewer and not _above(self.cost_usd_per_1000, other.cost_usd_per_1000)


def expense_of(rollouts: Iterable[Rollout | None], price: Price | None) -> Expense | None:
    """What `rollouts` took on average; None if none of them got a reply.

    Only replies count: what was refused took nothing, which makes no prompt cheap. Costs are at `price`, whatever was
    paid when a reply first came.
    """
    replied = [rollout for rollout in rollouts if rollout is not None and rollout.reply is not None]
    if not replied:
        return None
    prompt = sum(rollout.prompt_tokens for rollout in replied)
    completion = sum(rollout.completion_tokens for rollout in replied)
    return Expense(
        prompt_tokens=prompt / len(replied),
        completion_tokens=completion / len(replied),
        cost_usd_per_1000=None if price is None else 1000 * price.cost_usd(prompt, completion) / len(replied),
        latency_s=statistics.median(rollout.latency_s for rollout in replied),
    )


def _above(cost: float | None, other: float | None) -> bool:
    return cost is not None and other is not None and cost > other
