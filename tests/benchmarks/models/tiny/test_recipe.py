"""What the toy model learns from: right labels, nothing that is held out, answers that the spans really hold."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz import process
from rapidfuzz.distance import Indel

from benchmarks.models.tiny.train import corpus
from benchmarks.models.tiny.train.episodes import CLOSE, OPEN, Mix, Sources, any_episode
from benchmarks.models.tiny.train.names import OTHER_NAMES, OWN_NAMES, TEAMS, team_names
from benchmarks.models.tiny.train.variation import varied


@pytest.fixture(scope="module")
def support() -> list[corpus.Labelled]:
    return corpus.support()


@pytest.fixture(scope="module")
def sources(support: list[corpus.Labelled]) -> Sources:
    rows = [corpus.Labelled(text=f"text {n} of {label}", label=label) for label in "abcdefghij" for n in range(5)]
    return Sources.of(support, rows)


def test_the_texts_are_many_and_their_labels_are_those_of_the_task(support: list[corpus.Labelled]) -> None:
    counts = Counter(row.label for row in support)
    assert set(counts) == {row.label for row in corpus.support_rows("train")} == set(TEAMS)
    assert min(counts.values()) >= 800
    assert {row.language for row in support} == {"en", "de"}


def test_nothing_that_is_learned_resembles_a_row_that_is_held_out(support: list[corpus.Labelled]) -> None:
    held_out = [row.text for split in ("validation", "test") for row in corpus.support_rows(split)]
    assert len(held_out) > 600
    closest = process.cdist(
        [row.text for row in support], held_out, scorer=Indel.normalized_similarity, score_cutoff=0.9
    ).max()
    assert closest == 0


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 10**6), bare=st.floats(0, 1), turns=st.floats(0, 1), mixed=st.booleans())
def test_the_spans_to_be_learned_hold_answers(
    sources: Sources, seed: int, bare: float, turns: float, mixed: bool
) -> None:
    mix = Mix(bare=bare, support=0.7, turns=turns, mixed_names=mixed)
    rendered = any_episode(sources, mix, random.Random(seed))
    assert OPEN not in rendered.text
    assert CLOSE not in rendered.text
    learned = [rendered.text[start:end] for start, end in rendered.learned]
    assert learned[-1].endswith("<|end|>")
    assert rendered.text.endswith("<|assistant|> " + learned[-1])
    assert all(re.fullmatch(r"[^\n<|]{1,40}", answer) for answer in learned[:-1])
    assert any_episode(sources, mix, random.Random(seed)) == rendered


@given(seed=st.integers(0, 10**6), mixed=st.booleans())
def test_names_are_known_or_invented_and_every_team_has_one(seed: int, mixed: bool) -> None:
    names = team_names(mixed, random.Random(seed))
    assert set(names) == set(TEAMS)
    assert all(names.values())


def test_no_two_teams_share_a_name() -> None:
    each = [{team, own, *others} for team, own, others in zip(TEAMS, OWN_NAMES, OTHER_NAMES, strict=True)]
    assert sum(map(len, each)) == len(set.union(*each))


@given(text=st.text(min_size=1), seed=st.integers(0, 99))
def test_variation_leaves_a_text(text: str, seed: int) -> None:
    assert varied(text, random.Random(seed))
