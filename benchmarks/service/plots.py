"""The plots of the results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .sections import CONNECTIONS, IN_PROCESS, KNOWN, MODELS
from .store import Store
from .targets import curve

OURS, PEER, LIMIT = "#1f6feb", "#9aa4af", "#d29922"
# The same measurements give the same bytes.
mpl.rcParams.update({"svg.hashsalt": "nb2service", "svg.fonttype": "none", "font.size": 9})


def draw(store: Store, folder: Path) -> list[str]:
    """Draws what the measurements are there for; names of the files."""
    drawn = []
    if store.find("single"):
        drawn.append(_save(single_rows(store), folder, "single"))
    if store.find("rows") or store.find("connections"):
        drawn.append(_save(growth(store), folder, "scaling"))
    return drawn


def single_rows(store: Store) -> Figure:
    """Requests per second, a row of bars a number of connections, a column a model."""
    models = [model for model in MODELS if store.find("single", model=model)]
    figure = Figure(figsize=(4.2 * len(models), 7.5), layout="constrained")
    axes = figure.subplots(len(CONNECTIONS), len(models), squeeze=False)
    for row, connections in zip(axes, CONNECTIONS, strict=True):
        for axis, model in zip(row, models, strict=True):
            key = {"section": "single", "model": model, "connections": connections}
            rates = {
                name: rate
                for name in (*KNOWN, IN_PROCESS)
                if (rate := store.median("per_second", server=name, **key))
            }
            names = sorted(rates, key=lambda name: rates[name])
            bars = axis.barh(
                [title(name).replace("`", "") for name in names],
                [rates[name] for name in names],
                color=[_colour(name) for name in names],
            )
            axis.bar_label(bars, labels=[f"{rates[name]:,.0f}" for name in names], padding=2)
            axis.set_xscale("log")
            axis.margins(x=0.4)
            axis.set_title(f"{model}, {connections} connection{'s' * (connections > 1)}")
    for axis in axes[-1]:
        axis.set_xlabel("requests per second, one row each")
    return figure


def title(server: str) -> str:
    """How a server is called in the results."""
    return KNOWN[server].title if server in KNOWN else "`predict` in process"


def _colour(server: str) -> str:
    if server.startswith("ours"):
        return OURS
    return LIMIT if server in (IN_PROCESS, "echo") else PEER


@dataclass(frozen=True)
class Line:
    """One curve: which measurements it shows, and how."""

    label: str
    of: dict[str, object]
    colour: str
    style: str
    field: str = "p50"


def growth(store: Store) -> Figure:
    """How the time of a request grows with rows, columns, size of the model and connections."""
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    (rows, columns), (megabytes, connections) = figure.subplots(2, 2)
    ours, limit = {"server": "ours"}, {"server": IN_PROCESS}
    predict = Line("predict in process", limit, LIMIT, "--")
    curves = [
        predict,
        Line("JSON", {**ours, "wire": "json"}, OURS, "-"),
        Line("CSV", {**ours, "wire": "csv"}, OURS, ":"),
        Line("Arrow", {"server": "ours-arrow", "wire": "arrow"}, OURS, "-."),
    ]
    _lines(store, rows, "rows", "rows in a request", curves)
    curves = [
        Line("predict, 1 row", {**limit, "rows": 1}, LIMIT, "-"),
        Line("JSON, 1 row", {**ours, "rows": 1}, OURS, "-"),
        Line("predict, 1,000 rows", {**limit, "rows": 1_000}, LIMIT, "--"),
        Line("JSON, 1,000 rows", {**ours, "rows": 1_000}, OURS, "--"),
    ]
    _lines(store, columns, "columns", "columns", curves)
    curves = [predict, Line("one row by JSON", ours, OURS, "-")]
    _lines(store, megabytes, "megabytes", "size of the model in MB", curves)
    curves = [
        Line("median", ours, OURS, "-"),
        Line("99th percentile", ours, OURS, ":", "p99"),
    ]
    _lines(store, connections, "connections", "connections", curves)
    return figure


def _lines(store: Store, axis: Axes, section: str, label: str, lines: Sequence[Line]) -> None:
    for line in lines:
        if points := curve(store, section, line.field, **line.of):
            axis.plot(
                *zip(*points, strict=True),
                **{"label": line.label, "color": line.colour, "linestyle": line.style},
                marker=".",
            )
    axis.set(xlabel=label, ylabel="ms a request")
    if axis.lines:  # an empty axis has no logarithms
        axis.set(xscale="log", yscale="log")
        axis.grid(True, alpha=0.3)
        axis.legend()


def _save(figure: Figure, folder: Path, name: str) -> str:
    file = f"service-{name}.svg"
    figure.savefig(folder / file, metadata={"Date": None, "Creator": None})
    return file
