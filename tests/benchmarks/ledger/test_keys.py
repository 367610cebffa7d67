"""What decides that two questions are one, and paid for once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.ledger.protocol import Occasion, ledger_key
from benchmarks.models.protocol import Message, ModelIdentity, ParameterValue, Request

HERE = ModelIdentity(endpoint="http://here/v1", model="m")


def request(
    *contents: str, role: str = "user", parameters: Mapping[str, ParameterValue] | None = None, **fields: Any
) -> Request:
    messages = tuple(Message(role=role, content=content) for content in contents or ("Which team?",))
    return Request(messages=messages, parameters={"temperature": 0} if parameters is None else parameters, **fields)


def key(occasion: Occasion | None = None, model: ModelIdentity = HERE, asked: Request | None = None) -> bytes:
    return ledger_key(occasion or Occasion(), model, asked or request())


def test_all_that_decides_the_reply_is_in_the_key() -> None:
    keys = [
        key(),
        key(Occasion(project="another")),
        key(Occasion(epoch="2026-11-21T02:00Z")),
        key(model=ModelIdentity(endpoint="http://there/v1", model="m")),
        key(model=ModelIdentity(endpoint="http://here/v1", model="n")),
        key(asked=request(repeat=1)),
        key(asked=request("Which other team?")),
        key(asked=request("Which", " team?")),
        key(asked=request("Which team?", role="system")),
        key(asked=request("Which team? ")),
        key(asked=request(parameters={})),
        key(asked=request(parameters={"temperature": 1})),
        key(asked=request(parameters={"temperature": None})),
        key(asked=request(parameters={"temperature": 0, "stop": ["\n"]})),
    ]
    assert len(set(keys)) == len(keys)
    assert {len(one) for one in keys} == {32}


def test_parts_do_not_run_into_each_other() -> None:
    one = key(Occasion(project="a", epoch="b"), ModelIdentity(endpoint="c", model="d"))
    other = key(Occasion(project="b", epoch="a"), ModelIdentity(endpoint="d", model="c"))
    joined = key(Occasion(project="ac", epoch="b"), ModelIdentity(endpoint="", model="d"))
    assert len({one, other, joined}) == 3


def test_provenance_and_the_order_of_parameters_are_not() -> None:
    one = request(parameters={"temperature": 0, "max_tokens": 8}, prompt_digest="p", example_id="e")
    other = request(parameters={"max_tokens": 8, "temperature": 0}, prompt_digest="q", example_id="f")
    assert key(asked=one) == key(asked=other)


def test_keys_stay_the_same_between_versions() -> None:
    assert key().hex() == "32fb6dee8b32334dbda9f558931f69cfd38b9a24575015a4c0998c232d913a3f"
