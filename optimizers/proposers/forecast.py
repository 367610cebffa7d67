"""What the proposer model is expected to take, before it is asked anything."""

from __future__ import annotations

import random

from benchmarks.budget import Charge
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Message
from benchmarks.models.tokens import TokenCounter
from optimizers.proposers.operators import Situation, Tried, commission, possible
from optimizers.repertoire import Repertoire

HYPOTHESIS_TOKENS = 60
GROWTH = 2
"""A written instruction is taken to be so many times as long as the one in use."""

FEWEST_TOKENS = 80
"""How long it is taken to be at least."""


def expected(repertoire: Repertoire, calls: int, *, tariff: Tariff, counter: TokenCounter) -> Charge:
    """What `calls` calls take: each operator as often as the others, and told what the first round would tell it."""
    from optimizers.proposers.language import messages_of  # noqa: PLC0415 - DSPy takes half a second
    from optimizers.proposers.programs import PROGRAMS  # noqa: PLC0415

    brief = repertoire.brief
    tried = [Tried(text=text) for text in (brief.baseline_instruction, *brief.given[:1]) if text]
    situation = Situation(brief=brief, constraints=repertoire.rules.constraints, tried=tried)
    prompts = []
    for operator in repertoire.operators:
        if possible(operator, situation):
            inputs = commission(operator, situation, 0, random.Random(repertoire.seed)).inputs
            messages = messages_of(PROGRAMS[operator], inputs)
            prompts.append(counter.of_messages([Message(role=m["role"], content=m["content"]) for m in messages]))
    written = max(FEWEST_TOKENS, GROWTH * counter.of_text(brief.baseline_instruction)) + HYPOTHESIS_TOKENS
    usage = tariff.usage(calls * sum(prompts) // max(1, len(prompts)), calls * written)
    return Charge(
        calls=calls,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cost_usd=usage.cost_usd,
    )
