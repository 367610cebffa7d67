"""What a vLLM server says about its prefix cache, where its replies do not.

Source: vLLM's `/metrics` (Prometheus text format): the counters `vllm:prefix_cache_queries_total` and
`vllm:prefix_cache_hits_total`, in tokens, one for each served model and engine. They count all clients together.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from benchmarks.models.connect import Endpoint

QUERIES = "vllm:prefix_cache_queries_total"
HITS = "vllm:prefix_cache_hits_total"
TIMEOUT_S = 2.0
MOST_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class PrefixCache:
    """Prompt tokens that were looked up in a server's prefix cache since it started, and those found there."""

    queries: float
    hits: float


async def prefix_cache(endpoint: Endpoint) -> PrefixCache | None:
    """The counters of the vLLM server at `endpoint`; None where it is no vLLM server or keeps them to itself.

    The key is not sent: vLLM asks for it below /v1 only.
    """
    if endpoint.api_base is None or not endpoint.name.startswith("hosted_vllm/"):
        return None
    text = await _fetched(_metrics_address(endpoint.api_base))
    return None if text is None else _read(text)


async def share_since(before: PrefixCache | None, endpoint: Endpoint) -> float | None:
    """The share of the prompt tokens that were found in the cache since `before`, in [0, 1]; None where the server does
    not tell, nothing was looked up, or it has started anew."""
    now = None if before is None else await prefix_cache(endpoint)
    if before is None or now is None:
        return None
    queries, hits = now.queries - before.queries, now.hits - before.hits
    return hits / queries if queries > 0 and 0 <= hits <= queries else None


def _metrics_address(api_base: str) -> str:
    parts = urlsplit(api_base.strip())
    root = parts.path.rstrip("/").removesuffix("/v1")
    return urlunsplit((parts.scheme, parts.netloc, f"{root}/metrics", "", ""))


async def _fetched(address: str) -> str | None:
    import aiohttp  # noqa: PLC0415 - takes half a second

    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(address, allow_redirects=False) as response,
        ):
            if response.status != 200:
                return None
            content = bytearray()
            async for part in response.content.iter_any():
                content += part
                if len(content) > MOST_BYTES:
                    return None
            return content.decode()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None


def _read(text: str) -> PrefixCache | None:
    from prometheus_client.parser import text_string_to_metric_families  # noqa: PLC0415

    sums = {QUERIES: 0.0, HITS: 0.0}
    found = set()
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name in sums:
                    sums[sample.name] += sample.value
                    found.add(sample.name)
    except ValueError:
        return None
    return PrefixCache(sums[QUERIES], sums[HITS]) if len(found) == len(sums) else None
