"""Whether the server lives, is ready, and what it has done: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Annotated

import prometheus_client
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.replies import Alive
from service.api.security import allowed
from service.api.state import State
from service.errors import Refused
from service.keys import READ, Caller
from service.statistics import jobs_by_status, prompt_count

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def alive() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@router.get("/readyz")
def ready(request: Request) -> Alive:
    """The database can be read and jobs are taken. Otherwise 503."""
    state = State.of(request)
    jobs_by_status(state.home)
    if state.runner is not None and not state.runner.alive:
        raise Refused(503, "Not ready", "The runner of jobs has stopped; restart the server.")
    return Alive(status="ready")


@router.get("/metrics", response_class=Response)
def metrics(request: Request, _caller: Annotated[Caller, Depends(allowed(READ))]) -> Response:
    """Counters and gauges in Prometheus' text format."""
    body = prometheus_client.generate_latest(request.app.state.metrics.registry)
    return Response(body, media_type=prometheus_client.CONTENT_TYPE_LATEST)


class Metrics(Collector):
    """What Prometheus is told: requests as they are answered, jobs and prompts as the database has them."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Histogram(
            "whet_http_request_seconds",
            "Requests by route and status, with their duration until the answer began.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the database has."""
        jobs = GaugeMetricFamily("whet_optimizations", "Optimizations by status.", labels=["status"])
        for status, count in jobs_by_status(self._state.home).items():
            jobs.add_metric([status], count)
        yield jobs
        yield GaugeMetricFamily("whet_prompts", "Prompts in the registry.", value=prompt_count(self._state.home))


METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
"""Any other word could be a method, too, each with counters of its own."""


class Measured:
    """Tells the metrics about every request, by its route."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request on."""
        begun = time.perf_counter()

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "unknown")
                method = scope["method"] if scope["method"] in METHODS else "other"
                labels = self._metrics.requests.labels(method, route, message["status"])
                labels.observe(time.perf_counter() - begun)
            await send(message)

        await self._app(scope, receive, observed if scope["type"] == "http" else send)
