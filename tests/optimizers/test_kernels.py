"""What every kernel must be to be one, whatever the prompts; and that prompts which are alike count as alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.datasets.records import Example
from benchmarks.models.protocol import Message
from benchmarks.prompts.delimiters import FAMILIES
from benchmarks.prompts.layout import PLACEMENTS, Layout, Signature, lay_out
from benchmarks.prompts.prompt import Prompt
from optimizers.kernels import Kernels, Likeness

SHOWN = [
    Example(id=f"shown {n}", inputs={"text": f"text {n}"}, answer="ab"[n % 2], slices={}, origin=f"row {n}")
    for n in range(5)
]


def laid_out(instruction: str = "Name the colour.", **fields: Any) -> Prompt:
    parameters = fields.pop("parameters", {"temperature": 0.0})
    usual = {"instruction_source": "given", "delimiters": FAMILIES["plain"]}
    layout = Layout(instruction=instruction, **{**usual, **fields})
    return lay_out(layout, Signature(inputs=("text",), output="label"), parameters)


def own(text: str) -> Prompt:
    return Prompt(messages=(Message(role="user", content=text + " {{text}}"),), parameters={})


words = st.lists(st.sampled_from(["name", "the", "colour", "Antworte", "kurz", "色", "!"]), max_size=8).map(" ".join)
prompts = st.one_of(
    words.map(own),
    st.builds(
        laid_out,
        words.map(lambda text: text or "?"),
        demonstrations=st.lists(st.sampled_from(SHOWN), max_size=4, unique_by=lambda shown: shown.id).map(tuple),
        delimiters=st.sampled_from(list(FAMILIES.values())),
        placement=st.sampled_from(PLACEMENTS),
        answer_marker=st.sampled_from([None, "Label:"]),
        reasoning=st.booleans(),
        parameters=st.fixed_dictionaries({"temperature": st.sampled_from([0.0, 0.7])}),
    ),
)


def kernels(*chosen: Prompt) -> Kernels:
    return Likeness(chosen).kernels()


def alike(one: Prompt, other: Prompt, part: str) -> float:
    return float(kernels(one, other).parts[part][0, 1])


@settings(max_examples=30, deadline=None)
@given(st.lists(prompts, min_size=1, max_size=12))
def test_each_part_is_a_kernel(chosen: list[Prompt]) -> None:
    for part, kernel in kernels(*chosen).parts.items():
        assert kernel.shape == (len(chosen), len(chosen)), part
        assert np.diag(kernel) == pytest.approx(1.0), part
        assert kernel == pytest.approx(kernel.T), part
        assert kernel.min() >= 0.0, part
        assert kernel.max() <= 1.0 + 1e-9, part
        assert np.linalg.eigvalsh(kernel).min() > -1e-8, part


@settings(max_examples=30, deadline=None)
@given(st.lists(prompts, min_size=2, max_size=8), st.data())
def test_kernels_between_some_and_others_are_a_part_of_all(chosen: list[Prompt], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(chosen) - 1))
    likeness = Likeness(chosen)
    whole = likeness.kernels()
    for part, kernel in likeness.kernels(slice(cut, None), slice(0, cut)).parts.items():
        assert kernel == pytest.approx(whole.parts[part][cut:, :cut])


@settings(max_examples=30, deadline=None)
@given(st.lists(prompts, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_prompts_has_no_say(chosen: list[Prompt], rng: Any) -> None:
    order = rng.sample(range(len(chosen)), len(chosen))
    one, other = kernels(*chosen), kernels(*(chosen[place] for place in order))
    assert one.parts.keys() == other.parts.keys()
    for part, kernel in one.parts.items():
        assert other.parts[part] == pytest.approx(kernel[np.ix_(order, order)])


def test_instructions_are_the_more_alike_the_more_they_share() -> None:
    one, near, far = (
        laid_out(text)
        for text in ("Name the colour of the text.", "Name the colour of this text!", "Antworte mit einer Zahl.")
    )
    words = kernels(one, near, far).parts["words"]
    assert words[0, 1] > words[0, 2]
    assert alike(one, laid_out("Name the colour of the text.", placement="user"), "words") == pytest.approx(1.0)


def test_demonstrations_are_the_more_alike_the_more_are_the_same() -> None:
    few, more, others, none = (laid_out(demonstrations=tuple(shown)) for shown in (SHOWN[:2], SHOWN[:3], SHOWN[3:], ()))
    assert alike(few, more, "shown") > alike(few, others, "shown") == alike(few, none, "shown") == 0.0
    assert alike(few, more, "shots") > alike(none, more, "shots")


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("delimiters", {"delimiters": FAMILIES["xml"]}),
        ("placement", {"placement": "user"}),
        ("answer_marker", {"answer_marker": "Label:"}),
        ("reasoning", {"reasoning": True}),
        ("temperature", {"parameters": {"temperature": 0.7}}),
    ],
)
def test_a_part_tells_apart_what_differs_in_it(part: str, changed: dict[str, Any]) -> None:
    assert alike(laid_out(), laid_out(**changed), part) == 0.0
    assert alike(laid_out(), laid_out(**changed), "instruction") == 1.0
    assert alike(laid_out(), laid_out(**changed), "own") == 0.0


def test_messages_of_the_users_own_are_compared_by_their_words() -> None:
    assert 0.0 < alike(own("Name the colour of"), own("Name the colour in"), "words") < 1.0


def test_a_weighted_sum_leaves_out_what_has_no_weight() -> None:
    found = kernels(laid_out(), laid_out(placement="user"))
    assert found.weighted({"own": 2.0, "placement": 0.5}) == pytest.approx(np.eye(2) * 2.5)
