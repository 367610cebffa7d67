from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.prompts.layout import Signature
from optimizers.proposers.exchange import Scored, exchanged
from optimizers.proposers.grammar import Grammar, assembled, variants_of
from optimizers.proposers.protocol import Brief, Proposal

BRIEF = Brief(
    description="Route a message",
    signature=Signature(inputs=("message",), output="team"),
    labels=("billing", "orders"),
    train=[Example(id="1", inputs={"message": "Pay"}, answer="billing", slices={}, origin="")],
    baseline_instruction="Route it.",
)


def scored(count: int, seed: int = 0, good: tuple[str, str] = ("labels", "bullets")) -> list[Scored]:
    """Instructions of the grammar; those with the variant `good` of its block score 0.3 more."""
    luck = random.Random(f"luck {seed}")
    proposals = Grammar().propose(BRIEF, count, random.Random(seed))
    block, name = good
    return [Scored(proposal=p, score=0.4 + 0.3 * (p.blocks[block] == name) + luck.gauss(0, 0.05)) for p in proposals]


def exchange(tried: list[Scored], count: int = 8, seed: int = 0) -> list[Proposal]:
    known = {one.proposal.text for one in tried}
    return exchanged(BRIEF, tried, known, count, random.Random(f"exchange {seed}"))


def test_a_block_that_scored_well_is_in_most_new_combinations() -> None:
    for good in (("labels", "bullets"), ("rules", "closest"), ("contract", "only")):
        found = Counter(p.blocks[good[0]] for seed in range(10) for p in exchange(scored(16, seed, good), seed=seed))
        assert found[good[1]] > 0.7 * found.total()


def test_blocks_of_which_nothing_is_known_are_still_tried() -> None:
    tried = [one for one in scored(16) if one.proposal.blocks["role"] != "expert"]
    assert any(p.blocks["role"] == "expert" for seed in range(5) for p in exchange(tried, seed=seed))


@settings(max_examples=40, deadline=None)
@given(number=st.integers(2, 16), count=st.integers(1, 12), seed=st.integers(0, 99))
def test_combinations_are_new_and_made_of_the_blocks_they_name(number: int, count: int, seed: int) -> None:
    tried = scored(number, seed)
    found = exchange(tried, count, seed)
    known = {one.proposal.text for one in tried}
    texts = [proposal.text for proposal in found]
    assert len(set(texts)) == len(texts) <= count
    assert known.isdisjoint(texts)
    for proposal in found:
        assert proposal.text == assembled(proposal.blocks, variants_of(BRIEF), ())
        assert proposal.source == "recombine"
        assert len(proposal.parents) == 2
        assert set(proposal.parents) <= known


def test_the_same_scores_and_generator_make_the_same_combinations() -> None:
    assert exchange(scored(12)) == exchange(scored(12))
    assert exchange(scored(12), seed=1) != exchange(scored(12), seed=2)


def test_there_is_nothing_to_exchange_with_one_instruction_or_with_foreign_blocks() -> None:
    assert exchange(scored(1)) == []
    foreign = [Scored(proposal=Proposal(text=f"{n}", source="own", blocks={"tone": "kind"}), score=0.5) for n in "ab"]
    assert exchange([*scored(1), *foreign]) == []
