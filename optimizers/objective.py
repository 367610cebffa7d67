"""What is asked of a winner: the best score within the user's bounds, and what a cheaper prompt may lose of it.

Score comes first. A prompt beyond a bound cannot win, whatever its score: those that are surely beyond it are not even
tried (`rules_out`), the others are judged by what their replies took (`too_dear`), and once more by their replies on
the test rows (`optimizers.decision`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

from benchmarks.budget import Caps
from benchmarks.datasets.records import Example
from benchmarks.errors import TaskError
from benchmarks.models.connect import Endpoint, tariff_for
from benchmarks.models.prices import Price
from benchmarks.models.tokens import TokenCounter, token_counter
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.schema import TaskSpec
from optimizers.board import DIGITS, Standing
from optimizers.evaluator import Evaluator
from optimizers.expense import Expense, expense_of
from optimizers.paired import arm, expenses, pairs
from optimizers.study import Candidate

ROWS_TO_TELL = 10
"""So many rows that show no difference are taken to mean something."""

ROWS_COUNTED = 8
"""The tokens of a prompt that was not tried yet are counted with so many rows."""

COUNTING_ERROR = 0.1
"""A counted number of tokens may be wrong by this share; what is closer to a bound is tried and measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """Bounds on what one request with the winner may take (see `Expense`; None: no bound), and `non_inferiority`: the
    score, in (0, 1), that a prompt which takes less than the baseline may lose against it and still be promoted (None:
    nothing but a gain promotes).

    `price` is what tokens cost, None where it is not known; `counter` is there where tokens or dollars are bounded.
    """

    prompt_tokens: float | None = None
    cost_usd_per_1000: float | None = None
    latency_s: float | None = None
    non_inferiority: float | None = None
    price: Price | None = None
    counter: TokenCounter | None = None

    def exceeded(self, expense: Expense | None) -> str | None:
        """Which bound `expense` exceeds, in words; None if it keeps within all of them. Without any reply (None)
        nothing is known to keep within a bound."""
        bounds = (self.prompt_tokens, self.cost_usd_per_1000, self.latency_s)
        if expense is None:
            return None if bounds == (None, None, None) else "got no reply, so nobody knows what it takes"
        cost = expense.cost_usd_per_1000
        if self.prompt_tokens is not None and expense.prompt_tokens > self.prompt_tokens:
            return f"takes {expense.prompt_tokens:.1f} prompt tokens per request, above {self.prompt_tokens:g}"
        if self.cost_usd_per_1000 is not None and (cost is None or cost > self.cost_usd_per_1000):
            known = "an unknown price" if cost is None else f"${cost:.4f}"
            return f"costs {known} per 1,000 requests, above ${self.cost_usd_per_1000:g}"
        if self.latency_s is not None and expense.latency_s > self.latency_s:
            return f"takes {expense.latency_s:.2f} s per reply, above {self.latency_s:g} s"
        return None

    def too_dear(self, prompt: Prompt, rows: Sequence[Example], evaluator: Evaluator) -> str | None:
        """Which bound `prompt` exceeded on those of `rows` that it ran, in words; None if it kept within all."""
        return self.exceeded(expense_of((evaluator.rollout(prompt, row) for row in rows), self.price))

    def rules_out(self, prompt: Prompt, rows: Sequence[Example], known: Prompt, evaluator: Evaluator) -> str | None:
        """Why `prompt`, which was not tried yet, is surely beyond a bound, by counting its tokens; None if it may keep
        within all. What the endpoint counted for `known` (the baseline) on the same rows corrects the counting."""
        if self.counter is None or not rows:
            return None
        shown = rows[:ROWS_COUNTED]
        tokens = self._counted(self.counter, prompt, shown) * self._correction(self.counter, known, shown, evaluator)
        least = tokens * (1 - COUNTING_ERROR)
        return self.exceeded(
            Expense(
                prompt_tokens=least,
                completion_tokens=0.0,
                cost_usd_per_1000=None if self.price is None else 1000 * self.price.cost_usd(1, 0) * least,
                latency_s=0.0,
            )
        )

    def _counted(self, counter: TokenCounter, prompt: Prompt, rows: Sequence[Example]) -> float:
        return sum(counter.of_messages(prompt.render_row(row.inputs)) for row in rows) / len(rows)

    def _correction(self, counter: TokenCounter, known: Prompt, rows: Sequence[Example], evaluator: Evaluator) -> float:
        replied = [row for row in rows if (rollout := evaluator.rollout(known, row)) and rollout.prompt_tokens]
        measured = expense_of((evaluator.rollout(known, row) for row in replied), self.price)
        return 1.0 if measured is None else measured.prompt_tokens / self._counted(counter, known, replied)


