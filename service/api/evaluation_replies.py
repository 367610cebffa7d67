"""What the API answers about evaluations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.comparison import Comparison
from service.evaluation_forecast import EvaluationForecast
from service.evaluation_items import Item
from service.jobs import Job
from service.result import difference_json


class EvaluatedPrompt(BaseModel):
    """The prompt of an evaluation; name and version are those in the registry, null for any other."""

    name: str | None
    version: int | None
    digest: str


class Evaluation(BaseModel):
    """An evaluation: of `prompt` on the `rows` of one split, in a ledger `epoch` (empty for the one that everything
    shares). `dataset` is null where the rows came with the request. `status` and `progress` are as for optimizations.
    The `result` comes with success: the `score` of the `n` rows that have one, with its 95 % interval, those `missing`,
    the same for each slice, which `look` at test this was (null elsewhere), what went wrong how often (`problems`),
    what 1,000 requests take, and what was spent."""

    id: str
    task: str
    prompt: EvaluatedPrompt
    dataset: str | None
    split: str
    epoch: str
    rows: int
    status: str
    priority: int
    progress: dict[str, Any] | None
    spent: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None
    created_at: str
    updated_at: str

    @staticmethod
    def of(job: Job, about: Mapping[str, Any], *, whole: bool = True) -> Evaluation:
        """The evaluation as the API shows it, without its result unless it is to be `whole`."""
        progress = dict(job.progress or {})
        spent = progress.pop("spent", None)
        return Evaluation(
            id=job.id,
            task=job.task,
            prompt=EvaluatedPrompt(**about["prompt"]),
            dataset=about["dataset"],
            split=about["split"],
            epoch=about["epoch"],
            rows=about["rows"],
            status=job.status,
            priority=job.priority,
            progress=progress or None,
            spent=(job.result or {}).get("spent") or spent,
            result=None if job.result is None or not whole else dict(job.result),
            error=job.error,
            created_at=job.created_at,
            updated_at=job.updated_at,
        )


class Evaluations(BaseModel):
    """A page of evaluations, the newest first; without results, which each one's own address has."""

    items: list[Evaluation]
    next: str | None


class EvaluationForecastReply(BaseModel):
    """What an evaluation would spend: at most `calls`, `expected_calls` without the replies that the ledger has
    already, with so many tokens and US dollars (null where the price is unknown); of a judge only the calls. Two
    prompts on so many `rows` show a true difference of `smallest_detectable_difference` in four runs of five. `notices`
    say in words what to know before anything is spent."""

    rows: int
    calls: int
    expected_calls: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    smallest_detectable_difference: float
    notices: list[str]

    @staticmethod
    def of(forecast: EvaluationForecast) -> EvaluationForecastReply:
        """The forecast as the API shows it."""
        spent = forecast.spent
        return EvaluationForecastReply(
            rows=forecast.rows,
            calls=forecast.calls,
            expected_calls=forecast.expected_calls,
            tokens=spent.amount.tokens,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            usd=spent.cost_usd,
            smallest_detectable_difference=forecast.smallest_difference,
            notices=list(forecast.notices),
        )


class EvaluationItem(BaseModel):
    """One row: the `expected` answer, the `answer` that was taken out of the `reply` (null where there was none), its
    `score` (null where it is missing), the `problem` in a word, if there was any, and its `detail`. `row` names it: the
    digest of its inputs and expected answer."""

    row: str
    split: str
    expected: str
    answer: str | None
    reply: str | None
    score: float | None
    problem: str | None
    detail: str

    @staticmethod
    def of(item: Item, split: str) -> EvaluationItem:
        """The row as the API shows it."""
        return EvaluationItem(
            row=item.row,
            split=split,
            expected=item.expected,
            answer=item.answer,
            reply=item.reply,
            score=item.score,
            problem=item.problem,
            detail=item.detail,
        )


class EvaluationItemList(BaseModel):
    """A page of rows, in the order of the dataset."""

    items: list[EvaluationItem]
    next: str | None


class ComparedArm(BaseModel):
    """One of two evaluations that are compared; `score` is that of all its rows, with its interval."""

    id: str
    prompt: EvaluatedPrompt
    epoch: str
    score: dict[str, float]
    look: int | None

    @staticmethod
    def of(job: Job, about: Mapping[str, Any]) -> ComparedArm:
        """The evaluation as a comparison shows it."""
        result = job.result or {}
        prompt = EvaluatedPrompt(**about["prompt"])
        return ComparedArm(id=job.id, prompt=prompt, epoch=about["epoch"], score=result["score"], look=result["look"])


class Flips(BaseModel):
    """The rows on which the second evaluation scores higher (`gained`) or lower (`lost`). Rows of test are named only
    to the scope admin; to others the list is null."""

    gained: int
    lost: int
    gained_rows: list[str] | None
    lost_rows: list[str] | None


class EvaluationComparison(BaseModel):
    """What evaluation `b` has on `a`: `difference` is b minus a over the `n` rows that have a score in both, with its
    95 % interval, p and the `test` used; `missing` rows have none in one of them. As many rows show a true difference
    of `smallest_detectable_difference` in four runs of five, if as many differ as here. The interval is that of one
    comparison, made once: whoever compares many prompts and takes the best has to prove it on rows not yet looked
    at."""

    a: ComparedArm
    b: ComparedArm
    n: int
    missing: int
    difference: dict[str, Any]
    flips: Flips
    smallest_detectable_difference: float

    @staticmethod
    def of(found: Comparison, a: ComparedArm, b: ComparedArm, *, named: bool) -> EvaluationComparison:
        """The comparison as the API shows it, with the rows that flipped if they may be `named`."""
        return EvaluationComparison(
            a=a,
            b=b,
            n=found.difference.n,
            missing=found.missing,
            difference=difference_json(found.difference),
            flips=Flips(
                gained=len(found.gained),
                lost=len(found.lost),
                gained_rows=list(found.gained) if named else None,
                lost_rows=list(found.lost) if named else None,
            ),
            smallest_detectable_difference=found.smallest_detectable,
        )
