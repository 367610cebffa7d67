"""Warm starts: prompts that earlier optimizations ended with, as first candidates of a new one.

An earlier prompt enters as a point of the new search space: its instruction joins the space, its other factors are kept
where the space offers them. If its demonstrations are train rows of the new task, too, it is the same prompt, byte for
byte, and its replies are in the ledger.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.datasets.records import Example
from benchmarks.errors import TaskError
from benchmarks.prompts.control_tokens import control_tokens
from benchmarks.prompts.layout import Signature, lay_out
from benchmarks.prompts.prompt import Prompt
from benchmarks.tasks.task import Task, check_instruction
from optimizers.constraints import Constraints
from optimizers.parts import layout_of
from optimizers.proposers.leaks import Leaks
from optimizers.proposers.protocol import Proposal
from optimizers.space import Choices, SearchSpace

MOST_EARLIER = 4
"""So many prompts of earlier optimizations enter at most."""
SOURCE = "earlier"
"""The source of an instruction that joined the space this way; the factor of this name is the optimization's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A prompt that the optimization with the id `optimization` ended with: its winner (`place` 0), or the so-manieth
    of its runners-up. `similarity`, in [0, 1], is that of its rows to those of the new one; 1 is the same data."""

    prompt: Prompt
    optimization: str
    place: int
    similarity: float

    def to_json(self) -> dict[str, Any]:
        """As a journal keeps it; `from_json` reads it back."""
        return {
            "prompt": self.prompt.to_json(),
            "optimization": self.optimization,
            "place": self.place,
            "similarity": self.similarity,
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Earlier:
        """What `to_json` described."""
        return Earlier(**{**content, "prompt": Prompt.from_json(content["prompt"])})


def fits(prompt: Prompt, signature: Signature) -> bool:
    """Whether `prompt` can enter a task with `signature`: its make-up is known, and its instruction is a template over
    the inputs. Messages of a user's own have no make-up, and may quote any row."""
    if prompt.factors.get("delimiters", "own") == "own":
        return False
    try:
        check_instruction(str(prompt.factors["instruction"]), signature, "an earlier prompt")
    except TaskError:
        return False
    return True


def new_instructions(
    earlier: Sequence[Earlier], known: Sequence[Proposal], task: Task, constraints: Constraints
) -> list[Proposal]:
    """The instructions of `earlier`, each once, that are not among `known`. Those that break the constraints, hold a
    control token of the task's model or quote a validation row are left out."""
    spec, model = task.spec, task.spec.model
    tokens = control_tokens(model.name, model.special_tokens) if model else ()
    leaks = Leaks(task.dataset.validation, task.dataset.train, [spec.description, *(p.text for p in known)])
    texts = dict.fromkeys(str(e.prompt.factors["instruction"]) for e in earlier)
    for proposal in known:
        texts.pop(proposal.text, None)
    return [
        Proposal(text=text, source=SOURCE)
        for text in texts
        if constraints.violation_of(text) is None
        and not any(token in text for token in tokens)
        and not leaks.found_in(text)
    ]


def entrants(
    earlier: Sequence[Earlier], space: SearchSpace, baseline: Prompt, constraints: Constraints
) -> tuple[Prompt, ...]:
    """The prompts of `earlier` as candidates for `space`, each once, in order, without `baseline`. Those whose
    instruction is not in the space, or that violate the constraints, are left out. The factor `earlier` says where a
    prompt comes from."""
    found: dict[str, Prompt] = {}
    for one in earlier:
        prompt = _in_space(one.prompt, space)
        if prompt is not None and prompt.digest != baseline.digest and constraints.violation(prompt) is None:
            found.setdefault(prompt.digest, replace(prompt, factors={**prompt.factors, SOURCE: one.optimization}))
    return tuple(found.values())


def choices_of(prompt: Prompt, space: SearchSpace) -> Choices | None:
    """The point of `space` at which `prompt` lies; None if it lies at none, as with demonstrations drawn elsewhere."""
    point = _nearest_point(prompt, space)
    if point is None:
        return None
    draws = range(len(space.draw)) if "draw" in point else [None]
    points = [point if draw is None else {**point, "draw": draw} for draw in draws]
    return next((p for p in points if space.prompt(p).digest == prompt.digest), None)


def _in_space(prompt: Prompt, space: SearchSpace) -> Prompt | None:
    point = _nearest_point(prompt, space)
    if point is None:
        return None
    drawn, shown = space.prompt(point), _own_demonstrations(prompt, point, space)
    layout = layout_of(drawn, space)
    if shown is None or layout is None:
        return drawn
    return lay_out(replace(layout, demonstrations=shown), space.signature, drawn.parameters)


def _nearest_point(prompt: Prompt, space: SearchSpace) -> Choices | None:
    """The point with the factors of `prompt`: where the space does not offer one, the nearest number of
    demonstrations, or else the first choice. None if it does not offer the instruction."""
    factors, shown = prompt.factors, int(prompt.factors.get("demonstrations", 0))
    instructions = [proposal.text for proposal in space.instruction]
    if factors.get("instruction") not in instructions:
        return None
    point: Choices = {
        "instruction": instructions.index(factors["instruction"]),
        "count": min(range(len(space.count)), key=lambda index: abs(space.count[index] - shown)),
        "delimiters": _index([family.name for family in space.delimiters], factors.get("delimiters")),
        "placement": _index(space.placement, factors.get("placement")),
        "answer_marker": _index(space.answer_marker, factors.get("answer_marker")),
        "reasoning": _index(space.reasoning, factors.get("reasoning") == "on"),
        "temperature": _index(space.temperature, prompt.parameters.get("temperature")),
        "max_tokens": _index(space.max_tokens, prompt.parameters.get("max_tokens")),
    }
    if space.count[point["count"]]:
        point["style"] = _index(space.style, factors.get("demonstration_style"))
        point["selector"] = _index(space.selector, factors.get("demonstration_selector"))
        point["draw"] = 0
    return point


def _index(choices: Sequence[object], value: object) -> int:
    return choices.index(value) if value in choices else 0


def _own_demonstrations(prompt: Prompt, point: Choices, space: SearchSpace) -> tuple[Example, ...] | None:
    """The demonstrations of `prompt`, if the space offers their number and all are train rows of this task; any other
    row could be one that candidates are judged on."""
    train = {example.id: example for example in space.train}
    ids = prompt.factors.get("demonstration_ids", ())
    offered = len(ids) == space.count[point["count"]]
    return tuple(train[i] for i in ids) if offered and all(i in train for i in ids) else None
