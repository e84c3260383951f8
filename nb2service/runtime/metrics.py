"""Prometheus metrics, right with several worker processes."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384, 65536)


class Metrics:
    """What the service counts.

    Counting adds to plain numbers; ``fold`` hands them to Prometheus, whose own counters cost a
    hundred times as much, and where the other workers find them. Not for several threads at once.

    Attributes:
        waiting: how many requests wait for the model in this process, asked at each ``fold``.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.waiting: Callable[[], int] = lambda: 0
        self.registry = registry = CollectorRegistry()
        self._requests = _Counts(
            Counter("service_requests", "Requests answered", ["entry", "status"], registry=registry)
        )
        self._refused = _Counts(
            Counter(
                "service_refused",
                "Requests turned away: too many, too long under way, or without a good key",
                ["entry", "reason"],
                registry=registry,
            )
        )
        self._calls = _Counts(
            Counter(
                "service_calls",
                "Calls of the notebook's code, each for one request or for several together",
                ["entry", "path"],
                registry=registry,
            )
        )
        self._rows = _Counts(
            Counter("service_rows", "Rows predicted", ["entry"], registry=registry)
        )
        self._key_requests = _Counts(
            Counter(
                "service_key_requests",
                "Requests answered, by the name of the API key",
                ["key", "entry", "status"],
                registry=registry,
            )
        )
        self._key_rows = _Counts(
            Counter(
                "service_key_rows",
                "Rows predicted, by the name of the API key",
                ["key", "entry"],
                registry=registry,
            )
        )
        self._seconds = _Distribution(
            "service_request_seconds",
            "Time from the request's arrival to its answer",
            _SECONDS,
            registry,
        )
        self._model_seconds = _Distribution(
            "service_model_seconds", "Time spent in the notebook's own code", _SECONDS, registry
        )
        self._call_rows = _Distribution(
            "service_call_rows", "Rows in one call of the notebook's code", _ROWS, registry
        )
        self._all = (
            *(self._requests, self._refused, self._calls, self._rows),
            *(self._key_requests, self._key_rows),
            *(self._seconds, self._model_seconds, self._call_rows),
        )
        self._waiting = Gauge(
            "service_requests_waiting",
            "Requests that wait for the notebook's code",
            registry=registry,
            multiprocess_mode="livesum",
        )

    def answered(self, entry: str, status: int, seconds: float, rows: int) -> None:
        """Count one request to an entry; ``rows`` is 0 if it gave no prediction."""
        self._requests.add((entry, str(status)))
        self._seconds.add(entry, seconds)
        if rows:
            self._rows.add((entry,), rows)

    def used(self, key: str, entry: str, status: int, rows: int) -> None:
        """Count one request with a key of this name: there are as many as were configured."""
        self._key_requests.add((key, entry, str(status)))
        if rows:
            self._key_rows.add((key, entry), rows)

    def refused(self, entry: str, reason: str) -> None:
        """Count a request turned away, by the reason that its ``Problem`` has."""
        self._refused.add((entry, reason))

    def called(self, entry: str, rows: int, seconds: float, lean: bool) -> None:
        """Count one call of the notebook's code with the rows of one or several requests."""
        self._calls.add((entry, "lean" if lean else "ordinary"))
        self._call_rows.add(entry, rows)
        self._model_seconds.add(entry, seconds)

    def fold(self) -> None:
        """Hand over to Prometheus what was counted since."""
        for item in self._all:
            item.fold()
        self._waiting.set(self.waiting())

    def forget(self) -> None:
        """Drop what is not folded yet, as a fork must: it is its parent's."""
        for item in self._all:
            item.fresh.clear()

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, summed over the workers."""
        self.fold()
        registry = self.registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


class _Counts:
    """A counter's numbers by label values, not yet handed over."""

    def __init__(self, counter: Counter) -> None:
        self.counter = counter
        self.fresh: Tally[tuple[str, ...]] = Tally()

    def add(self, labels: tuple[str, ...], count: int = 1) -> None:
        self.fresh[labels] += count

    def fold(self) -> None:
        for labels, count in self.fresh.items():
            self.counter.labels(*labels).inc(count)
        self.fresh.clear()


class _Distribution:
    """A histogram by entry, whose buckets are counted here until they are handed over."""

    def __init__(
        self, name: str, about: str, bounds: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self.bounds = bounds
        self.histogram = Histogram(name, about, ["entry"], buckets=bounds, registry=registry)
        self.fresh: dict[str, list[float]] = {}

    def add(self, entry: str, value: float) -> None:
        fresh = self.fresh.get(entry)
        if fresh is None:  # the buckets, the one without a bound, and the sum
            fresh = self.fresh[entry] = [0] * (len(self.bounds) + 2)
        fresh[bisect_left(self.bounds, value)] += 1
        fresh[-1] += value

    def fold(self) -> None:
        for entry, (*counts, total) in self.fresh.items():
            # Histogram has no public way to add many observations at once.
            child: Any = self.histogram.labels(entry)
            child._sum.inc(total)
            for bucket, count in zip(child._buckets, counts, strict=True):
                if count:
                    bucket.inc(count)
        self.fresh.clear()
