"""Laying out a prompt: from what a prompt is made of to the messages that are sent.

The stable part comes first and the row last, so that a serving engine's prefix cache is hit by every row of a prompt;
only the placement `user_after` gives that up, because some models follow an instruction better right before they
answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.datasets.records import Example
from benchmarks.metrics.protocol import ReplyFormat
from benchmarks.models.protocol import Message, ParameterValue
from benchmarks.prompts.delimiters import Delimiters
from benchmarks.prompts.prompt import Prompt
from benchmarks.prompts.template import Part, Variable, merged, parse, unparse

PLACEMENTS = ("system", "user", "user_after")
STYLES = ("inline", "turns")
DEFAULT_MARKER = "Answer:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What goes in and what should come out: the input columns and the output column of a task."""

    inputs: tuple[str, ...]
    output: str

    def fields(self, values: Mapping[str, Part], family: str) -> list[tuple[str, Part]]:
        """Each input's name, as `family` spells it, with its value. A single input is just called the input."""
        names = ("input",) if len(self.inputs) == 1 else self.inputs
        spell = {"plain": _capitalised, "markdown": _capitalised, "brackets": str.upper}.get(family, str)
        return [(spell(name), values[column]) for name, column in zip(names, self.inputs, strict=True)]


def _capitalised(name: str) -> str:
    return name[:1].upper() + name[1:]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What a prompt is made of: one choice for every factor of the search space.

    `instruction` is a template (it may mention the inputs as `{{variables}}`); `placement` is where it stands: in the
    system message, before the data in the user message, or after it. `style` shows demonstrations inline in one
    message or as chat turns. `answer_marker` introduces the answer, in place of the family's own output marker.
    `reasoning` asks for the steps before the answer.
    """

    instruction: str
    instruction_source: str
    demonstrations: tuple[Example, ...] = ()
    style: str = "inline"
    selector: str | None = None
    delimiters: Delimiters
    placement: str = "system"
    answer_marker: str | None = None
    reasoning: bool = False

    def factors(self) -> dict[str, Any]:
        """The choices in words, as results and pages show them."""
        return {
            "instruction": self.instruction,
            "instruction_source": self.instruction_source,
            "demonstrations": len(self.demonstrations),
            "demonstration_ids": [example.id for example in self.demonstrations],
            "demonstration_style": self.style if self.demonstrations else None,
            "demonstration_selector": self.selector if self.demonstrations else None,
            "delimiters": self.delimiters.name,
            "placement": self.placement,
            "answer_marker": self.answer_marker,
            "reasoning": "on" if self.reasoning else "off",
        }


def lay_out(layout: Layout, signature: Signature, parameters: Mapping[str, ParameterValue]) -> Prompt:
    """The prompt made of `layout` for a task with `signature`, decoded with `parameters`.

    Raises TemplateError if the instruction is not a template.
    """
    marker = layout.answer_marker or (DEFAULT_MARKER if layout.reasoning else None)
    turns = layout.style == "turns" and bool(layout.demonstrations)
    family = layout.delimiters

    def question(values: Mapping[str, Part]) -> list[Part]:
        return family.input_block(signature.fields(values, family.name))

    def answer(example: Example) -> str:
        if marker:
            return f"{marker} {example.answer}"
        return (
            example.answer if turns else f"{family.output_opening}{family.gap}{example.answer}{family.output_closing}"
        )

    row = question({column: Variable(column) for column in signature.inputs})
    cue = "" if turns or layout.reasoning else (marker or family.output_opening)
    instruction = list(parse(layout.instruction))
    if layout.reasoning:
        instruction.append(f"\nThink step by step first. Then write the answer on its own line after “{marker}”.")

    before = [*instruction, "\n\n"] if layout.placement == "user" and instruction else []
    after = ["\n\n", *instruction] if layout.placement == "user_after" and instruction else []
    shown: list[tuple[str, list[Part]]] = []
    if layout.placement == "system" and instruction:
        shown.append(("system", instruction))
    if turns:
        for example in layout.demonstrations:
            shown.append(("user", [*before, *question(example.inputs)]))
            shown.append(("assistant", [answer(example)]))
            before = []
        shown.append(("user", [*before, *row, *after]))
    else:
        inline: list[Part] = []
        for example in layout.demonstrations:
            inline += [*question(example.inputs), "\n", answer(example), "\n\n"]
        separator = "\n\n" if after and cue else "\n" if cue else ""
        shown.append(("user", [*before, *inline, *row, *after, separator, cue]))

    bare = turns or marker is not None
    return Prompt(
        messages=tuple(Message(role=role, content=_text(parts)) for role, parts in shown),
        parameters=dict(parameters),
        reply_format=ReplyFormat(
            marker=marker or (None if bare else family.output_opening if not family.output_closing else None),
            opening=family.output_opening if family.output_closing and not bare else None,
            closing=family.output_closing if family.output_closing and not bare else None,
        ),
        factors=layout.factors(),
    )


def _text(parts: Sequence[Part]) -> str:
    return unparse(merged(parts))
