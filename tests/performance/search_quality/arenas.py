"""The arenas that searches are compared in, by name.

`lmentry/TASK/MODEL`: the accuracies that a real model reached on a real task (`tests.endpoints.landscape`).
`synthetic/KIND`: accuracies that follow from what instructions are made of; new effects for every seed.
`flat/ACCURACY`: no instruction is better than another.
`tiny`: what the bundled toy model answers to whole prompts of its example.

What is tuned is tuned in development arenas; what is reported comes from held-out ones, which share neither a task nor
a model nor a kind with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import cycle

from tests.endpoints.landscape import landscapes, load
from tests.performance.search_quality.arena import Arena, make_arena
from tests.performance.search_quality.synthetic import SPREADS, accuracies, flat
from tests.performance.search_quality.tiny import tiny_arena

SPREAD = 8

DEVELOPMENT_KINDS = ("factors", "outlier")
FLAT = ("flat/0.5", "flat/0.7")

_known = cache(load)


def development_pairs() -> list[str]:
    """The arenas of every other task with every other model, beginning with the first."""
    return _pairs(0)


def held_out_pairs() -> list[str]:
    """The arenas of the other tasks with the other models."""
    return _pairs(1)


def spread(pairs: list[str]) -> list[str]:
    """Eight of `pairs` that hold each model once and the tasks as evenly as can be."""
    tasks = sorted({pair.split("/")[1] for pair in pairs})
    models = sorted({pair.split("/")[2] for pair in pairs})
    return [f"lmentry/{task}/{model}" for task, model in zip(cycle(tasks), models[:SPREAD], strict=False)]


def named(selection: str) -> list[str]:
    """The arenas of a selection: `held-out` and `development` (eight pairs each, and their synthetic kinds;
    `tiny` is held out), `development-pairs` and `held-out-pairs` (40 each), `all` (160 pairs, all kinds and `tiny`),
    `flat`, or one arena's name."""
    held_out_kinds = [kind for kind in sorted(SPREADS) if kind not in DEVELOPMENT_KINDS]
    match selection:
        case "held-out":
            names = [*spread(held_out_pairs()), *_synthetic(held_out_kinds), "tiny"]
        case "development":
            names = spread(development_pairs()) + _synthetic(DEVELOPMENT_KINDS)
        case "held-out-pairs":
            names = held_out_pairs()
        case "development-pairs":
            names = development_pairs()
        case "all":
            names = [f"lmentry/{task}/{model}" for task, model in landscapes()]
            names += [*_synthetic(sorted(SPREADS)), "tiny"]
        case "flat":
            names = list(FLAT)
        case _:
            names = [selection]
    return names


def arena(name: str, seed: int) -> Arena:
    """The arena of this name, with a pool and rows that follow from `seed`."""
    family, *rest = name.split("/")
    if family == "lmentry":
        return make_arena(name, _known(rest[0], rest[1]), seed)
    if family == "synthetic":
        return make_arena(name, accuracies(rest[0], seed), seed)
    if family == "flat":
        return make_arena(name, flat(float(rest[0]), seed), seed)
    if family == "tiny":
        return tiny_arena(seed)
    raise ValueError(f"There is no arena {name!r}; names begin with lmentry/, synthetic/ or flat/, or are tiny.")


def _synthetic(kinds: Sequence[str]) -> list[str]:
    return [f"synthetic/{kind}" for kind in kinds]


def _pairs(first: int) -> list[str]:
    tasks = sorted({task for task, _ in landscapes()})[first::2]
    models = sorted({model for _, model in landscapes()})[first::2]
    return [f"lmentry/{task}/{model}" for task in tasks for model in models]
