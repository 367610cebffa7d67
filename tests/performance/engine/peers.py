"""The clients that whet is measured beside. Heavy imports are inside, so that no client pays for another's."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import orjson

from tests.performance.engine.load import INSTRUCTION, MODEL, PARAMETERS, Load, examples, messages
from tests.performance.engine.protocol import Ask

KEY = "stub"


def at_once(load: Load, call: Callable[[int], Awaitable[object]]) -> Ask:
    """Makes calls with as many workers as there may be calls at once; `call` is given a row's number."""

    async def ask(calls: Sequence[int]) -> None:
        remaining = iter(calls)

        async def work() -> None:
            for number in remaining:
                await call(number % load.rows)

        async with asyncio.TaskGroup() as workers:
            for _ in range(load.concurrency):
                workers.create_task(work())

    return ask


def bodies(load: Load) -> list[dict[str, Any]]:
    """The request body of each row."""
    return [{"model": MODEL, "messages": row, **PARAMETERS} for row in messages(load)]


@asynccontextmanager
async def bare_aiohttp(load: Load) -> AsyncIterator[Ask]:
    """The least there is to do: dump the body, post it, parse the reply."""
    import aiohttp

    contents = bodies(load)
    address = f"{load.url}/chat/completions"
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def call(row: int) -> None:
            async with session.post(address, data=orjson.dumps(contents[row])) as response:
                orjson.loads(await response.read())["choices"][0]["message"]["content"]

        yield at_once(load, call)


@asynccontextmanager
async def bare_httpx(load: Load) -> AsyncIterator[Ask]:
    """The same with httpx."""
    import httpx

    contents = bodies(load)
    address = f"{load.url}/chat/completions"
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, headers={"Content-Type": "application/json"}) as session:

        async def call(row: int) -> None:
            response = await session.post(address, content=orjson.dumps(contents[row]))
            orjson.loads(response.content)["choices"][0]["message"]["content"]

        yield at_once(load, call)


@asynccontextmanager
async def openai(load: Load) -> AsyncIterator[Ask]:
    """OpenAI's own client."""
    from openai import AsyncOpenAI

    contents = bodies(load)
    async with AsyncOpenAI(base_url=load.url, api_key=KEY, max_retries=0) as client:

        async def call(row: int) -> None:
            reply = await client.chat.completions.create(**contents[row])
            assert reply.choices[0].message.content

        yield at_once(load, call)


@asynccontextmanager
async def litellm(load: Load) -> AsyncIterator[Ask]:
    """`litellm.acompletion`."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    questions = messages(load)

    async def call(row: int) -> None:
        reply = await litellm.acompletion(
            model=f"openai/{MODEL}", api_base=load.url, api_key=KEY, messages=questions[row], **PARAMETERS
        )
        assert reply.choices[0].message.content

    yield at_once(load, call)


@asynccontextmanager
async def dspy(load: Load) -> AsyncIterator[Ask]:
    """`dspy.Evaluate` of a `dspy.Predict` without cache: the whole path of DSPy, with its default adapter."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import dspy

    rows = [dspy.Example(**e.inputs, team=e.answer).with_inputs("message") for e in examples(load.rows)]
    program = dspy.Predict(dspy.Signature("message -> team", INSTRUCTION))
    model = dspy.LM(f"openai/{MODEL}", api_base=load.url, api_key=KEY, cache=False, **PARAMETERS)

    def right(example: Any, prediction: Any, trace: object = None) -> bool:
        return bool(prediction.team == example.team)

    async def ask(calls: Sequence[int]) -> None:
        # DSPy's evaluation is synchronous and brings its own threads; nothing else runs on this loop meanwhile.
        evaluate = dspy.Evaluate(
            devset=[rows[n % load.rows] for n in calls], metric=right, num_threads=load.concurrency, max_errors=0
        )
        evaluate(program)

    with dspy.context(lm=model):
        yield ask
