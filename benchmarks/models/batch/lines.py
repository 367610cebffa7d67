"""The lines of a batch's files: one request a line goes out, one answer a line comes back, in any order.

Wire format: OpenAI's Batch API, "The request input object" and "The request output object".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, Request
from benchmarks.models.wire import failure_of_status, read_completion, redact

COMPLETIONS = "/v1/chat/completions"
"""What the requests of a batch are for; the API wants this path whatever the address is."""

MOST_REQUESTS = 50_000
MOST_BYTES = 200_000_000
"""What one batch may hold, by OpenAI's limits."""

_NOT_IN_TIME = ("batch_expired", "request_timeout")


def request_line(key: bytes, model: str, request: Request) -> bytes:
    """`request` as a line of an input file; `key` (32 bytes) comes back with its answer."""
    body = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        **request.parameters,
    }
    line = {"custom_id": key.hex(), "method": "POST", "url": COMPLETIONS, "body": body}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def parts(lines: Mapping[bytes, bytes], most_requests: int, most_bytes: int) -> Iterator[dict[bytes, bytes]]:
    """`lines` by key, in their order, cut where a batch would grow beyond its limits. A line that is too long by
    itself is a part of its own."""
    part: dict[bytes, bytes] = {}
    size = 0
    for key, line in lines.items():
        if part and (len(part) == most_requests or size + len(line) > most_bytes):
            yield part
            part, size = {}, 0
        part[key] = line
        size += len(line)
    if part:
        yield part


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the files of a batch say: one line for each key, and how many lines are no answers at all."""

    by_key: Mapping[bytes, Mapping[str, Any]]
    unreadable: int


def read_answers(files: Iterable[bytes], keys: Iterable[bytes]) -> Answers:
    """The answers to `keys` in `files`. Of several lines for one key the first that holds a reply counts, else the
    first; lines for other keys are passed over."""
    wanted = {key.hex(): key for key in keys}
    by_key: dict[bytes, Mapping[str, Any]] = {}
    unreadable = 0
    for line in (line for content in files for line in content.split(b"\n") if line.strip()):
        try:
            answer = orjson.loads(line)
            key = wanted.get(answer["custom_id"])
        except (ValueError, LookupError, TypeError):
            unreadable += 1
            continue
        if key is not None and (key not in by_key or (_replied(answer) and not _replied(by_key[key]))):
            by_key[key] = answer
    return Answers(by_key=by_key, unreadable=unreadable)


def _replied(answer: Mapping[str, Any]) -> bool:
    response = answer.get("response")
    return isinstance(response, dict) and response.get("status_code") == 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What the answers of one batch mean. `latency_s` is what the batch took, `status` how it ended."""

    batch_id: str
    status: str
    latency_s: float
    api_base: str
    model: str
    tariff: Tariff
    api_key: str | None

    def reply(self, request: Request, answer: Mapping[str, Any] | None) -> Completion | Failure:
        """The reply in the line `answer` to `request`; None means that the batch has no line for it.

        A request that was not reached in time, or stopped, is a passing failure. Raises EndpointError for refusals
        that every request would meet.
        """
        if answer is None:
            # What a batch that went to its end does not show may still have been answered and billed.
            return self._failure(
                FailureKind.TIMEOUT if self.status == "expired" else FailureKind.SERVER_ERROR,
                f"it is {self.status}, and its files hold no answer to this request",
                maybe_billed=self.status == "completed",
            )
        response, error = answer.get("response"), answer.get("error")
        if isinstance(response, dict) and isinstance(status := response.get("status_code"), int):
            body = orjson.dumps(response.get("body"))
            if status == 200:
                return read_completion(body, self.tariff, request, self.latency_s, self.api_key)
            return failure_of_status(
                status,
                {},
                redact(body.decode(), self.api_key),
                api_base=f"{self.api_base} ({self.batch_id})",
                model=self.model,
                latency_s=self.latency_s,
            )
        if isinstance(error, dict):
            code, message = str(error.get("code")), str(error.get("message"))
            kind = FailureKind.TIMEOUT if code in _NOT_IN_TIME else FailureKind.SERVER_ERROR
            return self._failure(kind, redact(f"{code}: {message}", self.api_key)[:300])
        beginning = redact(orjson.dumps(answer).decode(), self.api_key)[:120]
        return self._failure(FailureKind.GARBLED, f"its answer is no answer: {beginning}", maybe_billed=True)

    def _failure(self, kind: FailureKind, detail: str, *, maybe_billed: bool = False) -> Failure:
        return Failure(
            kind=kind, detail=f"batch {self.batch_id}: {detail}", maybe_billed=maybe_billed, latency_s=self.latency_s
        )
