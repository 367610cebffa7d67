"""Spans and metrics: what they tell, what they never tell, and that nothing is made where nobody wants them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.errors import EndpointError, InputError
from benchmarks.models.protocol import Failure, FailureKind, Message, Request
from benchmarks.models.scripted import Scripted
from benchmarks.tasks.schema import parse_task
from benchmarks.tasks.task import Task, load_task
from service import telemetry
from service.home import Home
from service.optimize import Settings, run_optimization
from tests.end_to_end import tickets
from tests.service.api import requests

KEY = "sk-planted-0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What was sent so far."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self, name: str = "") -> list[ReadableSpan]:
        """Spans whose names begin with `name`, in the order in which they began."""
        found = [span for span in self.exporter.get_finished_spans() if span.name.startswith(name)]
        return sorted(found, key=lambda span: span.start_time or 0)

    def points(self, metric: str) -> list[Any]:
        """The data points of a metric."""
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return [
            p for scope in scopes for found in scope.metrics if found.name == metric for p in found.data.data_points
        ]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    """This process with an SDK that keeps everything; a process can be given only one in its life, but for tests."""
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    spans, meters = TracerProvider(), MeterProvider([reader])
    spans.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: spans)
    monkeypatch.setattr(trace, "get_tracer", spans.get_tracer)
    monkeypatch.setattr(metrics, "get_meter", meters.get_meter)
    yield Told(exporter=exporter, reader=reader)
    spans.shutdown()
    meters.shutdown()


def attributes(span: ReadableSpan) -> Mapping[str, Any]:
    return span.attributes or {}


def optimized(home: Home, **environment: str) -> Task:
    with tickets.endpoint().in_thread() as endpoint:
        content = requests.small()["task"]
        model = {"name": "hosted_vllm/local", "api_base": endpoint.url, "api_key_env": "MY_KEY"}
        task = load_task(parse_task({**content, "model": model}), home.folder, allow_code=False)
        settings = Settings(environment={"MY_KEY": KEY, **environment})
        asyncio.run(run_optimization(task, home, settings))
    return task


def test_a_job_has_a_span_its_phases_have_theirs_and_calls_belong_to_phases(home: Home, told: Told) -> None:
    optimized(home, WHET_TRACED_CALLS="1")
    (job,) = told.spans(telemetry.JOB_SPAN)
    assert attributes(job)[telemetry.JOB_KIND] == "optimization"
    assert job.parent is None
    phases = told.spans(telemetry.PHASE_SPAN)
    names = [attributes(phase)[telemetry.PHASE] for phase in phases]
    assert names[0] == "headroom"
    assert names[-1] == "proof"
    assert len(names) == len(set(names))
    assert {phase.parent and phase.parent.span_id for phase in phases} == {job.context.span_id}
    calls = told.spans(telemetry.CALL)
    assert {call.name for call in calls} == {"chat local"}
    assert {call.parent and call.parent.span_id for call in calls} <= {phase.context.span_id for phase in phases}
    assert len(calls) > 20
    for call in calls:
        assert attributes(call)[telemetry.INPUT_TOKENS] > 0
        assert attributes(call)[telemetry.FINISH_REASONS] == ("stop",)
    (duration,) = told.points(telemetry.CALL_DURATION)
    assert duration.count == len(calls)
    tokens = {point.attributes[telemetry.TOKEN_TYPE]: point.sum for point in told.points(telemetry.TOKEN_USAGE)}
    assert tokens["input"] == sum(attributes(call)[telemetry.INPUT_TOKENS] for call in calls)


def test_neither_rows_nor_prompts_nor_keys_nor_addresses_are_in_a_span(home: Home, told: Told) -> None:
    task = optimized(home, WHET_TRACED_CALLS="1")
    words = {word for row in task.dataset.train for word in str(row.inputs["message"]).split() if len(word) > 4}
    everything = " ".join(span.to_json() for span in told.spans())
    assert telemetry.JOB_ID in everything
    assert not [word for word in words if f"{word} " in everything or f" {word}" in everything]
    assert tickets.INSTRUCTION not in everything
    assert KEY not in everything
    assert "127.0.0.1" not in everything


def test_a_share_of_calls_has_spans_and_all_are_measured(told: Told) -> None:
    model = telemetry.traced(Scripted(script=lambda _: "secret"), {"WHET_TRACED_CALLS": "0.1"})
    asyncio.run(_asked(model, 100))
    assert len(told.spans()) == 10
    (duration,) = told.points(telemetry.CALL_DURATION)
    assert duration.count == 100


async def _asked(model: Any, count: int) -> None:
    for _ in range(count):
        await model.complete(Request(messages=(Message(role="user", content="secret"),)))


def test_what_failed_is_told_by_its_kind_alone(told: Told) -> None:
    failure = Failure(kind=FailureKind.RATE_LIMITED, detail="secret")
    asyncio.run(_asked(telemetry.traced(Scripted(script=lambda _: failure), {"WHET_TRACED_CALLS": "1"}), 1))
    (span,) = told.spans()
    assert attributes(span)[telemetry.ERROR] == "rate_limited"
    with pytest.raises(EndpointError), telemetry.job_span("opt-1", "optimization", takes=1, endpoint=None):
        raise EndpointError("secret")
    (job,) = told.spans(telemetry.JOB_SPAN)
    assert attributes(job)[telemetry.ERROR] == "EndpointError"
    assert not job.events
    assert "secret" not in job.to_json() + span.to_json()


def test_where_nobody_wants_to_know_models_are_as_they_were() -> None:
    model = Scripted(script=lambda _: Failure(kind=FailureKind.TIMEOUT, detail=""))
    assert telemetry.traced(model, {"WHET_TRACED_CALLS": "1"}) is model
    with telemetry.phases(print) as observer:
        assert observer is print
    with telemetry.exporting({}):
        assert not telemetry.tracing()
    with telemetry.exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"}):
        assert not telemetry.tracing()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"WHET_TRACED_CALLS": "2"}, "WHET_TRACED_CALLS is '2'; it is the share"),
        ({"WHET_TRACED_CALLS": "nan"}, "WHET_TRACED_CALLS is 'nan'; it is the share"),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'grpc'; whet speaks http/protobuf",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said), telemetry.exporting(environment):
        pass
