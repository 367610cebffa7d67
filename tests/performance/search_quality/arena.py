"""An arena for searches: a pool of instructions, rows, and a stand-in model whose true accuracies are known."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from tests.endpoints.landscape import LABELS, Landscape, rows

POOL = 32
SEARCH_ROWS = 300
TEST_ROWS = 300

_ITEM = re.compile(r"item (\d{4,})")


class UnknownPrompt(Exception):
    """A prompt that holds no instruction of the pool, or no row: a peer has been given the pool in a wrong way."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Arena:
    """What is true in one run.

    `pool` holds the instructions, the user's own prompt first. `accuracy[i]` is the accuracy of instruction i over all
    rows there could be, in [0, 1]; `right[i, j]` says whether the model answers row j right with it. The first
    `search_rows` of `rows` are for the search, the others for a proof.
    """

    name: str
    seed: int
    pool: Sequence[str]
    accuracy: npt.NDArray[np.float64]
    right: npt.NDArray[np.bool_]
    rows: Sequence[Mapping[str, str]]
    search_rows: int = SEARCH_ROWS

    def regret(self, choice: int) -> float:
        """The best true accuracy in the pool less that of `choice`, in [0, 1]."""
        return float(self.accuracy.max() - self.accuracy[choice])

    def find(self, text: str) -> int:
        """The place in the pool of the longest instruction that `text` holds, however its white space is laid out.

        Raises UnknownPrompt if there is none.
        """
        spoken = " ".join(text.split())
        for choice in self._longest_first:
            if self._keys[choice] in spoken:
                return choice
        raise UnknownPrompt(f"No instruction of the pool in: {text[:400]!r}")

    @cached_property
    def _keys(self) -> list[str]:
        return [key(instruction) for instruction in self.pool]

    @cached_property
    def _longest_first(self) -> list[int]:
        return sorted(range(len(self.pool)), key=lambda choice: -len(self._keys[choice]))


def key(instruction: str) -> str:
    """What is recognised of an instruction: peers lay out white space anew and strip outer quotation marks."""
    return " ".join(instruction.split()).strip('"').strip()


def make_arena(name: str, accuracy: Mapping[str, float], seed: int) -> Arena:
    """An arena whose pool is drawn from the instructions of `accuracy` by `seed`, each with a key of its own."""
    count = SEARCH_ROWS + TEST_ROWS
    landscape = Landscape(accuracy, rows=count, seed=seed)
    drawn: dict[str, str] = {}
    for instruction in landscape.pool(len(accuracy), seed):
        drawn.setdefault(key(instruction), instruction)
    pool = list(drawn.values())[:POOL]
    return Arena(
        name=name,
        seed=seed,
        pool=pool,
        accuracy=np.array([landscape.true_accuracy(instruction) for instruction in pool]),
        right=np.array([landscape.right_rows(instruction) for instruction in pool]),
        rows=rows(count, seed),
    )


class StandIn:
    """The model of an arena, which counts what it is asked.

    `calls` are those on search rows, `repeats` the ones among them that had been made before, `test_calls` those on
    the other rows. `stranger` is the last prompt that does not belong here: peers take any error for a wrong answer.
    """

    def __init__(self, arena: Arena) -> None:
        self.arena = arena
        self.calls = 0
        self.repeats = 0
        self.test_calls = 0
        self.stranger: UnknownPrompt | None = None
        self._asked = np.zeros(arena.right.shape, dtype=np.bool_)
        self._found: dict[str, int] = {}

    def scores(self, choice: int, numbers: npt.NDArray[np.int_]) -> npt.NDArray[np.float64]:
        """The scores, 0 or 1, of an instruction on the rows with these numbers: one call each."""
        for_search = numbers[numbers < self.arena.search_rows]
        self.calls += len(for_search)
        self.repeats += int(self._asked[choice, for_search].sum())
        self.test_calls += len(numbers) - len(for_search)
        self._asked[choice, numbers] = True
        scores: npt.NDArray[np.float64] = self.arena.right[choice, numbers].astype(np.float64)
        return scores

    def reply(self, messages: Sequence[tuple[str, str]]) -> str:
        """The label that the model answers to (role, content) messages: one call.

        The instruction is looked for in all of them, the row in the last one. Raises UnknownPrompt.
        """
        try:
            choice, number = self._read(messages)
        except UnknownPrompt as error:
            self.stranger = error
            raise
        label = self.arena.rows[number]["label"]
        if self.scores(choice, np.array([number]))[0] == 1.0:
            return label
        return LABELS[(LABELS.index(label) + 1 + number % (len(LABELS) - 1)) % len(LABELS)]

    def _read(self, messages: Sequence[tuple[str, str]]) -> tuple[int, int]:
        *before, (_, last) = messages
        found = list(_ITEM.finditer(last))
        if not found or int(found[-1][1]) >= len(self.arena.rows):
            raise UnknownPrompt(f"No row in: {last[:400]!r}")
        around = "\n".join([*(content for _, content in before), last[: found[-1].start()]])
        if around not in self._found:
            self._found[around] = self.arena.find(around)
        return self._found[around], int(found[-1][1])
