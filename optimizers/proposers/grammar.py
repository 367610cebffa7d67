"""The proposer that needs no model: it assembles instructions out of blocks that the task itself provides.

Blocks: role, task, rules, label definitions, output contract. Their wording comes from the task's description, columns
and labels, and from statistics of the train rows.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Mapping, Sequence

from benchmarks.datasets.records import Example
from optimizers.proposers.label_words import characteristic_words
from optimizers.proposers.protocol import Brief, Proposal

MOST_LABELS_LISTED = 120
MOST_LABELS_DEFINED = 40
CATCH_ALL = ("other", "others", "none", "none of the above", "misc", "miscellaneous", "unknown", "general")

Block = Callable[[Brief], str | None]


def _inputs(brief: Brief) -> str:
    names = [name.replace("_", " ") for name in brief.signature.inputs]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _output(brief: Brief) -> str:
    return _literal(brief.signature.output.replace("_", " "))


def _literal(text: str) -> str:
    return text.replace("{{", '{{"{{"}}')


def _sentence(text: str) -> str:
    text = text.strip()
    return text if not text or text[-1] in ".!?:" else text + "."


def _as_described(brief: Brief) -> str:
    return brief.baseline_instruction or f"Given the {_inputs(brief)}, write the {_output(brief)}."


def _as_question(brief: Brief) -> str:
    return (
        f"Read the {_inputs(brief)}. Which {_output(brief)} fits it best?"
        if brief.labels
        else f"Read the {_inputs(brief)}. What is the {_output(brief)}?"
    )


def _as_order(brief: Brief) -> str:
    verb = "Classify" if brief.labels else "Read"
    return f"{verb} the {_inputs(brief)} and give the {_output(brief)}."


def _careful(brief: Brief) -> str:
    return f"Work carefully: consider the whole {_inputs(brief)} before you decide on the {_output(brief)}."


def _expert(brief: Brief) -> str:
    return f"You are an expert who determines the {_output(brief)} from the {_inputs(brief)}."


def _assistant(brief: Brief) -> str | None:
    return f"You help with this task: {_literal(_sentence(brief.description))}" if brief.description else None


def _closest(brief: Brief) -> str | None:
    if brief.labels:
        return "If more than one fits, choose the one that matches the main point. Never invent a new one."
    return "Use only what is given. Do not guess at facts that are not there."


def _fallback(brief: Brief) -> str | None:
    rest = next((label for label in brief.labels if label.lower() in CATCH_ALL), None)
    return f'If nothing fits, choose "{_literal(rest)}".' if rest else None


def _list(brief: Brief) -> str | None:
    if not brief.labels or len(brief.labels) > MOST_LABELS_LISTED:
        return None
    return f"The possible values of {_output(brief)} are: {_literal(', '.join(brief.labels))}."


def _bullets(brief: Brief) -> str | None:
    if not brief.labels or len(brief.labels) > MOST_LABELS_LISTED:
        return None
    return "\n".join(["Choose one of:", *(f"- {_literal(label)}" for label in brief.labels)])


def _definitions(brief: Brief) -> str | None:
    if not brief.labels or len(brief.labels) > MOST_LABELS_DEFINED:
        return None
    words = characteristic_words(brief.train, brief.labels)
    if not any(words.values()):
        return None
    lines = [
        f"- {_literal(label)}" + (f": typical words are {_literal(', '.join(words[label]))}" if words[label] else "")
        for label in brief.labels
    ]
    return "\n".join([f"The values of {_output(brief)}, with words that are typical of each:", *lines])


def _only(brief: Brief) -> str:
    what = "one of these values, spelled exactly as shown" if brief.labels else f"the {_output(brief)}"
    return f"Answer with {what} and nothing else."


def _shape(brief: Brief) -> str | None:
    kind = _kind(brief.train)
    return f"Write {kind}, without explanation." if kind else None


def _kind(train: Sequence[Example]) -> str | None:
    """What the expected answers look like, if they all look alike."""
    answers = [example.answer for example in train]
    if not answers:
        return None
    if all(answer.lstrip("-").replace(",", "").replace(".", "", 1).isdigit() for answer in answers):
        return "just the number"
    if all(answer.startswith("(") and answer.endswith(")") and len(answer) == 3 for answer in answers):
        return "just the letter of the option in parentheses, such as " + answers[0]
    if all(answer.startswith("{") for answer in answers):
        return "one JSON object"
    longest = max(len(answer.split()) for answer in answers)
    return "a single word" if longest == 1 else f"at most {longest} words" if longest <= 12 else None


def _none(_brief: Brief) -> str:
    return ""


BLOCKS: dict[str, dict[str, Block]] = {
    "role": {"none": _none, "expert": _expert, "assistant": _assistant},
    "task": {"described": _as_described, "question": _as_question, "order": _as_order},
    "rules": {"none": _none, "closest": _closest, "careful": _careful, "fallback": _fallback},
    "labels": {"bullets": _bullets, "list": _list, "definitions": _definitions, "none": _none},
    "contract": {"only": _only, "shape": _shape, "none": _none},
}


class Grammar:
    """Assembles instructions so that every variant of every block is tried about equally often."""

    def propose(self, brief: Brief, count: int, rng: random.Random) -> list[Proposal]:
        """At most `count` different instructions."""
        texts = variants_of(brief)
        proposals: dict[str, Proposal] = {}
        for chosen in _covering(texts, rng, attempts=count * 6):
            text = assembled(chosen, texts, brief.required)
            if text and text not in proposals:
                proposals[text] = Proposal(text=text, source="grammar", blocks=chosen)
            if len(proposals) == count:
                break
        return list(proposals.values())


def variants_of(brief: Brief) -> dict[str, dict[str, str]]:
    """For each block, its variants by name, in words; those that the task gives no words for are left out."""
    return {
        block: {name: text for name, make in variants.items() if (text := make(brief)) is not None}
        for block, variants in BLOCKS.items()
    }


def assembled(chosen: Mapping[str, str], texts: Mapping[str, Mapping[str, str]], required: Sequence[str]) -> str:
    """The instruction made of the `chosen` variant of each block, with what is `required` and missing at its end."""
    parts = [texts[block][name] for block, name in chosen.items()]
    text = "\n".join(part for part in parts if part)
    return "\n".join([text, *(passage for passage in required if passage not in text)]) if text else ""


def _covering(texts: dict[str, dict[str, str]], rng: random.Random, attempts: int) -> list[dict[str, str]]:
    """Combinations in which each block goes through its variants in turn, in a shuffled order of its own.

    The first combination takes the first variant that is not empty of every block.
    """
    first = {block: next((n for n, text in v.items() if text), next(iter(v))) for block, v in texts.items()}
    turns = {}
    for block, variants in texts.items():
        names = list(variants)
        turns[block] = list(
            itertools.chain.from_iterable(rng.sample(names, len(names)) for _ in range(attempts // len(names) + 1))
        )
    return [first, *({block: turns[block][i] for block in texts} for i in range(attempts))]
