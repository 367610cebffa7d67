"""How the toy model writes: greedily or by drawing, up to a limit or a stop text."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.models.protocol import ParameterValue
from benchmarks.models.tiny.network import Floats

DEFAULT_MAX_TOKENS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoding:
    """Decoding parameters. `temperature` 0 is greedy; `top_p` keeps the likeliest tokens that together reach it;
    a reply ends before the first of the texts in `stop`; `seed` varies what is drawn."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = DEFAULT_MAX_TOKENS
    stop: tuple[str, ...] = ()
    seed: int = 0

    @staticmethod
    def of(parameters: Mapping[str, ParameterValue]) -> Decoding:
        """The decoding that OpenAI's parameter names ask for; without a temperature it is OpenAI's default, 1.

        Raises ValueError, naming it, for a parameter that this model does not have or a value out of range.
        """
        known = {"temperature", "top_p", "max_tokens", "max_completion_tokens", "stop", "seed"}
        if unknown := sorted(parameters.keys() - known):
            raise ValueError(f"the toy model has no parameter '{unknown[0]}'; it has {', '.join(sorted(known))}")
        limit = parameters.get("max_completion_tokens", parameters.get("max_tokens"))
        stop = parameters.get("stop")
        decoding = Decoding(
            temperature=_number("temperature", parameters.get("temperature"), 1.0, 0, 2),
            top_p=_number("top_p", parameters.get("top_p"), 1.0, 0, 1),
            max_tokens=int(_number("max_tokens", limit, DEFAULT_MAX_TOKENS, 1, 2**31)),
            stop=tuple(map(str, stop)) if isinstance(stop, list) else (str(stop),) if stop else (),
            seed=int(_number("seed", parameters.get("seed"), 0, -(2**53), 2**53)),
        )
        if "" in decoding.stop:
            raise ValueError("stop must not be empty")
        return decoding

    def choose(self, scores: Floats, rng: random.Random) -> int:
        """The next token, given the scores of all."""
        if self.temperature == 0:
            return int(scores.argmax())
        likely = np.exp((scores - scores.max()).astype(np.float64) / self.temperature)
        likely /= likely.sum()
        order = np.argsort(-likely, kind="stable")
        reached = np.cumsum(likely[order])
        kept = int(np.searchsorted(reached, min(self.top_p, 1.0))) + 1
        drawn = rng.random() * reached[min(kept, len(reached)) - 1]
        return int(order[min(int(np.searchsorted(reached, drawn, side="right")), len(order) - 1)])


def _number(name: str, value: ParameterValue, default: float, least: float, most: float) -> float:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
        raise ValueError(f"{name} must be a number from {least} to {most}; it is {value!r}")
    return value
