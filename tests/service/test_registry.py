"""Prompts get numbers once, labels point where they were moved last, and whatever is wrong is said by name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.home import Home
from service.registry import Registry, UnknownPrompt, parse_reference
from service.tables import label_moves


def prompt(text: str = "Route {{message}}.") -> Prompt:
    return Prompt(messages=(Message(role="user", content=text),), parameters={"temperature": 0})


@pytest.fixture
def registry(home: Home) -> Registry:
    return Registry(home)


def test_versions_count_from_one_for_each_name(registry: Registry) -> None:
    assert [registry.register("triage", prompt(text), None) for text in ("a", "b", "c")] == [1, 2, 3]
    assert registry.register("other", prompt("c"), None) == 1


def test_a_prompt_keeps_the_version_and_the_evidence_it_has(registry: Registry) -> None:
    assert registry.register("triage", prompt("a"), {"n": 36}) == 1
    registry.register("triage", prompt("b"), None)
    assert registry.register("triage", prompt("a"), {"n": 99}) == 1
    assert registry.find("triage", version=1).evidence == {"n": 36}
    assert registry.find("triage", version=2).evidence is None


def test_many_at_once_get_a_version_each(registry: Registry) -> None:
    texts = [f"text {number}" for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(lambda text: registry.register("triage", prompt(text), None), texts * 2))
    assert sorted(versions[:24]) == list(range(1, 25))
    assert versions[24:] == versions[:24]


def test_a_label_points_to_where_it_was_moved_last_and_every_move_is_logged(registry: Registry) -> None:
    for text in ("a", "b"):
        registry.register("triage", prompt(text), None)
    assert registry.label("triage", "production") is None
    for version, why in [(1, "the first"), (2, "proven"), (2, "again"), (1, "a step back")]:
        registry.move_label("triage", "production", version, why, "me")
    assert registry.label("triage", "production") == 1
    assert registry.find("triage", label="production").prompt == prompt("a")
    with registry.home.engine.connect() as connection:
        moves = connection.execute(sa.select(label_moves).order_by(label_moves.c.sequence)).all()
    assert [(move.replaced, move.version, move.why) for move in moves] == [
        (None, 1, "the first"),
        (1, 2, "proven"),
        (2, 1, "a step back"),
    ]
    assert {move.created_at for move in moves} == {"2026-01-02T03:04:05.000+00:00"}


def test_the_history_of_a_label_says_who_moved_it_and_why_the_latest_first(registry: Registry) -> None:
    for text in ("a", "b"):
        registry.register("triage", prompt(text), None)
    assert registry.move_label("triage", "production", 1, "the first", "opt-1").replaced is None
    assert registry.move_label("triage", "staging", 1, "to try", "Ana").replaced is None
    assert registry.move_label("triage", "production", 2, "proven", "Ben").replaced == 1
    assert registry.move_label("triage", "production", 2, "again", "Cem").replaced == 2
    moves = registry.history("triage", "production")
    assert [(move.version, move.replaced, move.why, move.moved_by) for move in moves] == [
        (2, 1, "proven", "Ben"),
        (1, None, "the first", "opt-1"),
    ]
    with pytest.raises(UnknownPrompt, match="has no label 'canary'; its labels: production, staging"):
        registry.history("triage", "canary")


def test_names_come_in_order_from_any_place(registry: Registry) -> None:
    names = ["Zebra", "a", "a-b", "ab", "b.1", "b_1"]
    for name in names[::-1]:
        registry.register(name, prompt(), None)
    assert registry.names(10) == names
    assert registry.names(2) == names[:2]
    assert registry.names(10, after="a") == names[2:]
    assert registry.names(10, after="aa") == names[3:]
    assert registry.names(10, after="b_1") == []


def test_an_overview_has_all_versions_and_labels(registry: Registry) -> None:
    for text in ("a", "b"):
        registry.register("triage", prompt(text), {"n": 36} if text == "a" else None)
    registry.move_label("triage", "staging", 2, "", "me")
    registry.move_label("triage", "production", 1, "", "me")
    overview = registry.overview("triage")
    assert [(v.version, v.digest, v.evidence) for v in overview.versions] == [
        (1, prompt("a").digest, {"n": 36}),
        (2, prompt("b").digest, None),
    ]
    assert dict(overview.labels) == {"production": 1, "staging": 2}
    with pytest.raises(UnknownPrompt, match=r"Did you mean 'triage'\?"):
        registry.overview("traige")


@pytest.mark.parametrize(
    ("name", "where", "message"),
    [
        ("triage", {"label": "staging"}, "The prompt 'triage' has no label 'staging'; its labels: production."),
        ("triage", {"version": 2}, "The prompt 'triage' has no version 2; its versions: 1 to 1."),
        ("traige", {"version": 1}, "holds no prompt 'traige'. It holds: triage. Did you mean 'triage'?"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    registry: Registry, name: str, where: dict[str, str | int], message: str
) -> None:
    registry.register("triage", prompt(), None)
    registry.move_label("triage", "production", 1, "the first", "me")
    with pytest.raises(UnknownPrompt) as raised:
        registry.find(name, **where)  # type: ignore[arg-type]
    assert message in str(raised.value)


def test_an_empty_registry_says_what_to_run(registry: Registry) -> None:
    with pytest.raises(UnknownPrompt, match="It is empty: run `whet optimize` first"):
        registry.find("triage", label="production")


@pytest.mark.parametrize(
    ("reference", "parsed"),
    [
        ("triage", ("triage", "production", None)),
        ("triage@staging", ("triage", "staging", None)),
        ("triage@12", ("triage", None, 12)),
        ("triage@v2", ("triage", "v2", None)),
        ("triage@", ("triage", "production", None)),
    ],
)
def test_a_reference_is_a_name_with_a_label_or_a_version(
    reference: str, parsed: tuple[str, str | None, int | None]
) -> None:
    assert parse_reference(reference) == parsed


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda text: text.replace("{{", "{"))
parameters = st.dictionaries(
    st.sampled_from(["temperature", "max_tokens", "stop", "seed"]),
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(0, 2) | texts | st.lists(texts, max_size=2),
)
prompts = st.builds(
    Prompt,
    messages=st.lists(
        st.builds(Message, role=st.sampled_from(["system", "user", "assistant"]), content=texts), min_size=1, max_size=3
    ).map(tuple),
    parameters=parameters,
    reply_format=st.builds(ReplyFormat, marker=st.none() | texts, opening=st.none() | texts),
    factors=st.dictionaries(texts, texts | st.integers(0, 9), max_size=2),
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stored=prompts)
def test_what_is_found_is_what_was_registered_byte_for_byte(registry: Registry, stored: Prompt) -> None:
    found = registry.find("any", version=registry.register("any", stored, None)).prompt
    assert found == stored
    assert found.digest == stored.digest
