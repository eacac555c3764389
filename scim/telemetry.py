"""Spans for OpenTelemetry: one for each request, one below it for each call to a vault.

Imported only where `SCIM_OPEN_TELEMETRY` is on, since it costs a cold start half a second. Where spans go, with which
headers and how many of them, is said by the standard's own variables (`OTEL_EXPORTER_OTLP_ENDPOINT`,
`OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_TRACES_SAMPLER`). Attributes are those of the HTTP semantic conventions, and hold
templates of paths: no ids, no query, no name of a person.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from scim.context import RequestContext

_propagator = TraceContextTextMapPropagator()


class Tracing:
    """Makes the spans of one process and sends them in the background."""

    def __init__(self, version: str, exporter: SpanExporter | None = None) -> None:
        """:param exporter: Where spans go; by default OTLP over HTTP, as the environment says."""
        resource = Resource.create({"service.name": "scim-connector", "service.version": version})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("scim", version)

    def begin(self, method: str, context: RequestContext) -> RequestSpan:
        """Open a request's span, as a child of the caller's; calls to vaults become children of it."""
        around = _propagator.extract({"traceparent": context.traceparent}) if context.traceparent else None
        span = self._tracer.start_span(method, around, SpanKind.SERVER)
        context.trace = found = RequestSpan(self._tracer, span)
        return found

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


class RequestSpan:
    """One request's span. Implements scim.context.Trace."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer, self._span = tracer, span

    def call(self, method: str, path: str) -> CallSpan:
        attributes = {"http.request.method": method, "url.template": path}
        around = set_span_in_context(self._span)
        return CallSpan(self._tracer.start_span(f"{method} {path}", around, SpanKind.CLIENT, attributes))

    def end(self, method: str, route: str, status: int, connection: str, context: RequestContext) -> None:
        span = self._span
        span.update_name(f"{method} {route}")
        span.set_attributes(
            {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
                "scim.connection": connection,
                "scim.request_id": context.request_id,
                "scim.upstream_calls": len(context.upstream),
            }
        )
        if status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end()


class CallSpan:
    """One call's span. `traceparent` is what the vault is told."""

    def __init__(self, span: Span) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _propagator.inject(carrier, set_span_in_context(span))
        self.traceparent = carrier.get("traceparent", "")

    def end(self, status: int) -> None:
        """:param status: 0: there was no answer."""
        if status:
            self._span.set_attribute("http.response.status_code", status)
        if not 0 < status < 400:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
