"""The targets, each with what was measured and whether it is met."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from .peers import PEERS
from .sections import IN_PROCESS
from .store import Store, best

MIXED = ("churn_lr", "churn_rf")
NAMES = [peer.name for peer in PEERS]
TITLES = {peer.name: peer.title for peer in PEERS}
PATHS = {"ours": "lean path", "ours-plain": "without the lean path"}
TIMES_BEST_PEER = {64: {"ours": 10.0, "ours-plain": 5.0}, 16: {"ours": 6.0, "ours-plain": 2.5}}
# A curve has a cliff where the cost of a step grows more than this many times as the work does.
CLIFF = 2.0


@dataclass(frozen=True)
class Target:
    """A target and what became of it.

    Attributes:
        text: what is wanted.
        measured: what was found, in words.
        met: whether that is enough.
    """

    text: str
    measured: str
    met: bool


def targets(store: Store) -> list[Target]:
    """All targets for which the measurements are there."""
    parts = (_throughput, _lone_caller, _bulk, _smallest, _growth, _memory, _no_errors)
    return [target for part in parts for target in part(store)]


def _throughput(store: Store) -> Iterator[Target]:
    for connections, times in TIMES_BEST_PEER.items():
        for model in MIXED:
            key = {"section": "single", "model": model, "connections": connections}
            rates = {name: store.median("per_second", server=name, **key) for name in NAMES}
            if peer := best(rates):
                for server, wanted in times.items():
                    yield from _against(store, server, peer, wanted, key)


def _against(
    store: Store, server: str, peer: str, wanted: float, key: dict[str, Any]
) -> Iterator[Target]:
    """One way of ours against the best peer, at one load."""
    at = f"{key['model']}, {key['connections']} connections, {PATHS[server]}"
    rate, theirs = (store.median("per_second", server=name, **key) for name in (server, peer))
    if not rate or not theirs:
        return
    yield Target(
        f"{at}: ≥ {wanted:g} × the best peer's requests per second",
        f"{rate / theirs:.1f} × {TITLES[peer]}",
        rate / theirs >= wanted,
    )
    if key["connections"] == 64:
        p99, other = (store.median("p99", server=name, **key) for name in (server, peer))
        assert p99 is not None
        assert other is not None
        text = f"{p99:.1f} ms against {other:.1f} ms of {TITLES[peer]}"
        yield Target(f"{at}: p99 below the best peer's", text, p99 < other)


def _lone_caller(store: Store) -> Iterator[Target]:
    for model in MIXED:
        key = {"section": "single", "model": model, "connections": 1}
        limit = store.median("p50", server=IN_PROCESS, **key)
        plain, lean = (store.median("p50", server=name, **key) for name in ("ours-plain", "ours"))
        if limit and plain:
            yield Target(
                f"{model}, 1 connection, without the lean path: ≤ 0.5 ms over `predict`",
                f"{plain:.2f} ms, `predict` {limit:.2f} ms: {plain - limit:+.2f} ms",
                plain - limit <= 0.5,
            )
        if limit and lean:
            yield Target(
                f"{model}, 1 connection, lean path: the round trip faster than `predict`",
                f"{lean:.2f} ms, `predict` {limit:.2f} ms",
                lean < limit,
            )


def _bulk(store: Store) -> Iterator[Target]:
    for model in store.values("model", "bulk"):
        limit = store.median("rows_per_second", "bulk", server=IN_PROCESS, model=model)
        for wire, share in (("arrow", 0.8), ("csv", 0.6), ("json", 0.4)):
            server = "ours-arrow" if wire == "arrow" else "ours"
            key = {"section": "bulk", "model": model, "wire": wire}
            rate = store.median("rows_per_second", server=server, **key)
            if rate and limit:
                yield Target(
                    f"{model}, 5,000 rows by {wire}: ≥ {share:.0%} of in-process rows per second",
                    f"{rate / limit:.0%}",
                    rate / limit >= share,
                )
        ours = store.median("rows_per_second", "bulk", server="ours", model=model, wire="json")
        theirs = {name: bulk_rate(store, name, model) for name in NAMES}
        peer = best(theirs)
        if ours and peer:
            yield Target(
                f"{model}, 5,000 rows by JSON: ahead of every peer's best wire",
                f"{ours:,.0f} rows/s against {theirs[peer]:,.0f} of {TITLES[peer]}",
                ours > (theirs[peer] or 0),
            )


def bulk_rate(store: Store, server: str, model: str) -> float | None:
    """Rows per second by the wire that suits that server best."""
    wires = store.values("wire", "bulk", server=server, model=model)
    rates = [
        store.median("rows_per_second", "bulk", server=server, model=model, wire=wire)
        for wire in wires
    ]
    return max((rate for rate in rates if rate), default=None)


def _smallest(store: Store) -> Iterator[Target]:
    for text, section, field, unit, scale in (
        ("start to first answer", "footprint", "start", "s", 1.0),
        ("memory per worker", "footprint", "memory", "MB", 1e6),
        ("installed size over the model's libraries", "size", "installed", "MB", 1e6),
    ):
        ours = store.median(field, section, server="ours")
        sizes = {name: store.median(field, section, server=name) for name in NAMES}
        known = {name: size for name, size in sizes.items() if size is not None}
        if ours is None or not known:
            continue
        peer = min(known, key=lambda name: known[name])
        digits = 2 if unit == "s" else 1
        yield Target(
            f"{text}: the smallest of all",
            f"{ours / scale:.{digits}f} {unit} against {known[peer] / scale:.{digits}f} {unit} "
            f"of {TITLES[peer]}",
            ours <= known[peer],
        )


def _growth(store: Store) -> Iterator[Target]:
    curves = {
        "rows a request": ("rows", {"server": "ours", "wire": "json"}, "p50"),
        "columns, one row": ("columns", {"server": "ours", "rows": 1}, "p50"),
        "columns, 1,000 rows": ("columns", {"server": "ours", "rows": 1_000}, "p50"),
        "size of the model": ("megabytes", {"server": "ours"}, "p50"),
        "connections": ("connections", {"server": "ours"}, "p50"),
    }
    for name, (section, key, field) in curves.items():
        points = curve(store, section, field, **key)
        if len(points) > 1:
            step, at = max(
                ((after / before) / (x / x_before), x)
                for (x_before, before), (x, after) in pairwise(points)
            )
            yield Target(
                f"{name}: no cliff (no step costs more than {CLIFF:g} × the growth of the work)",
                f"worst step {step:.2f} ×, up to {at:,}",
                step <= CLIFF,
            )


def _memory(store: Store) -> Iterator[Target]:
    callers = curve(store, "connections", "memory", server="ours")
    if len(callers) > 1:
        (few, before), (many, after) = callers[0], callers[-1]
        yield Target(
            f"memory bounded: ≤ 1.5 × at {many:,} connections",
            f"{before / 1e6:.0f} MB at {few:,}, {after / 1e6:.0f} MB at {many:,}",
            after <= 1.5 * before,
        )
    sizes = curve(store, "megabytes", "memory", server="ours")
    if len(sizes) > 1:
        more = sizes[-1][1] - sizes[0][1]
        file = store.median("file", "megabytes", server="ours", x=sizes[-1][0]) or 0.0
        yield Target(
            "memory bounded: two workers hold a large model once (≤ 1.25 × its file)",
            f"{more / 1e6:,.0f} MB more for a file of {file / 1e6:,.0f} MB",
            more <= 1.25 * file,
        )


def curve(store: Store, section: str, field: str, **key: object) -> list[tuple[float, float]]:
    """Medians of a field over the amount of work, in order."""
    found = sorted(store.values("x", section, **key))
    medians = [(x, store.median(field, section, x=x, **key)) for x in found]
    return [(x, median) for x, median in medians if median is not None]


def _no_errors(store: Store) -> Iterator[Target]:
    records = [record for record in store.records if "errors" in record]
    ours = [record for record in records if record["server"].startswith("ours")]
    if ours:
        wrong = sum(record["errors"] for record in ours)
        yield Target("every answer of ours has status 200", f"{wrong} others", wrong == 0)
