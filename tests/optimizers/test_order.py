"""Requests leave in an order that an endpoint's prefix cache can use: one candidate after the other, the row last."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.budget import Caps
from benchmarks.evaluation.run import Assignment
from benchmarks.models.protocol import Completion, Failure, Message, Request
from benchmarks.prompts.prompt import Prompt
from tests.endpoints.jobs import Job, Respondent, chance, labelled_rows, make_task, of_quality
from tests.endpoints.virtual_time import in_virtual_time
from tests.endpoints.wire import TOKENS_PER_BLOCK, PrefixCache, count_tokens, prompt_text

TASK = make_task(labelled_rows(100), split={"train": 0, "validation": 80, "test": 20})
RIGHT = of_quality(TASK, lambda _: 1.0)


def candidates(count: int) -> list[Prompt]:
    """Prompts that begin differently, and end with the row."""
    return [
        Prompt(
            messages=(
                Message(role="system", content=f"Rule {number}: " + f"{chance(number)} " * 20),
                Message(role="user", content="Text: {{text}}\nLabel:"),
            ),
            parameters={},
        )
        for number in range(count)
    ]


def block(prompts: list[Prompt], rows: int) -> list[Assignment]:
    return [Assignment(prompt=prompt, example=row) for prompt in prompts for row in TASK.dataset.validation[:rows]]


@dataclass(kw_only=True)
class Crowd(Respondent):
    """Watches of how many candidates requests are under way at once."""

    under_way: Counter[str] = field(default_factory=Counter)
    most_candidates: int = 0

    async def complete(self, request: Request) -> Completion | Failure:
        self.under_way[request.prompt_digest] += 1
        self.most_candidates = max(self.most_candidates, len(+self.under_way))
        try:
            return await super().complete(request)
        finally:
            self.under_way[request.prompt_digest] -= 1


@dataclass(kw_only=True)
class Caching(Respondent):
    """Keeps the prefixes of its prompts, and notes the tokens of each: found in the cache, and all."""

    cache: PrefixCache = field(default_factory=PrefixCache)
    cached: int = 0
    read: int = 0

    async def complete(self, request: Request) -> Completion | Failure:
        text = prompt_text([{"role": message.role, "content": message.content} for message in request.messages])
        self.cached += self.cache.cached_tokens(text)
        self.read += count_tokens(text)
        return await super().complete(request)


@settings(max_examples=20, deadline=None)
@given(rows=st.integers(1, 40), concurrency=st.integers(1, 64), count=st.integers(2, 12))
def test_few_candidates_are_under_way_at_once(rows: int, concurrency: int, count: int) -> None:
    # Replies that take equally long: one that takes longer keeps its candidate under way beside later ones.
    model = Crowd(respond=RIGHT, latency_s=lambda _: 1.0)
    job = Job(task=TASK, caps=Caps(calls=1000), concurrency=concurrency)

    async def main() -> None:
        _, evaluator = job.connect(model)
        await evaluator.block(block(candidates(count), rows))

    in_virtual_time(main())
    assert len(model.answered) == rows * count
    assert model.most_candidates <= 1 + math.ceil(concurrency / rows)


@pytest.mark.parametrize("concurrency", [1, 8, 32])
def test_every_row_of_a_candidate_but_the_first_finds_its_prefix_cached(concurrency: int) -> None:
    rows, prompts = 40, candidates(5)
    # Room for two or three candidates' prompts: too little where rows of all five take turns.
    model = Caching(respond=RIGHT, latency_s=lambda _: 1.0, cache=PrefixCache(blocks=2 * 11))
    job = Job(task=TASK, caps=Caps(calls=1000), concurrency=concurrency)

    async def main() -> None:
        _, evaluator = job.connect(model)
        await evaluator.block(block(prompts, rows))

    in_virtual_time(main())
    shared = [count_tokens(f"<system>{prompt.messages[0].content}\n<user>Text: ") for prompt in prompts]
    assert model.cached >= sum((rows - 1) * (size - TOKENS_PER_BLOCK) for size in shared)
    assert model.cached / model.read > 0.75
