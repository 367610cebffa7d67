"""Pieces of YAML that people read: strings quoted only where YAML would take them for something else, and comments.

Every piece reads back, through `yaml.safe_load`, as what it was made of.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import yaml

WIDTH = 110
_UNBROKEN = 2**30


def scalar(text: str) -> str:
    """`text` on one line, for any place in a mapping or a list: as it is where that is safe, else in double quotes."""
    looks_numeric = text[:1] in tuple("0123456789+-.")  # YAML 1.2 reads more numbers than PyYAML does
    return text if not looks_numeric and _dumped(text, None) == text else _dumped(text, '"')


def _dumped(text: str, style: str | None) -> str:
    listed: str = yaml.safe_dump(
        [text], default_style=style, default_flow_style=True, allow_unicode=True, width=_UNBROKEN
    )
    return listed.strip()[1:-1]


def flow_list(texts: Sequence[str]) -> str:
    """A list in brackets, on as many lines as it needs; those after the first are indented by four spaces."""
    lines = [""]
    for position, text in enumerate(texts):
        item = scalar(text) + ("," if position < len(texts) - 1 else "")
        if lines[-1] and len(lines[-1]) + len(item) >= WIDTH - 20:
            lines.append("")
        lines[-1] += f" {item}" if lines[-1] else item
    return "[" + "\n    ".join(lines) + "]"


def block(text: str, indent: int) -> str:
    """`text` as a block of lines that stand `indent` deep; where no block can hold it, as a quoted string."""
    lines = text.split("\n")
    if max(map(len, lines)) + indent <= WIDTH:
        style = "|-"
    else:
        style = ">-"
        lines = "\n\n".join(
            textwrap.fill(line, WIDTH - indent, break_long_words=False, break_on_hyphens=False) for line in lines
        ).split("\n")
    written = style + "".join(f"\n{' ' * indent}{line}" if line else "\n" for line in lines)
    try:
        whole = yaml.safe_load(f"text: {written}\n") == {"text": text}
    except yaml.YAMLError:
        whole = False
    return written if whole else scalar(text)


def comment(text: str) -> str:
    """`text` as comment lines; a line break in it begins a new one."""
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, WIDTH - 2, break_on_hyphens=False)]
    return "".join(f"# {line}\n" for line in lines)
