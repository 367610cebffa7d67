"""What the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from service.forecast import Forecast
from service.jobs import Job
from service.registry import Move, Overview, Version


class Optimization(BaseModel):
    """An optimization. `status` is queued, running, succeeded, failed, cancelling or cancelled; `progress` has phase,
    calls_done, calls_planned and best (the leading candidate's score on validation, which is not yet proof); `result`
    comes with success, `error` with failure."""

    id: str
    task: str
    status: str
    progress: dict[str, Any] | None
    spent: dict[str, Any] | None
    result: dict[str, Any] | None
    error: str | None
    created_at: str
    updated_at: str

    @staticmethod
    def of(job: Job) -> Optimization:
        """The optimization as the API shows it."""
        progress = dict(job.progress or {})
        spent = progress.pop("spent", None)
        return Optimization(
            id=job.id,
            task=job.task,
            status=job.status,
            progress=progress or None,
            spent=(job.result or {}).get("spent") or spent,
            result=None if job.result is None else dict(job.result),
            error=job.error,
            created_at=job.created_at,
            updated_at=job.updated_at,
        )


class Optimizations(BaseModel):
    """A page of optimizations, the newest first; without results, which each one's own address has."""

    items: list[Optimization]
    next: str | None


class ForecastReply(BaseModel):
    """What an optimization would spend at most (`calls`) and is expected to (`expected_calls`, tokens, USD; null where
    the price is unknown), and the smallest true gain that its proof would show in four runs of five. `fewest_tokens`
    and `most_tokens` span what several rehearsals took: it depends on which prompts win. `notices` say in words what
    to know before anything is spent: a key that is not set, too few human labels for a judge, constraints that the
    prompt itself violates, what the search would start from and what of it is free."""

    calls: int
    expected_calls: int
    calls_by_phase: dict[str, int]
    proof_rows: int
    candidates: int
    tokens: int
    prompt_tokens: int
    completion_tokens: int
    fewest_tokens: int
    most_tokens: int
    usd: float | None
    smallest_detectable_difference: float
    notices: list[str]

    @staticmethod
    def of(forecast: Forecast) -> ForecastReply:
        """The forecast as the API shows it."""
        spent = forecast.spent
        return ForecastReply(
            calls=forecast.most_calls,
            expected_calls=spent.calls,
            calls_by_phase={phase: charge.calls for phase, charge in forecast.by_phase.items()},
            proof_rows=forecast.plan.proof_rows,
            candidates=sum(forecast.plan.cohorts),
            tokens=spent.amount.tokens,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            fewest_tokens=forecast.fewest_tokens,
            most_tokens=forecast.most_tokens,
            usd=spent.cost_usd,
            smallest_detectable_difference=forecast.smallest_difference,
            notices=list(forecast.notices),
        )


class FrontMember(BaseModel):
    """A prompt of the front: no other is better than it in everything. Its score on the `n` validation rows that it and
    the winner ran, the `difference` to the winner there (null for the winner itself), whether nothing shows that it is
    worse (`as_good`), what one request takes, and all that in `words`. None of it is proof."""

    prompt: dict[str, Any]
    score: dict[str, float]
    n: int
    difference: dict[str, Any] | None
    as_good: bool
    prompt_tokens: float
    completion_tokens: float
    cost_usd_per_1000: float | None
    latency_s: float
    words: str


class MessageReply(BaseModel):
    """One chat message."""

    role: str
    content: str


class PromptReply(BaseModel):
    """A version of a prompt: `messages` are templates over `variables`, `config` the decoding parameters it was scored
    with, `evidence` what backs it."""

    name: str
    version: int
    digest: str
    messages: list[MessageReply]
    variables: list[str]
    config: dict[str, Any]
    reply_format: dict[str, str | None]
    factors: dict[str, Any]
    evidence: dict[str, Any] | None

    @staticmethod
    def of(found: Version) -> PromptReply:
        """The version as the API shows it."""
        prompt = found.prompt.to_json()
        return PromptReply(
            name=found.name,
            version=found.version,
            digest=prompt["digest"],
            messages=prompt["messages"],
            variables=prompt["variables"],
            config=prompt["parameters"],
            reply_format=prompt["reply_format"],
            factors=prompt["factors"],
            evidence=None if found.evidence is None else dict(found.evidence),
        )


class VersionSummary(BaseModel):
    """A version in a list."""

    version: int
    digest: str
    created_at: str
    evidence: dict[str, Any] | None


class PromptSummary(BaseModel):
    """A prompt with its versions and labels."""

    name: str
    versions: list[VersionSummary]
    labels: dict[str, int]

    @staticmethod
    def of(overview: Overview) -> PromptSummary:
        """The prompt as the API shows it."""
        return PromptSummary(
            name=overview.name,
            versions=[
                VersionSummary(
                    version=v.version,
                    digest=v.digest,
                    created_at=v.created_at,
                    evidence=None if v.evidence is None else dict(v.evidence),
                )
                for v in overview.versions
            ],
            labels=dict(overview.labels),
        )


class Prompts(BaseModel):
    """A page of prompts, by name."""

    items: list[PromptSummary]
    next: str | None


class Labelled(BaseModel):
    """Where a label points now, and which version it pointed to before."""

    name: str
    label: str
    version: int
    replaced: int | None


class LabelMove(BaseModel):
    """One move of a label."""

    version: int
    replaced: int | None
    why: str
    moved_by: str
    created_at: str

    @staticmethod
    def of(move: Move) -> LabelMove:
        """The move as the API shows it."""
        return LabelMove(
            version=move.version,
            replaced=move.replaced,
            why=move.why,
            moved_by=move.moved_by,
            created_at=move.created_at,
        )


class LabelHistory(BaseModel):
    """Every move of a label, the latest first."""

    items: list[LabelMove]


class RenderedPrompt(BaseModel):
    """The messages to send, and with which decoding parameters."""

    name: str
    version: int
    digest: str
    messages: list[MessageReply]
    config: dict[str, Any]


class Alive(BaseModel):
    """That the server answers."""

    status: str


def etag(value: str) -> str:
    """A strong entity tag."""
    return f'"{value}"'


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match header names `tag` (RFC 9110: weakly compared)."""
    if header is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in tags or tag in tags


def link_next(path: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The header that leads to the next page."""
    query = "&".join(f"{name}={value}" for name, value in parameters.items())
    return {"Link": f'<{path}?{query}>; rel="next"'}
