"""Whether the server lives, is ready, and what it has done: `/healthz`, `/readyz`, `/metrics`."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import prometheus_client
from fastapi import APIRouter, Depends, Request, Response
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from benchmarks.models.failures import failures
from service.api.replies import Alive
from service.api.security import allowed
from service.api.state import State
from service.connection import endpoint_of
from service.errors import Refused
from service.keys import READ, Caller
from service.statistics import (
    SPENT,
    deliveries_by_status,
    jobs_by_status,
    longest_wait_s,
    prompt_count,
    spent_by_endpoint,
)

router = APIRouter(tags=["operations"])


@router.get("/healthz")
def alive() -> Alive:
    """The process answers."""
    return Alive(status="alive")


@router.get("/readyz")
def ready(request: Request) -> Alive:
    """The database can be read, jobs are taken and webhooks are called. Otherwise 503."""
    state = State.of(request)
    jobs_by_status(state.home)
    runner = state.runner is not None and not state.runner.alive
    for ended, what in ((runner, "runner of jobs"), (state.courier.ended, "courier of webhooks")):
        if ended:
            raise Refused(503, "Not ready", f"The {what} has stopped; restart the server. Its log says why.")
    return Alive(status="ready")


@router.get("/metrics", response_class=Response)
def metrics(request: Request, _caller: Annotated[Caller, Depends(allowed(READ))]) -> Response:
    """Counters and gauges in Prometheus' text format."""
    body = prometheus_client.generate_latest(request.app.state.metrics.registry)
    return Response(body, media_type=prometheus_client.CONTENT_TYPE_LATEST)


class Metrics(Collector):
    """What Prometheus is told: requests as this process answers them, attempts that fail for jobs that it runs, and all
    else as the database has it, whichever process did it. Labels are the operator's words and ours, never those of
    whoever asks."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.registry = prometheus_client.CollectorRegistry()
        self.requests = prometheus_client.Histogram(
            "whet_http_request_seconds",
            "Requests to this process by route and status, with their duration until the answer began.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """What the database has, and what attempts of this process failed."""
        home = self._state.home
        jobs = GaugeMetricFamily("whet_jobs", "Jobs by kind and status.", labels=["kind", "status"])
        for labels, count in jobs_by_status(home).items():
            jobs.add_metric(labels, count)
        yield jobs
        yield GaugeMetricFamily(
            "whet_queue_age_seconds", "How long the job has waited that waits longest.", value=longest_wait_s(home)
        )
        spent = spent_by_endpoint(home)
        for part, words in SPENT.items():
            family = GaugeMetricFamily(
                f"whet_spent_{part}", f"All jobs, by the endpoint of their task model: {words}.", labels=["endpoint"]
            )
            for endpoint, sums in spent.items():
                family.add_metric([endpoint], sums[part])
            yield family
        sent = GaugeMetricFamily("whet_webhook_deliveries", "Webhook deliveries by status.", labels=["status"])
        for status, count in deliveries_by_status(home).items():
            sent.add_metric([status], count)
        yield sent
        yield GaugeMetricFamily("whet_prompts", "Prompts in the registry.", value=prompt_count(home))
        yield self._failures()

    def _failures(self) -> Metric:
        known = {name: endpoint_of(section) for name, section in self._state.endpoints.items()}
        names = {found.model_identity: name for name, found in known.items() if not found.bundled}
        family = CounterMetricFamily(
            "whet_model_failures",
            "Attempts of this process that got no reply from a model, by endpoint and kind; retried or given up.",
            labels=["endpoint", "kind", "then"],
        )
        counts = Counter[tuple[str, str, str]]()
        for (identity, kind, again), count in list(failures.items()):
            counts[names.get(identity, "other"), kind.value, "retried" if again else "given_up"] += count
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        return family


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
