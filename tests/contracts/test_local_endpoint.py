"""The local endpoint speaks OpenAI's protocol: OpenAI's own client reads its answers and errors as its own types."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import openai
import pytest
from openai.types.chat import ChatCompletion

from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import LocalEndpoint, echo
from tests.endpoints.wire import Json, Reply, count_tokens

CHECKOUT = Path(__file__).resolve().parents[2]


def client(endpoint: LocalEndpoint, key: str = "right", **options: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=endpoint.url, api_key=key, **{"max_retries": 0, "timeout": 10.0, **options})


async def ask(endpoint: LocalEndpoint, text: str = "Which team?", key: str = "right", **body: Any) -> ChatCompletion:
    async with client(endpoint, key) as opened:
        completion: ChatCompletion = await opened.chat.completions.create(
            **{"model": "local", "messages": [{"role": "user", "content": text}], **body}
        )
    return completion


async def post(endpoint: LocalEndpoint, content: bytes) -> tuple[int, bytes]:
    url = f"{endpoint.url}/chat/completions"
    async with aiohttp.ClientSession() as session, session.post(url, data=content) as response:
        return response.status, await response.read()


def always(kind: FaultKind, **options: Any) -> LocalEndpoint:
    return LocalEndpoint(echo, fault=lambda request_number: Fault(kind=kind, **options))


async def test_a_reply_has_every_field_of_a_chat_completion() -> None:
    async with LocalEndpoint(echo) as endpoint:
        completion = await ask(endpoint, "Which team?")
    assert completion.object == "chat.completion"
    assert completion.id.startswith("chatcmpl-")
    assert completion.model == "local"
    assert completion.created > 0
    assert completion.choices[0].message.role == "assistant"
    assert completion.choices[0].message.content == "Which team?"
    assert completion.choices[0].finish_reason == "stop"
    usage = completion.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens == count_tokens("Which team?") == 3
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens == 0


async def test_models_are_listed() -> None:
    async with LocalEndpoint(echo, models=("small", "large")) as endpoint, client(endpoint) as opened:
        listed = [model.id async for model in opened.models.list()]
    assert listed == ["small", "large"]


async def test_the_model_sees_messages_and_body() -> None:
    def answer(messages: list[Json], body: Json) -> Reply:
        return Reply(text=f"{[message['role'] for message in messages]} at {body['temperature']}")

    async with LocalEndpoint(answer) as endpoint:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        completion = await ask(endpoint, messages=messages, temperature=0.5)
    assert completion.choices[0].message.content == "['system', 'user'] at 0.5"
    assert endpoint.bodies[0]["messages"] == messages


async def test_an_answer_longer_than_max_tokens_is_cut_off() -> None:
    async with LocalEndpoint(echo) as endpoint:
        cut = await ask(endpoint, "abcdefghij", max_tokens=2)
        whole = await ask(endpoint, "abcdefgh", max_completion_tokens=2)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("abcdefgh", "length")
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 2
    assert (whole.choices[0].message.content, whole.choices[0].finish_reason) == ("abcdefgh", "stop")


async def test_a_stop_string_ends_the_answer() -> None:
    async with LocalEndpoint(echo) as endpoint:
        completion = await ask(endpoint, "billing\nInput: more", stop=["\n"])
    assert completion.choices[0].message.content == "billing"


async def test_a_filtered_answer_says_so() -> None:
    async with LocalEndpoint(lambda messages, body: Reply(text="", finish_reason="content_filter")) as endpoint:
        completion = await ask(endpoint)
    assert completion.choices[0].finish_reason == "content_filter"


async def test_a_shared_prefix_is_cached_in_whole_blocks() -> None:
    async with LocalEndpoint(echo) as endpoint:
        await ask(endpoint, "stable part, " * 20 + "row 1")
        second = await ask(endpoint, "stable part, " * 20 + "row 2")
    assert second.usage is not None
    assert second.usage.prompt_tokens_details is not None
    assert second.usage.prompt_tokens_details.cached_tokens == 64
    assert second.usage.prompt_tokens > 64


async def test_the_right_key_is_let_in() -> None:
    async with LocalEndpoint(echo, key="right") as endpoint:
        assert (await ask(endpoint, "in")).choices[0].message.content == "in"


async def test_a_wrong_key_is_denied_and_not_repeated_in_full() -> None:
    async with LocalEndpoint(echo, key="right") as endpoint:
        with pytest.raises(openai.AuthenticationError) as denied:
            await ask(endpoint, key="sk-secret")
        async with client(endpoint, "sk-secret") as opened:
            with pytest.raises(openai.AuthenticationError):
                await opened.models.list()
    assert denied.value.code == "invalid_api_key"
    assert "sk-secret" not in str(denied.value)


async def test_a_missing_key_is_denied() -> None:
    async with LocalEndpoint(echo, key="right") as endpoint:
        status, answer = await post(endpoint, b'{"model": "local"}')
    assert status == 401
    assert b"API key" in answer


async def test_an_unknown_model_is_not_found() -> None:
    async with LocalEndpoint(echo) as endpoint:
        with pytest.raises(openai.NotFoundError) as refused:
            await ask(endpoint, model="gone")
    assert refused.value.code == "model_not_found"
    assert "gone" in refused.value.message


async def test_a_prompt_above_the_context_is_a_bad_request() -> None:
    async with LocalEndpoint(echo, context_tokens=50) as endpoint:
        await ask(endpoint, "short")
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(endpoint, "long " * 100)
    assert refused.value.code == "context_length_exceeded"
    assert "maximum context length is 50 tokens" in refused.value.message


async def test_a_filtered_prompt_is_a_bad_request() -> None:
    def answer(messages: list[Json], body: Json) -> Reply | Fault:
        return Fault(kind=FaultKind.CONTENT_FILTER) if "weapon" in messages[-1]["content"] else Reply(text="fine")

    async with LocalEndpoint(answer) as endpoint:
        with pytest.raises(openai.BadRequestError) as refused:
            await ask(endpoint, "a weapon")
        assert (await ask(endpoint, "a flower")).choices[0].message.content == "fine"
    assert refused.value.code == "content_filter"


@pytest.mark.parametrize("body", [{"stream": True}, {"n": 2}, {"messages": []}])
async def test_what_the_endpoint_cannot_do_is_a_bad_request(body: dict[str, Any]) -> None:
    async with LocalEndpoint(echo) as endpoint:
        with pytest.raises(openai.BadRequestError):
            await ask(endpoint, **body)


async def test_a_body_that_is_no_json_is_a_bad_request() -> None:
    async with LocalEndpoint(echo) as endpoint:
        status, _ = await post(endpoint, b"{")
    assert status == 400


async def test_a_rate_limit_says_when_to_come_back() -> None:
    async with always(FaultKind.RATE_LIMITED, retry_after_s=7) as endpoint:
        with pytest.raises(openai.RateLimitError) as limited:
            await ask(endpoint)
    assert limited.value.response.headers["Retry-After"] == "7"
    assert limited.value.code == "rate_limit_exceeded"


@pytest.mark.parametrize(("kind", "status"), [(FaultKind.SERVER_ERROR, 500), (FaultKind.OVERLOADED, 503)])
async def test_an_outage_is_a_server_error(kind: FaultKind, status: int) -> None:
    async with always(kind) as endpoint:
        with pytest.raises(openai.InternalServerError) as failed:
            await ask(endpoint)
    assert failed.value.status_code == status


async def test_a_retry_after_a_fault_succeeds() -> None:
    def fault(request_number: int) -> Fault | None:
        return Fault(kind=FaultKind.RATE_LIMITED, retry_after_s=0.01) if request_number < 3 else None

    async with LocalEndpoint(echo, fault=fault) as endpoint, client(endpoint, max_retries=2) as opened:
        completion = await opened.chat.completions.create(
            model="local", messages=[{"role": "user", "content": "again"}]
        )
    assert completion.choices[0].message.content == "again"
    assert (endpoint.requests, endpoint.answered) == (3, 1)


async def test_a_hang_lasts_until_the_client_gives_up() -> None:
    async with always(FaultKind.HANG) as endpoint:
        async with client(endpoint, timeout=0.2) as opened:
            with pytest.raises(openai.APITimeoutError):
                await opened.chat.completions.create(model="local", messages=[{"role": "user", "content": "?"}])
        for _ in range(100):
            if endpoint.in_flight == 0:
                break
            await asyncio.sleep(0.01)
        assert endpoint.in_flight == 0


async def test_closing_ends_a_hang() -> None:
    endpoint = always(FaultKind.HANG)
    async with endpoint:
        waiting = asyncio.create_task(ask(endpoint))
        while endpoint.in_flight == 0:
            await asyncio.sleep(0.01)
        started = time.monotonic()
    with pytest.raises((openai.InternalServerError, openai.APIConnectionError)):
        await waiting
    assert time.monotonic() - started < 8


async def test_a_reset_breaks_the_connection() -> None:
    async with always(FaultKind.RESET) as endpoint:
        with pytest.raises(openai.APIConnectionError):
            await ask(endpoint)
        with pytest.raises(aiohttp.ClientError):
            await post(endpoint, b'{"model": "local", "messages": [{"role": "user", "content": "?"}]}')


@pytest.mark.parametrize(
    ("kind", "content_type", "readable"),
    [
        (FaultKind.HTML, "text/html", False),
        (FaultKind.TRUNCATED_JSON, "application/json", False),
        (FaultKind.WRONG_CONTENT_TYPE, "text/plain", True),
        (FaultKind.EMPTY_CHOICES, "application/json", True),
    ],
)
async def test_a_spoilt_answer_still_has_status_200(kind: FaultKind, content_type: str, readable: bool) -> None:
    async with always(kind) as endpoint, aiohttp.ClientSession() as session:
        body = {"model": "local", "messages": [{"role": "user", "content": "?"}]}
        async with session.post(f"{endpoint.url}/chat/completions", json=body) as response:
            assert response.status == 200
            assert response.content_type == content_type
            if readable:
                choices = (await response.json(content_type=None))["choices"]
                assert (choices == []) == (kind is FaultKind.EMPTY_CHOICES)
            else:
                with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
                    await response.json(content_type=None)
    assert endpoint.answered == (kind is FaultKind.WRONG_CONTENT_TYPE)  # It is good all the same.
    assert endpoint.billed_calls == (kind is not FaultKind.HTML)


async def test_a_stalled_answer_is_billed_and_never_whole() -> None:
    async with always(FaultKind.STALL) as endpoint:
        with pytest.raises(openai.APITimeoutError):
            await ask_within(endpoint, 0.3)
    assert (endpoint.answered, endpoint.billed_calls) == (0, 1)


async def ask_within(endpoint: LocalEndpoint, seconds: float) -> None:
    async with client(endpoint, timeout=seconds) as opened:
        await opened.chat.completions.create(model="local", messages=[{"role": "user", "content": "?"}])


async def test_a_retry_after_may_be_a_date_by_another_clock() -> None:
    async with always(FaultKind.RATE_LIMITED, retry_after_s=90, clock_ahead_s=-86400.0) as endpoint:
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(endpoint)
    date, until = (parsedate_to_datetime(caught.value.response.headers[name]) for name in ("Date", "Retry-After"))
    assert (until - date).total_seconds() == 90
    assert (datetime.now(UTC) - date).total_seconds() == pytest.approx(86400, abs=60)


async def test_a_slow_drip_arrives_whole_but_late() -> None:
    async with always(FaultKind.SLOW_DRIP, delay_s=0.2) as endpoint:
        started = time.monotonic()
        completion = await ask(endpoint, "drop by drop")
    assert completion.choices[0].message.content == "drop by drop"
    assert time.monotonic() - started >= 0.2


async def test_requests_in_flight_at_once_are_known() -> None:
    late = LocalEndpoint(echo, fault=lambda request_number: Fault(delay_s=0.3))
    async with late as endpoint, client(endpoint) as opened:
        questions = [
            opened.chat.completions.create(model="local", messages=[{"role": "user", "content": f"{number}"}])
            for number in range(5)
        ]
        await asyncio.gather(*questions)
        await ask(endpoint)
    assert (endpoint.requests, endpoint.max_in_flight, endpoint.in_flight) == (6, 5, 0)


async def test_calls_paid_twice_are_counted_and_only_the_last_bodies_kept() -> None:
    async with LocalEndpoint(echo, bodies_kept=2) as endpoint:
        for text in ("one", "two", "one", "one"):
            await ask(endpoint, text)
    assert (endpoint.requests, endpoint.answered, endpoint.answered_again) == (4, 4, 2)
    assert [body["messages"][0]["content"] for body in endpoint.bodies] == ["one", "one"]


def test_it_serves_from_a_thread() -> None:
    with LocalEndpoint(echo).in_thread() as endpoint:
        completion = asyncio.run(ask(endpoint, "from outside"))
    assert completion.choices[0].message.content == "from outside"
    assert endpoint.requests == 1


@contextmanager
def process(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.endpoints.local", *options]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        try:
            yield started.stdout.readline().strip()
        finally:
            started.terminate()


async def test_it_serves_as_a_process_and_tells_what_it_saw() -> None:
    with process("--behaviour", "keyword", "--labels", "billing", "orders", "--model", "small", "--key", "k") as url:
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as opened:
            completion = await opened.chat.completions.create(
                model="small", messages=[{"role": "user", "content": "billing or orders only: my bill is wrong"}]
            )
        async with aiohttp.ClientSession() as session, session.get(url.removesuffix("/v1") + "/seen") as response:
            seen = await response.json()
    assert completion.choices[0].message.content in {"billing", "orders"}
    assert seen == {"requests": 1, "answered": 1, "answered_again": 0, "in_flight": 0, "max_in_flight": 1}
