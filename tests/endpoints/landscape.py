"""A stand-in model with the spread of prompt quality that real models show.

`../shared/landscapes/lmentry` holds, for paraphrases of an instruction, the accuracy that real models reached with each
(Mizrahi et al. 2024, "State of What Art? A Call for Multi-Prompt LLM Evaluation"). The stand-in finds the instruction
and the row in a prompt and answers right with the instruction's accuracy. Rows are hard or easy for all instructions
alike, through a Gaussian copula:

    z = sqrt(ρ) · difficulty(row) + sqrt(1 - ρ) · noise(instruction, row);  right if and only if Φ(z) < accuracy

with standard normal difficulty and noise, ρ = 0.5. Everything follows from the seed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import re2

from benchmarks.digests import digest
from tests.endpoints.shared import landscapes_folder

LABELS = ("amber", "cobalt", "olive", "scarlet")
RHO = 0.5
UNKNOWN_INSTRUCTION_ACCURACY = 0.3
NO_ROW = "There is no item in this prompt."

_ITEM = re.compile(r"item (\d{4,})")
_WORDS = re.findall(
    r"\w+",
    """
    barrel basket bottle bracket bridge bucket candle carpet castle curtain feather garden hammer harbor island jacket
    kettle ladder lantern market meadow mirror needle orchard packet pebble pencil pillow saddle shelter tunnel violin
    """,
)


def landscapes() -> list[tuple[str, str]]:
    """All (task, model) pairs for which accuracies are known, sorted."""
    pairs = []
    for path in sorted((landscapes_folder() / "lmentry").glob("*.jsonl")):
        first = json.loads(path.read_text().split("\n", 1)[0])
        pairs += [(path.stem, model) for model in sorted(first["accuracy"])]
    return pairs


def load(task: str, model: str) -> dict[str, float]:
    """Instruction -> accuracy in [0, 1] of `model` on `task`. Instructions are stripped of outer white space; of
    equal ones the mean is taken."""
    path = landscapes_folder() / "lmentry" / f"{task}.jsonl"
    accuracies: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        accuracies.setdefault(entry["template"].strip(), []).append(entry["accuracy"][model])
    return {instruction: float(np.mean(values)) for instruction, values in accuracies.items()}


def rows(count: int, seed: int) -> list[dict[str, str]]:
    """`count` labelled rows {"text", "label"}; each text opens with an item code of its own. Fewer rows are the first
    of more rows."""
    generator = np.random.default_rng([seed, 1])
    draws = generator.integers(0, [len(LABELS), *[len(_WORDS)] * 6], (count, 7))
    return [
        {"text": f"item {number:04d} " + " ".join(_WORDS[word] for word in words), "label": LABELS[label]}
        for number, (label, *words) in enumerate(draws.tolist())
    ]


class Landscape:
    """The stand-in: answers rows 0 .. `rows` - 1 of `rows(count, seed)` as well as `accuracy` says of the instruction.

    The instruction is the longest known one that occurs verbatim in any message (one that JSON escapes does not). All
    prompts without one share accuracy 0.3 and the same answers. The row is the last item code of the last user
    message. A wrong answer is another label.
    """

    def __init__(self, accuracy: Mapping[str, float], *, rows: int, seed: int) -> None:
        self._accuracy = dict(accuracy)
        self._seed = seed
        self._labels = _labels(rows, seed)
        self._difficulty = np.random.default_rng([seed, 2]).standard_normal(rows)
        self._longest_first = sorted(self._accuracy, key=lambda instruction: (-len(instruction), instruction))
        self._search = re2.Set.SearchSet()
        for instruction in self._longest_first:
            self._search.Add(re2.escape(instruction))
        self._search.Compile()
        self._right: dict[str, npt.NDArray[np.bool_]] = {}
        self._answers: dict[str, list[str]] = {}

    @property
    def instructions(self) -> list[str]:
        """All known instructions."""
        return list(self._accuracy)

    def pool(self, count: int, seed: int) -> list[str]:
        """`count` distinct instructions drawn at random: the candidates of a search."""
        chosen = np.random.default_rng([seed, 3]).choice(len(self._accuracy), count, replace=False)
        return [self.instructions[index] for index in chosen]

    def true_accuracy(self, instruction: str, rows: Sequence[int] | None = None) -> float:
        """The accuracy of `instruction`: over all rows there could be, or realised on the rows with these numbers."""
        if rows is None:
            return self._accuracy.get(instruction, UNKNOWN_INSTRUCTION_ACCURACY)
        name = instruction if instruction in self._accuracy else ""
        return float(self.right_rows(name)[list(rows)].mean())

    def answer(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The reply to a prompt of messages with `role` and `content`: one of `LABELS`, or a sentence when the prompt
        names no item."""
        user = next((message["content"] for message in reversed(messages) if message["role"] == "user"), "")
        start = user.rfind("item ")
        found = _ITEM.match(user, start) if start >= 0 else None
        if found is None or int(found[1]) >= len(self._labels):
            return NO_ROW
        matches = self._search.Match("\n".join(message["content"] for message in messages))
        instruction = self._longest_first[min(matches)] if matches else ""
        answers = self._answers.get(instruction) or self._answer_rows(instruction)
        return answers[int(found[1])]

    def right_rows(self, instruction: str) -> npt.NDArray[np.bool_]:
        """Whether each row is answered right with `instruction`."""
        if instruction not in self._right:
            accuracy = self.true_accuracy(instruction)
            noise = self._generator(instruction).standard_normal(len(self._labels))
            z = np.sqrt(RHO) * self._difficulty + np.sqrt(1 - RHO) * noise
            self._right[instruction] = z < _threshold(accuracy)
        return self._right[instruction]

    def _answer_rows(self, instruction: str) -> list[str]:
        generator = self._generator(instruction + " wrong")
        shift = generator.integers(1, len(LABELS), len(self._labels))
        wrong = (self._labels + shift) % len(LABELS)
        given = np.where(self.right_rows(instruction), self._labels, wrong)
        self._answers[instruction] = [LABELS[label] for label in given]
        return self._answers[instruction]

    def _generator(self, name: str) -> np.random.Generator:
        return np.random.default_rng([self._seed, int(digest(name)[:16], 16)])


def _labels(count: int, seed: int) -> npt.NDArray[np.int64]:
    return np.array([LABELS.index(row["label"]) for row in rows(count, seed)])


def _threshold(accuracy: float) -> float:
    if accuracy <= 0.0:
        return -np.inf
    return np.inf if accuracy >= 1.0 else NormalDist().inv_cdf(accuracy)
