"""The labelled texts that the toy model learns from: messages written here, the train split of the bundled
benchmark, and two public intent sets (attribution in CARD.md). Rows of the bundled validation and test splits only
serve to throw out what resembles them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import Indel

HERE = Path(__file__).parent
SUPPORT = HERE.parents[2] / "data" / "support"
TOO_ALIKE = 0.75
"""Share of characters in a longest common subsequence from which a text counts as a repetition of a held-out row."""
HEADING = re.compile(r"== (?P<team>.+) (?P<language>en|de)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One text with its label; `language` is en or de."""

    text: str
    label: str
    language: str = "en"


def written_here() -> list[Labelled]:
    """The messages in `texts/`: a heading `== team language`, then one message a line, with `\\n` for a line break."""
    found: dict[str, Labelled] = {}
    for path in sorted((HERE / "texts").glob("*.txt")):
        heading: re.Match[str] | None = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("== "):
                heading = HEADING.fullmatch(line.strip())
                if heading is None:
                    raise ValueError(f"{path.name}, line {number}: a heading reads '== team language'.")
            elif line.strip():
                if heading is None:
                    raise ValueError(f"{path.name}, line {number}: a message before the first heading.")
                text = line.strip().replace("\\n", "\n")
                found[text] = Labelled(text=text, label=heading["team"], language=heading["language"])
    return list(found.values())


def support_rows(split: str) -> list[Labelled]:
    """The rows of one split of the bundled benchmark."""
    with (SUPPORT / f"{split}.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Labelled(text=row["message"], label=row["team"], language=row["language"]) for row in rows]


def support() -> list[Labelled]:
    """What may be learned from for the bundled task: written here and the train split, without anything that nearly
    repeats a row of validation or test."""
    held_out = [row.text.casefold() for split in ("validation", "test") for row in support_rows(split)]
    own = [*written_here(), *support_rows("train")]
    likeness = process.cdist(
        [row.text.casefold() for row in own], held_out, scorer=Indel.normalized_similarity, score_cutoff=TOO_ALIKE
    )
    return [row for row, closest in zip(own, likeness.max(axis=1), strict=True) if closest == 0]


def intents(folder: Path) -> Iterator[Labelled]:
    """The train rows of a public intent set; labels are spelled as words."""
    with (folder / "train.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Labelled(text=row["text"], label=row["label"].replace("_", " ").lower().strip("? "))
