"""What every proposer owes, as `optimizers.proposers.protocol.Proposer` says."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.prompts.layout import Signature
from benchmarks.prompts.template import parse, variables
from benchmarks.tasks.task import check_instruction
from optimizers.proposers.given import Given
from optimizers.proposers.grammar import Grammar
from optimizers.proposers.protocol import Brief, Proposer

every_proposer = pytest.mark.parametrize("proposer", [Given(), Grammar()], ids=["given", "grammar"])

# Whatever stands in a task or its rows, braces above all, must not become part of a template's grammar.
words = st.one_of(
    st.text(max_size=12), st.sampled_from(["{{", "}}", "{{x}}", '{{"{{"}}', "{{text}}", "{", "a\nb", "{% if %}", "(A)"])
)
labels = st.lists(words.filter(str.strip), max_size=5, unique=True).map(tuple)


@st.composite
def briefs(draw: st.DrawFn) -> Brief:
    names = draw(st.sampled_from([("text",), ("title", "body_text"), ("a", "b", "c")]))
    known = draw(labels)
    answers = st.sampled_from(known) if known else words
    train = [
        Example(
            id=f"{n}", inputs={name: draw(words) for name in names}, answer=draw(answers), slices={}, origin=f"row {n}"
        )
        for n in range(draw(st.integers(0, 6)))
    ]
    given = ("Do it.", "Read {{" + names[0] + "}}.", "Do it.")
    return Brief(
        description=draw(words),
        signature=Signature(inputs=names, output=draw(words.filter(str.strip))),
        labels=known,
        train=train,
        baseline_instruction=draw(st.sampled_from(["", "Say {{" + names[0] + "}}."])),
        given=given,
    )


@every_proposer
@settings(max_examples=60, deadline=None)
@given(brief=briefs(), seed=st.integers(0, 99))
def test_proposals_are_templates_over_the_inputs_of_the_task(proposer: Proposer, brief: Brief, seed: int) -> None:
    for proposal in proposer.propose(brief, 16, random.Random(seed)):
        check_instruction(proposal.text, brief.signature, "test")
        assert set(variables(parse(proposal.text))) <= set(brief.signature.inputs)
        assert proposal.source


@every_proposer
@settings(max_examples=40, deadline=None)
@given(brief=briefs(), count=st.integers(1, 40), seed=st.integers(0, 99))
def test_proposals_differ_and_are_no_more_than_asked_for_except_those_given(
    proposer: Proposer, brief: Brief, count: int, seed: int
) -> None:
    texts = [proposal.text for proposal in proposer.propose(brief, count, random.Random(seed))]
    assert len(set(texts)) == len(texts)
    assert len(texts) == len(set(brief.given)) if isinstance(proposer, Given) else 1 <= len(texts) <= count


@every_proposer
@settings(max_examples=20, deadline=None)
@given(brief=briefs(), seed=st.integers(0, 99))
def test_the_same_brief_and_generator_make_the_same_proposals(proposer: Proposer, brief: Brief, seed: int) -> None:
    one, other = (proposer.propose(brief, 16, random.Random(seed)) for _ in range(2))
    assert one == other
