"""Episodes made, tokenized and put into batches of similar lengths."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from benchmarks.models.tiny.train.episodes import Mix, Rendered, Sources, any_episode
from benchmarks.models.tiny.train.tokenizer import END

POOL = 384
"""Episodes made at a time, sorted by length and cut into batches."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Token ids (batch, length); `answers` marks the positions whose next token is to be learned as an answer, and
    `texts` all others that are not filling."""

    tokens: Tensor
    answers: Tensor
    texts: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """About how many tokens a batch has, and how many an episode may have."""

    batch_tokens: int
    longest: int


def encoded(tokenizer: Tokenizer, rendered: Rendered) -> tuple[list[int], list[bool]]:
    """Token ids, and for each whether it belongs to an answer."""
    encoding = tokenizer.encode(rendered.text)
    learned = [
        any(start < end and start < b and end > a for a, b in rendered.learned) for start, end in encoding.offsets
    ]
    return encoding.ids, learned


def batches(sources: Sources, tokenizer: Tokenizer, *, mix: Mix, size: Size, rng: random.Random) -> Iterator[Batch]:
    """Batches of episodes by `mix`, without end."""
    while True:
        pool: list[tuple[list[int], list[bool]]] = []
        while len(pool) < POOL:
            ids, learned = encoded(tokenizer, any_episode(sources, mix, rng))
            if len(ids) <= size.longest:
                pool.append((ids, learned))
        pool.sort(key=lambda item: len(item[0]))
        cut, start = [], 0
        for stop in range(1, len(pool) + 1):
            if stop == len(pool) or (stop - start + 1) * len(pool[stop][0]) > size.batch_tokens:
                cut.append(pool[start:stop])
                start = stop
        rng.shuffle(cut)
        for chosen in cut:
            yield _batch(chosen)


def _batch(chosen: list[tuple[list[int], list[bool]]]) -> Batch:
    length = max(len(ids) for ids, _ in chosen)
    tokens = torch.full((len(chosen), length), END)
    answers = torch.zeros(len(chosen), length, dtype=torch.bool)
    texts = torch.zeros(len(chosen), length, dtype=torch.bool)
    for row, (ids, learned) in enumerate(chosen):
        tokens[row, : len(ids)] = torch.tensor(ids)
        next_is_answer = torch.tensor(learned[1:])
        answers[row, : len(ids) - 1] = next_is_answer
        texts[row, : len(ids) - 1] = ~next_is_answer
    return Batch(tokens, answers, texts)
