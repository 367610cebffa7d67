"""Extraction: what of a reply is the answer.

Every extraction first finds the part of the reply that holds the answer (`benchmarks.metrics.reply`) and then reads
it in its own way; where it finds nothing, the reply is a format failure. None of them guesses more than an app that
uses the prompt would.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from benchmarks.errors import MetricError
from benchmarks.metrics.json_values import refuse_constant
from benchmarks.metrics.normalisation import normalise
from benchmarks.metrics.numerals import numerals
from benchmarks.metrics.phrases import mentioned
from benchmarks.metrics.protocol import Extractor, ReplyFormat
from benchmarks.metrics.reply import answer_part

Extraction = Literal["text", "line", "label", "mention", "number", "json"]

# Brackets that cannot begin JSON are passed over at once: each failure of the decoder takes time linear in the text.
_BRACKET = re.compile(r"""\{(?=\s*["}])|\[(?=\s*["\[\]{\d\-tfn])""")
_DECODER = json.JSONDecoder(parse_constant=refuse_constant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An extractor: reads the part of a reply that holds the answer, if there is one, with `read`."""

    read: Callable[[str], str | None]

    def extract(self, reply: str, reply_format: ReplyFormat) -> str | None:
        """The answer in `reply`, or None when there is none."""
        part = answer_part(reply, reply_format)
        return self.read(part) if part else None


def make_extractor(extraction: Extraction, labels: Sequence[str] = ()) -> Extractor:
    """The extractor that is called `extraction`.

    `text` is the whole part, `line` its first line with text (lines that only open or close a code fence do not
    count), `number` its last number as a plain numeral, `json` its first JSON object or array as it is written. Two
    read the task's `labels` and give a label as the task spells it: `label` where the whole part or its first line
    is a label (normalised), `mention` where exactly one label is mentioned as whole words.

    Raises MetricError if there is no such extraction, if labels are needed and missing, if one is blank, or if two
    of them differ only in what normalisation removes.
    """
    match extraction:
        case "text":
            return Reading(read=str)
        case "line":
            return Reading(read=first_line)
        case "number":
            return Reading(read=_last_number)
        case "json":
            return Reading(read=_first_json)
        case "label":
            return Reading(read=_label_reader(labels))
        case "mention":
            return Reading(read=_mention_reader(labels))
    raise MetricError(f"There is no extraction {extraction!r}; known: {', '.join(get_args(Extraction))}.")


def first_line(text: str) -> str | None:
    """The first line of `text` with more on it than a code fence, stripped; None if there is none."""
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not _is_fence(line)), None)


def _is_fence(line: str) -> bool:
    language = line.removeprefix("```")
    return language != line and (not language or language.isalnum())


def _last_number(text: str) -> str | None:
    found = numerals(text)
    return found[-1] if found else None


def _label_reader(labels: Sequence[str]) -> Callable[[str], str | None]:
    known = _by_normal_form(labels)

    def read(text: str) -> str | None:
        label = known.get(normalise(text))
        line = first_line(text)
        return known.get(normalise(line)) if label is None and line else label

    return read


def _mention_reader(labels: Sequence[str]) -> Callable[[str], str | None]:
    known = _by_normal_form(labels)

    def read(text: str) -> str | None:
        found = mentioned(known, normalise(text))
        return known[found.pop()] if len(found) == 1 else None

    return read


def _by_normal_form(labels: Sequence[str]) -> dict[str, str]:
    if not labels:
        raise MetricError("To read labels off replies the task needs labels; list them under `labels`.")
    known: dict[str, str] = {}
    for label in labels:
        if not label.strip():
            raise MetricError("A label is blank, which no reply can answer; give it a name.")
        twin = known.setdefault(normalise(label), label)
        if twin != label:
            raise MetricError(
                f"The labels {twin!r} and {label!r} differ only in case, quotes or punctuation, so replies cannot "
                "tell them apart; make them one label or rename one."
            )
    return known


def _first_json(text: str) -> str | None:
    for bracket in _BRACKET.finditer(text):
        try:
            _, end = _DECODER.raw_decode(text, bracket.start())
        except json.JSONDecodeError as error:
            if error.pos >= len(text):
                return None  # cut off: what stands inside is a part of the answer, not the answer
        except (ValueError, RecursionError):
            return None  # NaN or the like, or nested beyond what can be read
        else:
            return text[bracket.start() : end]
    return None
