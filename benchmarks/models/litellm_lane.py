"""The LiteLLM lane: every provider that is not OpenAI-compatible by itself."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from benchmarks.errors import AccessDenied, EndpointDown, EndpointError
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request
from benchmarks.models.wire import kind_of_refusal, redact, retry_after_s

# LiteLLM's records do not always fit its own pydantic schema, that schema is more than pydantic can promise, and a call
# that is cancelled at its beginning leaves a coroutine behind.
_OWN_WARNINGS: tuple[tuple[str, type[Warning]], ...] = (
    ("Pydantic serializer warnings", UserWarning),
    ("Item '.*' on TypedDict class '.*' is using the `ReadOnly` qualifier", UserWarning),
    ("coroutine '.*acompletion' was never awaited", RuntimeWarning),
)


def _litellm() -> Any:
    # Without this variable the import asks the network for a price list, and waits for it.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm  # noqa: PLC0415 - takes seconds, so only when a call needs it
    for message, category in _OWN_WARNINGS:
        warnings.filterwarnings("ignore", message=message, category=category)
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


# What an error means, and whether the lost reply may have been billed, by the names of its classes and of those of the
# errors that led to it: LiteLLM reports what httpx met on the way as an InternalServerError too. The first match holds.
_KINDS = (
    ("ConnectError", FailureKind.CONNECTION, False),
    ("ConnectTimeout", FailureKind.CONNECTION, False),
    ("ContextWindowExceededError", FailureKind.CONTEXT_TOO_LONG, False),
    ("ContentPolicyViolationError", FailureKind.CONTENT_FILTER, False),
    ("RateLimitError", FailureKind.RATE_LIMITED, False),
    ("Timeout", FailureKind.TIMEOUT, True),
    ("BadRequestError", FailureKind.REJECTED, False),
    ("UnprocessableEntityError", FailureKind.REJECTED, False),
    ("ServiceUnavailableError", FailureKind.SERVER_ERROR, False),
    ("TransportError", FailureKind.CONNECTION, True),
    ("APIConnectionError", FailureKind.CONNECTION, True),
    ("JSONDecodeError", FailureKind.GARBLED, True),
    ("OpenAIError", FailureKind.SERVER_ERROR, False),
)


@dataclass(slots=True, kw_only=True)
class LiteLlm:
    """One model of one provider, named `provider/model` as LiteLLM names it."""

    identity: ModelIdentity
    model: str
    tariff: Tariff
    api_base: str | None = None
    api_key: str | None = field(default=None, repr=False)
    timeout_s: float = 120.0
    _library: Any = None

    _in_use: ClassVar[set[int]] = set()
    """The lanes of this process that use LiteLLM's connections, which all of them share."""

    async def complete(self, request: Request) -> Completion | Failure:
        """The provider's answer to one attempt.

        Raises AccessDenied for a refused key and EndpointDown for an unknown provider or model.
        """
        self._library = self._library or _litellm()
        self._in_use.add(id(self))
        started = time.perf_counter()
        try:
            response = await self._library.acompletion(
                model=self.model,
                messages=[{"role": m.role, "content": m.content} for m in request.messages],
                api_base=self.api_base,
                api_key=self.api_key,
                timeout=self.timeout_s,
                num_retries=0,
                max_retries=0,
                **request.parameters,
            )
        except self._library.openai.OpenAIError as error:  # LiteLLM's errors derive from the OpenAI client's.
            return self._failure(error, time.perf_counter() - started)
        return self._read(response, request, time.perf_counter() - started)

    def _read(self, response: Any, request: Request, latency_s: float) -> Completion | Failure:
        if not response.choices:
            return Failure(
                kind=FailureKind.GARBLED, detail="a reply without choices", maybe_billed=True, latency_s=latency_s
            )
        choice = response.choices[0]
        if choice.finish_reason == "content_filter":
            return Failure(kind=FailureKind.CONTENT_FILTER, detail="the reply was filtered", latency_s=latency_s)
        usage = getattr(response, "usage", None)
        # A reply that was cut off inside an emoji ends with half a character, which no file or database takes.
        text = (choice.message.content or "").encode(errors="replace").decode()
        details = getattr(usage, "prompt_tokens_details", None)
        prompt_bytes = sum(len(m.content.encode()) for m in request.messages)
        return Completion(
            text=text,
            usage=self.tariff.usage(
                usage.prompt_tokens if usage else prompt_bytes // 4 + 1,
                usage.completion_tokens if usage else len(text.encode()) // 4 + 1,
                getattr(details, "cached_tokens", None) or 0,
            ),
            truncated=choice.finish_reason == "length",
            latency_s=latency_s,
        )

    def _failure(self, error: Any, latency_s: float) -> Failure:
        names = {base.__name__ for link in _chain(error) for base in type(link).__mro__}
        said = redact(" ".join(str(error).split()), self.api_key)[:300]
        if names & {"AuthenticationError", "PermissionDeniedError"}:
            raise AccessDenied(
                f"{self.model}: the provider refused the key ({said}). Check the variable that api_key_env names."
            ) from None
        if "PaymentRequiredError" in names:
            raise EndpointError(f"{self.model}: the account is out of credit ({said}).") from None
        if "NotFoundError" in names:
            raise EndpointDown(f"{self.model}: the provider does not know this model ({said}).") from None
        if "LLM Provider NOT provided" in said:
            raise EndpointDown(
                f"'{self.model}' names no provider. Write provider/model (for example openai/gpt-4o-mini); for an "
                f"OpenAI-compatible endpoint of your own, hosted_vllm/{self.model} with its api_base."
            ) from None
        if "Empty or invalid response from LLM endpoint" in said:
            raise EndpointDown(
                f"{self.model}: what answers at {self.api_base} is no model ({said}). Check api_base; it usually ends "
                "in /v1."
            ) from None
        kind, maybe_billed = next((kind, billed) for name, kind, billed in _KINDS if name in names)
        if kind is FailureKind.REJECTED:
            kind = kind_of_refusal(said)
        headers = getattr(error, "litellm_response_headers", None) or {}
        return Failure(
            kind=kind,
            detail=f"{self.model}: {said}",
            retry_after_s=retry_after_s({name.title(): value for name, value in headers.items()}),
            maybe_billed=maybe_billed,
            latency_s=latency_s,
        )

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Closes the connections that LiteLLM keeps, unless another lane of this process uses them."""
        self._in_use.discard(id(self))
        if self._library is not None and not self._in_use:
            await self._library.close_litellm_async_clients()
            # What it has closed it would use again.
            self._library.in_memory_llm_clients_cache.flush_cache()


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and the errors that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
