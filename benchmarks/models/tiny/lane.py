"""The lane to the bundled toy model, in process: no server, no key, no network."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from threadpoolctl import ThreadpoolController

from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Failure, FailureKind, Message, ModelIdentity, Request
from benchmarks.models.tiny.chat import Chat
from benchmarks.models.tiny.decoding import Decoding
from benchmarks.models.tiny.network import Reader, Weights, read_weights

WEIGHTS = Path(__file__).parent / "weights"
FILES = ("config.json", "model.safetensors", "tokenizer.json")
"""What decides how the model answers."""


@functools.cache
def weights_identity(folder: Path = WEIGHTS) -> ModelIdentity:
    """Under which name replies are kept: the digest of the files that decide how the model answers."""
    hashed = hashlib.sha256()
    for name in FILES:
        hashed.update((folder / name).read_bytes())
    return ModelIdentity(endpoint=f"weights {hashed.hexdigest()[:16]}", model="tiny")


@dataclass(slots=True, kw_only=True)
class Tiny:
    """The bundled toy model. It answers on `threads` threads, each with a cache of its own.

    A reply depends on nothing but messages, parameters and, where it is drawn, the request's `repeat`.
    """

    tariff: Tariff
    folder: Path = WEIGHTS
    threads: int = field(default_factory=lambda: min(4, os.cpu_count() or 1))
    _pool: ThreadPoolExecutor | None = field(default=None, repr=False)
    _chat: Chat = field(init=False, repr=False)
    _weights: Weights = field(init=False, repr=False)
    _own: threading.local = field(default_factory=threading.local, repr=False)

    def __post_init__(self) -> None:
        self._chat = Chat(self.folder)
        self._weights = read_weights(self.folder)

    @property
    def identity(self) -> ModelIdentity:
        """Under which name replies are kept."""
        return weights_identity(self.folder)

    async def complete(self, request: Request) -> Completion | Failure:
        """The model's reply; one that it cannot give is a failure that the same request would meet again."""
        if self._pool is None:
            # Several threads of BLAS for such small matrices only get in each other's way.
            ThreadpoolController().limit(limits=1, user_api="blas")
            self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="tiny")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._answer, request)

    def _answer(self, request: Request) -> Completion | Failure:
        started = time.perf_counter()
        try:
            decoding = Decoding.of(request.parameters)
        except ValueError as error:
            return Failure(kind=FailureKind.REJECTED, detail=str(error))
        prompt = self._chat.encode(request.messages)
        if len(prompt) + decoding.max_tokens > self._weights.longest:
            return Failure(
                kind=FailureKind.CONTEXT_TOO_LONG,
                detail=f"{len(prompt)} tokens of prompt and {decoding.max_tokens} of reply are more than "
                f"{self._weights.longest}, the toy model's most",
            )
        reader = self._reader()
        text, written, truncated = self._write(reader, prompt, decoding, _rng(request, decoding.seed))
        return Completion(
            text=text,
            usage=self.tariff.usage(len(prompt), written, cached_tokens=reader.cached_tokens),
            truncated=truncated,
            latency_s=time.perf_counter() - started,
        )

    def _write(
        self, reader: Reader, prompt: list[int], decoding: Decoding, rng: random.Random
    ) -> tuple[str, int, bool]:
        """The reply, its number of tokens, and whether it was cut off."""
        scores = reader.read(prompt)
        written: list[int] = []
        while (token := decoding.choose(scores, rng)) != self._chat.end:
            written.append(token)
            text = self._chat.decode(written)
            if cuts := [text.index(stop) for stop in decoding.stop if stop in text]:
                return text[: min(cuts)].strip(" "), len(written), False
            if len(written) == decoding.max_tokens:
                return text.removeprefix(" "), len(written), True
            scores = reader.extend(token, len(prompt) + len(written) - 1)
        return self._chat.decode(written).removeprefix(" "), len(written) + 1, False

    def _reader(self) -> Reader:
        if not hasattr(self._own, "reader"):
            self._own.reader = Reader(self._weights)
        reader: Reader = self._own.reader
        return reader

    async def withdraw(self) -> None:
        """Nothing waits here for longer than a moment."""

    async def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _rng(request: Request, seed: int) -> random.Random:
    return random.Random(f"{seed}/{request.repeat}/{_spelled(request.messages)}")


def _spelled(messages: Sequence[Message]) -> str:
    return "\x00".join(f"{message.role}\x00{message.content}" for message in messages)
