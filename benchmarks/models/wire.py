"""What OpenAI-compatible replies and errors mean.

Source: OpenAI's API reference (chat completion object, error codes), and the errors that vLLM and Azure add to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from benchmarks.errors import AccessDenied, EndpointDown, EndpointError
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, Request

_TOO_LONG = ("context_length_exceeded", "context length", "maximum context", "prompt is too long", "too many tokens")
_FILTERED = ("content_filter", "content management policy", "content_policy_violation")


def redact(text: str, api_key: str | None) -> str:
    """`text` without the key, which some servers repeat in their errors."""
    return text.replace(api_key, "[key]") if api_key else text


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds asked for by a Retry-After header (RFC 9110, section 10.2.3: seconds or a date).

    A date is counted from the response's own Date (section 6.6.1), because the server's clock may differ from ours.
    """
    value = headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        now = parsedate_to_datetime(headers["Date"]) if "Date" in headers else datetime.now(UTC)
        return max(0.0, (parsedate_to_datetime(value) - now).total_seconds())
    except (ValueError, TypeError):
        return None


def failure_of_status(
    status: int, headers: Mapping[str, str], body: str, *, api_base: str, model: str, latency_s: float
) -> Failure:
    """What an HTTP error means for one request.

    Raises AccessDenied and EndpointDown for errors that every request would meet.
    """
    code, message = _error(body)
    said = f"{api_base} answered {status}: {message[:300].rstrip('. ')}."
    if status in (401, 403):
        raise AccessDenied(f"{said} Check the key: api_key_env must name the environment variable that holds it.")
    if status in (404, 405):
        raise EndpointDown(f"{said} Check api_base (it usually ends in /v1) and the model's name, '{model}'.")
    if status == 402 or (status == 429 and code == "insufficient_quota"):
        raise EndpointError(f"{said} The account is out of credit, which waiting does not change.")
    if status == 429:
        kind = FailureKind.RATE_LIMITED
    elif status in (408, 409, 425) or status >= 500:
        kind = FailureKind.SERVER_ERROR
    else:
        kind = kind_of_refusal(f"{code} {message}")
    return Failure(kind=kind, detail=said, retry_after_s=retry_after_s(headers), latency_s=latency_s)


def kind_of_refusal(said: str) -> FailureKind:
    """Why a request was refused for good, by the code or the words of the refusal."""
    lowered = said.lower()
    if any(sign in lowered for sign in _TOO_LONG):
        return FailureKind.CONTEXT_TOO_LONG
    if any(sign in lowered for sign in _FILTERED):
        return FailureKind.CONTENT_FILTER
    return FailureKind.REJECTED


def _error(body: str) -> tuple[str, str]:
    """The code and message of an error body; the body itself where it has another form."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "", " ".join(body.split())
    error: Any = content.get("error", content) if isinstance(content, dict) else content
    if isinstance(error, dict):
        return str(error.get("code") or error.get("type") or ""), str(error.get("message") or error)
    return "", str(error)


def read_completion(
    raw: bytes, tariff: Tariff, request: Request, latency_s: float, api_key: str | None = None
) -> Completion | Failure:
    """The completion in the body of a successful response; a GARBLED failure if there is none."""
    try:
        content = orjson.loads(raw)
        choice = content["choices"][0]
        text = choice["message"].get("content") or ""
        if not isinstance(text, str):
            raise TypeError("content is not a text")
        finish_reason = choice.get("finish_reason")
        usage = content.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        prompt_tokens, completion_tokens = usage.get("prompt_tokens"), usage.get("completion_tokens")
        prompt_tokens = (
            _estimate(*(m.content for m in request.messages)) if prompt_tokens is None else int(prompt_tokens)
        )
        completion_tokens = _estimate(text) if completion_tokens is None else int(completion_tokens)
        cached_tokens = int(details.get("cached_tokens") or 0)
    except (ValueError, LookupError, TypeError, AttributeError):
        beginning = redact(raw.decode(errors="replace"), api_key)[:120]
        return Failure(
            kind=FailureKind.GARBLED,
            detail=f"the reply is not a chat completion: {beginning!r}",
            maybe_billed=True,
            latency_s=latency_s,
        )
    if finish_reason == "content_filter":
        return Failure(kind=FailureKind.CONTENT_FILTER, detail="the reply was filtered", latency_s=latency_s)
    return Completion(
        text=text,
        usage=tariff.usage(prompt_tokens, completion_tokens, cached_tokens),
        truncated=finish_reason == "length",
        latency_s=latency_s,
    )


def _estimate(*texts: str) -> int:
    """Tokens in `texts` where the endpoint does not say: four bytes are taken for one."""
    return sum(len(text.encode()) for text in texts) // 4 + 1
