"""From a model's name to a model: lane, identity, price, key."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from typing import Any

import pytest

from benchmarks.budget import Budget, Caps
from benchmarks.errors import TaskError
from benchmarks.ledger.memory import MemoryLedger
from benchmarks.ledger.protocol import Occasion
from benchmarks.models.connect import Endpoint, api_key, normalised, tariff_for, wire, wrapped
from benchmarks.models.direct import Direct
from benchmarks.models.litellm_lane import LiteLlm
from benchmarks.models.prices import Price
from benchmarks.models.protocol import Completion, ModelIdentity
from benchmarks.models.retrying import Patience
from tests.benchmarks.models.parts import FREE, KEY, Held, ask, settle

HERE = "http://localhost:8000/v1"
CAPPED = Caps(calls=10, usd=1.0)


def endpoint(name: str, api_base: str | None = HERE, **fields: Any) -> Endpoint:
    return Endpoint(name=name, api_base=api_base, **fields)


@pytest.mark.parametrize(
    ("name", "api_base", "lane", "served"),
    [
        ("hosted_vllm/Qwen/Qwen3-8B", HERE, Direct, "Qwen/Qwen3-8B"),
        ("openai/gpt-4o-mini", HERE, Direct, "gpt-4o-mini"),
        ("plain-name", HERE, Direct, "plain-name"),
        ("openai/gpt-4o-mini", None, LiteLlm, "openai/gpt-4o-mini"),
        ("gpt-4o-mini", None, LiteLlm, "gpt-4o-mini"),
        ("anthropic/claude-sonnet-4-5", None, LiteLlm, "anthropic/claude-sonnet-4-5"),
        ("azure/my-deployment", "https://me.openai.azure.com", LiteLlm, "azure/my-deployment"),
    ],
)
def test_a_name_decides_the_lane(name: str, api_base: str | None, lane: type, served: str) -> None:
    model = wire(endpoint(name, api_base), FREE, {})
    assert isinstance(model, lane)
    assert model.identity.model == served
    assert isinstance(model, Direct | LiteLlm)
    assert model.model == served


def test_a_server_of_ones_own_needs_an_address() -> None:
    with pytest.raises(TaskError, match=r"needs model\.api_base, such as http"):
        wire(endpoint("hosted_vllm/m", None), FREE, {})


def test_models_are_connected_without_importing_litellm_or_a_network() -> None:
    program = (
        "import sys\n"
        "from benchmarks.models.connect import Endpoint, tariff_for, wire\n"
        "from benchmarks.budget import Caps\n"
        "for name, api_base in (('hosted_vllm/m', 'http://h/v1'), ('anthropic/m', None)):\n"
        "    wire(Endpoint(name=name, api_base=api_base), tariff_for(Endpoint(name=name), Caps(calls=1)), {})\n"
        "print('litellm' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.strip() == "False"


@pytest.mark.parametrize(
    "address",
    [HERE, HERE + "/", "HTTP://LocalHost:8000/v1", f" {HERE} ", "http://me:secret@localhost:8000/v1", HERE + "?a=b"],
)
def test_spellings_of_one_address_share_their_replies(address: str) -> None:
    assert normalised(address) == HERE
    assert endpoint("hosted_vllm/m", address).model_identity == ModelIdentity(endpoint=HERE, model="m")


@pytest.mark.parametrize(
    "address", ["http://localhost:8001/v1", "https://localhost:8000/v1", "http://localhost:8000/V1"]
)
def test_other_addresses_do_not(address: str) -> None:
    assert normalised(address) != HERE


def test_a_named_identity_outlives_an_address() -> None:
    moved = [endpoint("hosted_vllm/m", address, identity="our-vllm") for address in (HERE, "http://elsewhere/v1")]
    assert moved[0].model_identity == moved[1].model_identity == ModelIdentity(endpoint="our-vllm", model="m")


def test_the_key_comes_from_the_variable_that_is_named() -> None:
    assert api_key(endpoint("hosted_vllm/m", api_key_env="MINE"), {"MINE": KEY}) == KEY
    assert api_key(endpoint("hosted_vllm/m"), {"MINE": KEY}) is None
    for environment in ({}, {"MINE": ""}):
        with pytest.raises(TaskError, match=r"names MINE, which is not set.*export MINE="):
            api_key(endpoint("hosted_vllm/m", api_key_env="MINE"), environment)


def test_a_listed_model_has_the_listed_price() -> None:
    price = tariff_for(endpoint("openai/gpt-4o-mini", None), CAPPED).price
    assert price is not None
    assert price.cost_usd(1_000_000, 1_000_000) == pytest.approx(0.15 + 0.6)


def test_a_given_price_wins_over_the_list() -> None:
    given = Price(prompt_usd_per_million=3.0, completion_usd_per_million=4.0)
    assert tariff_for(endpoint("openai/gpt-4o-mini", None, price=given), CAPPED).price == given
    assert tariff_for(endpoint("hosted_vllm/m", price=given), CAPPED).price == given


@pytest.mark.parametrize("name", ["hosted_vllm/Qwen3-8B", "hosted_vllm/gpt-4o-mini"])
def test_a_vllm_server_is_free_whatever_name_it_serves(name: str) -> None:
    price = tariff_for(endpoint(name), CAPPED).price
    assert price is not None
    assert price.cost_usd(1_000_000, 1_000_000) == 0


def test_in_batches_both_listed_and_given_prices_are_halved() -> None:
    listed = tariff_for(endpoint("openai/gpt-4o-mini", None, batch=True), CAPPED).price
    assert listed is not None
    assert listed.cost_usd(1_000_000, 1_000_000) == pytest.approx((0.15 + 0.6) / 2)
    given = Price(prompt_usd_per_million=3.0, completion_usd_per_million=4.0)
    halved = tariff_for(endpoint("openai/our-own", price=given, batch=True), CAPPED).price
    assert halved == Price(prompt_usd_per_million=1.5, completion_usd_per_million=2.0)


def test_replies_are_the_same_in_batches_and_one_by_one() -> None:
    assert endpoint("openai/m", batch=True).model_identity == endpoint("openai/m").model_identity
    openai = endpoint("openai/m", None, batch=True).model_identity
    assert openai == endpoint("openai/m", "https://api.openai.com/v1/").model_identity


def test_dollars_cannot_be_capped_without_a_price() -> None:
    with pytest.raises(TaskError, match=r"cap of 1 USD.*'openai/our-own'.*model\.prices.*or cap calls or tokens"):
        tariff_for(endpoint("openai/our-own"), CAPPED)
    assert tariff_for(endpoint("openai/our-own"), Caps(calls=10, tokens=100)).price is None


async def test_a_withdrawn_model_has_charged_only_what_had_left() -> None:
    inner, budget = Held(), Budget(Caps(calls=100))
    model = wrapped(
        inner,
        max_concurrency=2,
        tariff=FREE,
        budget=budget,
        ledger=MemoryLedger(),
        occasion=Occasion(),
        mark=0,
        patience=Patience(),
        rng=random.Random(0),
    )
    asked = [asyncio.create_task(model.complete(ask(str(number)))) for number in range(10)]
    await settle()
    for task in asked[1:]:
        task.cancel()
    withdrawing = asyncio.create_task(model.withdraw())
    await settle()
    inner.release.set()
    await withdrawing
    assert isinstance(await asked[0], Completion)
    assert len(inner.asked) == 2
    assert budget.spent.calls == 2
    assert (budget.spent.prompt_tokens, budget.spent.completion_tokens) == (20, 10)
