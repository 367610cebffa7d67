"""What an instruction that a model wrote must be before it costs a call: a template of this task, whole, and free of
what belongs to the model that wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from benchmarks.errors import TaskError
from benchmarks.prompts.layout import Signature
from benchmarks.prompts.template import parse, variables
from benchmarks.tasks.task import check_instruction
from optimizers.constraints import Constraints
from optimizers.proposers.leaks import Leaks, squeezed

LONGEST = 6000
"""Characters: some 1,500 tokens. What is longer costs more in every request than it can bring."""

_THOUGHT = re.compile(r"<(think|thinking|thought|reasoning|scratchpad)>.*?</\1>", re.DOTALL | re.IGNORECASE)
_THOUGHT_TAG = re.compile(
    r"</?(think|thinking|thought|reasoning|scratchpad)>|<\|?(channel|analysis)\|?>", re.IGNORECASE
)
_MUSING = re.compile(
    r"((okay|ok|alright|hmm|wait|well|so|first|now)\b[,.:]?\s*)*"
    r"(let me (think|start|see|analy[sz]e|look|read)|let's (think|see|break)"
    r"|i (need|have|should|want|'ll|will) (to )?(think|write|improve|figure|rewrite|create|look|analy[sz]e|understand)"
    r"|the user (wants|asks|is asking) me|thinking process)",
    re.IGNORECASE,
)
_FENCED = re.compile(r"```[\w-]*\n(.*?)\n?```", re.DOTALL)
_PREAMBLE = re.compile(
    r"((sure|certainly|of course|absolutely|great|okay|ok)[,.!]?\s*)?"
    r"((here('s| is| are)|below is|this is)\b.{0,80}\b(instructions?|prompt|version|rewrite|paraphrase)\b.{0,60}"
    r"|\W*(the )?(new|improved|revised|edited|final|updated|rewritten) (instruction|prompt|version)s?\W*)"
    r":[*_ ]*(\n|$)",
    re.IGNORECASE,
)
_HEADER = re.compile(r"\[\[ ## \w+ ## \]\]")
_CLOSING = ".!?:;…。！？：)]}>\"'”’»`*|"
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("`", "`"))


class Refusal(StrEnum):
    """Why a proposal is not used. The first two are the model's way of answering, the others what it wrote."""

    NO_REPLY = "no reply"
    UNREADABLE = "not in the form asked for"
    TRUNCATED = "cut off"
    EMPTY = "empty"
    REASONING = "reasoning in place of an instruction"
    PLACEHOLDERS = "placeholders"
    LENGTH = "too long"
    CONTROL_TOKENS = "control tokens"
    LEAK = "a validation row"
    CONSTRAINTS = "constraints"
    DUPLICATE = "known already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What instructions of one task must keep to."""

    signature: Signature
    constraints: Constraints
    control_tokens: tuple[str, ...]
    leaks: Leaks

    def refusal(self, text: str, *, closed: bool, parents: Collection[str], known: Collection[str]) -> Refusal | None:
        """Why `text`, cleaned, is refused; None if it can be tried.

        `closed` says that its writer marked its end. Variables that all `parents` have must not get lost, and none of
        `known` is to be tried again.
        """
        checks: tuple[tuple[Refusal, Callable[[], bool]], ...] = (
            (Refusal.EMPTY, lambda: not text),
            (Refusal.REASONING, lambda: bool(_THOUGHT_TAG.search(text) or _MUSING.match(text))),
            (Refusal.TRUNCATED, lambda: text.count("```") % 2 == 1 or not (closed or _ends(text))),
            (Refusal.LENGTH, lambda: len(text) > LONGEST),
            (Refusal.CONTROL_TOKENS, lambda: any(token in text for token in self.control_tokens)),
            (Refusal.PLACEHOLDERS, lambda: not self._keeps_placeholders(text, parents)),
            (Refusal.LEAK, lambda: self.leaks.found_in(text)),
            (Refusal.CONSTRAINTS, lambda: self._violates(text)),
            (Refusal.DUPLICATE, lambda: squeezed(text) in {squeezed(other) for other in known}),
        )
        return next((refusal for refusal, fails in checks if fails()), None)

    def _keeps_placeholders(self, text: str, parents: Collection[str]) -> bool:
        try:
            check_instruction(text, self.signature, "proposal")
        except TaskError:
            return False
        kept = [set(variables(parse(parent))) for parent in parents]
        lone = (re.search(rf"(?<!{{){{{re.escape(name)}}}(?!}})", text) for name in self.signature.inputs)
        return (not kept or set.intersection(*kept) <= set(variables(parse(text)))) and not any(lone)

    def _violates(self, text: str) -> bool:
        missing = any(passage not in text for passage in self.constraints.required)
        return missing or self.constraints.violation_of(text) is not None


def cleaned(text: str) -> str:
    """`text` without what models put around an instruction: thoughts that were closed, a preamble, a fence, quotes."""
    text = _HEADER.split(_THOUGHT.sub("", text).strip())[0].strip()
    text = _PREAMBLE.sub("", text, count=1).strip() if _PREAMBLE.match(text) else text
    fenced = _FENCED.fullmatch(text)
    text = fenced[1].strip() if fenced else text
    for opening, closing in _QUOTES:
        inner = text[len(opening) : -len(closing)]
        if (
            len(text) > 2
            and text.startswith(opening)
            and text.endswith(closing)
            and not {opening, closing} & set(inner)
        ):
            return inner.strip()
    return text


def _ends(text: str) -> bool:
    """Whether a text that nobody marked as complete looks complete: by a closing mark, or by a last line of a list."""
    last = text.rsplit("\n", 1)[-1].strip()
    return last[-1:] in _CLOSING or last[:1] in "-*•" or last[:1].isdigit()
