"""Delimiter families: the section markers around inputs and output, in the styles models were trained on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.prompts.template import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Delimiters:
    """One family. An input field is written as `opening.format(name)`, its text, `closing.format(name)`.

    `output_opening` stands before the answer and `output_closing` after it; `gap` separates the answer from its
    opening. `strings` are what must not occur in the data, lest a row looks like structure; families whose markers
    are ordinary words (`Input:`) name none, because models tell those apart by position. `answer_strings` must not
    occur in answers, which could not be read back otherwise.
    """

    name: str
    opening: str
    closing: str
    between_fields: str
    output_opening: str
    output_closing: str
    gap: str
    strings: tuple[str, ...] = ()
    answer_strings: tuple[str, ...] = ()

    def input_block(self, fields: Sequence[tuple[str, Part]]) -> list[Part]:
        """The section that holds the inputs. `fields` are pairs of a field's name and its text or variable."""
        block: list[Part] = []
        for position, (name, part) in enumerate(fields):
            if position:
                block.append(self.between_fields)
            block += [self.opening.replace("NAME", name), part, self.closing.replace("NAME", name)]
        return block

    def collides(self, texts: Iterable[str], answers: Iterable[str], fields: Iterable[str] = ()) -> str | None:
        """The first string that must not occur in the input `texts` or the `answers` and does, if any; `fields` are
        the names of the input fields, as this family spells them."""
        written = [tag.replace("NAME", name).strip() for name in fields for tag in (self.opening, self.closing)]
        strings = (*self.strings, *filter(None, written)) if self.strings else ()
        in_texts = (string for text in texts for string in strings if string in text)
        in_answers = (string for text in answers for string in (*strings, *self.answer_strings) if string in text)
        return next(itertools.chain(in_texts, in_answers), None)


PLAIN = Delimiters(
    name="plain",
    opening="NAME: ",
    closing="",
    between_fields="\n",
    output_opening="Output:",
    output_closing="",
    gap=" ",
)
MARKDOWN = Delimiters(
    name="markdown",
    opening="### NAME\n",
    closing="\n",
    between_fields="\n",
    output_opening="### Output",
    output_closing="",
    gap="\n",
    strings=("### Input", "### Output"),
)
XML = Delimiters(
    name="xml",
    opening="<NAME>",
    closing="</NAME>",
    between_fields="\n",
    output_opening="<output>",
    output_closing="</output>",
    gap="",
    strings=("<input>", "</input>", "<output>", "</output>"),
)
BRACKETS = Delimiters(
    name="brackets",
    opening="[NAME] ",
    closing=" [SEP]",
    between_fields="\n",
    output_opening="[OUTPUT]",
    output_closing="",
    gap=" ",
    strings=("[INPUT]", "[SEP]", "[OUTPUT]"),
)
JSON = Delimiters(
    name="json",
    opening='{"NAME": "',
    closing='"}',
    between_fields="\n",
    output_opening='{"output": "',
    output_closing='"}',
    gap="",
    strings=('{"input": "', '{"output": "'),
    answer_strings=('"', "\\", "\n"),
)

FAMILIES = {family.name: family for family in (PLAIN, MARKDOWN, XML, BRACKETS, JSON)}
MODEL = "model"
NAMES = (*FAMILIES, MODEL)


def model_family(special_tokens: Sequence[str]) -> Delimiters:
    """The family `model`, made of special tokens of the served model itself.

    The first token opens an input, the last one opens the output. `special_tokens` must hold at least one.
    """
    first, last = special_tokens[0], special_tokens[-1]
    return Delimiters(
        name=MODEL,
        opening=first + "NAME\n",
        closing="\n",
        between_fields="",
        output_opening=last + "output\n" if first == last else last,
        output_closing="",
        gap="" if first == last else "\n",
        strings=tuple(dict.fromkeys(special_tokens)),
    )
