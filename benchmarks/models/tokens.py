"""How many tokens a text is, before it is sent anywhere: for forecasts. Nothing is fetched from the network."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.models.connect import Endpoint
from benchmarks.models.protocol import Message

BYTES_PER_TOKEN = 4
"""What is taken where there is no tokenizer."""

_CL100K = "9b5ad71b2ce5302211f9c61530b329a4922fc6a4"
_CL100K_SHA256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounter:
    """Counts the tokens of messages: `of_text` those of one text; the chat template adds `per_message` to each and
    `per_prompt` to all of them."""

    of_text: Callable[[str], int]
    per_message: int
    per_prompt: int

    def of_messages(self, messages: Sequence[Message]) -> int:
        """The tokens of a prompt."""
        return self.per_prompt + sum(self.per_message + self.of_text(message.content) for message in messages)


def token_counter(endpoint: Endpoint) -> TokenCounter:
    """The bundled model's own tokenizer for the bundled model; for every other, cl100k_base, which is within some per
    cent of what models of today make of most texts, with the template that OpenAI's cookbook describes ("How to count
    tokens with tiktoken"); four bytes a token where that is not at hand."""
    if endpoint.bundled:
        from benchmarks.models.tiny.chat import Chat  # noqa: PLC0415 - a tokenizer
        from benchmarks.models.tiny.lane import WEIGHTS  # noqa: PLC0415

        return TokenCounter(of_text=Chat(WEIGHTS).count, per_message=2, per_prompt=1)
    return TokenCounter(of_text=_cl100k() or _by_bytes, per_message=4, per_prompt=3)


def _by_bytes(text: str) -> int:
    return -(-len(text.encode()) // BYTES_PER_TOKEN)


@functools.cache
def _cl100k() -> Callable[[str], int] | None:
    """The tokens of a text in cl100k_base, which LiteLLM ships in its package; None where it does not."""
    folder = _shipped_folder()
    if folder is None:
        return None
    path = folder / _CL100K
    # tiktoken would fetch a file that is missing or damaged.
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != _CL100K_SHA256:
        return None
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)  # As LiteLLM does when it is imported.
    import tiktoken  # noqa: PLC0415 - only forecasts need it

    encoding = tiktoken.get_encoding("cl100k_base")
    return lambda text: len(encoding.encode_ordinary(text))


def _shipped_folder() -> Path | None:
    package = importlib.util.find_spec("litellm")  # Importing it takes seconds.
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "litellm_core_utils" / "tokenizers"
