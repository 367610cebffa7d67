"""The JSON of OpenAI's chat completions API, as its API reference shows it, and a deterministic count of tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

BYTES_PER_TOKEN = 4
TOKENS_PER_BLOCK = 16

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model says. `finish_reason` is stop or content_filter; the endpoint itself makes it length when
    max_tokens is smaller than the text."""

    text: str
    finish_reason: str = "stop"


def count_tokens(text: str) -> int:
    """One token for every 4 bytes of UTF-8, rounded up."""
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


def prompt_text(messages: list[Json]) -> str:
    """All messages as one text, the way a chat template would join them."""
    return "".join(f"<{message['role']}>{message['content']}\n" for message in messages)


class PrefixCache:
    """Which prompt prefixes were computed before, in blocks of 16 tokens, as vLLM's prefix cache keeps them. With more
    than `blocks` of them it forgets the one that was used least recently; None: it never forgets."""

    def __init__(self, blocks: int | None = None) -> None:
        self._seen: dict[int, None] = {}
        self._blocks = blocks

    def cached_tokens(self, prompt: str) -> int:
        """How many leading tokens of `prompt` an earlier prompt shared, in whole blocks; remembers `prompt`."""
        size = TOKENS_PER_BLOCK * BYTES_PER_TOKEN
        content, prefix, cached = prompt.encode(), 0, 0
        for start in range(0, len(content) - size + 1, size):
            prefix = hash((prefix, content[start : start + size]))
            if prefix in self._seen:
                cached += TOKENS_PER_BLOCK
                del self._seen[prefix]
            self._seen[prefix] = None
            if self._blocks is not None and len(self._seen) > self._blocks:
                del self._seen[next(iter(self._seen))]
        return cached


def completion(
    reply: Reply,
    *,
    body: Json,
    number: int,
    prompt_tokens: int,
    cached_tokens: int | None,
    count: Callable[[str], int] = count_tokens,
) -> Json:
    """The chat completion object for `reply` to the request `body`; stop strings and max_tokens are applied. Id and
    creation time follow from `number`, so that a run is the same every time. `count` counts the reply's tokens;
    `cached_tokens` None leaves them out, as vLLM does by default."""
    text, finish_reason = reply.text, reply.finish_reason
    stops = body.get("stop") or []
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop, 1)[0]
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    if limit is not None and count_tokens(text) > limit:
        text = text.encode()[: limit * BYTES_PER_TOKEN].decode(errors="ignore")
        finish_reason = "length"
    completion_tokens = count(text)
    return {
        "id": f"chatcmpl-{number:08d}",
        "object": "chat.completion",
        "created": 1_700_000_000 + number,
        "model": body["model"],
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": None},
                "logprobs": None,
                "finish_reason": finish_reason,
            }
        ],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
            "prompt_tokens_details": None if cached_tokens is None else {"cached_tokens": cached_tokens},
        },
        "system_fingerprint": None,
    }


def model_list(models: tuple[str, ...]) -> Json:
    """The answer of GET /v1/models."""
    entries = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in models]
    return {"object": "list", "data": entries}


def error(message: str, *, kind: str | None, code: str | None = None, param: str | None = None, **more: Any) -> Json:
    """An error object."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code, **more}}


def wrong_key(key: str) -> Json:
    return error(f"Incorrect API key provided: {key[:3]}***.", kind="invalid_request_error", code="invalid_api_key")


def missing_key() -> Json:
    return error("You didn't provide an API key in an Authorization header.", kind="invalid_request_error")


def unknown_model(model: object) -> Json:
    message = f"The model `{model}` does not exist or you do not have access to it."
    return error(message, kind="invalid_request_error", code="model_not_found")


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> Json:
    return error(message, kind="invalid_request_error", param=param, code=code)


def context_too_long(limit: int, asked: int) -> Json:
    message = (
        f"This model's maximum context length is {limit} tokens. However, your messages resulted in {asked} tokens. "
        "Please reduce the length of the messages."
    )
    return invalid(message, param="messages", code="context_length_exceeded")


def content_filter() -> Json:
    """Azure OpenAI's refusal of a prompt."""
    message = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry."
    )
    verdict = {"hate": {"filtered": True, "severity": "high"}}
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": verdict}
    return error(message, kind=None, param="prompt", code="content_filter", status=400, innererror=inner)


def rate_limited() -> Json:
    return error("Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded")


def server_error() -> Json:
    return error("The server had an error while processing your request. Sorry about that!", kind="server_error")


def overloaded() -> Json:
    return error("The engine is currently overloaded, please try again later.", kind="server_error")
