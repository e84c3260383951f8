"""How the cost of this service grows as the work grows."""

from __future__ import annotations

from collections.abc import Sequence

from . import ours
from .check import check_batch, read_rows
from .load import run_load
from .peers import Peer
from .running import Server
from .sections import Bench, reported, say
from .wires import Rows, different_bodies

ROWS = (1, 10, 100, 1_000, 10_000, 100_000)
COLUMNS = (5, 20, 100, 300, 1_000)
MEGABYTES = (1, 10, 100, 1_000)
CONNECTIONS = (1, 4, 16, 64, 256, 1_000)
BATCH = 1_000  # rows a request where columns grow
FEWEST = 5  # requests that a load lasts for, at least


def scaling(bench: Bench) -> None:
    """Rows a request, columns, size of the model, connections: one curve each."""
    quick = slice(0, 3) if bench.quick else slice(None)
    for _ in range(bench.rounds):
        for peer in bench.peers():
            if peer in ours.ALL:
                rows_a_request(bench, peer, ROWS[quick])
        for peer in bench.peers("ours-arrow"):
            if peer in ours.ALL:
                connections(bench, peer, CONNECTIONS[quick])
                columns(bench, peer, COLUMNS[quick])
                megabytes(bench, peer, MEGABYTES[quick])


def rows_a_request(bench: Bench, peer: Peer, counts: Sequence[int]) -> None:
    """1 to 100,000 rows in one request, by every wire, against ``model.predict``."""
    model = "churn_lr"
    for count, times in bench.in_process(model, counts).items():
        bench.store.add("rows", "in-process", model, wire="", x=count, p50=times["p50"])
    rows, answers = read_rows(bench.model(model), bulk=True)
    with reported(bench, "rows", peer.name, model), bench.serving(peer, model) as server:
        for count in counts:
            times_over = count // len(rows) + 1
            sent, wanted = (rows * times_over)[:count], (answers * times_over)[:count]
            for name, wire in peer.wires.items():
                check_batch(server, wire, sent, wanted)
                p50 = _latency(bench, server, rows, count, name)
                bench.store.add(
                    *("rows", peer.name, model),
                    **{"wire": name, "x": count, "p50": p50, "memory": server.memory()},
                )
                say(f"{count} rows, {peer.name}, {name}: {p50:.2f} ms")


def columns(bench: Bench, peer: Peer, counts: Sequence[int]) -> None:
    """5 to 1,000 columns of numbers: one row, and a batch of rows, against ``model.predict``."""
    for count in counts:
        model = f"wide_{count}"
        for rows, times in bench.in_process(model, [1, BATCH]).items():
            bench.store.add("columns", "in-process", model, x=count, rows=rows, p50=times["p50"])
        sent = read_rows(bench.model(model), bulk=True)[0]
        with (
            reported(bench, "columns", peer.name, model),
            bench.serving(peer, model, 1) as server,
        ):
            for rows in (1, BATCH):
                p50 = _latency(bench, server, sent, rows, "json")
                bench.store.add(
                    *("columns", peer.name, model),
                    **{"x": count, "rows": rows, "p50": p50, "memory": server.memory()},
                )
                say(f"{count} columns, {peer.name}, {rows} rows: {p50:.2f} ms")


def megabytes(bench: Bench, peer: Peer, sizes: Sequence[int]) -> None:
    """A model of 1 MB to 1 GB, served by two workers."""
    for size in sizes:
        model = f"big_{size}"
        folder = bench.model(model)
        times = bench.in_process(model, [1])[1]
        bench.store.add("megabytes", "in-process", model, x=size, p50=times["p50"])
        with (
            reported(bench, "megabytes", peer.name, model),
            bench.serving(peer, model, 2) as server,
        ):
            p50 = _latency(bench, server, read_rows(folder)[0], 1, "json")
            bench.store.add(
                *("megabytes", peer.name, model),
                x=size,
                p50=p50,
                start=server.first_answer,
                memory=server.memory(),
                file=(folder / "model.joblib").stat().st_size,
            )
            say(f"{size} MB, {peer.name}: {p50:.2f} ms, {server.memory() / 1e6:.0f} MB")


def connections(bench: Bench, peer: Peer, counts: Sequence[int]) -> None:
    """1 to 1,000 connections, single rows."""
    model = "churn_lr"
    with reported(bench, "connections", peer.name, model), bench.serving(peer, model) as server:
        for count in counts:
            found = bench.load(server, model, count)
            memory = server.memory()
            bench.store.add("connections", peer.name, model, x=count, memory=memory, **found)
            say(f"{count} connections, {peer.name}: {found['per_second']:,.0f} /s")


def _latency(bench: Bench, server: Server, rows: Rows, count: int, wire_name: str) -> float:
    """Median in milliseconds of requests with so many rows, one after the other."""
    wire = server.peer.wires[wire_name]
    bodies = different_bodies(wire, rows, count)
    load = run_load(server.url, bodies, wire.content_type, 1, bench.seconds, fewest=0)
    if load.requests < FEWEST:
        one = load.max / 1_000 or 2 * bench.seconds
        load = run_load(server.url, bodies, wire.content_type, 1, int(FEWEST * one) + 1)
    return load.p50
