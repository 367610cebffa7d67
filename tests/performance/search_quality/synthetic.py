"""Made-up prompt landscapes, whose accuracies follow from what the instructions are made of.

An instruction has one block of each kind (who answers, what is asked, a rule, what to write, how), or none. Its
accuracy is the logistic of a level plus an effect of each block, one of each pair of blocks, and noise of its own, all
normal:

    accuracy = 1 / (1 + exp(-(level + Σ main + Σ pair + noise)))

`SPREADS` gives the standard deviations. Everything follows from kind and seed.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

INSTRUCTIONS = 240

BLOCKS = (
    ("", "You are a careful annotator.", "You are an expert in colours.", "Act as a strict examiner."),
    ("Sort the item.", "Name the colour of the item.", "Which label does the item carry?", "Classify the text below."),
    ("", "Look at the first word before you decide.", "When in doubt, take the rarer label.", "Ignore the code."),
    ("Answer with one word.", "Write the label only.", "Reply in lower case.", "Give the label, then stop."),
    ("", "Think of similar items.", "Do not explain.", "Take your time."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations on the scale of log odds, and the level, the log odds of an instruction without effects."""

    main: float
    pair: float
    noise: float
    level: float = 0.4


SPREADS = {
    "factors": Spread(main=0.45, pair=0.0, noise=0.1),
    "interactions": Spread(main=0.2, pair=0.35, noise=0.2),
    "unrelated": Spread(main=0.0, pair=0.0, noise=0.8),
    "narrow": Spread(main=0.05, pair=0.02, noise=0.02, level=0.8),
    "outlier": Spread(main=0.0, pair=0.0, noise=0.03, level=0.0),
}
"""`factors` can be learnt from blocks alone, `unrelated` not at all; in `narrow` all are nearly alike, and in `outlier`
all but one in 32, which is far better."""

OUTLIER = 1.2
"""What the best instructions of `outlier` have above the level."""


def accuracies(kind: str, seed: int) -> dict[str, float]:
    """Instruction -> accuracy in (0, 1) of a landscape of the kind."""
    spread = SPREADS[kind]
    generator = np.random.default_rng([seed, sorted(SPREADS).index(kind), 7])
    every = list(itertools.product(*(range(len(blocks)) for blocks in BLOCKS)))
    chosen = [every[place] for place in generator.choice(len(every), INSTRUCTIONS, replace=False)]
    main = [generator.normal(0.0, spread.main, len(blocks)) for blocks in BLOCKS]
    pair = {
        (a, b): generator.normal(0.0, spread.pair, (len(BLOCKS[a]), len(BLOCKS[b])))
        for a, b in itertools.combinations(range(len(BLOCKS)), 2)
    }
    odds = spread.level + generator.normal(0.0, spread.noise, INSTRUCTIONS)
    for place, parts in enumerate(chosen):
        odds[place] += sum(main[a][part] for a, part in enumerate(parts))
        odds[place] += sum(table[parts[a], parts[b]] for (a, b), table in pair.items())
    if kind == "outlier":
        odds[generator.choice(INSTRUCTIONS, INSTRUCTIONS // 32, replace=False)] += OUTLIER
    return {_text(parts): float(1 / (1 + np.exp(-value))) for parts, value in zip(chosen, odds, strict=True)}


def flat(accuracy: float, seed: int) -> dict[str, float]:
    """The landscape on which no instruction is better than another."""
    return dict.fromkeys(accuracies("unrelated", seed), accuracy)


def _text(parts: tuple[int, ...]) -> str:
    return " ".join(block[part] for block, part in zip(BLOCKS, parts, strict=True) if block[part])
