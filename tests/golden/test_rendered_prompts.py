"""Rendered prompts, byte for byte: a changed byte is another prompt, whose scores nobody knows.

One file in `prompts/` for each delimiter family and style of demonstrations. Each shows every placement of the
instruction, as it is, with an answer marker, and with reasoning, for the same row and the same two demonstrations.
When a change is meant, write the files anew, read what `git diff` says, and note it in the changelog:

    WHET_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from benchmarks.datasets.records import Example
from benchmarks.prompts.delimiters import FAMILIES, Delimiters, model_family
from benchmarks.prompts.layout import PLACEMENTS, STYLES, Layout, Signature, lay_out

FOLDER = Path(__file__).parent / "prompts"
ALL_FAMILIES = [*FAMILIES.values(), model_family(["<|question|>", "<|answer|>"])]
INSTRUCTION = 'Name the team that answers the message. Never write {{"{{"}}braces}}.'
ONE_INPUT = Signature(inputs=("message",), output="team")
TWO_INPUTS = Signature(inputs=("subject", "message"), output="team")
ROW = {"subject": "Order 7 < 8", "message": 'Where is my "{{parcel}}"?\nI ordered it on Monday.'}
DEMONSTRATIONS = (
    Example(
        id="1",
        inputs={"subject": "Bill", "message": "You charged me twice."},
        answer="billing",
        slices={},
        origin="rows.csv, line 2",
    ),
    Example(
        id="2",
        inputs={"subject": "Lamp", "message": "It broke & smells."},
        answer="repairs",
        slices={},
        origin="rows.csv, line 3",
    ),
)


def written(layout: Layout, signature: Signature = ONE_INPUT) -> str:
    """One prompt as text: what it is made of, how its answer is found, then each message under its role."""
    prompt = lay_out(layout, signature, {"temperature": 0, "max_tokens": 16})
    reply = prompt.reply_format
    choices = [
        f"instruction: {layout.placement}",
        f"answer marker: {layout.answer_marker}",
        f"reasoning: {layout.reasoning}",
        f"demonstrations: {len(layout.demonstrations)}",
        f"inputs: {len(signature.inputs)}",
    ]
    heading = (
        f"######## {', '.join(choices)}\n"
        f"######## marker: {reply.marker!r}, opening: {reply.opening!r}, closing: {reply.closing!r}\n"
    )
    return heading + "".join(f"[{m.role}]\n{m.content}⏎\n" for m in prompt.render_row(ROW))


def golden(family: Delimiters, style: str) -> str:
    """All prompts of one family and style."""
    shown = Layout(
        instruction=INSTRUCTION,
        instruction_source="given",
        demonstrations=DEMONSTRATIONS,
        style=style,
        delimiters=family,
    )
    bare = replace(shown, demonstrations=())
    variants = [
        replace(shown, placement=placement, answer_marker=marker, reasoning=reasoning)
        for placement, reasoning, marker in product(PLACEMENTS, (False, True), (None, "Team:"))
    ]
    prompts = [*map(written, variants), written(bare), written(bare, TWO_INPUTS), written(shown, TWO_INPUTS)]
    return "\n".join(prompts)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("family", ALL_FAMILIES, ids=lambda family: family.name)
def test_prompts_are_rendered_to_the_same_bytes_as_ever(family: Delimiters, style: str) -> None:
    path = FOLDER / f"{family.name}-{style}.txt"
    if os.environ.get("WHET_UPDATE_GOLDEN"):
        FOLDER.mkdir(exist_ok=True)
        path.write_text(golden(family, style), encoding="utf-8", newline="\n")
    assert golden(family, style).encode() == path.read_bytes()


def test_every_golden_file_belongs_to_a_family_and_a_style() -> None:
    known = {f"{family.name}-{style}.txt" for family in ALL_FAMILIES for style in STYLES}
    assert {path.name for path in FOLDER.iterdir()} == known
