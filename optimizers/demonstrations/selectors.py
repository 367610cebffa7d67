"""Demonstration selectors.

A selector chooses rows of train once for the whole prompt, so that the prompt is a fixed text that can be served; no
scored row is ever among them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from benchmarks.datasets.records import Example
from optimizers.demonstrations.trigrams import trigram_vectors

MOST_COMPARED = 1_000
"""Rows that are compared with each other; more are thinned out at random first."""


class Selector(Protocol):
    """Chooses demonstrations.

    Invariants: the result holds min(count, number of rows) different rows of `train`, in the order in which they are
    to be shown; it is determined by the arguments.
    """

    def __call__(self, train: Sequence[Example], count: int, rng: random.Random) -> tuple[Example, ...]:
        """`count` rows of `train`."""
        ...


def at_random(train: Sequence[Example], count: int, rng: random.Random) -> tuple[Example, ...]:
    """Rows drawn without looking at them."""
    return tuple(rng.sample(list(train), min(count, len(train))))


def balanced(train: Sequence[Example], count: int, rng: random.Random) -> tuple[Example, ...]:
    """As many rows of each answer as of any other, as far as the rows allow, in random order."""
    by_answer: dict[str, list[Example]] = defaultdict(list)
    for example in rng.sample(list(train), len(train)):
        by_answer[example.answer].append(example)
    piles = list(by_answer.values())
    chosen: list[Example] = []
    while len(chosen) < min(count, len(train)):
        for pile in piles:
            if pile and len(chosen) < count:
                chosen.append(pile.pop())
    rng.shuffle(chosen)
    return tuple(chosen)


def nearest(train: Sequence[Example], count: int, rng: random.Random) -> tuple[Example, ...]:
    """Rows such that every train row has a near neighbour among them, the most representative last.

    Greedy facility location (Lin and Bilmes, "A Class of Submodular Functions for Document Summarization", 2011) on
    the similarity of `trigram_vectors`. The random generator picks the nine tenths of the rows that may be chosen, so
    that different draws differ. Models attend most to the last demonstration.
    """
    rows = rng.sample(list(train), MOST_COMPARED) if len(train) > MOST_COMPARED else list(train)
    if len(rows) <= count:
        return tuple(rng.sample(rows, len(rows)))
    vectors = trigram_vectors(["\n".join(example.inputs.values()) for example in rows])
    similarity = vectors @ vectors.T
    allowed = sorted(rng.sample(range(len(rows)), max(count, len(rows) * 9 // 10)))
    covered = np.zeros(len(rows), dtype=np.float32)
    chosen: list[int] = []
    for _ in range(count):
        gains = np.maximum(similarity[allowed] - covered, 0).sum(axis=1)
        gains[[allowed.index(row) for row in chosen]] = -1
        chosen.append(allowed[int(gains.argmax())])
        covered = np.maximum(covered, similarity[chosen[-1]])
    return tuple(rows[i] for i in reversed(chosen))


SELECTORS: dict[str, Selector] = {"random": at_random, "balanced": balanced, "nearest": nearest}
