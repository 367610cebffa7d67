"""The table comes out; what the numbers are is for people to read, not for tests to assert."""

from __future__ import annotations

from itertools import product

from tests.performance.engine.cpu_per_call import CLIENTS, render, table


def test_every_client_becomes_a_line_with_its_figures() -> None:
    clients = [CLIENTS["aiohttp"], CLIENTS["whet"]]
    lines = table(clients, calls=20, slow_calls=20, warm_up=5, concurrency=[1, 4], runs=1)
    assert [(line.concurrency, line.client) for line in lines] == list(product([1, 4], clients))
    for line in lines:
        assert line.calls == 20
        assert line.cpu_ms_per_call > 0
        assert line.calls_per_s > 0
        assert line.peak_rss_mib > 0
    assert [row.split(" | ")[1] for row in render(lines).splitlines()[2:]] == [c.title for c in clients] * 2
