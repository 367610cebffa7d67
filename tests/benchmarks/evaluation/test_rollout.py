"""What one reply, or the lack of one, is worth."""

from __future__ import annotations

import pytest

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, judge, request_for, roll_out
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.metrics.registry import make_metric
from benchmarks.models.direct import Direct
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message, ModelIdentity, Usage
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import TemplateError
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import Answer, LocalEndpoint, no_fault
from tests.endpoints.wire import Reply

LABELS = ("billing", "orders")
METRIC = make_metric("accuracy", {}, LABELS)
PROMPT = Prompt(
    messages=(Message(role="user", content="Which team? {{text}}"),),
    parameters={"max_tokens": 4},
    reply_format=ReplyFormat(marker="Team:"),
)
EXAMPLE = Example(id="1", inputs={"text": "pay {{me}}"}, answer="billing", slices={}, origin="rows.csv, line 2")
USAGE = Usage(prompt_tokens=9, completion_tokens=2, cost_usd=1e-6)


def completion(text: str, truncated: bool = False) -> Completion:
    return Completion(text=text, usage=USAGE, truncated=truncated, latency_s=0.2, lost_attempts=1)


def test_the_row_is_asked_in_the_words_of_the_prompt() -> None:
    request = request_for(PROMPT, EXAMPLE, repeat=2)
    assert request.messages == (Message(role="user", content="Which team? pay {{me}}"),)
    assert request.parameters == {"max_tokens": 4}
    assert (request.repeat, request.prompt_digest, request.example_id) == (2, PROMPT.digest, "1")


@pytest.mark.parametrize(("text", "score"), [("Team: billing", 1.0), ("billing", 1.0), ("Team: orders", 0.0)])
def test_an_answer_is_scored(text: str, score: float) -> None:
    rollout = judge(PROMPT, EXAMPLE, completion(text), METRIC)
    assert (rollout.score, rollout.problem, rollout.missing) == (score, None, False)
    assert (rollout.reply, rollout.answer) == (text, text.removeprefix("Team: "))
    assert (rollout.prompt_tokens, rollout.completion_tokens, rollout.cost_usd) == (9, 2, 1e-6)
    assert (rollout.latency_s, rollout.lost_attempts) == (0.2, 1)


@pytest.mark.parametrize("text", ["", "  \n ", "billing or orders, who knows"])
def test_a_reply_without_an_answer_scores_0(text: str) -> None:
    rollout = judge(PROMPT, EXAMPLE, completion(text), METRIC)
    assert (rollout.score, rollout.problem, rollout.answer, rollout.missing) == (0.0, FORMAT, None, False)


def test_a_reply_that_was_cut_off_scores_0_even_if_it_looks_right() -> None:
    rollout = judge(PROMPT, EXAMPLE, completion("Team: billing", truncated=True), METRIC)
    assert (rollout.score, rollout.problem, rollout.answer) == (0.0, TRUNCATED, None)
    assert rollout.reply == "Team: billing"


@pytest.mark.parametrize("kind", FailureKind)
def test_no_reply_is_missing_unless_it_is_the_prompts_doing(kind: FailureKind) -> None:
    rollout = judge(PROMPT, EXAMPLE, Failure(kind=kind, detail="why", lost_attempts=3), METRIC)
    assert rollout.score == (None if kind.transient else 0.0)
    assert rollout.missing == kind.transient
    assert (rollout.problem, rollout.detail, rollout.lost_attempts) == (kind.value, "why", 3)


@pytest.mark.parametrize(
    ("answer", "fault", "score", "problem"),
    [
        (Reply(text="billing"), None, 1.0, None),
        (Reply(text="orders"), None, 0.0, None),
        (Reply(text="It belongs to billing, I would say"), None, 0.0, TRUNCATED),
        (Reply(text="", finish_reason="content_filter"), None, 0.0, "content_filter"),
        (Fault(kind=FaultKind.CONTENT_FILTER), None, 0.0, "content_filter"),
        (Reply(text="billing"), FaultKind.SERVER_ERROR, None, "server_error"),
        (Reply(text="billing"), FaultKind.RATE_LIMITED, None, "rate_limited"),
        (Reply(text="billing"), FaultKind.TRUNCATED_JSON, None, "garbled"),
        (Reply(text="billing"), FaultKind.EMPTY_CHOICES, None, "garbled"),
        (Reply(text="billing"), FaultKind.RESET, None, "connection"),
    ],
)
async def test_an_outage_does_not_look_like_a_bad_prompt(
    answer: Reply | Fault, fault: FaultKind | None, score: float | None, problem: str | None
) -> None:
    behaviour: Answer = lambda messages, body: answer  # noqa: E731
    faults = no_fault if fault is None else lambda number: Fault(kind=fault)
    async with LocalEndpoint(behaviour, fault=faults) as endpoint:
        identity = ModelIdentity(endpoint="here", model="local")
        model = Direct(identity=identity, api_base=endpoint.url, model="local", tariff=Tariff(price=None))
        rollout = await roll_out(PROMPT, EXAMPLE, model=model, metric=METRIC)
        await model.close()
    assert (rollout.score, rollout.problem) == (score, problem)


def test_a_row_may_hold_inputs_that_the_prompt_does_not_use() -> None:
    row = Example(id="2", inputs={"text": "a", "more": "b"}, answer="billing", slices={}, origin="")
    assert request_for(PROMPT, row).messages[0].content == "Which team? a"
    with pytest.raises(TemplateError):
        PROMPT.render(row.inputs)
