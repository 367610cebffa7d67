"""The LiteLLM lane: every provider that is not OpenAI-compatible by itself."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

from benchmarks.errors import AccessDenied, EndpointDown, EndpointError
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, ModelIdentity, Request
from benchmarks.models.wire import redact, retry_after_s


def _litellm() -> Any:
    # Without this variable the import asks the network for a price list, and waits for it.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import litellm  # noqa: PLC0415 - takes seconds, so only when a call needs it
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    return litellm


# LiteLLM's exceptions from the most to the least specific; each derives from the OpenAI client's class of its name.
_KINDS = (
    ("ContextWindowExceededError", FailureKind.CONTEXT_TOO_LONG),
    ("ContentPolicyViolationError", FailureKind.CONTENT_FILTER),
    ("RateLimitError", FailureKind.RATE_LIMITED),
    ("Timeout", FailureKind.TIMEOUT),
    ("BadRequestError", FailureKind.REJECTED),
    ("UnprocessableEntityError", FailureKind.REJECTED),
    ("ServiceUnavailableError", FailureKind.SERVER_ERROR),
    ("InternalServerError", FailureKind.SERVER_ERROR),
    ("BadGatewayError", FailureKind.SERVER_ERROR),
    ("APIConnectionError", FailureKind.CONNECTION),
    ("OpenAIError", FailureKind.SERVER_ERROR),
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

    async def complete(self, request: Request) -> Completion | Failure:
        """The provider's answer to one attempt.

        Raises AccessDenied for a refused key and EndpointDown for an unknown provider or model.
        """
        self._library = self._library or _litellm()
        started = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
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
        except self._library.exceptions.OpenAIError as error:
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
        text = choice.message.content or ""
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
        names = {base.__name__ for base in type(error).__mro__}
        said = self._said(error)
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
                f"'{self.model}' names no provider. Write provider/model (for example openai/gpt-4o-mini), or give "
                "api_base for an OpenAI-compatible endpoint of your own."
            ) from None
        kind = next(kind for name, kind in _KINDS if name in names)
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
        return Failure(
            kind=kind,
            detail=f"{self.model}: {said}",
            retry_after_s=retry_after_s({name.title(): value for name, value in headers.items()}),
            maybe_billed=kind in (FailureKind.TIMEOUT, FailureKind.CONNECTION),
            latency_s=latency_s,
        )

    def _said(self, error: Any) -> str:
        return redact(" ".join(str(error).split())[:300], self.api_key)

    async def withdraw(self) -> None:
        """Nothing waits here."""

    async def close(self) -> None:
        """Closes the connections that LiteLLM keeps."""
        if self._library is not None:
            await self._library.close_litellm_async_clients()
