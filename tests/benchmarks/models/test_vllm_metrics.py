"""The prefix cache's share as a vLLM server tells it, and silence wherever it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from benchmarks.models.connect import Endpoint
from benchmarks.models.direct import Direct
from benchmarks.models.prices import Tariff
from benchmarks.models.protocol import Completion, Message, ModelIdentity, Request
from benchmarks.models.vllm_metrics import MOST_BYTES, PrefixCache, prefix_cache, share_since
from tests.endpoints.local import LocalEndpoint, echo
from tests.endpoints.vllm import VllmEndpoint

PREFIX = "Which team should handle this message? " * 8


def endpoint(api_base: str, name: str = "hosted_vllm/local") -> Endpoint:
    return Endpoint(name=name, api_base=api_base)


async def ask(api_base: str, *texts: str) -> list[Completion]:
    model = Direct(
        identity=ModelIdentity(endpoint="e", model="local"), api_base=api_base, model="local", tariff=Tariff(price=None)
    )
    replies = [await model.complete(Request(messages=(Message(role="user", content=text),))) for text in texts]
    await model.close()
    return [reply for reply in replies if isinstance(reply, Completion)]


async def test_the_share_is_that_of_the_tokens_since_the_beginning() -> None:
    async with VllmEndpoint(echo) as server:
        await ask(server.url, PREFIX, PREFIX)
        before = await prefix_cache(endpoint(server.url))
        assert before is not None
        assert await share_since(before, endpoint(server.url)) is None
        replies = await ask(server.url, PREFIX + "new", "short")
        share = await share_since(before, endpoint(server.url))
    prompt_tokens = sum(reply.usage.prompt_tokens for reply in replies)
    assert [reply.usage.cached_tokens for reply in replies] == [0, 0]
    assert share == pytest.approx(len(PREFIX) // 64 * 16 / prompt_tokens, abs=0.01)


async def test_a_server_that_has_started_anew_tells_nothing() -> None:
    async with VllmEndpoint(echo) as server:
        await ask(server.url, PREFIX)
        assert await share_since(PrefixCache(10_000.0, 5_000.0), endpoint(server.url)) is None


async def test_other_endpoints_are_not_asked() -> None:
    async with VllmEndpoint(echo) as server:
        assert await prefix_cache(endpoint(server.url, "openai/local")) is None
        assert await prefix_cache(Endpoint(name="tiny")) is None
    async with LocalEndpoint(echo) as plain:
        assert await prefix_cache(endpoint(plain.url)) is None
    assert await prefix_cache(endpoint(plain.url)) is None  # Nobody is there any more.
    assert await share_since(None, endpoint(plain.url)) is None


@asynccontextmanager
async def serving(answer: Callable[[], web.StreamResponse]) -> AsyncIterator[str]:
    async def metrics(request: web.Request) -> web.StreamResponse:
        return answer()

    application = web.Application()
    application.router.add_get("/metrics", metrics)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


COUNTERS = 'vllm:prefix_cache_queries_total{model_name="a"} 6\nvllm:prefix_cache_hits_total{model_name="a"} 2\n'


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (COUNTERS, PrefixCache(6.0, 2.0)),
        (COUNTERS + COUNTERS.replace('"a"', '"b",engine="1"'), PrefixCache(12.0, 4.0)),
        (COUNTERS.split("\n", maxsplit=1)[0] + "\n", None),
        ("<html><body>Sign in</body></html>\n", None),
        ("vllm:prefix_cache_queries_total{{{ many\n", None),
        ("", None),
        (COUNTERS + "# " + "x" * MOST_BYTES, None),
    ],
    ids=["one engine", "two engines", "half", "web page", "garbage", "empty", "too long"],
)
async def test_only_both_counters_together_are_believed(text: str, found: PrefixCache | None) -> None:
    async with serving(lambda: web.Response(text=text)) as api_base:
        assert await prefix_cache(endpoint(api_base)) == found


async def test_a_redirect_is_not_followed() -> None:
    async with VllmEndpoint(echo) as elsewhere:
        there = elsewhere.url.replace("/v1", "/metrics")
        redirect = lambda: web.Response(status=302, headers={"Location": there})  # noqa: E731
        async with serving(redirect) as api_base:
            assert await prefix_cache(endpoint(api_base)) is None
