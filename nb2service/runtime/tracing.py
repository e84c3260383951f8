"""Distributed traces: W3C trace context, and OpenTelemetry where its packages are installed."""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .observing import Exchange

try:  # what is configured there (an exporter, a sampler) is the operator's
    from opentelemetry import trace as _opentelemetry
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    _api: Any = None
else:
    _api = _opentelemetry

# https://www.w3.org/TR/trace-context/: versions after 00 may have more fields.
_PARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")
_STATE = re.compile(
    r"[ \t]*(?:[a-z0-9][a-z0-9_\-*/@]{0,255}=[ -+\--<>-~]{0,255}[!-+\--<>-~])?[ \t]*"
)
_MOST_STATES = 32


@dataclass(frozen=True, slots=True)
class Trace:
    """The place of a request in a distributed trace.

    Attributes:
        trace_id: of the whole trace, 32 hexadecimal digits.
        span_id: of this service's part, 16 hexadecimal digits.
        parent: the client's ``traceparent``.
        tracestate: what tracing systems sent along, to be passed on; "" if nothing, or not valid.
    """

    trace_id: str
    span_id: str
    parent: str = ""
    tracestate: str = ""


def read(traceparent: str, tracestate: str = "") -> Trace | None:
    """The trace that the client's headers name; None if they do not keep to the standard."""
    match = _PARENT.fullmatch(traceparent)
    if (
        not match
        or (match[1] == "00" and match[4])
        or not (int(match[2], 16) and int(match[3], 16))
    ):
        return None
    states = tracestate.split(",")
    if len(states) > _MOST_STATES or not all(map(_STATE.fullmatch, states)):
        tracestate = ""
    return Trace(match[2], _span_id(), traceparent, tracestate)


def enabled() -> bool:
    """Whether OpenTelemetry is installed and somebody configured it."""
    if _api is None:
        return False
    return not isinstance(_api.get_tracer_provider(), _api.ProxyTracerProvider)


def record(exchange: Exchange) -> None:
    """Make an OpenTelemetry span of an answered request; its ids become the request's own."""
    trace = exchange.trace
    carrier = {"traceparent": trace.parent, "tracestate": trace.tracestate} if trace else {}
    attributes = {
        "http.request.method": exchange.method,
        "http.route": f"/{exchange.entry}",
        "http.response.status_code": exchange.status,
        "url.path": exchange.path,
        "url.scheme": "http",
        "http.request.header.x-request-id": [exchange.id],
        "prediction.rows": exchange.rows,
    }
    failed = exchange.status >= 500
    if failed:
        attributes["error.type"] = str(exchange.status)
    zero = time.time_ns() - int(perf_counter() * 1e9)
    span = _api.get_tracer(__package__).start_span(
        f"{exchange.method} /{exchange.entry}",
        TraceContextTextMapPropagator().extract(carrier),
        _api.SpanKind.SERVER,
        attributes,
        start_time=zero + int(exchange.begin * 1e9),
    )
    if failed:
        span.set_status(_api.StatusCode.ERROR)
    if span.is_recording():
        context = span.get_span_context()
        exchange.trace = Trace(
            f"{context.trace_id:032x}",
            f"{context.span_id:016x}",
            carrier.get("traceparent", ""),
            carrier.get("tracestate", ""),
        )
    span.end(zero + int(exchange.end * 1e9))


def _span_id() -> str:
    while not int(made := os.urandom(8).hex(), 16):  # all zero means none
        pass
    return made
