"""How the proposer model of a job did, where it failed."""

from __future__ import annotations

from collections import Counter
from typing import Any

from benchmarks.budget import PROPOSER
from benchmarks.models.protocol import FailureKind
from benchmarks.tasks.task import Task
from optimizers.journal import Journal
from optimizers.optimization import Outcome
from optimizers.plan import Plan
from optimizers.proposers.author import reasons
from optimizers.proposers.lints import Refusal
from service.connection import endpoints_of

MOST_NAMED = 3


def proposer_json(task: Task, outcome: Outcome, plan: Plan, journal: Journal) -> dict[str, Any] | None:
    """Which model wrote instructions, how many calls to it came to no instruction (`failed`), why, and both in words
    (null if none failed); None if there is no proposer model.

    What it wrote and was refused for its content is no failure, and neither is a call that the budget did not pay.
    """
    if task.spec.proposer_model is None:
        return None
    why = reasons(journal, rounds=len(plan.cohorts) + 1)
    unexplained = outcome.refused.get(Refusal.NO_REPLY.value, 0) - why.total()
    why += Counter({Refusal.NO_REPLY.value: unexplained})
    why += Counter({kind.value: outcome.refused.get(kind.value, 0) for kind in (Refusal.UNREADABLE, Refusal.TRUNCATED)})
    del why[FailureKind.UNAFFORDABLE.value]
    name, failed = endpoints_of(task.spec)[PROPOSER].name, why.total()
    return {"name": name, "failed": failed, "reasons": dict(why.most_common()), "words": _words(name, why)}


def _words(name: str, why: Counter[str]) -> str | None:
    if not why:
        return None
    failed = why.total()
    times = "once" if failed == 1 else f"{failed} times"
    named = ", ".join(f"{reason} ({number})" for reason, number in why.most_common(MOST_NAMED))
    return f"The proposer model {name} failed {times}: {named}. The search went on without what it should have written."
