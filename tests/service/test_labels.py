"""The log of a label's moves is append-only and explains where it points; rollbacks go back further and further."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.errors import InputError
from benchmarks.models.protocol import Message
from benchmarks.prompts.prompt import Prompt
from service.home import Home
from service.labels import Move, NothingBefore, read_protected
from service.registry import Registry, UnknownPrompt

VERSIONS = 4
_names = count()

BACK = "back"
steps = st.lists(st.integers(1, VERSIONS) | st.just(BACK), max_size=12)


def prompt(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=f"{text} {{{{message}}}}"),), parameters={})


@pytest.fixture
def registry(home: Home) -> Registry:
    return Registry(home)


def registered(registry: Registry) -> str:
    """The name of a new prompt with some versions."""
    name = f"prompt-{next(_names)}"
    for number in range(VERSIONS):
        registry.register(name, prompt(str(number)), {"n": number + 1} if number else None)
    return name


def taken(registry: Registry, name: str, wanted: list[int | str], stack: list[int]) -> None:
    """Carries out the steps, by which the `stack` of versions changes that stand, the topmost last."""
    for step in wanted:
        if step != BACK:
            registry.move_label(name, "production", int(step), "forward", "Ana")
            if not stack or stack[-1] != step:
                stack.append(int(step))
        elif len(stack) > 1:
            registry.rollback(name, "production", "back", "Ben")
            stack.pop()
        else:
            with pytest.raises(NothingBefore if stack else UnknownPrompt):
                registry.rollback(name, "production", "back", "Ben")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=steps)
def test_the_history_explains_where_the_label_points(registry: Registry, wanted: list[int | str]) -> None:
    name, stack = registered(registry), list[int]()
    taken(registry, name, wanted, stack)
    assert registry.label(name, "production") == (stack[-1] if stack else None)
    if not stack:
        return
    log = registry.history(name, "production")[::-1]
    assert log[-1] == registry.last_move(name, "production")
    assert log[-1].version == stack[-1]
    assert [move.replaced for move in log] == [None, *(move.version for move in log[:-1])]
    assert [move.sequence for move in log] == sorted({move.sequence for move in log})
    for move in log:
        assert move.evidence == (None if move.version == 1 else {"n": move.version})
        assert (move.moved_by, move.why) == (("Ana", "forward") if move.undoes is None else ("Ben", "back"))
    undone = [move.undoes for move in log if move.undoes is not None]
    assert len(set(undone)) == len(undone)
    assert [move.version for move in log if move.undoes is None and move.sequence not in undone] == stack


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=steps, more=steps)
def test_the_history_only_grows(registry: Registry, wanted: list[int | str], more: list[int | str]) -> None:
    name, stack = registered(registry), list[int]()
    taken(registry, name, [1, *wanted], stack)
    before = registry.history(name, "production")
    taken(registry, name, more, stack)
    after = registry.history(name, "production")
    assert after[len(after) - len(before) :] == before


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=steps, size=st.integers(1, 5))
def test_pages_of_the_history_are_the_history(registry: Registry, wanted: list[int | str], size: int) -> None:
    name = registered(registry)
    taken(registry, name, [1, *wanted], [])
    found: list[Move] = []
    before: int | None = None
    while page := registry.history(name, "production", limit=size, before=before):
        assert len(page) <= size
        found += page
        before = page[-1].sequence
    assert found == registry.history(name, "production")


def test_rollbacks_go_back_one_version_after_the_other(registry: Registry) -> None:
    name = registered(registry)
    for version in (1, 2, 3):
        registry.move_label(name, "production", version, "", "Ana")
    assert registry.rollback(name, "production", "", "Ben").now.version == 2
    second = registry.rollback(name, "production", "", "Ben")
    assert (second.replaced, second.now.version) == (2, 1)
    with pytest.raises(NothingBefore, match="no version stood before the one that it points to"):
        registry.rollback(name, "production", "", "Ben")
    registry.move_label(name, "production", 4, "", "Ana")
    assert registry.rollback(name, "production", "", "Ben").now.version == 1


def test_a_guard_that_refuses_keeps_the_label_where_it_is(registry: Registry) -> None:
    class RefusedError(Exception):
        pass

    def guard(last: Move | None) -> None:
        assert last is not None
        assert last.version == 1
        raise RefusedError

    name = registered(registry)
    registry.move_label(name, "production", 1, "", "Ana")
    registry.move_label(name, "staging", 3, "", "Ana")
    with pytest.raises(RefusedError):
        registry.move_label(name, "production", 2, "", "Ana", guard=guard)
    with pytest.raises(RefusedError):
        registry.rollback(name, "production", "", "Ana", guard=guard)
    assert registry.label(name, "production") == 1
    assert len(registry.history(name, "production")) == 1


def test_of_many_that_saw_the_same_state_one_moves_the_label(registry: Registry) -> None:
    """The guard looks in the transaction that moves: nobody comes between."""
    name = registered(registry)
    first = registry.move_label(name, "production", 1, "", "Ana").now

    def moved(number: int) -> bool:
        def guard(last: Move | None) -> None:
            if last != first:
                raise InputError("it has moved")

        try:
            registry.move_label(name, "production", 2 + number % 3, str(number), "Ana", guard=guard)
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(moved, range(24))) == 1
    assert len(registry.history(name, "production")) == 2


@pytest.mark.parametrize(
    ("environment", "protected"),
    [
        ({}, {"production"}),
        ({"WHET_PROTECTED_LABELS": ""}, set()),
        ({"WHET_PROTECTED_LABELS": " production, eu-production ,"}, {"production", "eu-production"}),
    ],
)
def test_the_operator_says_which_labels_are_protected(environment: dict[str, str], protected: set[str]) -> None:
    assert read_protected(environment) == protected


@pytest.mark.parametrize("wrong", ["Production", "a b", "7", "production;staging", "x" * 65, "*"])
def test_what_is_no_label_cannot_be_protected(wrong: str) -> None:
    with pytest.raises(InputError, match="WHET_PROTECTED_LABELS names '"):
        read_protected({"WHET_PROTECTED_LABELS": f"production,{wrong}"})
