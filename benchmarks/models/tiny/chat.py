"""The toy model's chat format: from messages to token ids and back.

`<|system|>…<|end|><|user|>…<|end|><|assistant|> …<|end|>`, as the chat template in `tokenizer_config.json` says. What
looks like a special token inside a message is text here, not structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer

from benchmarks.models.protocol import Message

END = "<|end|>"


class Chat:
    """Tokenizer and chat format of the model in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.encode_special_tokens = True
        known = self._tokenizer.get_vocab()
        self._special = {name: known[name] for name in (END, "<|system|>", "<|user|>", "<|assistant|>")}
        self.end = self._special[END]

    def encode(self, messages: Sequence[Message]) -> list[int]:
        """The tokens of `messages`, and of the opening of the reply."""
        tokens: list[int] = []
        for message in messages:
            content = f" {message.content}" if message.role == "assistant" else message.content
            tokens.append(self._special[f"<|{message.role}|>"])
            tokens += self._tokenizer.encode(content).ids
            tokens.append(self.end)
        return [*tokens, self._special["<|assistant|>"]]

    def count(self, text: str) -> int:
        """The tokens of `text`, without those of the chat format."""
        return len(self._tokenizer.encode(text).ids)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of a reply, special tokens left out."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True))
