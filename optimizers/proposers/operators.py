"""The ways in which a model writes instructions, and what it is told for each: the inputs of the programs.

Whatever is told comes from the task, its train rows, and how prompts of this job did; never from a row of validation
or test.
"""

from __future__ import annotations

import random
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from optimizers.constraints import Constraints
from optimizers.proposers.failures import TrainFailure
from optimizers.proposers.label_words import characteristic_words
from optimizers.proposers.protocol import Brief

EXAMPLES = 8
FAILURES = 6
MOST_TRIED = 6
MOST_LABELS = 120
MOST_LABELS_WITH_WORDS = 24
_LONGEST_VALUE = 400
_LONGEST_TRIED = 500

ANGLES = (
    "a clear definition of every answer, with the borders between answers that are easily mixed up",
    "a short procedure: the questions to ask about a row, in order, until the answer is settled",
    "as short and strict as possible: the task, the possible answers, the exact form of the answer",
    "the hard rows: which signs decide when several answers seem to fit, or none",
    "an expert of this field, who knows what the people behind these rows mean",
    "the form of the answer: what exactly to write, what never to write, and what to do in doubt",
    "the words and signs in a row that point to each answer, and those that mislead",
    "the purpose: what the answer is used for, and which mistakes would be worst",
)
MANNERS = (
    "much shorter: only what changes the answer",
    "in other words and another order, with the most important rule first",
    "as a numbered list of plain rules",
    "plainer: short sentences, everyday words",
    "more precise: every vague word replaced by what is meant",
    "as a brief to a careful colleague, in one flowing paragraph",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An instruction that was tried, and its estimated score; None where it is about to be tried."""

    text: str
    score: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a hypothesis brought: the estimated change in score over the leader it was meant to beat."""

    hypothesis: str
    gain: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What operators know. `tried` has the best first, the leader at its head; `failures` are the leader's, on train
    rows, the worst first."""

    brief: Brief
    constraints: Constraints
    tried: Sequence[Tried]
    failures: Sequence[TrainFailure] = ()
    effects: Sequence[Effect] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """An instruction to be written: by which operator, told what, out of which `parents`. `hypothesis` says why it
    should help, where that is settled beforehand."""

    operator: str
    inputs: Mapping[str, str]
    parents: tuple[str, ...] = ()
    hypothesis: str = ""


def possible(operator: str, situation: Situation) -> bool:
    """Whether there is what `operator` needs."""
    needs = {"reflective": bool(situation.failures), "recombine": len(situation.tried) > 1}
    return needs.get(operator, operator == "grounded" or bool(situation.tried))


def commission(operator: str, situation: Situation, turn: int, rng: random.Random) -> Commission:
    """What `operator` is told when it is its `turn`-th of this job, from 0: angles, manners and parents take turns."""
    return _COMMISSIONS[operator](situation, turn, rng)


def _grounded(situation: Situation, turn: int, rng: random.Random) -> Commission:
    angle = ANGLES[turn % len(ANGLES)]
    inputs = {
        "task": _task(situation.brief),
        "data": data_summary(situation.brief),
        "examples": _examples(situation.brief, rng),
        "angle": angle,
        "requirements": _requirements(situation),
    }
    return Commission(operator="grounded", inputs=inputs, hypothesis=f"Try {angle}.")


def _reflective(situation: Situation, turn: int, rng: random.Random) -> Commission:
    leader = situation.tried[0].text
    # The first reads the worst failures, the others a mixture of their own.
    failures = situation.failures
    chosen = failures[:FAILURES] if turn == 0 else rng.sample(failures, min(FAILURES, len(failures)))
    inputs = {
        "task": _task(situation.brief),
        "instruction_so_far": leader,
        "failures": "\n\n".join(_failure(failure) for failure in chosen),
        "earlier_hypotheses": "\n".join(f"- {e.gain:+.3f}: {e.hypothesis}" for e in situation.effects) or "(none)",
        "requirements": _requirements(situation),
    }
    return Commission(operator="reflective", inputs=inputs, parents=(leader,))


def _recombine(situation: Situation, turn: int, rng: random.Random) -> Commission:
    best = situation.tried[:4]
    pairs = [(first, second) for later, second in enumerate(best) for first in best[:later]]
    first, second = pairs[turn % len(pairs)]
    inputs = {
        "task": _task(situation.brief),
        "first": first.text,
        "second": second.text,
        "requirements": _requirements(situation),
    }
    return Commission(operator="recombine", inputs=inputs, parents=(first.text, second.text))


def _paraphrase(situation: Situation, turn: int, rng: random.Random) -> Commission:
    manner = MANNERS[turn % len(MANNERS)]
    parent = situation.tried[0].text
    inputs = {"instruction_so_far": parent, "manner": manner, "requirements": _requirements(situation)}
    return Commission(operator="paraphrase", inputs=inputs, parents=(parent,), hypothesis=f"Say it {manner}.")


def _fresh(situation: Situation, turn: int, rng: random.Random) -> Commission:
    tried = [
        ("not tried yet" if one.score is None else f"{one.score:.2f}") + f": {_clipped(one.text, _LONGEST_TRIED)}"
        for one in situation.tried[:MOST_TRIED]
    ]
    inputs = {
        "task": _task(situation.brief),
        "examples": _examples(situation.brief, rng),
        "tried": "\n\n".join(tried),
        "requirements": _requirements(situation),
    }
    return Commission(operator="fresh", inputs=inputs)


_COMMISSIONS: dict[str, Callable[[Situation, int, random.Random], Commission]] = {
    "grounded": _grounded,
    "reflective": _reflective,
    "recombine": _recombine,
    "paraphrase": _paraphrase,
    "fresh": _fresh,
}

OPERATORS = tuple(_COMMISSIONS)
"""The names of the operators that need a model."""


def _task(brief: Brief) -> str:
    lines = [brief.description.strip()] if brief.description.strip() else []
    lines.append(f"Input: {', '.join(brief.signature.inputs)}. Output: {brief.signature.output}.")
    if brief.labels:
        more = "" if len(brief.labels) <= MOST_LABELS else f", and {len(brief.labels) - MOST_LABELS} more"
        lines.append(f"Possible answers: {', '.join(brief.labels[:MOST_LABELS])}{more}.")
    if brief.baseline_instruction:
        lines.append(f"The instruction in use today: {brief.baseline_instruction}")
    return "\n".join(lines)


def _requirements(situation: Situation) -> str:
    names = ", ".join(f"{{{{{name}}}}}" for name in situation.brief.signature.inputs)
    demands = [
        "The row itself is shown to the model apart from the instruction, before or after it.",
        f"Only these placeholders may occur, spelled like this, and none of them needs to: {names}. "
        "Those of an instruction that is edited stay.",
        "The answer is read by a program: the model must write the answer alone.",
        *situation.constraints.in_words(),
    ]
    return "\n".join(f"- {demand}" for demand in demands)


def data_summary(brief: Brief) -> str:
    """The train rows in numbers: how many, how long, which answers, which words are typical of each."""
    rows = brief.train
    if not rows:
        return "There are no labelled rows to study."
    lines = [f"{len(rows)} labelled rows."]
    for name in brief.signature.inputs:
        words = sorted(len(row.inputs[name].split()) for row in rows)
        lines.append(f"{name}: {statistics.median(words):g} words in the middle, {words[-1]} at most.")
    counts = Counter(row.answer for row in rows)
    if brief.labels:
        shares = [f"{label} {counts[label] / len(rows):.0%}" for label in brief.labels[:MOST_LABELS]]
        lines.append(f"Answers: {', '.join(shares)}.")
    else:
        words = sorted(len(row.answer.split()) for row in rows)
        lines.append(f"Answers: {len(counts)} different ones, of {statistics.median(words):g} words in the middle.")
    if brief.labels and len(brief.labels) <= MOST_LABELS_WITH_WORDS:
        typical = characteristic_words(rows, brief.labels)
        lines += [f"Words typical of {label}: {', '.join(found)}." for label, found in typical.items() if found]
    return "\n".join(lines)


def _examples(brief: Brief, rng: random.Random) -> str:
    """Train rows, at most one of each answer as far as answers reach."""
    rows = rng.sample(sorted(brief.train, key=lambda row: row.id), len(brief.train))
    first_of = {row.answer: row for row in reversed(rows)}
    chosen = [row for row in rows if first_of[row.answer] is row] + [
        row for row in rows if first_of[row.answer] is not row
    ]
    return "\n\n".join(_example(row) for row in chosen[:EXAMPLES]) or "(none)"


def _example(row: Example) -> str:
    lines = [f"{name}: {_clipped(value, _LONGEST_VALUE)}" for name, value in row.inputs.items()]
    return "\n".join([*lines, f"Answer: {_clipped(row.answer, _LONGEST_VALUE)}"])


def _failure(failure: TrainFailure) -> str:
    lines = [f"{name}: {_clipped(value, _LONGEST_VALUE)}" for name, value in failure.inputs.items()]
    lines += [
        f"Expected: {_clipped(failure.expected, _LONGEST_VALUE)}",
        f"Got: {_clipped(failure.got, _LONGEST_VALUE)}",
    ]
    return "\n".join(lines if failure.score == 0 else [*lines, f"Score: {failure.score:.2f}"])


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
