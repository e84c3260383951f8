"""Prometheus metrics, right with several worker processes."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What the service counts: requests by entry and status, rows, and seconds."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "service_requests", "Requests answered", ["entry", "status"], registry=self.registry
        )
        self._rows = Counter("service_rows", "Rows predicted", ["entry"], registry=self.registry)
        self._seconds = Histogram(
            "service_request_seconds",
            "Time from the request's arrival to its answer",
            ["entry"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._model_seconds = Histogram(
            "service_model_seconds",
            "Time spent in the notebook's own code",
            ["entry"],
            buckets=_SECONDS,
            registry=self.registry,
        )

    def observe(
        self, entry: str, status: int, seconds: float, rows: int, model_seconds: float | None
    ) -> None:
        """Count one request to an entry; ``model_seconds`` is None if it gave no prediction."""
        self._requests.labels(entry, str(status)).inc()
        self._seconds.labels(entry).observe(seconds)
        if model_seconds is not None:
            self._rows.labels(entry).inc(rows)
            self._model_seconds.labels(entry).observe(model_seconds)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, summed over the workers."""
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
