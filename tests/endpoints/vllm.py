"""The local endpoint as a vLLM server: cached tokens are counted at `/metrics`, beside `/v1`, not in its replies."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest

from tests.endpoints.local import Answer, LocalEndpoint

_COUNTERS = {
    "queries": "Prefix cache queries, in terms of number of queried tokens.",
    "hits": "Prefix cache hits, in terms of number of cached tokens.",
}


class VllmEndpoint(LocalEndpoint):
    """Counts prompt tokens looked up in the prefix cache, and those found there, by names and labels as vLLM does."""

    def __init__(self, answer: Answer, **settings: Any) -> None:
        super().__init__(answer, **settings)
        self._registry = CollectorRegistry()
        labels = {"model_name": self._models[0], "engine": "0"}
        self._counted = {
            name: Counter(f"vllm:prefix_cache_{name}", words, list(labels), registry=self._registry).labels(**labels)
            for name, words in _COUNTERS.items()
        }

    def _add_routes(self, router: web.UrlDispatcher) -> None:
        super()._add_routes(router)
        router.add_get("/metrics", self._show_metrics)

    def _told(self, prompt_tokens: int, cached_tokens: int) -> int | None:
        self._counted["queries"].inc(prompt_tokens)
        self._counted["hits"].inc(cached_tokens)
        return None

    async def _show_metrics(self, request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
