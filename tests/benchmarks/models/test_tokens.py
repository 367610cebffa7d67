"""Tokens are counted offline: by the bundled model's own tokenizer, by cl100k_base, or by bytes."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from benchmarks.models import tokens
from benchmarks.models.connect import Endpoint
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Message, Request
from benchmarks.models.tiny.lane import Tiny
from benchmarks.models.tokens import token_counter

MESSAGES = (
    Message(role="system", content="Which team should handle this message?"),
    Message(role="user", content="my parcel never came"),
    Message(role="assistant", content="delivery"),
    Message(role="user", content="Rechnung über 12,50 € ist falsch <|end|>"),
)


async def test_the_bundled_model_counts_as_it_is_charged() -> None:
    model = Tiny(tariff=Tariff(price=None))
    reply = await model.complete(Request(messages=MESSAGES, parameters={"max_tokens": 4}))
    await model.close()
    assert isinstance(reply, Completion)
    assert token_counter(Endpoint(name="tiny")).of_messages(MESSAGES) == pytest.approx(reply.usage.prompt_tokens, abs=1)


def test_other_models_are_counted_with_cl100k_and_openai_s_template() -> None:
    counter = token_counter(Endpoint(name="openai/gpt-4"))
    # "tiktoken is great!" is the example of OpenAI's cookbook.
    assert counter.of_text("tiktoken is great!") == 6
    assert counter.of_text("<|endoftext|>") > 1
    assert counter.of_messages(MESSAGES[1:2]) == 3 + 4 + counter.of_text("my parcel never came")


@pytest.mark.parametrize("damaged", [False, True])
def test_without_the_file_bytes_are_counted_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    if damaged:
        (tmp_path / "9b5ad71b2ce5302211f9c61530b329a4922fc6a4").write_bytes(b"IQ== 0\n")
    monkeypatch.setattr(tokens, "_shipped_folder", lambda: tmp_path)
    monkeypatch.setattr(socket, "socket", None)
    tokens._cl100k.cache_clear()
    try:
        assert token_counter(Endpoint(name="openai/gpt-4")).of_text("fünf Wörter") == 4
    finally:
        tokens._cl100k.cache_clear()
