"""What the service counts, in one process and in several."""

from __future__ import annotations

import subprocess
import sys

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from nb2service.runtime.metrics import Metrics


def samples(rendered):
    """Sample name with labels in order → value."""
    families = text_string_to_metric_families(rendered.decode())
    found = [sample for family in families for sample in family.samples]
    return {(s.name, *(s.labels[name] for name in sorted(s.labels))): s.value for s in found}


def test_requests_rows_and_seconds():
    metrics = Metrics()
    metrics.answered("predict", 200, 0.004, 3)
    metrics.answered("predict", 200, 0.3, 1)
    metrics.answered("predict", 422, 0.001, 0)
    metrics.refused("predict", "overload")
    metrics.waiting = lambda: 7
    found = samples(metrics.render())
    assert found["service_requests_total", "predict", "200"] == 2
    assert found["service_requests_total", "predict", "422"] == 1
    assert found["service_rows_total", "predict"] == 4
    assert found["service_request_seconds_count", "predict"] == 3
    assert found["service_request_seconds_bucket", "predict", "0.001"] == 1
    assert found["service_request_seconds_sum", "predict"] == pytest.approx(0.305)
    assert found["service_refused_total", "predict", "overload"] == 1
    assert found["service_requests_waiting",] == 7


def test_calls_of_the_model_by_their_rows():
    metrics = Metrics()
    metrics.called("predict", 1, 0.002, lean=True)
    metrics.called("predict", 64, 0.02, lean=False)
    found = samples(metrics.render())
    assert found["service_calls_total", "predict", "lean"] == 1
    assert found["service_calls_total", "predict", "ordinary"] == 1
    assert found["service_call_rows_sum", "predict"] == 65
    assert found["service_call_rows_bucket", "predict", "32.0"] == 1
    assert found["service_call_rows_bucket", "predict", "64.0"] == 2
    assert found["service_model_seconds_count", "predict"] == 2


def test_buckets_are_those_of_prometheus_own_histogram():
    values = [0.0, 0.001, 0.0010001, 0.3, 0.5, 10.0, 11.0, 1e9]
    metrics, registry = Metrics(), CollectorRegistry()
    bounds = metrics._seconds.bounds
    reference = Histogram(
        "service_request_seconds", "", ["entry"], buckets=bounds, registry=registry
    )
    for value in values:
        metrics.answered("a", 200, value, 1)
        reference.labels("a").observe(value)
        metrics.fold()
    expected = samples(generate_latest(registry))
    got = samples(metrics.render())
    assert len(expected) == len(bounds) + 1 + 3
    times = {key: value for key, value in got.items() if key in expected}
    del (
        times["service_request_seconds_created", "a"],
        expected["service_request_seconds_created", "a"],
    )
    assert times == pytest.approx(expected)


def test_folding_again_adds_nothing():
    metrics = Metrics()
    metrics.answered("predict", 200, 0.1, 2)
    metrics.called("predict", 2, 0.1, lean=False)
    first = samples(metrics.render())
    assert samples(metrics.render()) == first


WORKERS = """
import os
from nb2service.runtime.metrics import Metrics
from prometheus_client.multiprocess import mark_process_dead

metrics = Metrics()
metrics.answered("predict", 200, 0.1, 1)
children = []
for number in (1, 2):
    if not (child := os.fork()):
        metrics.forget()
        metrics.waiting = lambda: number
        for _ in range(number):
            metrics.answered("predict", 200, 0.1, 10)
        metrics.fold()
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
print(metrics.render().decode())
mark_process_dead(children[1])
print("---")
print(metrics.render().decode())
"""


def test_workers_add_up_and_dead_ones_wait_for_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WORKERS],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    alive, after = (samples(text.encode()) for text in done.stdout.split("---\n"))
    for found, waiting in ((alive, 3), (after, 1)):
        assert found["service_requests_total", "predict", "200"] == 4
        assert found["service_rows_total", "predict"] == 31
        assert found["service_request_seconds_count", "predict"] == 4
        assert found["service_request_seconds_bucket", "predict", "+Inf"] == 4
        assert found["service_requests_waiting",] == waiting
