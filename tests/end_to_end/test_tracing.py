"""With an OTLP endpoint in the environment, a command tells it what it does; without one it tells nobody."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.end_to_end import tickets
from tests.end_to_end.command import Workplace
from tests.endpoints.local import LocalEndpoint
from tests.endpoints.receiver import Receiver

SMALL = {"budget": {"calls": 60}}


def traced(workplace: Workplace, place: str, **environment: str) -> Workplace:
    return replace(workplace, environment={"OTEL_EXPORTER_OTLP_ENDPOINT": place, **environment})


@pytest.mark.slow
def test_a_receiver_gets_spans_and_metrics(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(tickets.task(endpoint.url, **SMALL))
    with Receiver(respond=lambda *_: web.Response()).in_thread() as receiver:
        place = receiver.url.removesuffix("/hook")
        result = traced(workplace, place, WHET_TRACED_CALLS="1").optimize()
    traces, readings = ExportTraceServiceRequest(), ExportMetricsServiceRequest()
    for message in receiver.received:
        (traces if message.path == "/v1/traces" else readings).MergeFromString(message.body)
    resources = {a.key: a.value.string_value for r in traces.resource_spans for a in r.resource.attributes}
    assert resources["service.name"] == "whet"
    spans = [span for r in traces.resource_spans for scope in r.scope_spans for span in scope.spans]
    (job,) = [span for span in spans if span.name == "whet.job"]
    assert result["optimization_id"] in {a.value.string_value for a in job.attributes}
    assert {span.trace_id for span in spans} == {job.trace_id}
    assert sum(span.name.startswith("chat ") for span in spans) == result["spent"]["calls"]
    names = {m.name for r in readings.resource_metrics for scope in r.scope_metrics for m in scope.metrics}
    assert names == {"gen_ai.client.operation.duration", "gen_ai.client.token.usage"}


@pytest.mark.slow
def test_a_receiver_that_is_not_there_changes_nothing(workplace: Workplace, endpoint: LocalEndpoint) -> None:
    workplace.write_task(tickets.task(endpoint.url, **SMALL))
    result = traced(workplace, "http://127.0.0.1:9").optimize()
    assert result["trials"] > 1
