"""The parts that a prompt is made of, and the same prompt without one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from benchmarks.models.protocol import ParameterValue
from benchmarks.prompts.delimiters import FAMILIES, PLAIN, Delimiters
from benchmarks.prompts.layout import PLACEMENTS, Layout, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import parse, variables
from optimizers.space import SearchSpace

YOURS = "yours"
NONE = "none"

_LIMITS = ("max_tokens", "max_completion_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """A prompt in which `instead` stands in place of `part`; both in words."""

    part: str
    instead: str
    prompt: Prompt


def layout_of(prompt: Prompt, space: SearchSpace) -> Layout | None:
    """What `prompt` was made of, by its factors; None if whet did not lay it out, or not from the rows of `space`."""
    factors = prompt.factors
    families = _families(prompt, space)
    train = {example.id: example for example in space.train}
    shown = factors.get("demonstration_ids") or ()
    if factors.get("delimiters") not in families or any(example not in train for example in shown):
        return None
    layout = Layout(
        instruction=str(factors["instruction"]),
        instruction_source=str(factors["instruction_source"]),
        demonstrations=tuple(train[example] for example in shown),
        style=factors.get("demonstration_style") or "inline",
        selector=factors.get("demonstration_selector"),
        delimiters=families[factors["delimiters"]],
        placement=str(factors["placement"]),
        answer_marker=factors.get("answer_marker"),
        reasoning=factors.get("reasoning") == "on",
    )
    made = lay_out(layout, space.signature, prompt.parameters)
    return layout if made.digest == prompt.digest else None


def without_each_part(winner: Prompt, baseline: Prompt, space: SearchSpace) -> list[Without]:
    """The winner without each of its parts in turn, what is likely to matter most first, each prompt once.

    Where the winner differs from the baseline, the part is the baseline's; where it does not, the part is left out if
    a prompt can do without it. Empty if the winner is the baseline, or was not laid out by whet.
    """
    layout = layout_of(winner, space)
    if layout is None or winner.digest == baseline.digest:
        return []
    found: dict[str, Without] = {}
    for part, instead, changed, parameters in _changes(layout, winner, baseline, space):
        prompt = lay_out(changed, space.signature, parameters)
        if prompt.digest != winner.digest:
            found.setdefault(prompt.digest, Without(part=part, instead=instead, prompt=prompt))
    return list(found.values())


Change = tuple[str, str, Layout, Mapping[str, ParameterValue]]


def _changes(layout: Layout, winner: Prompt, baseline: Prompt, space: SearchSpace) -> Iterator[Change]:
    theirs, own = baseline.factors, winner.parameters
    if layout.demonstrations:
        bare = replace(layout, demonstrations=(), style="inline", selector=None)
        yield f"the {len(layout.demonstrations)} demonstrations", NONE, bare, own
    instruction = _instruction(layout, baseline)
    if instruction is not None:
        name = YOURS if instruction else NONE
        yield "the instruction", name, replace(layout, instruction=instruction, instruction_source="baseline"), own
    if layout.reasoning:
        limits = {name: value for name, value in baseline.parameters.items() if name in _LIMITS}
        yield "reasoning", NONE, replace(layout, reasoning=False), {**own, **limits}
    family = _family(layout, baseline, space)
    if family is not None:
        yield f"the delimiters {layout.delimiters.name}", family.name, replace(layout, delimiters=family), own
    if layout.demonstrations and layout.style == "turns":
        yield "demonstrations as chat turns", "inline", replace(layout, style="inline"), own
    placement = theirs.get("placement")
    if placement in PLACEMENTS and placement != layout.placement:
        yield f"the placement {layout.placement}", str(placement), replace(layout, placement=str(placement)), own
    marker = theirs.get("answer_marker")
    if marker == layout.answer_marker:
        marker = None
    yield f"the marker {layout.answer_marker or NONE}", marker or NONE, replace(layout, answer_marker=marker), own
    kept = {name: value for name, value in own.items() if name in _LIMITS and layout.reasoning}
    yield "the decoding parameters", YOURS, layout, {**baseline.parameters, **kept}


def _instruction(layout: Layout, baseline: Prompt) -> str | None:
    """The baseline's instruction, if that is another and fits into a layout; else none, as long as demonstrations still
    show what is to be done; None if there is nothing to try."""
    theirs = str(baseline.factors.get("instruction", ""))
    whole = baseline.factors.get("placement") not in PLACEMENTS and variables(parse(theirs))
    if theirs != layout.instruction and theirs and not whole:
        return theirs
    return "" if layout.demonstrations and layout.instruction else None


def _family(layout: Layout, baseline: Prompt, space: SearchSpace) -> Delimiters | None:
    theirs = _families(baseline, space).get(str(baseline.factors.get("delimiters")))
    plain = next((family for family in space.delimiters if family.name == PLAIN.name), None)
    return next((family for family in (theirs, plain) if family is not None and family != layout.delimiters), None)


def _families(prompt: Prompt, space: SearchSpace) -> dict[str, Delimiters]:
    """The families that fit the data: those of the space, and the one that `prompt` uses already."""
    own = FAMILIES.get(str(prompt.factors.get("delimiters")))
    return {family.name: family for family in (*([own] if own else []), *space.delimiters)}
