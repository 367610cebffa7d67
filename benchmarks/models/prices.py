"""What calls cost: prices from LiteLLM's offline list, and the most a request can take."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from benchmarks.budget import Amount, Charge
from benchmarks.models.protocol import Completion, Failure, FailureKind, ParameterValue, Request, Usage

PRICE_LIST = "model_prices_and_context_window_backup.json"
"""The list that LiteLLM ships; reading the file spares the import, which takes seconds and asks the network."""

_BYTES_OVERHEAD = 96
_BYTES_PER_MESSAGE = 24
"""Room for what chat templates add: role markers and a default system message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars for a million prompt tokens and for a million completion tokens."""

    prompt_usd_per_million: float
    completion_usd_per_million: float

    @property
    def halved(self) -> Price:
        """What the same takes in a batch."""
        return Price(
            prompt_usd_per_million=self.prompt_usd_per_million / 2,
            completion_usd_per_million=self.completion_usd_per_million / 2,
        )

    def cost_usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What a call costs."""
        return (
            prompt_tokens * self.prompt_usd_per_million + completion_tokens * self.completion_usd_per_million
        ) / 1_000_000


@functools.cache
def _price_list() -> Mapping[str, Any]:
    package = importlib.util.find_spec("litellm")
    if package is None or package.origin is None:
        return {}
    listing: Mapping[str, Any] = orjson.loads((Path(package.origin).parent / PRICE_LIST).read_bytes())
    return listing


def listed_price(model: str) -> Price | None:
    """The price of `model` (`provider/name` or `name`) in LiteLLM's offline list; None when it is not listed."""
    for name in (model, model.partition("/")[2]):
        entry = _price_list().get(name)
        if isinstance(entry, dict) and "input_cost_per_token" in entry and "output_cost_per_token" in entry:
            return Price(
                prompt_usd_per_million=float(entry["input_cost_per_token"] or 0) * 1e6,
                completion_usd_per_million=float(entry["output_cost_per_token"] or 0) * 1e6,
            )
    return None


def max_tokens(parameters: Mapping[str, ParameterValue]) -> int:
    """The most tokens a reply may have by `parameters`; 4,096 where they do not say."""
    for name in ("max_completion_tokens", "max_tokens"):
        value = parameters.get(name)
        if isinstance(value, int):
            return value
    return 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """How requests to one model are charged. `price` None: unknown, so charges carry no cost."""

    price: Price | None

    def bound(self, request: Request) -> Amount:
        """The most that one attempt at `request` can take.

        Byte-level tokenizers make at most one token of a byte, so the bytes of the messages, with room for the chat
        template, bound the prompt.
        """
        prompt = _BYTES_OVERHEAD
        for message in request.messages:
            prompt += len(message.content.encode()) + _BYTES_PER_MESSAGE
        completion = max_tokens(request.parameters)
        cost = self.price.cost_usd(prompt, completion) if self.price else 0.0
        return Amount(1, prompt + completion, cost)

    def usage(self, prompt_tokens: int, completion_tokens: int, cached_tokens: int = 0) -> Usage:
        """The usage of one reply, with its cost."""
        return Usage(
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=cached_tokens,
            cost_usd=self.price.cost_usd(prompt_tokens, completion_tokens) if self.price else None,
        )

    def charge(self, request: Request, reply: Completion | Failure) -> Charge:
        """What one attempt that ended in `reply` costs.

        An attempt whose reply was lost may have been billed, and is charged with the most it can have taken. A
        request that was refused outright costs no tokens; it counts as a call when the refusal is final. Filters may
        stop a request before or a reply after the model has worked, so what they stop is charged as if it was lost.
        """
        if isinstance(reply, Completion):
            usage = reply.usage
            return Charge(
                calls=1,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                cached_tokens=usage.cached_tokens,
                cost_usd=usage.cost_usd,
            )
        if reply.maybe_billed or reply.kind is FailureKind.CONTENT_FILTER:
            return self.lost(request)
        return Charge(calls=0 if reply.kind.transient else 1)

    def lost(self, request: Request) -> Charge:
        """What an attempt whose reply was lost is charged with."""
        bound = self.bound(request)
        return Charge(calls=1, lost_calls=1, prompt_tokens=bound.tokens, cost_usd=bound.usd if self.price else None)

    def replayed(self, request: Request, reply: Completion | Failure) -> Charge:
        """What `reply` cost in all when it was first obtained, lost attempts included."""
        charge = self.charge(request, reply)
        for _ in range(reply.lost_attempts):
            charge += self.lost(request)
        return charge
