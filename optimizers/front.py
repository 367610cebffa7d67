"""The front: prompts of which none is better in everything; where a cheaper prompt as good as the winner is found.

What counts, in this order of trust: the score against the winner on the rows that both ran, prompt tokens, the cost of
1,000 requests where the price is known, and the time of a reply. Deb, "Multi-Objective Optimization using Evolutionary
Algorithms" (2001), section 2.4, has the notion of dominance; two things are added to it. The number of rows counts as
a measure of its own, so that a prompt with a lucky score on few rows crowds out none that is better known. And the
time of a reply, which depends on how busy the endpoint was, counts only where it differs by half.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evidence.compare import summarise
from benchmarks.evidence.records import Interval, PairedDifference
from benchmarks.metrics.protocol import Metric
from optimizers.evaluator import Evaluator
from optimizers.expense import Expense, expense_of
from optimizers.objective import Objective
from optimizers.paired import Pair, arm, difference, expenses, pairs
from optimizers.study import Candidate

LEAST_SHARE = 0.5
"""Of the rows that the winner ran, a prompt must have run this share to be compared with it."""

WIDEST = 0.1
"""Where an interval is wider to either side, it says nothing about being as good."""

SLOWER = 1.5
FASTEST_S = 0.2
"""Replies are told apart by their times only in steps of this factor, and all below so many seconds are alike: the rest
is the load of the moment."""

_DIGITS = 6
"""Tokens and dollars are rounded, so that what floats leave over makes no prompt cheaper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A candidate as the front weighs it: its score minus the winner's on the `n` rows for which both have one, and
    what it takes on the winner's rows, by the difference on those that both ran."""

    candidate: Candidate
    gain: float
    n: int
    expense: Expense


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A prompt of the front. `score` is over the rows that it and the winner ran, `difference` its score minus the
    winner's there, at the level 0.95; None for the winner itself."""

    candidate: Candidate
    score: Interval
    difference: PairedDifference | None
    expense: Expense

    @property
    def as_good(self) -> bool:
        """Whether nothing shows that it is worse or better than the winner."""
        return self.difference is None or self.difference.low <= 0 <= self.difference.high

    @property
    def margin(self) -> float:
        """The score by which it may differ from the winner's after all, at the level 0.95."""
        return 0.0 if self.difference is None else max(-self.difference.low, self.difference.high)


def front(
    winner: Candidate,
    candidates: Iterable[Candidate],
    rows: Sequence[Example],
    evaluator: Evaluator,
    objective: Objective,
    *,
    seed: int,
) -> tuple[Member, ...]:
    """The winner first, then the prompts of the front that take less than it in something, the dearest first.

    `rows` are validation rows, none of them chosen by what it would show. A candidate belongs to the front if it has
    run at least half of those that the winner has, if it is within the bounds of `objective`, if it takes fewer prompt
    tokens, costs less or answers faster than the winner, and if no other such candidate, and not the winner, dominates
    it. Whoever took part and in which order makes no difference to it. Empty if the winner has no replies.
    """
    own = pairs(winner.prompt, winner.prompt, rows, evaluator)
    whole = expense_of((rollout for _, rollout, _ in own), objective.price)
    if whole is None:
        return ()
    first = Contender(candidate=winner, gain=0.0, n=len(own), expense=whole)
    found: dict[str, list[Pair]] = {winner.prompt.digest: own}
    contenders = [first]
    for candidate in candidates:
        both = pairs(candidate.prompt, winner.prompt, rows, evaluator)
        if candidate.prompt.digest in found or len(both) < LEAST_SHARE * len(own):
            continue
        contender = _contender(candidate, both, whole, evaluator.metric, objective)
        if contender is not None and objective.exceeded(contender.expense) is None:
            found[candidate.prompt.digest] = both
            contenders.append(contender)
    members = [c for c in undominated(contenders) if c is not first and _less(c.expense, whole)]
    members.sort(key=lambda c: (-c.expense.prompt_tokens, c.candidate.trial))
    return tuple(_member(c, found[c.candidate.prompt.digest], evaluator.metric, seed) for c in (first, *members))


def undominated(contenders: Sequence[Contender]) -> list[Contender]:
    """Those of `contenders` that no other one dominates, in their order."""
    return [one for one in contenders if not any(dominates(other, one) for other in contenders)]


def dominates(one: Contender, other: Contender) -> bool:
    """Whether `one` is no worse than `other` in everything and better in something: the score, the rows that show it,
    prompt tokens, cost and the time of a reply. Of two that differ in time alone the faster one dominates, of two that
    are alike in all of it the earlier trial."""
    ours, theirs = _exact(one), _exact(other)
    if ours == theirs:
        return (pace(one.expense), one.candidate.trial) < (pace(other.expense), other.candidate.trial)
    return all(own >= its for own, its in zip(ours, theirs, strict=True)) and not _slower(one.expense, other.expense)


