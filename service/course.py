"""The course of a run, as it is followed beside it: what led last, and whether the seconds cap leaves time for the
proof."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from benchmarks.budget import Charge
from optimizers.evaluator import Evaluator
from optimizers.optimization import Outcome
from optimizers.overtaken import overtaken
from optimizers.plan import Plan
from optimizers.progress import Event, Leading, Notice, Observer, PhaseStarted
from optimizers.search import Problem

MARGIN = 1.5
"""How much longer than expected a proof may take, as the search counts on (`Search.hold_for_proof`)."""


@dataclass(slots=True, kw_only=True)
class Course:
    """Passes the events of a run on to `observer`, and notes what they mean for its end.

    Times are those of the journal, so that a run that is replayed says the same again.
    """

    plan: Plan
    observer: Observer
    led: Leading | None = None
    _evaluator: Evaluator | None = field(default=None, repr=False)
    _known: int = 0
    _proof_began_s: float = 0.0

    def follow(self, evaluator: Evaluator, *, known: int) -> None:
        """`evaluator` runs the job; its first `known` rollouts are free, and take no time."""
        self._evaluator, self._known = evaluator, known

    def __call__(self, event: Event) -> None:
        """Takes note of `event`, and passes it on."""
        self.observer(event)
        match event:
            case Leading():
                self.led = event
            case PhaseStarted(phase="search"):
                self._foretell()
            case PhaseStarted(phase="proof") if self._evaluator is not None:
                self._proof_began_s = self._evaluator.elapsed_s

    def _foretell(self) -> None:
        """Says so if, at the pace of the first calls, the proof alone takes longer than the seconds cap leaves."""
        evaluator = self._evaluator
        cap_s = None if evaluator is None else evaluator.budget.caps.seconds
        if evaluator is None or cap_s is None:
            return
        done, took_s = len(evaluator.rollouts) - self._known, evaluator.elapsed_s
        if done <= 0:
            return
        proof_s = self.plan.proof_calls * took_s / done
        if took_s + proof_s > cap_s:
            self.observer(
                Notice(
                    message=f"There may be no time for a proof: {_calls(done)} took {took_s:.1f} s. At that pace the "
                    f"proof's {self.plan.proof_calls} take {proof_s:.0f} s, and budget.seconds leaves "
                    f"{max(0.0, cap_s - took_s):.0f}. Without a proof nothing is promoted. Raise budget.seconds to "
                    f"{_enough_s(took_s, proof_s)} or more, or lower budget.calls so that the proof takes fewer rows."
                )
            )

    def explained(self, outcome: Outcome, problem: Problem) -> Outcome:
        """`outcome`, which says how long the proof would have taken if it was the seconds cap that left none."""
        evaluator = self._evaluator
        cap_s = None if evaluator is None else evaluator.budget.caps.seconds
        if evaluator is None or cap_s is None or outcome.proof is not None or not evaluator.out_of_time:
            return outcome
        began_s, spent = self._proof_began_s, evaluator.budget.by_phase.get("proof", Charge())
        calls = (1 if outcome.winner is outcome.baseline else 2) * min(self.plan.proof_rows, len(problem.test))
        took_s, done = evaluator.elapsed_s - began_s, spent.calls
        if not done:  # The search's pace, then.
            took_s, done = began_s, max(1, len(evaluator.rollouts) - self._known)
        needed_s = calls * took_s / done
        why = (
            f"The {cap_s:g} s of budget.seconds were over before the proof was: it began after {began_s:.0f} s, and "
            f"{spent.calls} of its {calls} calls were made. So nothing is proven and your prompt stays. Raise "
            f"budget.seconds to {_enough_s(began_s, needed_s)} or more, or lower budget.calls so that the proof takes "
            "fewer rows."
        )
        return replace(outcome, why=why)

    def overtaken(self, outcome: Outcome, problem: Problem) -> str | None:
        """Why the prompt that led last is not the one that `outcome` ended with; None if it is."""
        if self.led is None or self._evaluator is None:
            return None
        return overtaken(self.led, outcome, problem.validation, self._evaluator, problem.objective)


def _enough_s(before_s: float, proof_s: float) -> int:
    """Seconds that should do for what comes before the proof and the proof, rounded up to tens."""
    return 10 * math.ceil((before_s + MARGIN * proof_s) / 10)


def _calls(count: int) -> str:
    return "the first call" if count == 1 else f"the first {count} calls"