def make_objective(spec: TaskSpec, endpoint: Endpoint) -> Objective:
    """The objective of a task whose model is at `endpoint`. Raises TaskError if dollars are bounded and its price is
    not known."""
    within = spec.objective.within
    price = tariff_for(endpoint, Caps(calls=1)).price
    if within is not None and within.cost_usd_per_1000 is not None and price is None:
        raise TaskError(
            f"objective.within.cost_usd_per_1000 is {within.cost_usd_per_1000:g}, but no price is known for "
            f"'{endpoint.name}'. Set {endpoint.section}.prices: {{prompt_usd_per_million: …, "
            "completion_usd_per_million: …}, or bound prompt_tokens instead."
        )
    counted = within is not None and (within.cost_usd_per_1000 is not None or within.prompt_tokens is not None)
    return Objective(
        **(within.model_dump() if within is not None else {}),
        non_inferiority=spec.promote.non_inferiority,
        price=price,
        counter=token_counter(endpoint) if counted else None,
    )


def finalists(
    survivors: Sequence[Candidate],
    baseline: Candidate,
    rows: Sequence[Example],
    evaluator: Evaluator,
    objective: Objective,
    *,
    count: int,
) -> list[Candidate]:
    """The first `count` of `survivors`, which come best first, that are within the bounds; the baseline need not be.
    Where a cheaper prompt may lose points, the best that is cheaper than the baseline joins them, if none is."""
    within = [c for c in survivors if c is baseline or objective.too_dear(c.prompt, rows, evaluator) is None]
    chosen = within[:count]
    if objective.non_inferiority is not None and not any(
        _cheaper(c, baseline, rows, evaluator, objective) for c in chosen
    ):
        chosen += [c for c in within[count:] if _cheaper(c, baseline, rows, evaluator, objective)][:1]
    return chosen


def winner_of(
    best: Sequence[Standing],
    baseline: Standing,
    rows: Sequence[Example],
    evaluator: Evaluator,
    objective: Objective,
    *,
    clear: Container[int] = (),
) -> Candidate:
    """Which of `best`, the finalists from the best on, is to be proved.

    The best within the bounds of which more is to be expected than of the baseline. Where both ran `ROWS_TO_TELL` rows
    or more it must have gained on these, unless it is among `clear`, the trials of those that are better beyond a
    doubt of one standard deviation. Else, where a cheaper prompt may lose points, the cheaper one within the bounds
    that loses least, if it loses less than it may. Else the baseline. What a set function is worth on the common
    rows decides where the metric is one.
    """
    within = [
        (standing, *_gain(standing, baseline, rows, evaluator))
        for standing in best
        if objective.too_dear(standing.candidate.prompt, rows, evaluator) is None
    ]
    if not evaluator.metric.mean_of_rows:
        within.sort(key=lambda one: -one[1])
    for standing, gained, common in within:
        ahead = standing.expected > baseline.expected or not evaluator.metric.mean_of_rows
        level = gained <= 0 and common >= ROWS_TO_TELL and standing.candidate.trial not in clear
        if ahead and not level:
            return standing.candidate
    if objective.non_inferiority is not None:
        spared = [
            (standing.candidate, standing.expected - baseline.expected)
            for standing, *_ in within
            if standing.expected - baseline.expected > -objective.non_inferiority
            and _cheaper(standing.candidate, baseline.candidate, rows, evaluator, objective)
        ]
        if spared:
            return max(spared, key=lambda pair: pair[1])[0]
    return baseline.candidate


def _gain(standing: Standing, baseline: Standing, rows: Sequence[Example], evaluator: Evaluator) -> tuple[float, int]:
    """What the candidate's metric is above that of the baseline on the rows that both ran (0 without any), and how many
    these are."""
    found = pairs(standing.candidate.prompt, baseline.candidate.prompt, rows, evaluator)
    if not found:
        return 0.0, 0
    examples = [row for row, _, _ in found]
    ours, theirs = arm([one for _, one, _ in found]), arm([other for _, _, other in found])
    aggregate = evaluator.metric.aggregate
    gained = aggregate(ours.answers, ours.scores, examples) - aggregate(theirs.answers, theirs.scores, examples)
    return round(gained, DIGITS), len(found)


def _cheaper(
    candidate: Candidate, baseline: Candidate, rows: Sequence[Example], evaluator: Evaluator, objective: Objective
) -> bool:
    """Whether `candidate` took less than the baseline on the rows to which both got replies."""
    took = expenses(pairs(candidate.prompt, baseline.prompt, rows, evaluator), objective.price)
    return took is not None and took[0].cheaper_than(took[1])
