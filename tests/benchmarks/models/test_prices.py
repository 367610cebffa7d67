"""What calls cost, and the most a request can take."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Charge
from benchmarks.models.prices import Tariff, listed_price, max_tokens
from benchmarks.models.protocol import Completion, FailureKind, Message, Request
from tests.benchmarks.models.parts import FREE, PRICED, ask, failure


def test_a_listed_model_has_a_price_without_importing_litellm() -> None:
    program = (
        "import sys\n"
        "from benchmarks.models.prices import listed_price\n"
        "price = listed_price('gpt-4o-mini')\n"
        "print(price.prompt_usd_per_million, price.completion_usd_per_million, 'litellm' in sys.modules)"
    )
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert finished.stdout.split() == ["0.15", "0.6", "False"]


def test_a_model_is_listed_with_and_without_its_provider() -> None:
    assert listed_price("openai/gpt-4o-mini") == listed_price("gpt-4o-mini")
    assert listed_price("openai/gpt-4o-mini") is not None


@pytest.mark.parametrize("name", ["", "nonsense", "openai/", "openai/nonsense", "sample_spec"])
def test_what_is_not_listed_has_no_price(name: str) -> None:
    price = listed_price(name)
    assert price is None or price.prompt_usd_per_million == 0


def test_a_call_costs_its_prompt_and_its_completion() -> None:
    usage = PRICED.usage(1_000_000, 500_000)
    assert usage.cost_usd == pytest.approx(1.0 + 1.0)
    assert FREE.usage(1, 1).cost_usd is None


@pytest.mark.parametrize(
    ("parameters", "most"),
    [
        ({"max_tokens": 8}, 8),
        ({"max_completion_tokens": 9, "max_tokens": 8}, 9),
        ({}, 4096),
        ({"max_tokens": None}, 4096),
    ],
)
def test_the_longest_reply_follows_from_the_parameters(parameters: dict[str, int | None], most: int) -> None:
    assert max_tokens(parameters) == most


@settings(deadline=None, max_examples=100)
@given(
    contents=st.lists(st.text(max_size=50), max_size=5),
    limit=st.integers(1, 100),
    tokens_per_byte=st.floats(0, 1),
    tokens=st.integers(0, 100),
)
def test_no_reply_costs_more_than_the_bound(
    contents: list[str], limit: int, tokens_per_byte: float, tokens: int
) -> None:
    request = Request(
        messages=tuple(Message(role="user", content=content) for content in contents), parameters={"max_tokens": limit}
    )
    prompt_tokens = int(sum(len(content.encode()) for content in contents) * tokens_per_byte) + 4 * len(contents) + 3
    reply = Completion(text="", usage=PRICED.usage(prompt_tokens, min(tokens, limit)))
    bound, charged = PRICED.bound(request), PRICED.charge(request, reply).amount
    assert charged.calls <= bound.calls
    assert charged.tokens <= bound.tokens
    assert charged.usd <= bound.usd


def test_a_replayed_reply_costs_its_lost_attempts_too() -> None:
    reply = Completion(text="a", usage=PRICED.usage(10, 5), lost_attempts=2)
    lost = PRICED.lost(ask())
    assert PRICED.replayed(ask(), reply) == PRICED.charge(ask(), reply) + lost + lost


def test_costs_are_unknown_where_one_price_is() -> None:
    reply = Completion(text="a", usage=FREE.usage(10, 5))
    assert FREE.charge(ask(), reply) == Charge(calls=1, prompt_tokens=10, completion_tokens=5, cost_usd=None)
    assert (FREE.charge(ask(), reply) + Charge(cost_usd=1.0)).cost_usd is None
    assert FREE.lost(ask()).cost_usd is None
    assert Tariff(price=None).charge(ask(), failure(FailureKind.REJECTED)) == Charge(calls=1)
