"""What mattered in the winner: one part after the other is taken out, and the rest runs on the same validation rows.

A part in which the winner differs from the user's prompt is put back to what that has; a part that both share is left
out, where a prompt can do without it. The winner was chosen on these very rows, so what its parts brought looks
somewhat larger than it is: these are hints, no proof. The intervals are so wide that all of them hold at once with 95 %
(Bonferroni's correction).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evidence.records import PairedDifference
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator
from optimizers.paired import block_of, difference, expenses, pairs, reach
from optimizers.parts import without_each_part
from optimizers.space import SearchSpace
from optimizers.study import Candidate, anything

FEWEST_ROWS = 40
"""Fewer rows (of validation splits that have more) are not worth their calls: they show nothing but huge effects."""

LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Ablation:
    """What one part brought: `difference` is the winner's score minus that of the prompt with `instead` in place of
    the part, on the rows that both ran; `prompt_tokens` is how many more the winner takes for it."""

    part: str
    instead: str
    prompt: Prompt
    difference: PairedDifference
    prompt_tokens: float


async def ablate(
    winner: Candidate,
    baseline: Candidate,
    space: SearchSpace,
    rows: Sequence[Example],
    evaluator: Evaluator,
    *,
    calls: int,
    admits: Callable[[Prompt], bool] = anything,
) -> tuple[Ablation, ...]:
    """What each part of `winner` brought, on those of `rows` that it ran, from the first, for at most `calls` calls.

    Rows that the search has run already are not run again, and count wherever they stand. If the calls do not pay for
    enough rows without each part, the parts that come last in `without_each_part` have to do with the rows there are,
    or are left out. Empty if the winner is the baseline, or was not laid out by whet.
    """
    variants = [v for v in without_each_part(winner.prompt, baseline.prompt, space) if admits(v.prompt)]
    ran = [row for row, _, _ in pairs(winner.prompt, winner.prompt, rows, evaluator)]
    fewest = max(1, min(FEWEST_ROWS, len(ran)))
    if not evaluator.out_of_time:
        for count in range(len(variants), 0, -1):
            prompts = [variant.prompt for variant in variants[:count]]
            far = reach(prompts, ran, evaluator, calls)
            if far >= fewest:
                await evaluator.block(block_of(prompts, ran[:far]))
                break
    found = [(variant, pairs(winner.prompt, variant.prompt, ran, evaluator)) for variant in variants]
    kept = [(variant, both) for variant, both in found if len(both) >= fewest]
    level = 1 - (1 - LEVEL) / max(1, len(kept))
    return tuple(
        Ablation(
            part=variant.part,
            instead=variant.instead,
            prompt=variant.prompt,
            difference=difference(evaluator.metric, both, level=level, seed=space.seed),
            prompt_tokens=took[0].prompt_tokens - took[1].prompt_tokens if took else 0.0,
        )
        for variant, both in kept
        for took in (expenses(both, None),)
    )


def in_words(ablations: Sequence[Ablation]) -> list[str]:
    """A sentence for each part, and one that says what they are worth; nothing if there are none."""
    if not ablations:
        return []
    return [
        *(_sentence(ablation) for ablation in ablations),
        "These are validation rows, on which the winner was chosen: hints, no proof. All intervals together hold with "
        f"{100 * LEVEL:.0f} %.",
    ]


def _sentence(ablation: Ablation) -> str:
    found = ablation.difference
    low, high = 100 * found.low, 100 * found.high
    part = f"{ablation.part} (instead of {ablation.instead})"
    part = part[0].upper() + part[1:]
    if found.low > 0:
        return f"{part} brought {100 * found.mean:.1f} points [{low:.1f}, {high:.1f}]."
    if found.high < 0:
        return f"{part} cost {-100 * found.mean:.1f} points [{-high:.1f}, {-low:.1f}]."
    return f"{part} made no difference that {found.n} rows can show [{low:+.1f}, {high:+.1f}]."
