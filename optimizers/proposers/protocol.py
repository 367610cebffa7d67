"""What a proposer is."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from benchmarks.datasets.records import Example
from benchmarks.prompts.layout import Signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """An instruction and where it came from: the proposer's name.

    `blocks` says what it was assembled of. `parents` are the instructions it was made from, and `hypothesis` is the one
    idea by which it should be better than they are, in a sentence; empty where it follows none.
    """

    text: str
    source: str
    blocks: Mapping[str, str] = field(default_factory=dict)
    parents: tuple[str, ...] = ()
    hypothesis: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a proposer may know: the task and its train rows, never a row of validation or test.

    `labels` is empty unless the task is a classification. `given` are the user's own candidates. `required` are texts
    that the task's constraints want to see in every prompt, word for word.
    """

    description: str
    signature: Signature
    labels: tuple[str, ...]
    train: Sequence[Example]
    baseline_instruction: str
    given: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


class Proposer(Protocol):
    """Writes instructions.

    Invariants: pure given the brief and the random generator; texts are templates over the task's inputs.
    """

    def propose(self, brief: Brief, count: int, rng: random.Random) -> list[Proposal]:
        """At most `count` different proposals, the most promising first; `given` returns all it has."""
        ...
