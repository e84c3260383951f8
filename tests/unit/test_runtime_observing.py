"""Log lines, metrics and traces of requests, from arrival to departure."""

from __future__ import annotations

import importlib
import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry import trace as opentelemetry
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from runtime_project import build

from nb2service.runtime import tracing

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


@pytest.fixture
def observing(tmp_path, monkeypatch):
    """The module, with a state of its own, logging to standard error."""
    build(tmp_path, "seen_service")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("seen_service.observing")
    module.log_to_stderr("INFO")
    yield module
    module.log.handlers.clear()
    module.log.propagate = True
    for name in [name for name in sys.modules if name.split(".")[0] == "seen_service"]:
        del sys.modules[name]


def answer(observing, path="/predict", entry="predict", status=200, **more):
    """One request, arrived and departed."""
    exchange = observing.arrive("POST", path, more.pop("request_id", ""), *more.pop("trace", ()))
    exchange.entry, exchange.status = entry, status
    for name, value in more.items():
        setattr(exchange, name, value)
    observing.depart(exchange)
    return exchange


def lines(capfd):
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


# --- the log ------------------------------------------------------------------------------------


def test_a_line_says_what_was_asked_and_where_the_time_went(observing, capfd):
    spent = {"decode": 0.01234, "wait": 0.5, "model": 2.00049, "encode": 0.1}
    answer(observing, request_id="abc-1", rows=3, milliseconds=spent)
    (line,) = lines(capfd)
    assert line.pop("ms").items() >= {"decode": 0.012, "wait": 0.5, "model": 2.0}.items()
    assert line == {
        "id": "abc-1",
        "entry": "predict",
        "rows": 3,
        "status": 200,
        "method": "POST",
        "path": "/predict",
    }


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ("abc-1", True),
        ("req:1/2+3=_.", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ('a" b', False),
        ("a\n", False),
        ("ü", False),
        ("٣", False),
        ("", False),
    ],
)
def test_a_sane_id_is_taken(observing, sent, taken):
    exchange = observing.arrive("GET", "/", sent)
    assert (exchange.id == sent) is taken
    assert taken or len(exchange.id) == 32


@pytest.mark.parametrize(
    ("path", "entry", "status", "level", "shown"),
    [
        ("/predict", "predict", 200, "INFO", True),
        ("/predict", "predict", 200, "WARNING", False),
        ("/healthz", "", 200, "INFO", False),
        ("/healthz", "", 200, "DEBUG", True),
        ("/readyz", "", 503, "INFO", False),
        ("/nothing", "", 404, "INFO", True),
    ],
)
def test_probes_and_scrapes_are_quiet(observing, capfd, path, entry, status, level, shown):
    observing.log_to_stderr(level)
    answer(observing, path, entry, status)
    assert [line["path"] for line in lines(capfd)] == [path] * shown


def test_only_entries_have_rows(observing, capfd):
    answer(observing, status=422)
    answer(observing, "/nothing", "", 404)
    assert [line.get("rows") for line in lines(capfd)] == [0, None]


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ('/a b"\n', '/a b"\n'),
        ("/ü\u2028", "/%C3%BC%E2%80%A8"),
        ("/\ud800", "/%3F"),
        ("/" + "x" * 10_000, "/" + "x" * 499),
    ],
)
def test_no_path_breaks_a_line(observing, capfd, path, logged):
    answer(observing, path, "", 404)
    assert [line["path"] for line in lines(capfd)] == [logged]


def test_a_refusal_says_why(observing, capfd):
    answer(observing, status=503, refused="overload")
    assert lines(capfd)[0]["refused"] == "overload"
    assert b'service_refused_total{entry="predict",reason="overload"} 1.0' in observing.render()


def test_gathered_lines_are_written_together(observing, capfd, monkeypatch):
    observing.gather()
    for number in range(50):
        answer(observing, request_id=f"id-{number}")
    assert lines(capfd) == []
    written = []
    monkeypatch.setattr(sys.stderr, "write", written.append)
    observing.flush()
    observing.flush()
    texts = [line for text in written for line in text.splitlines()]
    assert [json.loads(line)["id"] for line in texts] == [f"id-{n}" for n in range(50)]
    assert len(written) < 10
    assert all(len(text) <= 4096 and text.endswith("\n") for text in written)


