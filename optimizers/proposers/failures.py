"""What a prompt gets wrong on train rows: what a reflective proposer reads."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.datasets.records import Example
from benchmarks.evaluation.rollout import FORMAT, TRUNCATED, Rollout
from benchmarks.evaluation.run import Assignment
from benchmarks.prompts.prompt import Prompt
from optimizers.evaluator import Evaluator

MOST_ROWS = 24
_LONGEST_REPLY = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainFailure:
    """A train row on which a prompt scored below 1: what went in, what was expected, what came, with what score."""

    inputs: Mapping[str, str]
    expected: str
    got: str
    score: float


async def failures_of(
    prompt: Prompt, train: Sequence[Example], evaluator: Evaluator, *, rows: int, seed: int
) -> list[TrainFailure]:
    """What `prompt` gets wrong on at most `rows` train rows, the worst first.

    Rows that it shows as demonstrations are left out. Those it was not run on yet are run as one block, which costs the
    search as many calls; nothing is run that the budget cannot pay for, and a row costs once however often it is asked
    for.
    """
    shown = set(prompt.factors.get("demonstration_ids") or ())
    pool = sorted((example for example in train if example.id not in shown), key=lambda example: example.id)
    chosen = random.Random(f"{seed}/failures").sample(pool, min(rows, MOST_ROWS, len(pool)))
    block = [Assignment(prompt=prompt, example=example) for example in chosen]
    if not evaluator.out_of_time and evaluator.affords(block):
        await evaluator.block(block)
    rollouts = [(example, evaluator.rollout(prompt, example)) for example in chosen]
    failures = [
        TrainFailure(inputs=example.inputs, expected=example.answer, got=_got(rollout), score=rollout.score)
        for example, rollout in rollouts
        if rollout is not None and rollout.score is not None and rollout.score < 1
    ]
    return sorted(failures, key=lambda failure: failure.score)


def _got(rollout: Rollout) -> str:
    """The answer, or the reply in which there was none."""
    reply = " ".join((rollout.reply or "").split())
    reply = reply if len(reply) <= _LONGEST_REPLY else reply[: _LONGEST_REPLY - 1] + "…"
    if rollout.problem == TRUNCATED:
        return f"(cut off at max_tokens) {reply}"
    if rollout.problem == FORMAT:
        return f"(no usable answer in the reply) {reply}"
    return rollout.answer if rollout.answer is not None else f"(no reply: {rollout.problem})"
