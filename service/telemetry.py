"""OpenTelemetry: every name of a span, attribute and metric that whet sends, and where they come from.

Nothing is made, imported or measured unless the operator wants it: OTEL_EXPORTER_OTLP_ENDPOINT is set, or the process
runs under an OpenTelemetry SDK that is configured already. Then there is a span for each job, for each of its phases,
and for a share of the calls to models (WHET_TRACED_CALLS, by default one in a hundred); metrics count all calls.

Messages, rows, replies, keys and addresses are never part of it, and there is no setting that changes this.

The names of calls are those of OpenTelemetry's semantic conventions for generative AI, which are still in development:
what changes there changes here, and nowhere else.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.errors import InputError
from benchmarks.models.protocol import Completion, Failure, LanguageModel, ModelIdentity, Request
from optimizers.progress import Event, Observer, PhaseStarted

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram
    from opentelemetry.trace import Span, Tracer

SCOPE = "whet"
Attributes = dict[str, str | int | float]

JOB_SPAN = "whet.job"
PHASE_SPAN = "whet.phase"
CALL = "chat"
"""Spans of calls are named by it and the model."""

JOB_ID = "whet.job.id"
JOB_KIND = "whet.job.kind"
JOB_TAKES = "whet.job.takes"
JOB_ENDPOINT = "whet.job.endpoint"
PHASE = "whet.phase.name"
PHASE_CALLS = "whet.phase.calls_planned"
PROMPT_DIGEST = "whet.prompt.digest"
TRACED_SHARE = "whet.call.traced_share"
ERROR = "error.type"

OPERATION = "gen_ai.operation.name"
MODEL = "gen_ai.request.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
TOKEN_TYPE = "gen_ai.token.type"  # noqa: S105 - the name of an attribute

CALL_DURATION = "gen_ai.client.operation.duration"
TOKEN_USAGE = "gen_ai.client.token.usage"  # noqa: S105 - the name of a metric

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
PROTOCOL, SPOKEN = "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"
SHARE = "WHET_TRACED_CALLS"
USUAL_SHARE = 0.01
LONGEST_FLUSH_S = 3.0


@contextmanager
def exporting(environment: Mapping[str, str]) -> Iterator[None]:
    """Within, what happens in this process is sent to the OTLP endpoint that the environment names, if any; what is not
    sent at the end has some seconds to leave. An endpoint that does not answer holds nothing else up.

    Raises InputError if the packages for it are missing, or if a variable is not what it must be.
    """
    traced_share(environment)
    wanted = any(environment.get(name) for name in ENDPOINTS)
    if not wanted or environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or tracing():
        yield
        return
    if (protocol := environment.get(PROTOCOL) or SPOKEN) != SPOKEN:
        raise InputError(f"{PROTOCOL} is '{protocol}'; whet speaks {SPOKEN}. Set it to that, or unset it.")
    try:
        from opentelemetry import metrics, trace  # noqa: PLC0415 - only for those who want it
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise InputError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but what it takes is not installed: pip install 'whet[otel]'."
        ) from None
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": SCOPE}
    resource = Resource.create({**named, "service.version": version("whet")})
    spans = TracerProvider(resource=resource, shutdown_on_exit=False)
    told, measured = OTLPSpanExporter(), OTLPMetricExporter()
    spans.add_span_processor(BatchSpanProcessor(told))
    meters = MeterProvider([PeriodicExportingMetricReader(measured)], resource=resource, shutdown_on_exit=False)
    trace.set_tracer_provider(spans)
    metrics.set_meter_provider(meters)
    try:
        yield
    finally:
        # The SDK would go through all that is queued, with a time-out for each batch.
        closing = [threading.Thread(target=close, daemon=True) for close in (spans.shutdown, meters.shutdown)]
        for thread in closing:
            thread.start()
        until = time.monotonic() + LONGEST_FLUSH_S
        giving_up: tuple[Callable[[], object], ...] = (told.shutdown, measured.shutdown)
        for thread, give_up in zip(closing, giving_up, strict=True):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                give_up()
                thread.join(1.0)


def traced_share(environment: Mapping[str, str]) -> float:
    """The share of calls to models that get a span. Raises InputError if it is no share."""
    given = environment.get(SHARE)
    try:
        share = USUAL_SHARE if not given else float(given)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise InputError(f"{SHARE} is '{given}'; it is the share of calls that get a span, from 0 to 1.")
    return share


def tracing() -> bool:
    """Whether spans go anywhere."""
    if "opentelemetry.sdk.trace" not in sys.modules:
        return False
    from opentelemetry import trace  # noqa: PLC0415

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _tracer() -> Tracer:
    from opentelemetry import trace  # noqa: PLC0415

    return trace.get_tracer(SCOPE, version("whet"))


@contextmanager
def job_span(job_id: str, kind: str, *, takes: int, endpoint: str | None) -> Iterator[None]:
    """A span around one run of a job, which was taken for the `takes`-th time."""
    if not tracing():
        yield
        return
    attributes: Attributes = {
        JOB_ID: job_id,
        JOB_KIND: kind,
        JOB_TAKES: takes,
        **({JOB_ENDPOINT: endpoint} if endpoint else {}),
    }
    # What an exception says may be of a row.
    with _tracer().start_as_current_span(
        JOB_SPAN, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield
        except BaseException as error:
            _failed(span, type(error).__name__)
            raise


@contextmanager
def phases(observer: Observer) -> Iterator[Observer]:
    """An observer that passes everything on to `observer`, and has a span around each phase of a job. To be entered
    where the job runs: the spans of calls belong to the phase."""
    if not tracing():
        yield observer
        return
    under_way = _Phases(observer)
    try:
        yield under_way
    finally:
        under_way.end()


class _Phases:
    def __init__(self, observer: Observer) -> None:
        from opentelemetry import context  # noqa: PLC0415

        self._observer = observer
        self._outside: Context = context.get_current()
        self._span: Span | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            from opentelemetry import context, trace  # noqa: PLC0415

            self.end()
            attributes: Attributes = {PHASE: event.phase, PHASE_CALLS: event.calls_planned}
            self._span = _tracer().start_span(PHASE_SPAN, context=self._outside, attributes=attributes)
            context.attach(trace.set_span_in_context(self._span, self._outside))
        self._observer(event)

    def end(self) -> None:
        if self._span is not None:
            from opentelemetry import context  # noqa: PLC0415

            self._span.end()
            self._span = None
            context.attach(self._outside)


def traced(model: LanguageModel, environment: Mapping[str, str]) -> LanguageModel:
    """`model`, which tells of its calls; itself, where nobody wants to know."""
    return Traced(inner=model, share=traced_share(environment)) if tracing() else model


@dataclass(slots=True, kw_only=True)
class Traced:
    """Measures every attempt, and makes a span of the first and then of a `share` of them, evenly."""

    inner: LanguageModel
    share: float
    _tracer: Tracer = field(default_factory=_tracer, repr=False)
    _duration: Histogram = field(init=False, repr=False)
    _tokens: Histogram = field(init=False, repr=False)
    _due: float = 1.0

    def __post_init__(self) -> None:
        from opentelemetry import metrics  # noqa: PLC0415

        meter = metrics.get_meter(SCOPE, version("whet"))
        self._duration = meter.create_histogram(CALL_DURATION, "s", "Duration of attempts to get a reply.")
        self._tokens = meter.create_histogram(TOKEN_USAGE, "{token}", "Tokens of a reply's prompt and text.")

    @property
    def identity(self) -> ModelIdentity:
        """The inner model's identity."""
        return self.inner.identity

    async def complete(self, request: Request) -> Completion | Failure:
        """The inner model's answer."""
        common = {OPERATION: CALL, MODEL: self.identity.model}
        span: Span | None = None
        if self.share and self._due >= 1:
            from opentelemetry.trace import SpanKind  # noqa: PLC0415

            self._due -= 1
            attributes: Attributes = {**common, PROMPT_DIGEST: request.prompt_digest, TRACED_SHARE: self.share}
            span = self._tracer.start_span(f"{CALL} {self.identity.model}", kind=SpanKind.CLIENT, attributes=attributes)
        self._due += self.share
        begun, failed = time.perf_counter(), ""
        try:
            reply = await self.inner.complete(request)
            if isinstance(reply, Failure):
                failed = reply.kind.value
            else:
                self._tell(reply, common, span)
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            self._duration.record(time.perf_counter() - begun, {**common, **({ERROR: failed} if failed else {})})
            if span is not None:
                if failed:
                    _failed(span, failed)
                span.end()
        return reply

    def _tell(self, reply: Completion, common: Mapping[str, str], span: Span | None) -> None:
        usage = reply.usage
        self._tokens.record(usage.prompt_tokens, {**common, TOKEN_TYPE: "input"})
        self._tokens.record(usage.completion_tokens, {**common, TOKEN_TYPE: "output"})
        if span is not None:
            span.set_attribute(INPUT_TOKENS, usage.prompt_tokens)
            span.set_attribute(OUTPUT_TOKENS, usage.completion_tokens)
            span.set_attribute(CACHED_TOKENS, usage.cached_tokens)
            span.set_attribute(FINISH_REASONS, ["length" if reply.truncated else "stop"])

    async def withdraw(self) -> None:
        """Withdraws from the inner model."""
        await self.inner.withdraw()

    async def close(self) -> None:
        """Closes the inner model."""
        await self.inner.close()


def _failed(span: Span, kind: str) -> None:
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

    span.set_attribute(ERROR, kind)
    span.set_status(Status(StatusCode.ERROR))
