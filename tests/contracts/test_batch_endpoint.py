"""The local Batch API speaks OpenAI's protocol: OpenAI's own client reads its answers and errors as its own types."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, get_args

import openai
import orjson
import pytest
from openai.types import Batch, FileObject
from openai.types.batch_error import BatchError
from openai.types.chat import ChatCompletion

from tests.endpoints.batches import BatchEndpoint
from tests.endpoints.faults import Fault, FaultKind
from tests.endpoints.local import echo
from tests.endpoints.wire import Json, Reply

STATUSES = get_args(Batch.model_fields["status"].annotation)


@asynccontextmanager
async def opened(endpoint: BatchEndpoint, key: str = "right") -> AsyncIterator[openai.AsyncOpenAI]:
    async with (
        endpoint,
        openai.AsyncOpenAI(
            base_url=endpoint.url, api_key=key, max_retries=0, timeout=10.0, _strict_response_validation=True
        ) as client,
    ):
        yield client


def asked(name: str, text: str, **body: Any) -> Json:
    messages = [{"role": "user", "content": text}]
    return {
        "custom_id": name,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "local", "messages": messages, **body},
    }


async def upload(client: openai.AsyncOpenAI, *lines: Json | bytes) -> FileObject:
    content = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    return await client.files.create(file=("asked.jsonl", content), purpose="batch")


async def make(client: openai.AsyncOpenAI, *lines: Json | bytes, **fields: Any) -> Batch:
    file = await upload(client, *lines)
    return await client.batches.create(
        **{
            "input_file_id": file.id,
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            **fields,
        }
    )


async def life(client: openai.AsyncOpenAI, batch: Batch) -> list[Batch]:
    """The batch as it is seen until it has ended."""
    seen = [batch]
    while seen[-1].status not in ("completed", "failed", "expired", "cancelled"):
        seen.append(await client.batches.retrieve(batch.id))
        Batch.model_validate(seen[-1].model_dump())
        assert seen[-1].status in STATUSES
    return seen


async def lines_of(client: openai.AsyncOpenAI, file_id: str | None) -> dict[str, Json]:
    assert file_id is not None
    content = (await client.files.content(file_id)).text
    return {answer["custom_id"]: answer for answer in map(orjson.loads, content.splitlines())}


def answer(messages: list[Json], body: Json) -> Reply | Fault:
    text = messages[-1]["content"]
    return Fault(kind=FaultKind.CONTENT_FILTER) if text == "filtered" else Reply(text=text)


async def test_a_batch_goes_through_its_states_and_ends_with_its_files() -> None:
    async with opened(BatchEndpoint(answer)) as client:
        batch = await make(client, *(asked(t, t) for t in ("a", "filtered", "b")), metadata={"whose": "ours"})
        seen = await life(client, batch)
        output = await lines_of(client, seen[-1].output_file_id)
        errors = await lines_of(client, seen[-1].error_file_id)
    assert [look.status for look in seen] == [
        "validating",
        "validating",
        "in_progress",
        "in_progress",
        "finalizing",
        "completed",
    ]
    counts = [look.request_counts for look in seen]
    assert [(c.total, c.completed, c.failed) for c in counts if c] == [
        (0, 0, 0),
        (0, 0, 0),
        (3, 0, 0),
        (3, 1, 1),
        (3, 2, 1),
        (3, 2, 1),
    ]
    assert seen[-1].metadata == {"whose": "ours"}
    assert seen[-1].completed_at is not None
    assert list(output) == ["b", "a"]
    assert output["a"]["error"] is None
    response = output["a"]["response"]
    assert (response["status_code"], set(response)) == (200, {"status_code", "request_id", "body"})
    assert ChatCompletion.model_validate(response["body"]).choices[0].message.content == "a"
    assert errors["filtered"]["response"]["status_code"] == 400
    assert errors["filtered"]["response"]["body"]["error"]["code"] == "content_filter"


async def test_an_expired_batch_says_which_requests_were_not_reached() -> None:
    async with opened(BatchEndpoint(echo, expires_after=1)) as client:
        ended = (await life(client, await make(client, asked("a", "a"), asked("b", "b"))))[-1]
        errors = await lines_of(client, ended.error_file_id)
        assert list(await lines_of(client, ended.output_file_id)) == ["a"]
    assert (ended.status, ended.expired_at is not None) == ("expired", True)
    assert errors["b"]["response"] is None
    assert errors["b"]["error"]["code"] == "batch_expired"


async def test_a_cancelled_batch_is_cancelling_first_and_keeps_what_it_has() -> None:
    async with opened(BatchEndpoint(echo)) as client:
        batch = await make(client, asked("a", "a"), asked("b", "b"))
        for _ in range(2):
            await client.batches.retrieve(batch.id)
        assert (await client.batches.cancel(batch.id)).status == "cancelling"
        seen = await life(client, await client.batches.retrieve(batch.id))
        assert list(await lines_of(client, seen[-1].output_file_id)) == ["a"]
        with pytest.raises(openai.ConflictError, match="Cannot cancel"):
            await client.batches.cancel(batch.id)
    assert [look.status for look in seen] == ["cancelling", "cancelled"]


@pytest.mark.parametrize(
    ("lines", "code", "line"),
    [
        ([b"{"], "invalid_json_line", 1),
        ([asked("a", "a"), asked("a", "b")], "duplicate_custom_id", 2),
        ([asked("a", "a"), {"custom_id": "b", "method": "POST", "url": "/v1/x"}], "missing_required_parameter", 2),
        ([{**asked("a", "a"), "url": "/v1/embeddings"}], "invalid_url", 1),
        ([asked("a", "a", model="gone")], "model_not_found", 1),
        ([asked("a", "a"), asked("b", "b", model="other")], "mismatched_model", None),
        ([asked(str(number), "a") for number in range(5)], "too_many_tasks", None),
        ([asked("a", "long " * 100)], "token_limit_exceeded", None),
        ([], "empty_file", None),
    ],
)
async def test_a_file_with_mistakes_fails_validation(lines: list[Json | bytes], code: str, line: int | None) -> None:
    endpoint = BatchEndpoint(echo, models=("local", "other"), most_requests=4, most_tokens=100)
    async with opened(endpoint) as client:
        ended = (await life(client, await make(client, *lines)))[-1]
    assert (ended.status, ended.failed_at is not None, ended.output_file_id) == ("failed", True, None)
    assert ended.errors is not None
    assert ended.errors.data is not None
    (error,) = ended.errors.data
    assert isinstance(error, BatchError)
    assert (error.code, error.line) == (code, line)
    assert error.message
    assert endpoint.requests == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"endpoint": "/v1/embeddings"}, "Supported values"),
        ({"completion_window": "1h"}, "24h"),
        ({"input_file_id": "file-gone"}, "Invalid file ID"),
        ({"metadata": {"name": "x" * 513}}, "metadata"),
    ],
)
async def test_what_cannot_be_a_batch_is_a_bad_request(fields: Json, said: str) -> None:
    async with opened(BatchEndpoint(echo)) as client:
        with pytest.raises(openai.BadRequestError, match=said):
            await make(client, asked("a", "a"), **fields)


async def test_files_have_a_purpose_and_a_size() -> None:
    async with opened(BatchEndpoint(echo, most_bytes=100)) as client:
        with pytest.raises(openai.BadRequestError, match="too large"):
            await upload(client, b"x" * 101)
        with pytest.raises(openai.BadRequestError, match="purpose"):
            await client.files.create(file=("a.jsonl", b"x"), purpose="fine-tune")
        stored = await upload(client, b"x" * 100)
        assert (stored.bytes, stored.purpose, stored.filename) == (100, "batch", "asked.jsonl")
        assert (await client.files.content(stored.id)).content == b"x" * 100


async def test_what_there_is_not_is_not_found() -> None:
    async with opened(BatchEndpoint(echo)) as client:
        for call in (client.batches.retrieve("b"), client.batches.cancel("b"), client.files.content("f")):
            with pytest.raises(openai.NotFoundError):
                await call


async def test_batches_are_listed_page_by_page_the_newest_first() -> None:
    async with opened(BatchEndpoint(echo)) as client:
        made = [(await make(client, asked("a", "a"))).id for _ in range(5)]
        assert [batch.id async for batch in client.batches.list(limit=2)] == made[::-1]
        assert [batch.id for batch in (await client.batches.list()).data] == made[::-1]
        with pytest.raises(openai.BadRequestError):
            await client.batches.list(limit=101)


async def test_a_wrong_key_is_denied_everywhere() -> None:
    async with opened(BatchEndpoint(echo, key="another")) as client:
        for call in (upload(client, b"x"), client.batches.retrieve("b"), client.files.content("f")):
            with pytest.raises(openai.AuthenticationError):
                await call


async def test_faults_come_instead_of_an_effect_or_after_it() -> None:
    kinds = {1: FaultKind.SERVER_ERROR, 2: FaultKind.RESET}
    told: list[str] = []
    endpoint = BatchEndpoint(
        echo,
        call_fault=lambda operation, number: Fault(kind=kinds.get(number)) if operation == "upload" else None,
        on_call=told.append,
    )
    async with opened(endpoint) as client:
        with pytest.raises(openai.InternalServerError):
            await upload(client, b"x")
        assert len(endpoint.files) == 0
        with pytest.raises(openai.APIConnectionError):
            await upload(client, b"x")
        assert len(endpoint.files) == 1
        await make(client, asked("a", "a"))
    assert told == ["upload", "upload", "make"]
    assert (endpoint.calls["upload"], endpoint.calls["make"]) == (3, 1)


async def test_it_holds_a_batch_in_a_state_for_as_long_as_it_is_told_to() -> None:
    endpoint = BatchEndpoint(echo, held="in_progress")
    async with opened(endpoint) as client:
        batch = await make(client, asked("a", "a"))
        looks = [(await client.batches.retrieve(batch.id)).status for _ in range(4)]
        assert looks == ["validating", "in_progress", "in_progress", "in_progress"]
        endpoint.held = None
        assert (await life(client, batch))[-1].status == "completed"
