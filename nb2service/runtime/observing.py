"""What operators see of each request: a log line, metrics, and a trace.

Whoever answers requests calls ``arrive`` and ``depart``. The work itself is done by ``flush``, for
all requests that departed since: after each request, or, where an event loop said ``gather``, once
a turn of the loop.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter
from typing import TextIO, cast
from urllib.parse import quote

import msgspec
from flask.logging import wsgi_errors_stream

from . import tracing
from .metrics import Metrics

# Up to here, the operating system does not mix what several workers write to one pipe.
_PIPE_BYTES = 4096
_FOLD_SECONDS = 0.5
_MOST_GATHERED = 1000
_LONGEST_PATH = 500
_SANE_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)

log = logging.getLogger(__package__)
_handler = logging.StreamHandler(cast(TextIO, wsgi_errors_stream))
_handler.setFormatter(logging.Formatter("%(message)s"))
metrics = Metrics()


@dataclass(slots=True)
class Exchange:
    """One request and what became of it.

    Attributes:
        id: of the request: the client's ``X-Request-Id`` if it is sane, else made here.
        method: as received.
        path: without the query, and decoded unless there is more than ASCII in it.
        begin, end: when the request was received and answered, by ``perf_counter``.
        trace: its place in a distributed trace; None if the client sent none.
        key: the name of the caller's API key; "" without one.
        entry: the entry that was asked; "" for all else.
        rows: rows that were predicted.
        status: of the answer.
        refused: ``overload``, ``deadline``, ``key`` or ``limit``, where that is why there is no
            prediction.
        milliseconds: where the time went: ``decode``, ``wait``, ``model``, ``encode``.
    """

    id: str
    method: str
    path: str
    begin: float
    trace: tracing.Trace | None = None
    key: str = ""
    entry: str = ""
    rows: int = 0
    status: int = 0
    refused: str = ""
    end: float = 0.0
    milliseconds: dict[str, float] = field(default_factory=dict)


class _Line(msgspec.Struct, omit_defaults=True):
    """A request in the log."""

    id: str
    key: str = ""
    entry: str = ""
    rows: int | msgspec.UnsetType = msgspec.UNSET
    status: int = 0
    refused: str = ""
    method: str = ""
    path: str = ""
    ms: dict[str, float] = {}
    trace_id: str = ""
    span_id: str = ""
    tracestate: str = ""


_departed: list[Exchange] = []
_calls: list[tuple[str, int, float, bool]] = []
_lock = threading.Lock()
_gathering = False
_folded = 0.0
_encoder = msgspec.json.Encoder()


def arrive(
    method: str, path: str, request_id: str = "", traceparent: str = "", tracestate: str = ""
) -> Exchange:
    """A request that just came in, with the values of its headers (``""`` if absent)."""
    if not (request_id and _SANE_ID.fullmatch(request_id)):
        request_id = os.urandom(16).hex()
    if not path.isascii():  # which may hold surrogates for bytes that are no UTF-8
        path = quote(path, errors="replace")
    trace = tracing.read(traceparent, tracestate) if traceparent else None
    return Exchange(request_id, method, path, perf_counter(), trace)


def called(entry: str, rows: int, seconds: float, lean: bool = False) -> None:
    """Note one call of the notebook's code, with the rows of one request or of several."""
    _calls.append((entry, rows, seconds, lean))


def depart(exchange: Exchange) -> None:
    """Note that the request is answered; its ``status`` and whatever else is known are set."""
    exchange.end = perf_counter()
    _departed.append(exchange)
    if not _gathering or len(_departed) >= _MOST_GATHERED:
        flush()


def gather() -> None:
    """Let requests wait for ``flush``, which is now called once a turn of an event loop.

    And at least once a second, so that metrics and log are fresh when nothing happens; and before
    the notebook's code may take long.
    """
    global _gathering
    _gathering = True


