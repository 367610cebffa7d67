from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest

from benchmarks.datasets.records import Example
from benchmarks.prompts.layout import Signature
from benchmarks.prompts.template import fill, parse
from optimizers.proposers.grammar import BLOCKS, MOST_LABELS_DEFINED, MOST_LABELS_LISTED, Grammar
from optimizers.proposers.protocol import Brief, Proposal

MESSAGES = [
    ("I was charged twice this month", "billing"),
    ("Charged for a month I cancelled", "billing"),
    ("Why was I charged again", "billing"),
    ("My parcel never arrived", "orders"),
    ("The parcel arrived broken", "orders"),
]


def brief(
    labels: Sequence[str] = ("billing", "orders"),
    rows: Sequence[tuple[str, str]] = MESSAGES,
    description: str = "Route a message",
) -> Brief:
    train = [
        Example(id=f"{n}", inputs={"message": text}, answer=answer, slices={}, origin="")
        for n, (text, answer) in enumerate(rows)
    ]
    return Brief(
        description=description,
        signature=Signature(inputs=("message",), output="support_team"),
        labels=tuple(labels),
        train=train,
        baseline_instruction="",
    )


def propose(brief: Brief, count: int = 60, seed: int = 0) -> list[Proposal]:
    return Grammar().propose(brief, count, random.Random(seed))


def test_the_first_proposal_names_task_labels_and_contract() -> None:
    text = propose(brief())[0].text
    assert "Given the message, write the support team." in text
    assert "- billing\n- orders" in text
    assert "Answer with one of these values" in text


def test_every_variant_of_every_block_is_tried_about_equally_often() -> None:
    proposals = propose(brief(labels=("billing", "orders", "Other")), count=48)
    for block, variants in BLOCKS.items():
        used = Counter(proposal.blocks[block] for proposal in proposals)
        assert used.keys() == variants.keys()
        assert max(used.values()) - min(used.values()) <= len(proposals) / 4


def test_without_labels_there_is_no_talk_of_labels() -> None:
    for proposal in propose(brief(labels=(), rows=[("2 + 2", "4"), ("3 + 9", "12")])):
        assert proposal.blocks["labels"] == "none"
        for word in ("values", "Choose one", "Classify", "fits", "typical"):
            assert word not in proposal.text


def test_typical_words_come_from_the_train_rows_of_the_label() -> None:
    defined = next(p.text for p in propose(brief()) if p.blocks["labels"] == "definitions")
    assert "- billing: typical words are charged" in defined
    assert "- orders: typical words are" in defined
    assert "parcel" in defined


def test_only_a_label_that_means_the_rest_is_named_as_the_way_out() -> None:
    named = [proposal.text for proposal in propose(brief(labels=("billing", "Other")))]
    assert any('If nothing fits, choose "Other".' in text for text in named)
    assert not any("If nothing fits" in proposal.text for proposal in propose(brief()))


def test_without_train_rows_nothing_is_said_about_them() -> None:
    proposals = propose(brief(rows=[]))
    assert {"definitions", "shape"}.isdisjoint(
        variant for proposal in proposals for variant in proposal.blocks.values()
    )


@pytest.mark.parametrize(
    ("number", "kinds"),
    [
        (MOST_LABELS_DEFINED, {"bullets", "list", "definitions", "none"}),
        (MOST_LABELS_LISTED, {"bullets", "list", "none"}),
        (MOST_LABELS_LISTED + 1, {"none"}),
    ],
)
def test_long_lists_of_labels_are_not_spelled_out(number: int, kinds: set[str]) -> None:
    words = ["word" + "".join("abcdefghij"[int(digit)] for digit in f"{n:03d}") for n in range(number)]
    rows = [(f"some {words[n]}", f"label {n}") for n in range(number) for _ in range(2)]
    proposals = propose(brief(labels=[f"label {n}" for n in range(number)], rows=rows))
    assert {proposal.blocks["labels"] for proposal in proposals} == kinds


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (["12", "-3.5", "1,000"], "Write just the number, without explanation."),
        (["(A)", "(C)"], "Write just the letter of the option in parentheses, such as (A), without explanation."),
        (['{"a": 1}', "{}"], "Write one JSON object, without explanation."),
        (["yes", "no"], "Write a single word, without explanation."),
        (["two words", "now three words"], "Write at most 3 words, without explanation."),
    ],
)
def test_the_contract_describes_what_answers_look_like(answers: list[str], said: str) -> None:
    proposals = propose(brief(labels=(), rows=[("text", answer) for answer in answers]))
    assert any(said in proposal.text for proposal in proposals)


def test_braces_in_labels_and_description_reach_the_model_as_they_are() -> None:
    label, description = "{{order}}", "Fill {{slots}} {{"
    rows = [("a parcel came", label), ("a parcel went", label), ("a bill came", "bill")]
    rendered = [
        fill(parse(proposal.text), {"message": "text"})
        for proposal in propose(brief(labels=(label, "bill"), rows=rows, description=description))
    ]
    assert any(f"- {label}\n" in text for text in rendered)
    assert any(description in text for text in rendered)


def test_another_seed_assembles_other_instructions() -> None:
    assert propose(brief(), 16, seed=0) != propose(brief(), 16, seed=1)
