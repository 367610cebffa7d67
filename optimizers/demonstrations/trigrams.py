"""Texts as vectors of their character trigrams."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS = 4096


def trigram_vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    """One unit vector of shape (BUCKETS,) a text, so that products are cosine similarities in [0, 1].

    Character trigrams of the lower-case words, hashed into buckets (Weinberger et al., "Feature Hashing for Large Scale
    Multitask Learning", 2009) and weighted by log-damped frequency times inverse document frequency (TF-IDF, smoothed
    as if one more text held every trigram). A text without a trigram is the zero vector.
    """
    vectors = np.zeros((len(texts), BUCKETS), dtype=np.float32)
    for vector, text in zip(vectors, texts, strict=True):
        for trigram, count in Counter(_trigrams(text)).items():
            vector[zlib.crc32(trigram.encode()) % BUCKETS] += count
    vectors = np.log1p(vectors)
    texts_with = np.count_nonzero(vectors, axis=0)
    vectors *= np.log((1 + len(texts)) / (1 + texts_with)).astype(np.float32) + 1
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors


def _trigrams(text: str) -> list[str]:
    return [word[i : i + 3] for word in (f" {w} " for w in text.lower().split()) for i in range(len(word) - 2)]