def in_words(member: Member, winner: Member) -> str:
    """How `member` compares with the winner: its score, and what it saves."""
    if member.difference is None:
        return "the winner"
    return f"{_standing(member)}; {_saving(member.expense, winner.expense)}"


def as_good_in_words(members: Sequence[Member]) -> str | None:
    """The cheapest prompt of the front that is as good as the winner, in a sentence; None if there is none."""
    alike = [
        (number, member)
        for number, member in enumerate(members, start=1)
        if member.difference and member.as_good and member.margin <= WIDEST
    ]
    if not alike:
        return None
    number, member = min(alike, key=lambda pair: pair[1].expense.prompt_tokens)
    return f"Prompt {number} is {_standing(member)} and takes {_saving(member.expense, members[0].expense)}."


def _contender(
    candidate: Candidate, both: Sequence[Pair], whole: Expense, metric: Metric, objective: Objective
) -> Contender | None:
    took = expenses(both, objective.price)
    if took is None:
        return None
    own, winners = took
    cost, winners_cost = own.cost_usd_per_1000, winners.cost_usd_per_1000
    if cost is not None and winners_cost is not None and whole.cost_usd_per_1000 is not None:
        cost = round(whole.cost_usd_per_1000 + cost - winners_cost, _DIGITS)
    return Contender(
        candidate=candidate,
        gain=_aggregate(metric, [(row, one) for row, one, _ in both])
        - _aggregate(metric, [(row, other) for row, _, other in both]),
        n=len(both),
        expense=Expense(
            prompt_tokens=round(whole.prompt_tokens + own.prompt_tokens - winners.prompt_tokens, _DIGITS),
            completion_tokens=round(
                whole.completion_tokens + own.completion_tokens - winners.completion_tokens, _DIGITS
            ),
            cost_usd_per_1000=cost,
            latency_s=own.latency_s,
        ),
    )


def _aggregate(metric: Metric, found: Sequence[tuple[Example, Rollout]]) -> float:
    own = arm([rollout for _, rollout in found])
    return metric.aggregate(own.answers, own.scores, [row for row, _ in found])


def _member(contender: Contender, both: Sequence[Pair], metric: Metric, seed: int) -> Member:
    winner = contender.candidate.prompt.digest == both[0][2].prompt_digest
    return Member(
        candidate=contender.candidate,
        score=summarise(metric, arm([one for _, one, _ in both]), [row for row, _, _ in both], seed=seed),
        difference=None if winner else difference(metric, both, seed=seed),
        expense=contender.expense,
    )


def _exact(contender: Contender) -> tuple[float, ...]:
    """Everything but the time of a reply, the more the better."""
    expense = contender.expense
    return contender.gain, contender.n, -expense.prompt_tokens, -(expense.cost_usd_per_1000 or 0.0)


def pace(expense: Expense) -> int:
    """The step of its reply's time; the lower the faster."""
    return round(math.log(max(expense.latency_s, FASTEST_S), SLOWER))


def _slower(one: Expense, other: Expense) -> bool:
    return pace(one) > pace(other)


def _less(own: Expense, winners: Expense) -> bool:
    """Whether it takes less than the winner in anything."""
    dollars = (own.cost_usd_per_1000 or 0.0) < (winners.cost_usd_per_1000 or 0.0)
    return own.prompt_tokens < winners.prompt_tokens or dollars or _slower(winners, own)


def _standing(member: Member) -> str:
    if member.difference is not None and member.as_good and member.margin > WIDEST:
        return f"told apart by too few rows ({member.difference.n}: within ±{100 * member.margin:.0f} points)"
    if member.difference is None or member.as_good:
        return f"as good within ±{100 * member.margin:.1f} points"
    ends = sorted(100 * abs(end) for end in (member.difference.low, member.difference.high))
    side = "worse" if member.difference.mean < 0 else "better"
    return f"{100 * abs(member.difference.mean):.1f} points {side} ({ends[0]:.1f} to {ends[1]:.1f})"


def _saving(own: Expense, winners: Expense) -> str:
    found = f"{_change(own.prompt_tokens, winners.prompt_tokens, 'fewer', 'more')} prompt tokens"
    if own.cost_usd_per_1000 is not None and winners.cost_usd_per_1000:
        found += f" at {_change(own.cost_usd_per_1000, winners.cost_usd_per_1000, 'lower', 'higher')} cost"
    if _slower(own, winners) or _slower(winners, own):
        found += f", {own.latency_s:.2f} s instead of {winners.latency_s:.2f} s per reply"
    return found


def _change(own: float, its: float, fewer: str, more: str) -> str:
    share = f"{100 * abs(own - its) / its:.0f} %" if its else f"{own:.0f}"
    return f"{share} {fewer if own <= its else more}"
