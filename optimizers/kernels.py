"""How alike prompts are, part by part: what one prompt's scores say about another's.

Each kernel is positive semidefinite with ones on its diagonal, and compares one part of two prompts: the words of the
instruction, the demonstrations shown, the delimiters, and so on. How much each part matters is not known here; the
posterior learns it (`optimizers.posterior`).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.prompts.prompt import Prompt
from optimizers.one_thread import one_thread

Floats = npt.NDArray[np.float64]

GRAM_LENGTHS = (3, 4, 5)
GRAM_BUCKETS = 4096

SAME = (
    "instruction",
    "delimiters",
    "placement",
    "answer_marker",
    "reasoning",
    "demonstration_style",
    "demonstration_selector",
)
"""Factors of a prompt that are alike if they are equal, and not at all otherwise."""

SETTINGS = ("temperature", "max_tokens")
"""Decoding parameters of which the same holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The kernels between two lists of prompts, by the part that they compare: shape (first, second)."""

    parts: Mapping[str, Floats]

    def weighted(self, variances: Mapping[str, float]) -> Floats:
        """Their sum, each weighted by the variance of its part."""
        return np.asarray(sum(variance * self.parts[part] for part, variance in variances.items()), dtype=np.float64)


class Likeness:
    """The kernels of `prompts`, among each other or between some and others."""

    def __init__(self, prompts: Sequence[Prompt]) -> None:
        self._prompts = list(prompts)

    def kernels(self, first: slice | None = None, second: slice | None = None) -> Kernels:
        """The kernels between the prompts in `first` and those in `second`; all of them where None."""
        with one_thread():
            return self._kernels(first, second)

    def _kernels(self, first: slice | None, second: slice | None) -> Kernels:
        one, two = first or slice(None), second or slice(None)
        parts = {
            "words": self._words[np.ix_(self._codes["instruction"][one], self._codes["instruction"][two])],
            "shown": self._shown[one] @ self._shown[two].T,
            "shots": _laplacian(self._counts[one], self._counts[two]),
            "length": _laplacian(self._lengths[one], self._lengths[two]),
        }
        same = {name: codes[one][:, None] == codes[two][None, :] for name, codes in self._codes.items()}
        parts |= {name: equal.astype(np.float64) for name, equal in same.items()}
        if sum(len(set(codes)) > 1 for codes in self._codes.values()) > 1:
            parts["together"] = np.prod([np.where(equal, 1.0, 0.5) for equal in same.values()], axis=0)
        digests = self._digests
        parts["own"] = (digests[one][:, None] == digests[two][None, :]).astype(np.float64)
        return Kernels(parts=parts)

    @cached_property
    def _digests(self) -> npt.NDArray[np.int64]:
        return _numbered([prompt.digest for prompt in self._prompts])

    @cached_property
    def _codes(self) -> dict[str, npt.NDArray[np.int64]]:
        codes = {name: _numbered([_factor(p, name) for p in self._prompts]) for name in SAME}
        codes |= {name: _numbered([p.parameters.get(name) for p in self._prompts]) for name in SETTINGS}
        return codes

    @cached_property
    def _words(self) -> Floats:
        """How alike the instructions are, each once: the cosine of their character n-grams, rare ones weighing more.
        A kernel linear in them lets what a phrase brings carry over to every instruction that holds it."""
        texts = list(dict.fromkeys(_text(prompt) for prompt in self._prompts))
        counts = np.zeros((len(texts), GRAM_BUCKETS))
        for row, text in enumerate(texts):
            grams = _grams(text)
            counts[row, list(grams)] = list(grams.values())
        rarity = np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))) + 0.1
        vectors = np.log1p(counts) * rarity
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        alike = np.asarray(vectors @ vectors.T)
        np.fill_diagonal(alike, 1.0)  # A text of two characters has no n-grams.
        return alike

    @cached_property
    def _shown(self) -> Floats:
        """Unit vectors of the demonstrations shown; showing none is a place of its own."""
        shown = [tuple(p.factors.get("demonstration_ids", ())) or ("",) for p in self._prompts]
        places = {name: place for place, name in enumerate(sorted({name for names in shown for name in names}))}
        vectors = np.zeros((len(shown), len(places)))
        for row, names in enumerate(shown):
            vectors[row, [places[name] for name in names]] = 1.0
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    @cached_property
    def _counts(self) -> Floats:
        return np.log2([1.0 + len(p.factors.get("demonstration_ids", ())) for p in self._prompts])

    @cached_property
    def _lengths(self) -> Floats:
        return np.log2([1.0 + sum(len(message.content) for message in p.messages) for p in self._prompts])


def _factor(prompt: Prompt, name: str) -> Any:
    return _text(prompt) if name == "instruction" else prompt.factors.get(name)


def _text(prompt: Prompt) -> str:
    """The instruction; of a prompt that was not laid out by whet, everything it says."""
    instruction = prompt.factors.get("instruction")
    return str(instruction) if instruction else "\n".join(message.content for message in prompt.messages)


def _numbered(values: Sequence[Any]) -> npt.NDArray[np.int64]:
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault(str(value), len(numbers)) for value in values], dtype=np.int64)


@lru_cache(maxsize=1024)
def _grams(text: str) -> Mapping[int, int]:
    """How often each bucket's character n-grams occur in `text`."""
    lowered = text.lower()
    return Counter(
        zlib.crc32(lowered[start : start + length].encode()) % GRAM_BUCKETS
        for length in GRAM_LENGTHS
        for start in range(len(lowered) - length + 1)
    )


def _laplacian(one: Floats, two: Floats) -> Floats:
    return np.exp(-np.abs(one[:, None] - two[None, :]))
