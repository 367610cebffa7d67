"""One rollout: one prompt on one example, one reply, one score."""

from __future__ import annotations

from benchmarks.datasets.records import Example
from benchmarks.metrics.protocol import Metric
from benchmarks.metrics.scoring import score_row
from benchmarks.models.protocol import Completion, Failure, FailureKind, LanguageModel, Request
from benchmarks.prompts.prompt import Prompt
from benchmarks.records import record

FORMAT = "format"
TRUNCATED = "truncated"
REFUSALS = frozenset(kind.value for kind in FailureKind if not kind.transient)
"""Problems of requests that the endpoint refuses for good."""


@record
class Rollout:
    """What came of one prompt on one example.

    `score` is None when there was no answer to judge (the rollout is missing); a wrong answer scores 0. `problem`
    says what went wrong, if anything did: `format` (no answer could be taken out of the reply), `truncated` (cut off
    at max_tokens), or the kind of a failure. `lost_attempts` counts attempts that may have been billed in vain.
    """

    prompt_digest: str
    example_id: str
    score: float | None
    answer: str | None = None
    reply: str | None = None
    problem: str | None = None
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    latency_s: float = 0.0
    lost_attempts: int = 0

    @property
    def missing(self) -> bool:
        """Whether nothing can be said about this row."""
        return self.score is None


def request_for(prompt: Prompt, example: Example, repeat: int = 0) -> Request:
    """What is asked of the model."""
    return Request(
        messages=prompt.render_row(example.inputs),
        parameters=prompt.parameters,
        repeat=repeat,
        prompt_digest=prompt.digest,
        example_id=example.id,
    )


async def roll_out(
    prompt: Prompt, example: Example, *, model: LanguageModel, metric: Metric, repeat: int = 0
) -> Rollout:
    """The rollout of `prompt` on `example`.

    Raises EndpointError when no request can succeed, and MetricError, naming the row, when the metric raises.
    """
    reply = await model.complete(request_for(prompt, example, repeat))
    return judge(prompt, example, reply, metric)


def judge(prompt: Prompt, example: Example, reply: Completion | Failure, metric: Metric) -> Rollout:
    """What `reply` is worth. Failures that the same request would meet again, replies that were cut off and replies
    without an answer are the prompt's doing and score 0; passing failures leave the row missing."""
    if isinstance(reply, Failure):
        return Rollout(
            prompt_digest=prompt.digest,
            example_id=example.id,
            score=None if reply.kind.transient else 0.0,
            problem=reply.kind.value,
            detail=reply.detail,
            latency_s=reply.latency_s,
            lost_attempts=reply.lost_attempts,
        )
    answer = None if reply.truncated else metric.extractor.extract(reply.text, prompt.reply_format)
    problem = TRUNCATED if reply.truncated else FORMAT if answer is None else None
    return Rollout(
        prompt_digest=prompt.digest,
        example_id=example.id,
        score=0.0 if answer is None else score_row(metric, answer, example),
        answer=answer,
        reply=reply.text,
        problem=problem,
        prompt_tokens=reply.usage.prompt_tokens,
        completion_tokens=reply.usage.completion_tokens,
        cost_usd=reply.usage.cost_usd,
        latency_s=reply.latency_s,
        lost_attempts=reply.lost_attempts,
    )
