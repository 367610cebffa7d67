"""The search space: factors with choices, not opaque ids.

A point of the space is a `Choices`: one choice for every factor. Demonstrations have a factor of their own for each
of number, style and selector, and a `draw` that varies which rows the selector takes and in which order.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from benchmarks.datasets.records import Example
from benchmarks.models.prices import max_tokens as max_tokens_of
from benchmarks.models.protocol import ParameterValue
from benchmarks.prompts.delimiters import Delimiters
from benchmarks.prompts.layout import Layout, Signature, lay_out
from benchmarks.prompts.prompt import Prompt
from optimizers.demonstrations.selectors import SELECTORS
from optimizers.proposers.protocol import Proposal

Choices = dict[str, int]
"""Factor name to the index of its choice. Factors that cannot matter (the style of no demonstrations) are absent."""

DEMONSTRATION_FACTORS = ("style", "selector", "draw")
DRAWS = 3


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """All prompts that one study may try.

    Each field is a factor with its choices, in a fixed order. `temperature` and `max_tokens` may hold None: leave the
    model's parameters as they are. A prompt that asks for reasoning gets at least `reasoning_tokens` tokens to reply.
    `train` is what demonstrations are chosen from; the same seed draws the same ones.
    """

    signature: Signature
    parameters: Mapping[str, ParameterValue]
    train: Sequence[Example]
    seed: int
    instruction: tuple[Proposal, ...]
    count: tuple[int, ...]
    style: tuple[str, ...]
    selector: tuple[str, ...]
    delimiters: tuple[Delimiters, ...]
    placement: tuple[str, ...]
    answer_marker: tuple[str | None, ...]
    reasoning: tuple[bool, ...]
    temperature: tuple[float | None, ...] = (None,)
    max_tokens: tuple[int | None, ...] = (None,)
    reasoning_tokens: int | None = None
    draw: tuple[int, ...] = tuple(range(DRAWS))
    _drawn: dict[tuple[str, int, int], tuple[Example, ...]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def factors(self) -> dict[str, int]:
        """Every factor with its number of choices; demonstration factors last."""
        names = (
            "instruction",
            "count",
            "delimiters",
            "placement",
            "answer_marker",
            "reasoning",
            "temperature",
            "max_tokens",
        )
        return {name: len(getattr(self, name)) for name in (*names, *DEMONSTRATION_FACTORS)}

    def applies(self, factor: str, choices: Choices) -> bool:
        """Whether `factor` matters, given the choices made so far."""
        return factor not in DEMONSTRATION_FACTORS or self.count[choices["count"]] > 0

    @cached_property
    def size(self) -> int:
        """The number of points."""
        shared = 1
        for name, choices in self.factors.items():
            if name not in ("count", *DEMONSTRATION_FACTORS):
                shared *= choices
        shown = sum(1 for count in self.count if count > 0)
        per_count = len(self.style) * len(self.selector) * len(self.draw)
        return shared * (shown * per_count + len(self.count) - shown)

    def points(self) -> Iterator[Choices]:
        """All points, in a fixed order."""

        def extend(choices: Choices, rest: list[str]) -> Iterator[Choices]:
            if not rest:
                yield choices
                return
            name, *others = rest
            if not self.applies(name, choices):
                yield from extend(choices, others)
                return
            for index in range(self.factors[name]):
                yield from extend({**choices, name: index}, others)

        yield from extend({}, list(self.factors))

    def covering(self, count: int, rng: random.Random) -> list[Choices]:
        """`count` points in which each factor, where it applies, goes through its choices in turn, each time in a
        shuffled order: every choice appears equally often, give or take one."""
        return list(itertools.islice(self.in_turn(rng), count))

    def in_turn(self, rng: random.Random) -> Iterator[Choices]:
        """The points of `covering`, without end."""
        turns = {name: _in_turn(choices, rng) for name, choices in self.factors.items()}
        while True:
            point: Choices = {}
            for name in self.factors:
                if self.applies(name, point):
                    point[name] = next(turns[name])
            yield point

    def prompt(self, choices: Choices) -> Prompt:
        """The prompt at a point."""
        count = self.count[choices["count"]]
        proposal = self.instruction[choices["instruction"]]
        layout = Layout(
            instruction=proposal.text,
            instruction_source=proposal.source,
            demonstrations=self._demonstrations(choices) if count else (),
            style=self.style[choices["style"]] if count else "inline",
            selector=self.selector[choices["selector"]] if count else None,
            delimiters=self.delimiters[choices["delimiters"]],
            placement=self.placement[choices["placement"]],
            answer_marker=self.answer_marker[choices["answer_marker"]],
            reasoning=self.reasoning[choices["reasoning"]],
        )
        parameters = dict(self.parameters)
        if self.reasoning[choices["reasoning"]] and self.reasoning_tokens is not None:
            parameters["max_tokens"] = max(self.reasoning_tokens, max_tokens_of(parameters))
        temperature = self.temperature[choices["temperature"]]
        max_tokens = self.max_tokens[choices["max_tokens"]]
        if temperature is not None:
            parameters["temperature"] = temperature
        if max_tokens is not None:
            parameters["max_tokens"] = max_tokens
        return lay_out(layout, self.signature, parameters)

    def _demonstrations(self, choices: Choices) -> tuple[Example, ...]:
        key = (self.selector[choices["selector"]], self.count[choices["count"]], choices["draw"])
        if key not in self._drawn:
            selector, count, draw = key
            rng = random.Random(f"{self.seed}/demonstrations/{selector}/{count}/{draw}")
            self._drawn[key] = SELECTORS[selector](self.train, count, rng)
        return self._drawn[key]


def _in_turn(choices: int, rng: random.Random) -> Iterator[int]:
    while True:
        yield from rng.sample(range(choices), choices)
