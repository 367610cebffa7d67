"""What the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel

from service.forecast import Forecast
from service.jobs import Job
from service.keys import KeyRow
from service.labels import Move
from service.prompt_diff import Difference
from service.registry import Moved, Overview, Version


class Optimization(BaseModel):
    """An optimization. `status` is queued, running, succeeded, failed, cancelling or cancelled; `progress` has phase,
    calls_done, calls_planned and best (the leading candidate's score on validation, which is not yet proof); `result`
    comes with success, `error` with failure. Without a result, `best` is the prompt that leads so far and its score on
    `n` validation rows, by which it was chosen: it is not proven. Of those waiting a higher `priority` goes first."""

    id: str
    task: str
    status: str
    priority: int
    progress: dict[str, Any] | None
    best: dict[str, Any] | None
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
            priority=job.priority,
            progress=progress or None,
            best=None if job.best is None or job.result is not None else dict(job.best),
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


class Trial(BaseModel):
    """A prompt that was tried: what it was made of, its score on `n` of the validation `rows` that it ran with the
    `interval` at 95 % (null where every row is missing), the tokens that one of its requests takes, and whether the
    search went on without it (`stopped`) while it had rows left to run."""

    trial: int
    prompt_digest: str
    factors: dict[str, Any]
    score: float | None
    n: int
    interval: dict[str, float] | None
    rows: int
    prompt_tokens: float
    completion_tokens: float
    stopped: bool


class Trials(BaseModel):
    """A page of trials. They are `complete` once the optimization has ended; none is kept of one that ended before
    whet kept them. By these scores the search chose, so the best of them looks better than it is: never a `proof`."""

    items: list[Trial]
    next: str | None
    complete: bool
    proof: Literal[False]


class ForecastReply(BaseModel):
    """What an optimization would spend at most (`calls`) and is expected to (`expected_calls`, tokens, USD; null where
    the price is unknown), and the smallest true gain that its proof would show in four runs of five. `seconds`
    is how long the calls take if replies take as long as the latest of the same models in the ledger, and null where it
    holds none (`seconds_why` says which); a search waits between blocks of calls besides. `fewest_tokens` and
    `most_tokens` span what several rehearsals took: it depends on which prompts win. `notices` say in words what
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
    seconds: float | None
    seconds_why: str
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
            seconds=forecast.duration.seconds,
            seconds_why=forecast.duration.why,
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
    """A prompt with its versions, labels and tags."""

    name: str
    versions: list[VersionSummary]
    labels: dict[str, int]
    tags: list[str]

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
            tags=list(overview.tags),
        )


class Prompts(BaseModel):
    """A page of prompts, by name."""

    items: list[PromptSummary]
    next: str | None


class PromptTags(BaseModel):
    """The tags of a prompt, in the order of the alphabet."""

    name: str
    tags: list[str]


class Labelled(BaseModel):
    """Where a label points now, and which version it pointed to before."""

    name: str
    label: str
    version: int
    replaced: int | None

    @staticmethod
    def of(name: str, label: str, moved: Moved) -> Labelled:
        """The label as the API shows it."""
        return Labelled(name=name, label=label, version=moved.now.version, replaced=moved.replaced)


class LabelMove(BaseModel):
    """One move of a label. `evidence` is what backed the version then; a `rollback` took back an earlier move."""

    version: int
    replaced: int | None
    why: str
    moved_by: str
    rollback: bool
    evidence: dict[str, Any] | None
    created_at: str

    @staticmethod
    def of(move: Move) -> LabelMove:
        """The move as the API shows it."""
        return LabelMove(
            version=move.version,
            replaced=move.replaced,
            why=move.why,
            moved_by=move.moved_by,
            rollback=move.undoes is not None,
            evidence=None if move.evidence is None else dict(move.evidence),
            created_at=move.created_at,
        )


class LabelReply(LabelMove):
    """Where a label points, by the move that brought it there. A `protected` one is moved only with If-Match."""

    name: str
    label: str
    protected: bool


class LabelHistory(BaseModel):
    """A page of the moves of a label, the latest first."""

    items: list[LabelMove]
    next: str | None


class Arm(BaseModel):
    """One of two versions that are compared."""

    version: int
    digest: str


class MessageDifference(BaseModel):
    """A message in two versions. `change` is same, changed, added or removed, `diff` the unified diff of the two texts
    by lines, empty where they are the same."""

    change: str
    role: str
    diff: str


class Pair(BaseModel):
    """What one thing is in each of two versions; null where it is not there."""

    before: Any
    after: Any


class PromptDifference(BaseModel):
    """What changes from one version to another: message by message; of `config`, `reply_format` and `factors` only what
    differs; the evidence of both, whether it differs or not."""

    name: str
    before: Arm
    after: Arm
    same: bool
    messages: list[MessageDifference]
    config: dict[str, Pair]
    reply_format: dict[str, Pair]
    factors: dict[str, Pair]
    evidence: Pair

    @staticmethod
    def of(found: Difference) -> PromptDifference:
        """The difference as the API shows it."""

        def pairs(changes: Mapping[str, tuple[Any, Any]]) -> dict[str, Pair]:
            return {name: Pair(before=before, after=after) for name, (before, after) in changes.items()}

        return PromptDifference(
            name=found.before.name,
            before=Arm(version=found.before.version, digest=found.before.prompt.digest),
            after=Arm(version=found.after.version, digest=found.after.prompt.digest),
            same=found.before.prompt.digest == found.after.prompt.digest,
            messages=[MessageDifference(change=m.change, role=m.role, diff=m.diff) for m in found.messages],
            config=pairs(found.config),
            reply_format=pairs(found.reply_format),
            factors=pairs(found.factors),
            evidence=Pair(before=found.before.evidence, after=found.after.evidence),
        )


class KeyReply(BaseModel):
    """A key, without the key itself. `calls_per_day` is what the jobs may spend that are asked for with it on one day
    (UTC), null for no limit; `calls_today` what is spent or reserved of that. `last_used_at` may lag by a minute."""

    id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    calls_per_day: int | None
    calls_today: int

    @staticmethod
    def of(row: KeyRow, calls_today: int) -> KeyReply:
        """The key as the API shows it."""
        return KeyReply(
            id=row.id,
            name=row.name,
            scopes=list(row.scopes),
            created_at=row.created_at,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
            calls_per_day=row.calls_per_day,
            calls_today=calls_today,
        )


class NewKey(KeyReply):
    """A new key, which is shown this once: `key` goes after `Bearer ` in the header Authorization."""

    key: str


class KeyList(BaseModel):
    """A page of keys, from the first."""

    items: list[KeyReply]
    next: str | None


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
    tags = [part.removeprefix("W/") for part in tags_in(header or "")]
    return "*" in tags or tag in tags


def tags_in(header: str) -> list[str]:
    """The entity tags that a header lists."""
    return [part.strip() for part in header.split(",")]


def link_next(path: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """The header that leads to the next page."""
    return {"Link": f'<{path}?{urlencode(parameters)}>; rel="next"'}
