"""The proposer that hands on the user's own candidates."""

from __future__ import annotations

import random

from optimizers.proposers.protocol import Brief, Proposal


class Given:
    """Proposes `candidates.instructions` of the task, all of them, in their order."""

    def propose(self, brief: Brief, count: int, rng: random.Random) -> list[Proposal]:
        """The given instructions, without repetitions."""
        return [Proposal(text=text, source="given") for text in dict.fromkeys(brief.given)]
