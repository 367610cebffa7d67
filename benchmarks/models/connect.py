"""From a model's name to a model: which lane it takes, under which identity its replies are kept, what it costs."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from benchmarks.budget import Budget, Caps
from benchmarks.errors import TaskError
from benchmarks.ledger.protocol import Ledger, Occasion
from benchmarks.models.hedged import Hedged
from benchmarks.models.kept import Kept
from benchmarks.models.metered import Metered
from benchmarks.models.pace import Pace, shared_pace
from benchmarks.models.paced import OUTAGE_S, Paced, nobody
from benchmarks.models.prices import Price, Tariff, listed_price
from benchmarks.models.protocol import LanguageModel, ModelIdentity
from benchmarks.models.recorded import Recorded
from benchmarks.models.retrying import Patience, Retrying
from benchmarks.models.throttled import Throttled

if TYPE_CHECKING:
    from benchmarks.models.batch.lane import Batched
    from benchmarks.models.batch.provider import Rhythm
    from benchmarks.models.batch.submissions import Submissions

DIRECT_PREFIXES = ("hosted_vllm/", "openai/")
"""Providers that speak OpenAI's protocol themselves, given an api_base."""

BATCH_PREFIX = "openai/"
"""The provider whose models may be asked in batches."""

OPENAI = "https://api.openai.com/v1"
"""Where batches go if no api_base says otherwise."""

TINY = "tiny"
"""The name of the bundled toy model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a model is served and under which terms.

    `name` is `hosted_vllm/<model>` or `openai/<model>` with an `api_base` for the direct lane, any `provider/<model>`
    for LiteLLM, or `tiny` for the bundled toy model. `api_key_env` names the environment variable that holds the key.
    `identity` replaces the address in the ledger's key, for endpoints whose address changes. `max_concurrency` is the
    most requests that may be under way at once, `outage_s` how long to wait for it when it stops answering. `hedge`
    allows paying for a second attempt where the first takes much longer than others. `batch` sends what is asked at
    the same time out together, through OpenAI's Batch API: without a limit to how much is under way, and at half the
    price. It needs `openai/<model>`; `api_base` is OpenAI's own if not given. `section` is where the task names it,
    for messages.
    """

    name: str
    api_base: str | None = None
    api_key_env: str | None = None
    identity: str | None = None
    max_concurrency: int = 64
    timeout_s: float = 120.0
    outage_s: float = OUTAGE_S
    hedge: bool = False
    price: Price | None = None
    batch: bool = False
    section: str = "model"

    @property
    def bundled(self) -> bool:
        """Whether the model is the bundled toy model, which runs in process."""
        return self.name == TINY and self.api_base is None

    @property
    def direct(self) -> bool:
        """Whether the model is reached over the direct lane."""
        return self.api_base is not None and ("/" not in self.name or self.name.startswith(DIRECT_PREFIXES))

    @property
    def served_name(self) -> str:
        """The name that the endpoint knows the model by."""
        prefix = next((p for p in DIRECT_PREFIXES if (self.direct or self.batch) and self.name.startswith(p)), "")
        return self.name.removeprefix(prefix)

    @property
    def model_identity(self) -> ModelIdentity:
        """Under which name replies are kept."""
        if self.bundled:
            from benchmarks.models.tiny.lane import weights_identity  # noqa: PLC0415 - numpy and a tokenizer

            return weights_identity()
        address = OPENAI if self.batch and self.api_base is None else self.api_base
        endpoint = self.identity or (normalised(address) if address else "litellm")
        return ModelIdentity(endpoint=endpoint, model=self.served_name)


def normalised(api_base: str) -> str:
    """An address without what does not change where it leads: case of scheme and host, trailing slash, credentials."""
    parts = urlsplit(api_base.strip())
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return urlunsplit((parts.scheme.lower(), f"{parts.hostname or ''}{port}", parts.path.rstrip("/"), "", ""))


def tariff_for(endpoint: Endpoint, caps: Caps) -> Tariff:
    """What calls to `endpoint` cost: the given price, else nothing for a vLLM server and the bundled model, else that
    of LiteLLM's list. Given and listed prices are those of single calls; in batches it is half of them.

    Raises TaskError if there is a dollar cap and no price.
    """
    # A vLLM server may serve its model under any name, also under one that is listed with a price.
    free = Price(prompt_usd_per_million=0.0, completion_usd_per_million=0.0)
    local = endpoint.bundled or endpoint.name.startswith("hosted_vllm/")
    price = endpoint.price or (free if local else listed_price(endpoint.name))
    if price is None and caps.usd is not None:
        raise TaskError(
            f"There is a cap of {caps.usd:g} USD but no known price for '{endpoint.name}'. Set "
            f"{endpoint.section}.prices: {{prompt_usd_per_million: …, completion_usd_per_million: …}}, or cap calls or "
            "tokens instead."
        )
    return Tariff(price=price.halved if price is not None and endpoint.batch else price)


