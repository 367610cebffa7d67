"""What single replies, errors and headers mean, in the forms that servers give them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.models.protocol import Completion, Failure, FailureKind
from benchmarks.models.wire import failure_of_status, read_completion, redact, retry_after_s
from tests.benchmarks.models.parts import PRICED, ask

QUESTION = ask("x" * 40)


def read(**content: Any) -> Completion | Failure:
    return read_completion(orjson.dumps(content), PRICED, QUESTION, 0.1)


def choice(text: Any, finish_reason: str = "stop") -> list[dict[str, Any]]:
    return [{"message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}]


def refusal(status: int, body: str) -> FailureKind:
    return failure_of_status(status, {}, body, api_base="http://here/v1", model="m", latency_s=0.0).kind


def test_usage_that_is_missing_is_estimated_from_bytes() -> None:
    for usage in ({}, {"usage": None}, {"usage": {"prompt_tokens": None}}):
        reply = read(choices=choice("y" * 20), **usage)
        assert isinstance(reply, Completion)
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (11, 6)
        assert reply.usage.cost_usd == pytest.approx((11 * 1.0 + 6 * 2.0) / 1e6)


def test_usage_that_is_there_is_believed_part_by_part() -> None:
    reply = read(choices=choice("y"), usage={"prompt_tokens": 7, "prompt_tokens_details": {"cached_tokens": 4}})
    assert isinstance(reply, Completion)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens) == (7, 1, 4)


def test_zero_tokens_are_believed() -> None:
    reply = read(choices=choice("y"), usage={"prompt_tokens": 0, "completion_tokens": 0})
    assert isinstance(reply, Completion)
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (0, 0)


def test_a_reply_without_text_is_an_empty_reply() -> None:
    reply = read(choices=choice(None))
    assert isinstance(reply, Completion)
    assert reply.text == ""


def test_a_reply_cut_off_says_so() -> None:
    reply = read(choices=choice("half an ans", "length"))
    assert isinstance(reply, Completion)
    assert reply.truncated


def test_a_filtered_reply_is_no_reply() -> None:
    reply = read(choices=choice("The way to", "content_filter"))
    assert isinstance(reply, Failure)
    assert reply.kind is FailureKind.CONTENT_FILTER


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"OK",
        b"1",
        b"null",
        b"[]",
        b"{}",
        b'{"choices": []}',
        b'{"choices": null}',
        b'{"choices": [{}]}',
        b'{"choices": [{"message": null}]}',
        b'{"choices": [{"message": {"content": [{"type": "text", "text": "billing"}]}}]}',
        b'{"choices": [{"message": {"content": "a"}}], "usage": "none"}',
        b'{"choices": [{"message": {"content": "a"}}], "usage": {"prompt_tokens": "many"}}',
        b'{"choices": [{"message": {"content": "a',
        b"\xff\xfe",
    ],
)
def test_what_is_no_completion_is_garbled_and_may_have_been_billed(raw: bytes) -> None:
    reply = read_completion(raw, PRICED, QUESTION, 0.1)
    assert isinstance(reply, Failure)
    assert (reply.kind, reply.maybe_billed) == (FailureKind.GARBLED, True)
    assert "not a chat completion" in reply.detail


@settings(deadline=None, max_examples=200)
@given(
    content=st.recursive(
        st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["choices", "message", "content", "usage", "prompt_tokens"]), inner, max_size=3
            )
        ),
        max_leaves=8,
    )
)
def test_no_json_makes_the_reader_fail(content: Any) -> None:
    reply = read_completion(orjson.dumps(content), PRICED, QUESTION, 0.1)
    assert isinstance(reply, Failure) or isinstance(reply.text, str)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error": {"code": "context_length_exceeded", "message": "?"}}', FailureKind.CONTEXT_TOO_LONG),
        (400, '{"object": "error", "message": "This model\'s maximum context length is 8 tokens.", "code": 400}',
         FailureKind.CONTEXT_TOO_LONG),
        (413, '{"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}', FailureKind.CONTEXT_TOO_LONG),
        (400, '{"error": {"code": "content_filter", "message": "?"}}', FailureKind.CONTENT_FILTER),
        (400, '{"error": {"code": "content_policy_violation"}}', FailureKind.CONTENT_FILTER),
        (400, '{"error": {"message": "temperature must be at most 2"}}', FailureKind.REJECTED),
        (422, '{"detail": [{"msg": "extra field"}]}', FailureKind.REJECTED),
        (400, "plain words", FailureKind.REJECTED),
        (400, '"a string"', FailureKind.REJECTED),
        (400, "[1, 2]", FailureKind.REJECTED),
        (408, "", FailureKind.SERVER_ERROR),
        (429, "slow down, your context length is fine", FailureKind.RATE_LIMITED),
        (500, "maximum context length", FailureKind.SERVER_ERROR),
        (504, "<html>Gateway Time-out</html>", FailureKind.SERVER_ERROR),
        (529, "overloaded", FailureKind.SERVER_ERROR),
    ],
)  # fmt: skip
def test_a_refusal_is_sorted_by_its_status_and_words(status: int, body: str, kind: FailureKind) -> None:
    assert refusal(status, body) is kind


def test_retry_after_may_be_seconds_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    assert retry_after_s({"Retry-After": "7"}) == 7.0
    assert retry_after_s({"Retry-After": " 0.5 "}) == 0.5
    assert retry_after_s({"Retry-After": soon}) == pytest.approx(90, abs=5)
    assert retry_after_s({"Retry-After": past}) == 0.0
    by_its_own_clock = {"Date": "Fri, 31 Dec 1999 23:59:50 GMT", "Retry-After": "Sat, 01 Jan 2000 00:00:05 GMT"}
    assert retry_after_s(by_its_own_clock) == 15.0
    assert retry_after_s({"Retry-After": "-3"}) == 0.0


@pytest.mark.parametrize("value", ["", "soon", "Wed, 99 Oct", "1 minute"])
def test_a_retry_after_that_says_nothing_is_ignored(value: str) -> None:
    assert retry_after_s({"Retry-After": value}) is None
    assert retry_after_s({}) is None


def test_a_key_is_taken_out_of_a_text() -> None:
    assert redact("key sk-1 and again sk-1", "sk-1") == "key [key] and again [key]"
    assert redact("no key", None) == redact("no key", "") == "no key"
