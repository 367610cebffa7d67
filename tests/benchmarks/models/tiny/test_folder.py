"""The model's folder is what it says: transformers loads it and answers alike, and its recipe runs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.models.protocol import Completion, Message, Request
from benchmarks.models.tiny.chat import Chat
from benchmarks.models.tiny.lane import WEIGHTS, Tiny
from benchmarks.models.tiny.network import Reader, read_weights
from tests.benchmarks.models.tiny.test_lane import FREE, TEAMS
from tests.endpoints.shared import data_folder

CHECKOUT = Path(__file__).resolve().parents[4]
PYTHON = CHECKOUT / ".venv-train" / "bin" / "python"
MOST_BYTES = 10_000_000

TEXTS = [
    "Where is my parcel?",
    "Mein Passwort geht nicht mehr.",
    "ü" * 90,
    "I want my money back for the lamp I returned",
]
CHATS = [
    [
        Message(role="system", content=f"Which team should handle this? One of: {TEAMS}."),
        Message(role="user", content="Input: the kettle leaks\nOutput:"),
        Message(role="assistant", content="technical"),
        Message(role="user", content=f"Input: {text}\nOutput:"),
    ]
    for text in TEXTS
]


def in_other_environment(*arguments: str, given: str = "") -> str:
    assert PYTHON.exists(), "scripts/setup --train makes the environment that this test needs"
    done = subprocess.run(
        [PYTHON, "-m", *arguments], cwd=CHECKOUT, input=given, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def elsewhere() -> list[dict[str, Any]]:
    chats = [[{"role": m.role, "content": m.content} for m in chat] for chat in CHATS]
    told = in_other_environment("tests.benchmarks.models.tiny.in_transformers", str(WEIGHTS), given=json.dumps(chats))
    answers: list[dict[str, Any]] = json.loads(told)
    return answers


@pytest.mark.slow
def test_transformers_makes_the_same_tokens(elsewhere: list[dict[str, Any]]) -> None:
    assert [answer["tokens"] for answer in elsewhere] == [Chat(WEIGHTS).encode(chat) for chat in CHATS]


@pytest.mark.slow
def test_transformers_gives_the_same_scores(elsewhere: list[dict[str, Any]]) -> None:
    reader = Reader(read_weights(WEIGHTS))
    for answer in elsewhere:
        assert np.allclose(reader.read(answer["tokens"]), answer["scores"], atol=2e-3)


@pytest.mark.slow
async def test_transformers_gives_the_same_replies(elsewhere: list[dict[str, Any]]) -> None:
    model = Tiny(tariff=FREE)
    for chat, answer in zip(CHATS, elsewhere, strict=True):
        own = await model.complete(Request(messages=tuple(chat), parameters={"temperature": 0, "max_tokens": 12}))
        assert isinstance(own, Completion)
        assert own.text == answer["reply"].removeprefix(" ")
    await model.close()


def test_the_weights_are_small() -> None:
    assert (WEIGHTS / "model.safetensors").stat().st_size <= MOST_BYTES


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.skipif(not data_folder().is_dir(), reason="no labelled data beside the checkout (or WHET_SHARED_DATA)")
def test_the_recipe_makes_such_a_folder(tmp_path: Path) -> None:
    in_other_environment(
        "benchmarks.models.tiny.train",
        *("--data", str(data_folder()), "--out", str(tmp_path / "out"), "--work", str(tmp_path / "work")),
        *("--share", "0", "--tokenizer-episodes", "200"),
    )
    assert {path.name for path in (tmp_path / "out").iterdir()} == {path.name for path in WEIGHTS.iterdir()}
    chat = Chat(tmp_path / "out")
    scores = Reader(read_weights(tmp_path / "out")).read(chat.encode(CHATS[0]))
    assert np.isfinite(scores).all()
