"""New combinations of the grammar's blocks, guided by what scored: recombination without a model.

The effect of each variant of a block is estimated from the instructions that were tried with it, and each new
combination takes the variant with the largest draw from its posterior in every block (Thompson sampling on an additive
model; Chapelle and Li, "An Empirical Evaluation of Thompson Sampling", 2011).
"""

from __future__ import annotations

import random
import statistics
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from optimizers.proposers.grammar import assembled, variants_of
from optimizers.proposers.protocol import Brief, Proposal

PRIOR_TRIES = 1.0
"""How many average tries every variant is credited with."""

ATTEMPTS_PER_PROPOSAL = 8
_LEAST_SPREAD = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """An instruction made of blocks, and its estimated score."""

    proposal: Proposal
    score: float


def exchanged(
    brief: Brief, scored: Sequence[Scored], known: Collection[str], count: int, rng: random.Random
) -> list[Proposal]:
    """At most `count` new combinations of blocks, none of them `known`; parents are the two tried instructions that
    share most blocks with it. Empty where fewer than two instructions made of blocks were tried."""
    texts = variants_of(brief)
    usable = [one for one in scored if _assemblable(one.proposal.blocks, texts)]
    if len(usable) < 2:
        return []
    overall = statistics.fmean(one.score for one in usable)
    spread = max(_LEAST_SPREAD, statistics.pstdev(one.score for one in usable))
    tried: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in usable:
        for choice in one.proposal.blocks.items():
            tried[choice].append(one.score - overall)

    def draw(block: str, name: str) -> float:
        scores = tried[block, name]
        weight = len(scores) + PRIOR_TRIES
        return rng.gauss(sum(scores) / weight, spread / weight**0.5)

    found: dict[str, Proposal] = {}
    for _ in range(count * ATTEMPTS_PER_PROPOSAL):
        if len(found) == count:
            break
        draws = {block: {name: draw(block, name) for name in names} for block, names in texts.items()}
        chosen = {block: max(drawn, key=drawn.__getitem__) for block, drawn in draws.items()}
        text = assembled(chosen, texts, brief.required)
        if text and text not in known and text not in found:
            parents = _nearest(chosen, usable)
            found[text] = Proposal(text=text, source="recombine", blocks=chosen, parents=parents)
    return list(found.values())


def _assemblable(blocks: Mapping[str, str], texts: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether they are the grammar's own blocks: other proposers may have blocks of theirs."""
    return blocks.keys() == texts.keys() and all(name in texts[block] for block, name in blocks.items())


def _nearest(chosen: Mapping[str, str], usable: Sequence[Scored]) -> tuple[str, ...]:
    """The two tried instructions that share most blocks with `chosen`; of those that share as many, the better ones."""

    def shared(one: Scored) -> int:
        return sum(one.proposal.blocks[block] == name for block, name in chosen.items())

    order = sorted(usable, key=lambda one: (-shared(one), -one.score, one.proposal.text))
    return tuple(one.proposal.text for one in order[:2])