def test_another_handler_gets_gathered_lines_too(observing):
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    observing.log.addHandler(handler)
    observing.gather()
    answer(observing, request_id="a")
    answer(observing, request_id="b")
    observing.flush()
    (record,) = records
    ids = [json.loads(line)["id"] for line in record.getMessage().splitlines()]
    assert ids == ["a", "b"]


def test_lines_do_not_heap_up_where_nobody_flushes(observing, capfd):
    observing.gather()
    for _ in range(observing._MOST_GATHERED):
        answer(observing)
    assert len(lines(capfd)) == observing._MOST_GATHERED


def test_a_closed_log_fails_no_request(observing, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError

    observing.gather()
    answer(observing)
    monkeypatch.setattr(sys, "stderr", Closed())
    monkeypatch.setattr(logging, "raiseExceptions", False)
    observing.flush()
    monkeypatch.undo()
    assert b'service_requests_total{entry="predict",status="200"} 1.0' in observing.render()


ENDING = """
import os, sys
from nb2service.runtime import observing
observing.log_to_stderr("INFO")
observing.gather()
exchange = observing.arrive("POST", "/predict", "abc")
exchange.entry, exchange.status = "predict", 200
observing.depart(exchange)
"""
FORK = "child = os.fork()\nif child:\n    assert os.waitpid(child, 0)[1] == 0\n"


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "raise RuntimeError", FORK])
def test_a_line_is_written_once_however_the_process_ends(end):
    done = subprocess.run(
        [sys.executable, "-c", ENDING + end], capture_output=True, text=True, timeout=60
    )
    said = [line for line in done.stderr.splitlines() if line.startswith("{")]
    assert [json.loads(line)["id"] for line in said] == ["abc"], done.stderr


