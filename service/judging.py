"""A judge's part in a job: asked over its own connection, compared with people, and held to what that is worth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.budget import JUDGE, Caps
from benchmarks.digests import digest
from benchmarks.errors import BudgetError
from benchmarks.evaluation.judged import Answers, agreement_of, grading_for
from benchmarks.evaluation.rollout import Rollout
from benchmarks.evaluation.run import Assignment, run
from benchmarks.evidence.agreement import ENOUGH, Agreement
from benchmarks.evidence.records import Interval
from benchmarks.models.connect import tariff_for
from benchmarks.models.tokens import token_counter
from benchmarks.tasks.task import Task
from optimizers.evaluator import Evaluator
from optimizers.judged import CALLS_PER_ROLLOUT, JudgedEvaluator, JudgeModel
from optimizers.optimization import KEEP_BASELINE, PROMOTE, Outcome
from optimizers.plan import Plan
from optimizers.progress import Tally
from optimizers.rehearsal import JudgePart
from service.connection import Models, endpoints_of


def rollouts_of(task: Task) -> int:
    """How many rollouts the calls of the budget pay for: with a judge, each takes two calls, and what people have
    graded is graded first."""
    calls = task.spec.budget.calls
    return calls if task.spec.judge_model is None else (calls - len(task.human_labels)) // CALLS_PER_ROLLOUT


def calls_for(task: Task, rows: int) -> int:
    """The calls that an evaluation on so many rows may take."""
    return rows if task.spec.judge_model is None else rows * CALLS_PER_ROLLOUT + len(task.human_labels)


def judge_calls(task: Task, plan: Plan) -> int:
    """The calls of the judge, which `plan` does not count: one for each rollout and for each human label."""
    rollouts = plan.calls - plan.proposer_calls
    return 0 if task.spec.judge_model is None else rollouts + len(task.human_labels)


def graded_by(task: Task) -> list[str]:
    """What makes looks at a test split different besides prompts and model: who grades, and how."""
    if task.spec.judge_model is None:
        return []
    judge = endpoints_of(task.spec)[JUDGE].model_identity
    return [judge.endpoint, judge.model, digest(task.spec.metric)]


@contextmanager
def counted_in_rollouts(task: Task) -> Iterator[None]:
    """Adds to what is said within about too small a budget what a judge makes of it."""
    try:
        yield
    except BudgetError as error:
        if task.spec.judge_model is None:
            raise
        raise BudgetError(
            f"With a judge each rollout takes two calls, and the {len(task.human_labels)} human labels one each: the "
            f"{task.spec.budget.calls} calls of the budget pay for {rollouts_of(task)} rollouts. Counted in rollouts: "
            f"{error}"
        ) from None


def too_few_labels(task: Task) -> str | None:
    """Why nothing can be promoted, said before anything is spent; None where nothing stands in the way."""
    if task.spec.judge_model is None or len(task.human_labels) >= ENOUGH:
        return None
    return (
        f"There are {len(task.human_labels)} human labels for the judge. A proof may rest on a judge only if its "
        f"agreement with at least {ENOUGH} is known, so nothing will be promoted. Add rows that people graded to "
        "metric.human_labels."
    )


def make_evaluator(task: Task, models: Models, **fields: Any) -> Evaluator:
    """The evaluator of a job; `fields` are those of `Evaluator`."""
    grading, judge = grading_for(task), models.judge
    if grading is None or judge is None:
        return Evaluator(**fields)
    model = JudgeModel(
        grading=grading,
        model=judge.model,
        tariff=judge.tariff,
        at_once=judge.at_once,
        human_labels=task.human_labels,
        seed=task.spec.seed,
    )
    return JudgedEvaluator(judge=model, **fields)


def agreement_in(evaluator: Evaluator) -> Agreement | None:
    """How far the judge agreed with people in a job; None where nobody judges, or where it is not known."""
    return evaluator.agreement if isinstance(evaluator, JudgedEvaluator) else None


def withheld(outcome: Outcome, task: Task, agreement: Agreement | None) -> Outcome:
    """`outcome`, but without a promotion that rests on a judge whose agreement with people is not known."""
    known = 0 if agreement is None else agreement.n
    if outcome.decision != PROMOTE or task.spec.judge_model is None or known >= ENOUGH:
        return outcome
    why = (
        f"{outcome.why} But these are a judge's scores, and its agreement is known on {known} human labels; a proof "
        f"needs {ENOUGH}, so your prompt stays. Add rows that people graded to metric.human_labels."
    )
    return replace(outcome, decision=KEEP_BASELINE, why=why)


async def evaluated(
    task: Task, assignments: Sequence[Assignment], models: Models, tally: Tally
) -> tuple[list[Rollout], Agreement | None]:
    """The rollouts of an evaluation and, where a judge scores them, how far it agrees with people, if that is known."""
    grading, judge, answering = grading_for(task), models.judge, models.task
    rolled_out = partial(run, model=answering.model, on_rollout=tally.count, at_once=answering.at_once)
    if grading is None or judge is None:
        return await rolled_out(assignments, metric=task.metric), None
    ask = partial(run, model=judge.model, metric=grading.metric, at_once=judge.at_once)
    agreement = None
    if labels := task.human_labels:
        verdicts = await grading.verdicts([grading.example(label.row, label.reply) for label in labels], ask)
        agreement = agreement_of(labels, verdicts, binary=task.metric.binary, seed=task.spec.seed)
    answers = await rolled_out(assignments, metric=Answers(task.metric.extractor))
    return await grading.graded([assignment.example for assignment in assignments], answers, ask), agreement


def judge_part(task: Task, caps: Caps) -> JudgePart | None:
    """The judge's part in a rehearsal; None if there is no judge."""
    grading = grading_for(task)
    if grading is None:
        return None
    endpoint = endpoints_of(task.spec)[JUDGE]
    return JudgePart(
        grading=grading,
        tariff=tariff_for(endpoint, caps),
        counter=token_counter(endpoint),
        human_labels=task.human_labels,
    )


def judge_json(task: Task, agreement: Agreement | None) -> dict[str, Any] | None:
    """Which model judged, and how far it agrees with people, in numbers and in words; None if there is no judge."""
    grading = grading_for(task)
    if grading is None:
        return None
    return {
        "name": endpoints_of(task.spec)[JUDGE].name,
        "scale": list(grading.judge.scale.grades),
        "agreement": None
        if agreement is None
        else {
            "n": agreement.n,
            "ungraded": agreement.ungraded,
            "enough": agreement.enough,
            "same": _interval(agreement.same),
            "kappa": _interval(agreement.kappa),
            "spearman": _interval(agreement.spearman),
            "distance": _interval(agreement.distance),
            "words": str(agreement),
        },
    }


def _interval(interval: Interval | None) -> dict[str, float] | None:
    return None if interval is None else {"mean": interval.mean, "low": interval.low, "high": interval.high}