def api_key(endpoint: Endpoint, environment: Mapping[str, str]) -> str | None:
    """The key for `endpoint`. Raises TaskError if the variable it names is not set."""
    if endpoint.api_key_env is None:
        return None
    key = environment.get(endpoint.api_key_env, "").strip()
    if not key:
        raise TaskError(
            f"{endpoint.section}.api_key_env names {endpoint.api_key_env}, which is not set. Set it: export "
            f"{endpoint.api_key_env}=…"
        )
    return key


def wire(endpoint: Endpoint, tariff: Tariff, environment: Mapping[str, str] = os.environ) -> LanguageModel:
    """The model itself, without wrappers. Raises TaskError if what it needs is missing."""
    if endpoint.bundled:
        from benchmarks.models.tiny.lane import Tiny  # noqa: PLC0415

        return Tiny(tariff=tariff)
    key = api_key(endpoint, environment)
    if endpoint.direct and endpoint.api_base is not None:
        from benchmarks.models.direct import Direct  # noqa: PLC0415 - aiohttp takes half a second

        return Direct(
            identity=endpoint.model_identity,
            api_base=endpoint.api_base.strip().rstrip("/"),
            model=endpoint.served_name,
            tariff=tariff,
            api_key=key,
            timeout_s=endpoint.timeout_s,
        )
    if endpoint.name.startswith("hosted_vllm/"):
        raise TaskError(f"model '{endpoint.name}' needs {endpoint.section}.api_base, such as http://localhost:8000/v1.")
    from benchmarks.models.litellm_lane import LiteLlm  # noqa: PLC0415

    return LiteLlm(
        identity=endpoint.model_identity,
        model=endpoint.name,
        tariff=tariff,
        api_base=endpoint.api_base,
        api_key=key,
        timeout_s=endpoint.timeout_s,
    )


def batch_lane(
    endpoint: Endpoint,
    tariff: Tariff,
    submissions: Submissions,
    environment: Mapping[str, str],
    *,
    on_notice: Callable[[str], None],
    on_left: Callable[[str], None],
    rhythm: Rhythm | None = None,
) -> Batched:
    """The model at `endpoint` behind its Batch API, without wrappers. OpenAI itself is given OPENAI_API_KEY, if
    api_key_env names no other variable. Raises TaskError if the key is missing."""
    from benchmarks.models.batch.lane import Batched  # noqa: PLC0415 - openai takes a second

    if endpoint.api_base is None and endpoint.api_key_env is None:
        endpoint = replace(endpoint, api_key_env="OPENAI_API_KEY")
    return Batched(
        identity=endpoint.model_identity,
        api_base=(endpoint.api_base or OPENAI).strip().rstrip("/"),
        model=endpoint.served_name,
        tariff=tariff,
        submissions=submissions,
        api_key=api_key(endpoint, environment),
        key_variable=endpoint.api_key_env,
        on_notice=on_notice,
        on_left=on_left,
        rhythm=rhythm,
    )


def pace_of(endpoint: Endpoint) -> Pace:
    """The pace of requests to `endpoint`, which all who reach it with the same key in one event loop share."""
    place = normalised(endpoint.api_base) if endpoint.api_base else endpoint.name
    return shared_pace((place, endpoint.api_key_env), endpoint.max_concurrency)


def wrapped(
    model: LanguageModel,
    *,
    max_concurrency: int,
    tariff: Tariff,
    budget: Budget,
    ledger: Ledger,
    occasion: Occasion,
    mark: int,
    patience: Patience,
    rng: random.Random,
    pace: Pace | None = None,
    outage_s: float = OUTAGE_S,
    hedge: bool = False,
    on_notice: Callable[[str], None] = nobody,
) -> LanguageModel:
    """`model` behind the wrappers: ledger, concurrency, retries, pace, budget. `pace` is its endpoint's, by default
    one that nobody shares.

    A request has its place until its reply is kept, and reserves only once it may leave.
    """
    pace = pace or Pace(max_concurrency)
    attempted = Hedged(model, pace=pace, budget=budget, tariff=tariff) if hedge else model
    metered = Metered(inner=attempted, budget=budget, tariff=tariff)
    paced = Paced(metered, pace=pace, ceiling=max_concurrency, outage_s=outage_s, on_notice=on_notice)
    retrying = Retrying(paced, patience=patience, rng=rng)
    kept = Kept(inner=retrying, ledger=ledger, occasion=occasion)
    throttled = Throttled(kept, max_concurrency)
    return Recorded(throttled, ledger=ledger, occasion=occasion, mark=mark, budget=budget, tariff=tariff)