def test_threads_lose_and_repeat_nothing(observing, capfd):
    def work(name):
        for number in range(200):
            answer(observing, request_id=f"{name}-{number}", rows=1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    logged = [line["id"] for line in lines(capfd)]
    assert len(logged) == len(set(logged)) == 800
    assert b'service_rows_total{entry="predict"} 800.0' in observing.render()


# --- metrics ------------------------------------------------------------------------------------


def test_requests_and_calls_are_counted(observing):
    observing.called("predict", 5, 0.01, lean=True)
    answer(observing, rows=3)
    answer(observing, rows=2)
    answer(observing, "/healthz", "")
    metrics = observing.render()
    assert b'service_requests_total{entry="predict",status="200"} 2.0' in metrics
    assert b'service_rows_total{entry="predict"} 5.0' in metrics
    assert b'service_calls_total{entry="predict",path="lean"} 1.0' in metrics
    assert b"healthz" not in metrics


def test_a_lost_metrics_folder_fails_no_request(observing, capfd, monkeypatch):
    def fail():
        raise OSError("No space left on device")

    monkeypatch.setattr(observing.metrics, "fold", fail)
    answer(observing, request_id="abc")
    said = lines(capfd)
    assert said[0]["id"] == "abc"
    assert said[1] == {"event": "metrics", "error": "No space left on device"}


SHARED = """
import os, time
from nb2service.runtime import observing
read, write = os.pipe()
child = os.fork()
if not child:
    observing.gather()
    for _ in range(3):
        exchange = observing.arrive("POST", "/predict")
        exchange.entry, exchange.status = "predict", 200
        observing.depart(exchange)
    observing.flush()
    time.sleep(observing._FOLD_SECONDS)
    observing.flush()  # nothing more has come: the loop's tick
    os.write(write, b"x")
    time.sleep(60)
os.read(read, 1)
print(observing.render().decode())
os.kill(child, 9)
os.waitpid(child, 0)
"""


def test_another_workers_counts_are_seen_while_it_is_idle(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", SHARED],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert 'service_requests_total{entry="predict",status="200"} 3.0' in done.stdout, done.stderr


# --- traces -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("traceparent", "taken"),
    [
        (TRACEPARENT, True),
        (f"00-{TRACE}-{PARENT}-00", True),
        (f"00-{TRACE}-{PARENT}-ff", True),
        (f"01-{TRACE}-{PARENT}-01", True),
        (f"cc-{TRACE}-{PARENT}-01-more", True),
        (f"cc-{TRACE}-{PARENT}-01.more", False),
        (f"00-{TRACE}-{PARENT}-01-more", False),
        (f"00-{TRACE}-{PARENT}-01-", False),
        (f"ff-{TRACE}-{PARENT}-01", False),
        (f"0-{TRACE}-{PARENT}-01", False),
        (f"00-{TRACE.upper()}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT.upper()}-01", False),
        (f"00-{TRACE}-{PARENT}-0X", False),
        (f"00-{TRACE}-{PARENT}-1", False),
        (f"00-{'0' * 32}-{PARENT}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (f"00-{TRACE[:-1]}-{PARENT}-01", False),
        (f"00-{TRACE}-{PARENT}", False),
        (f" {TRACEPARENT}", False),
        (f"{TRACEPARENT}\n", False),
        (f"{TRACEPARENT},{TRACEPARENT}", False),
        ("", False),
    ],
)
def test_traceparent(traceparent, taken):
    trace = tracing.read(traceparent, "a=1")
    assert (trace is not None) is taken
    if trace:
        assert (trace.trace_id, trace.tracestate) == (TRACE, "a=1")
        assert len(trace.span_id) == 16
        assert trace.span_id not in (PARENT, "0" * 16)


@pytest.mark.parametrize(
    ("tracestate", "taken"),
    [
        ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", True),
        ("a=1 ,\tb=2,,", True),
        ("1a-_*/@b=! ~", True),
        (",".join(f"k{n}=v" for n in range(32)), True),
        (",".join(f"k{n}=v" for n in range(33)), False),
        ("A=1", False),
        ("a=", False),
        ("a=b=c", False),
        ("a=ü", False),
        ("a=1\r\nb: 2", False),
        ("a=" + "x" * 257, False),
    ],
)
def test_tracestate_is_passed_on_if_it_is_valid(tracestate, taken):
    trace = tracing.read(TRACEPARENT, tracestate)
    assert trace
    assert trace.tracestate == (tracestate if taken else "")


def test_the_log_names_the_trace(observing, capfd):
    exchange = answer(observing, trace=(TRACEPARENT, "a=1"))
    answer(observing, trace=("nonsense", "a=1"))
    traced, untraced = lines(capfd)
    assert traced["trace_id"] == TRACE
    assert traced["span_id"] == exchange.trace.span_id
    assert traced["tracestate"] == "a=1"
    assert not {"trace_id", "span_id", "tracestate"} & set(untraced)


@pytest.fixture
def spans(monkeypatch):
    """The spans that OpenTelemetry's SDK is given meanwhile."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(opentelemetry, "get_tracer_provider", lambda: provider)
    yield exporter.get_finished_spans
    provider.shutdown()


def test_a_span_for_each_request_to_an_entry(observing, spans, capfd):
    exchange = answer(observing, rows=2, request_id="abc", trace=(TRACEPARENT, "a=1"))
    answer(observing, "/healthz", "")
    (span,) = spans()
    assert span.name == "POST /predict"
    assert span.kind is opentelemetry.SpanKind.SERVER
    assert f"{span.context.trace_id:032x}" == TRACE
    assert f"{span.parent.span_id:016x}" == PARENT
    assert span.parent.is_remote
    assert span.context.trace_state["a"] == "1"
    assert span.attributes == {
        "http.request.method": "POST",
        "http.request.header.x-request-id": ("abc",),
        "http.response.status_code": 200,
        "http.route": "/predict",
        "url.path": "/predict",
        "url.scheme": "http",
        "prediction.rows": 2,
    }
    seconds = exchange.end - exchange.begin
    assert (span.end_time - span.start_time) / 1e9 == pytest.approx(seconds, abs=1e-6)
    assert lines(capfd)[0]["span_id"] == f"{span.context.span_id:016x}"


def test_a_span_without_a_parent_begins_a_trace(observing, spans, capfd):
    answer(observing, status=500)
    (span,) = spans()
    assert span.parent is None
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "500"
    assert lines(capfd)[0]["trace_id"] == f"{span.context.trace_id:032x}"


@pytest.mark.parametrize("installed", [True, False])
def test_without_opentelemetry_the_clients_trace_is_logged_all_the_same(
    tmp_path, monkeypatch, request, capfd, installed
):
    if not installed:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
    observing = request.getfixturevalue("observing")
    assert not observing.tracing.enabled()
    answer(observing, trace=(TRACEPARENT,))
    assert lines(capfd)[0]["trace_id"] == TRACE
