"""OpenAI's Files and Batch API beside the local endpoint: what a batch asks is answered by its chat completions.

    async with BatchEndpoint(echo) as endpoint:
        ...  # endpoint.url, endpoint.batches, endpoint.calls

Time does not pass by itself: a batch takes a step of its life each time it is looked at, so that every state is seen
and no test waits. Source: OpenAI's API reference (Files, Batch) and its guide to the Batch API.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from tests.endpoints import wire
from tests.endpoints.faults import Fault, json_response, refuse, spoil
from tests.endpoints.local import Answer, LocalEndpoint
from tests.endpoints.wire import Json

COMPLETIONS = "/v1/chat/completions"
MOST_REQUESTS = 50_000
MOST_BYTES = 200 * 2**20

CallFault = Callable[[str, int], Fault | None]
"""(operation, which call of it, from 1) -> what goes wrong. A fault that spoils an answer comes after the effect."""


def no_call_fault(operation: str, number: int) -> Fault | None:
    """Nothing goes wrong."""
    return None


def nobody(operation: str) -> None:
    """Nobody is told."""


def as_it_is(lines: list[bytes]) -> list[bytes]:
    """Nothing is garbled."""
    return lines


@dataclass(slots=True, kw_only=True)
class StoredBatch:
    """One batch: the JSON that clients see, the requests that wait, and the lines that came of the others."""

    seen: Json
    key: str
    waiting: list[Json] = field(default_factory=list)
    answers: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)

    @property
    def status(self) -> str:
        return str(self.seen["status"])

    def enter(self, status: str) -> None:
        """Makes it be in `status` from now on."""
        self.seen["status"] = status
        self.seen[f"{status}_at"] = int(time.time())


class BatchEndpoint(LocalEndpoint):
    """The endpoint. Everything that `LocalEndpoint` takes, and:

    `most_requests`, `most_bytes` and `most_tokens` (of prompts) are the limits of a batch. A batch stays in
    the state `held` for as long as that is set, takes `steps` steps each time it is looked at, of which its answers
    need `portions`, and expires once `expires_after` of its requests are answered. `garble` is given the lines of the
    output file. `call_fault` is asked at every call to the Files and Batch API, and `on_call(operation)` is told after
    a call has had its effect, before it is answered. Operations are upload, content, make, look, list and cancel.

    What it saw: `batches` and `files` by id, and `calls` by operation.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        most_requests: int = MOST_REQUESTS,
        most_bytes: int = MOST_BYTES,
        most_tokens: int = 1_000_000_000,
        held: str | None = None,
        steps: int = 1,
        portions: int = 2,
        expires_after: int | None = None,
        garble: Callable[[list[bytes]], list[bytes]] = as_it_is,
        call_fault: CallFault = no_call_fault,
        on_call: Callable[[str], None] = nobody,
        **options: Any,
    ) -> None:
        super().__init__(answer, **options)
        self._most_requests = most_requests
        self._most_bytes = most_bytes
        self.most_tokens = most_tokens
        self.held = held
        self._steps = steps
        self._portions = portions
        self.expires_after = expires_after
        self.garble = garble
        self.call_fault = call_fault
        self.on_call = on_call
        self._numbers = count(1)
        self.files: dict[str, tuple[Json, bytes]] = {}
        self.batches: dict[str, StoredBatch] = {}
        self.calls: Counter[str] = Counter()

    def lines(self, batch: StoredBatch) -> list[Json]:
        """What a batch asks."""
        content = self.files[batch.seen["input_file_id"]][1]
        return [orjson.loads(line) for line in content.splitlines()]

    def cancel(self, batch_id: str) -> None:
        """Stops a batch, as its owner would."""
        self.batches[batch_id].enter("cancelling")

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        super()._add_routes(router)
        router.add_post("/v1/files", self._call("upload", self._upload))
        router.add_get("/v1/files/{id}/content", self._call("content", self._content))
        router.add_post("/v1/batches", self._call("make", self._make))
        router.add_get("/v1/batches", self._call("list", self._list))
        router.add_get("/v1/batches/{id}", self._call("look", self._look))
        router.add_post("/v1/batches/{id}/cancel", self._call("cancel", self._cancel))

    def _call(
        self, operation: str, effect: Callable[[web.Request], Awaitable[Json | bytes | web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def respond(request: web.Request) -> web.StreamResponse:
            self.calls[operation] += 1
            fault = self.call_fault(operation, self.calls[operation]) or Fault()
            if not fault.answers:
                return await refuse(fault, self._closing)
            denied = self._denied(request)
            if denied is not None:
                return denied
            answer = await effect(request)
            self.on_call(operation)
            if isinstance(answer, web.Response):
                return answer
            if fault.kind is not None:
                return await spoil(fault, answer if isinstance(answer, dict) else {"text": answer.decode()}, request)
            if isinstance(answer, bytes):
                return web.Response(body=answer, content_type="application/octet-stream")
            return json_response(answer)

        return respond

    async def _upload(self, request: web.Request) -> Json | web.Response:
        form = await request.post()
        file, purpose = form.get("file"), form.get("purpose")
        if not isinstance(file, web.FileField):
            return json_response(wire.invalid("'file' is a required property"), 400)
        if purpose != "batch":
            return json_response(wire.invalid("purpose is not one of ['batch']"), 400)
        content = file.file.read()
        if len(content) > self._most_bytes:
            return json_response(wire.invalid("File is too large."), 400)
        return self._store(content, file.filename, "batch")

    def _store(self, content: bytes, name: str, purpose: str) -> Json:
        number, now = f"file-{next(self._numbers):06d}", int(time.time())
        shown = {
            "id": number,
            "object": "file",
            "bytes": len(content),
            "created_at": now,
            "expires_at": now + 30 * 86_400,
            "filename": name,
            "purpose": purpose,
            "status": "processed",
            "status_details": None,
        }
        self.files[number] = (shown, content)
        return shown

    async def _content(self, request: web.Request) -> bytes | web.Response:
        number = request.match_info["id"]
        if number not in self.files:
            return json_response(wire.invalid(f"No such File object: {number}", param="id"), 404)
        return self.files[number][1]

    async def _make(self, request: web.Request) -> Json | web.Response:
        body = orjson.loads(await request.read())
        metadata = body.get("metadata") or {}
        refusal = None
        if body.get("endpoint") != COMPLETIONS:
            refusal = f"Invalid value: '{body.get('endpoint')}'. Supported values are: '{COMPLETIONS}'."
        elif body.get("completion_window") != "24h":
            refusal = f"Invalid value: '{body.get('completion_window')}'. Supported values are: '24h'."
        elif body.get("input_file_id") not in self.files:
            refusal = f"Invalid file ID: '{body.get('input_file_id')}'."
        elif len(metadata) > 16 or any(len(k) > 64 or len(v) > 512 for k, v in metadata.items()):
            refusal = "Invalid 'metadata': too many or too long entries."
        if refusal is not None:
            return json_response(wire.invalid(refusal), 400)
        now = int(time.time())
        stamps = ("in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled")
        batch = {
            "id": f"batch_{next(self._numbers):06d}",
            "object": "batch",
            "endpoint": COMPLETIONS,
            "errors": None,
            "input_file_id": body["input_file_id"],
            "completion_window": "24h",
            "status": "validating",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": now,
            "expires_at": now + 86_400,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": body.get("metadata"),
            **{f"{status}_at": None for status in stamps},
        }
        self.batches[batch["id"]] = StoredBatch(seen=batch, key=request.headers.get("Authorization", ""))
        return dict(batch)

    async def _list(self, request: web.Request) -> Json | web.Response:
        limit = int(request.query.get("limit", "20"))
        if not 1 <= limit <= 100:
            return json_response(wire.invalid(f"Invalid 'limit': {limit}.", param="limit"), 400)
        newest_first = [batch.seen for batch in reversed(self.batches.values())]
        after = request.query.get("after")
        start = 1 + [batch["id"] for batch in newest_first].index(after) if after else 0
        page = newest_first[start : start + limit]
        return {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": start + limit < len(newest_first),
        }

    async def _look(self, request: web.Request) -> Json | web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._no_batch(request)
        seen = orjson.dumps(batch.seen)
        for _ in range(self._steps):
            if batch.status != self.held:
                await self._step(batch)
        answer: Json = orjson.loads(seen)
        return answer

    async def _cancel(self, request: web.Request) -> Json | web.Response:
        batch = self.batches.get(request.match_info["id"])
        if batch is None:
            return self._no_batch(request)
        if batch.status in ("completed", "failed", "expired", "cancelled"):
            return json_response(wire.invalid(f"Cannot cancel a batch with status '{batch.status}'."), 409)
        batch.enter("cancelling")
        return dict(batch.seen)

    @staticmethod
    def _no_batch(request: web.Request) -> web.Response:
        return json_response(wire.invalid(f"No batch found with id '{request.match_info['id']}'."), 404)

    async def _step(self, batch: StoredBatch) -> None:
        """One step of a batch's life."""
        if batch.status == "validating":
            self._validate(batch)
        elif batch.status == "in_progress":
            await self._work(batch)
        elif batch.status == "finalizing":
            self._end(batch, "completed")
        elif batch.status == "cancelling":
            self._leave(batch, "batch_cancelled", "This request was cancelled with its batch.")
            self._end(batch, "cancelled")

    def _validate(self, batch: StoredBatch) -> None:
        lines = self.files[batch.seen["input_file_id"]][1].splitlines()
        errors = self._mistakes(lines)
        if errors:
            batch.seen["errors"] = {"object": "list", "data": errors}
            batch.enter("failed")
            return
        batch.waiting = [orjson.loads(line) for line in lines]
        batch.seen["request_counts"]["total"] = len(lines)
        batch.enter("in_progress")

    def _mistakes(self, lines: list[bytes]) -> list[Json]:
        if not lines:
            return [mistake("empty_file", "The input file is empty.", None)]
        if len(lines) > self._most_requests:
            return [mistake("too_many_tasks", f"The batch exceeds the limit of {self._most_requests} requests.", None)]
        found: list[Json] = []
        ids: set[str] = set()
        models: set[str] = set()
        tokens = 0
        for number, line in enumerate(lines, 1):
            try:
                asked = orjson.loads(line)
            except orjson.JSONDecodeError:
                found.append(mistake("invalid_json_line", "This line is not parseable as valid JSON.", number))
                continue
            missing = [name for name in ("custom_id", "method", "url", "body") if name not in asked]
            if missing:
                message = f"Missing required parameter: '{missing[0]}'."
                found.append(mistake("missing_required_parameter", message, number))
                continue
            if asked["custom_id"] in ids:
                message = f"The custom_id '{asked['custom_id']}' is used more than once."
                found.append(mistake("duplicate_custom_id", message, number))
            if asked["url"] != COMPLETIONS or asked["method"] != "POST":
                found.append(mistake("invalid_url", "The URL does not match the batch's endpoint.", number))
            if asked["body"].get("model") not in self._models:
                message = f"The provided model '{asked['body'].get('model')}' is not supported by the Batch API."
                found.append(mistake("model_not_found", message, number, param="body.model"))
            ids.add(asked["custom_id"])
            models.add(str(asked["body"].get("model")))
            tokens += wire.count_tokens(wire.prompt_text(asked["body"].get("messages") or []))
        if len(models) > 1:
            found.append(mistake("mismatched_model", "All requests of a batch must be for the same model.", None))
        if tokens > self.most_tokens and not found:
            message = (
                f"Enqueued token limit reached for {models.pop()} in organization org-tests. Limit: "
                f"{self.most_tokens} enqueued tokens. Please try again once some in_progress batches have been "
                "completed."
            )
            found.append(mistake("token_limit_exceeded", message, None))
        return found

    async def _work(self, batch: StoredBatch) -> None:
        """Answers the next portion of the requests that wait."""
        counts = batch.seen["request_counts"]
        portion = -(-counts["total"] // self._portions)
        done = counts["completed"] + counts["failed"]
        if self.expires_after is not None:
            portion = min(portion, self.expires_after - done)
        now, batch.waiting = batch.waiting[:portion], batch.waiting[portion:]
        async with aiohttp.ClientSession(headers={"Authorization": batch.key}) as session:
            for asked in now:
                line, good = await self._answered(session, asked)
                (batch.answers if good else batch.errors).append(orjson.dumps(line))
                counts["completed" if good else "failed"] += 1
        if self.expires_after is not None and done + len(now) >= self.expires_after and batch.waiting:
            message = "This request could not be executed before the completion window expired."
            self._leave(batch, "batch_expired", message)
            self._end(batch, "expired")
        elif not batch.waiting:
            batch.enter("finalizing")

    async def _answered(self, session: aiohttp.ClientSession, asked: Json) -> tuple[Json, bool]:
        """The line that comes of a request, and whether it is a good answer."""
        number = next(self._numbers)
        line: Json = {"id": f"batch_req_{number:06d}", "custom_id": asked["custom_id"], "response": None, "error": None}
        try:
            async with session.post(f"{self.url}/chat/completions", data=orjson.dumps(asked["body"])) as response:
                body, status = await response.json(), response.status
        except (aiohttp.ClientError, ValueError) as error:
            return {**line, "error": {"code": "request_timeout", "message": str(error)}}, False
        return {**line, "response": {"status_code": status, "request_id": f"req_{number}", "body": body}}, status == 200

    def _leave(self, batch: StoredBatch, code: str, message: str) -> None:
        """Gives up the requests that wait."""
        for asked in batch.waiting:
            error = {"code": code, "message": message}
            line = {"id": f"batch_req_{next(self._numbers):06d}", "custom_id": asked["custom_id"]}
            batch.errors.append(orjson.dumps({**line, "response": None, "error": error}))
        batch.seen["request_counts"]["failed"] += len(batch.waiting)
        batch.waiting = []

    def _end(self, batch: StoredBatch, status: str) -> None:
        """Writes the files, in another order than that of the requests, and lets the batch be over."""
        for field_name, lines in (("output", self.garble(batch.answers[::-1])), ("error", batch.errors[::-1])):
            if lines:
                content = b"\n".join(lines) + b"\n"
                name = f"{batch.seen['id']}_{field_name}.jsonl"
                batch.seen[f"{field_name}_file_id"] = self._store(content, name, "batch_output")["id"]
        batch.enter(status)


def mistake(code: str, message: str, line: int | None, *, param: str | None = None) -> Json:
    """One entry in the errors of a batch that failed validation."""
    return {"code": code, "message": message, "line": line, "param": param}
