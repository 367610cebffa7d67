"""The pool as a proposer model hands it out."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.performance.search_quality.arena import Arena


def proposals(arena: Arena) -> Iterator[str]:
    """The pool without the user's prompt, in a seeded order, over and over, each time in another one."""
    generator = np.random.default_rng([arena.seed, 14])
    while True:
        for choice in generator.permutation(np.arange(1, len(arena.pool))):
            yield arena.pool[choice]