def flush() -> None:
    """Log, count and trace all that departed since."""
    global _folded
    stale = perf_counter() - _folded >= _FOLD_SECONDS
    if not (_departed or stale):
        return
    with _lock:
        done = _departed[:]
        if tracing.enabled():
            for exchange in done:
                if exchange.entry:
                    tracing.record(exchange)
        _write(done)
        del _departed[: len(done)]
        _count(done)
        if stale or not _gathering:
            _folded = perf_counter()
            _fold()


def render() -> bytes:
    """All metrics in Prometheus' text format, summed over the workers."""
    flush()
    with _lock:
        return metrics.render()


def log_to_stderr(level: str) -> None:
    """Write the log of this package, as it is, to where the server wants errors."""
    log.setLevel(level)
    if not log.handlers:
        log.addHandler(_handler)
        log.propagate = False


def _count(done: list[Exchange]) -> None:
    calls = _calls[:]
    del _calls[: len(calls)]
    for call in calls:
        metrics.called(*call)
    for exchange in done:
        if exchange.entry:
            seconds = exchange.end - exchange.begin
            metrics.answered(exchange.entry, exchange.status, seconds, exchange.rows)
            if exchange.key:
                metrics.used(exchange.key, exchange.entry, exchange.status, exchange.rows)
            if exchange.refused:
                metrics.refused(exchange.entry, exchange.refused)


def _fold() -> None:
    try:
        metrics.fold()
    except OSError as error:  # the folder is full, or gone: no reason to fail requests
        log.warning("%s", _encoder.encode({"event": "metrics", "error": str(error)}).decode())


def _write(done: list[Exchange]) -> None:
    # Probes and scrapes would drown the requests that matter.
    quiet = [exchange for exchange in done if _is_quiet(exchange)]
    loud = [exchange for exchange in done if not _is_quiet(exchange)] if quiet else done
    for level, exchanges in ((logging.INFO, loud), (logging.DEBUG, quiet)):
        if exchanges and log.isEnabledFor(level):
            for lines in _pieces(_encoder.encode_lines(list(map(_line, exchanges)))):
                _say(level, lines)


def _say(level: int, lines: str) -> None:
    if not (_gathering and log.handlers == [_handler]):
        log.log(level, "%s", lines)
        return
    try:  # what the handler would come to, at a tenth of the time
        sys.stderr.write(lines + "\n")
    except (OSError, ValueError):  # nobody reads it any more
        _handler.handleError(log.makeRecord(log.name, level, "", 0, lines, (), None))


def _is_quiet(exchange: Exchange) -> bool:
    return not exchange.entry and (exchange.status < 400 or exchange.path == "/readyz")


def _line(exchange: Exchange) -> _Line:
    ms = {"total": round((exchange.end - exchange.begin) * 1000, 3)}
    for name, spent in exchange.milliseconds.items():
        ms[name] = round(spent, 3)
    trace = exchange.trace
    return _Line(
        exchange.id,
        exchange.key,
        exchange.entry,
        exchange.rows if exchange.entry else msgspec.UNSET,
        exchange.status,
        exchange.refused,
        exchange.method,
        exchange.path[:_LONGEST_PATH],
        ms,
        trace.trace_id if trace else "",
        trace.span_id if trace else "",
        trace.tracestate if trace else "",
    )


def _pieces(lines: bytes) -> Iterator[str]:
    """Lines as texts that the operating system writes whole."""
    begin = 0
    while begin < len(lines):
        end = len(lines)
        if end - begin > _PIPE_BYTES:
            end = lines.rfind(b"\n", begin, begin + _PIPE_BYTES) + 1 or lines.find(b"\n", begin) + 1
        yield lines[begin : end - 1].decode()
        begin = end


def _forget() -> None:
    """What the parent has noted is the parent's to tell."""
    global _lock
    _lock = threading.Lock()
    _departed.clear()
    _calls.clear()
    metrics.forget()


atexit.register(flush)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
