"""Demonstration selectors.

A selector chooses rows of train once for the whole prompt, so that the prompt is a fixed text that can be served; no
scored row is ever among them.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from benchmarks.datasets.records import Example

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

    Greedy facility location on the cosine similarity of TF-IDF vectors of character trigrams (Lin and Bilmes, "A
    Class of Submodular Functions for Document Summarization", 2011). The random generator picks the nine tenths of
    the rows that may be chosen, so that different draws differ. Models attend most to the last demonstration.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - takes a second

    rows = rng.sample(list(train), MOST_COMPARED) if len(train) > MOST_COMPARED else list(train)
    if len(rows) <= count:
        return tuple(rng.sample(rows, len(rows)))
    texts = ["\n".join(example.inputs.values()) for example in rows]
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), sublinear_tf=True).fit_transform(texts)
    similarity = (vectors @ vectors.T).toarray()
    allowed = sorted(rng.sample(range(len(rows)), max(count, len(rows) * 9 // 10)))
    covered = similarity[:, 0] * 0.0
    chosen: list[int] = []
    for _ in range(count):
        gains = {i: float((similarity[:, i] - covered).clip(min=0).sum()) for i in allowed if i not in chosen}
        best = max(gains, key=lambda i: (gains[i], -i))
        chosen.append(best)
        covered = covered.clip(min=similarity[:, best])
    return tuple(rows[i] for i in reversed(chosen))


SELECTORS: dict[str, Selector] = {"random": at_random, "balanced": balanced, "nearest": nearest}
