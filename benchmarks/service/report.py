"""``RESULTS.md``: the measurements as tables, with the machine, the versions and the settings."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from .environments import MODEL_LIBRARIES
from .plots import draw, title
from .sections import CONNECTIONS, IN_PROCESS, KNOWN, MODELS
from .store import Store
from .targets import NAMES, Target, bulk_rate, curve, targets

WORDS = {
    "churn_lr": "imputer and scaler on 4 numbers, one-hot on 3 texts, logistic regression; a frame",
    "churn_rf": "the same before a forest of 100 trees; a frame",
    "iris_rf": "a forest of 100 trees on an array of 4 columns",
}
# The person who profiles writes, below the table, what limits a target that is not met.
LIMITS_FILE = "RESULTS-limits.md"
# A section of its own, by benchmarks/image_size.py.
IMAGE_FILE = "RESULTS-image.md"


def write_report(store: Store, folder: Path) -> Path:
    """Writes the page and its plots; the page's path."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = draw(store, folder)
    limits, image = folder / LIMITS_FILE, folder / IMAGE_FILE
    parts = [
        "# The generated service and its peers",
        _introduction(store),
        _targets(targets(store), limits.read_text() if limits.exists() else ""),
        _single(store, plots),
        _bulk(store),
        _footprint(store),
        image.read_text() if image.exists() else "",
        _scaling(store, plots),
        _settings(store),
        _failures(store),
    ]
    page = folder / "RESULTS.md"
    page.write_text("\n\n".join(part.strip() for part in parts if part) + "\n")
    return page


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; all columns but the first are aligned to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def figure(value: float | None, digits: int = 0) -> str:
    """A number, or a dash where nothing was measured."""
    return "–" if value is None else f"{value:,.{digits}f}"


def _introduction(store: Store) -> str:
    runs = sorted({record["run"] for record in store.records})
    libraries = ", ".join(f"{name} {version(name)}" for name in MODEL_LIBRARIES)
    during = f"one run, {runs[0]}" if len(runs) == 1 else f"{len(runs)} runs, {', '.join(runs)}"
    return f"""\
Made by `python -m benchmarks.service` ({during}); `benchmarks/README.md` says how.
{_machine()}; Python {platform.python_version()}; in all environments {libraries}.
Load by wrk on the same machine, over connections that stay open, 500 different rows in rotation.
Servers in turns, each started anew for each round, medians over the rounds.
Before it is timed, each server's answers to all 500 rows, asked by 16 callers at once, are
compared with the model's own. Read ratios rather than absolute times: the load's maker takes its
share of the cores."""


def _machine() -> str:
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in text.splitlines() if "model name" in line]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    processor = names[0] if names else platform.machine()
    return f"{os.cpu_count()} cores ({processor}), {memory:.0f} GiB, {sys.platform}"


def _targets(found: Sequence[Target], limits: str) -> str:
    if not found:
        return ""
    rows = [(item.text, item.measured, "yes" if item.met else "**no**") for item in found]
    return f"## Targets\n\n{table(('target', 'measured', 'met'), rows)}\n\n{limits}"


def _single(store: Store, plots: Sequence[str]) -> str:
    parts = []
    for model in MODELS:
        if not store.find("single", model=model):
            continue
        rows = []
        for name in (IN_PROCESS, *KNOWN):
            if not store.find("single", server=name, model=model):
                continue
            cells = []
            for connections in CONNECTIONS:
                key = {"server": name, "model": model, "connections": connections}
                rate, p50, p99 = (
                    store.median(field, "single", **key) for field in ("per_second", "p50", "p99")
                )
                cells += [figure(rate), f"{figure(p50, 2)} / {figure(p99, 2)}"]
            rows.append((title(name), _workers(store, name, model), *cells))
        heads = [head for c in CONNECTIONS for head in (f"{c} conn.: req/s", "p50 / p99 ms")]
        parts.append(
            f"### `{model}`: {WORDS[model]}\n\n{table(('server', 'workers', *heads), rows)}"
        )
    if not parts:
        return ""
    plot = "![single rows](service-single.svg)\n\n" if "service-single.svg" in plots else ""
    return f"## Single rows\n\n{plot}" + "\n\n".join(parts)


def _workers(store: Store, server: str, model: str) -> str:
    name = "ours" if server.startswith("ours") else server
    found = store.find("workers", server=name, model=model)
    return str(found[-1]["workers"]) if found else "–"


def _bulk(store: Store) -> str:
    models = [model for model in MODELS if store.find("bulk", model=model)]
    if not models:
        return ""
    rows = []
    limits = {model: bulk_rate(store, IN_PROCESS, model) for model in models}
    for name in (IN_PROCESS, *KNOWN):
        for wire in store.values("wire", "bulk", server=name):
            if name == "ours-arrow" and wire != "arrow":
                continue
            cells = []
            for model in models:
                key = {"server": name, "model": model, "wire": wire}
                rate, limit = store.median("rows_per_second", "bulk", **key), limits[model]
                cells += [figure(rate), f"{rate / limit:.0%}" if rate and limit else "–"]
            shown = "Arrow" if wire == "arrow" else wire.upper()
            rows.append((f"{title(name)} {shown}".strip(), *cells))
    heads = [head for model in models for head in (f"{model}: rows/s", "of in-process")]
    return f"## 5,000 rows in one request\n\nOne connection.\n\n{table(('server', *heads), rows)}"


def _footprint(store: Store) -> str:
    names = [name for name in ("ours", *NAMES) if store.find("footprint", server=name)]
    if not names:
        return ""
    rows = []
    for name in names:
        start, memory = (
            store.median(field, "footprint", server=name) for field in ("start", "memory")
        )
        size, count = (
            store.median(field, "size", server=name) for field in ("installed", "distributions")
        )
        model = store.values("model", "footprint", server=name)[0]
        rows.append(
            (
                *(title(name), _workers(store, name, model), figure(start, 2)),
                *(figure(memory and memory / 1e6), figure(size and size / 1e6, 1), figure(count)),
            )
        )
    head = ("server", "workers", "start to first answer, s", "memory per worker, MB")
    return f"""\
## Start, memory, installed size

Memory is the proportional set size of all the server's processes, divided by its workers, after 500
answers. Size and number of distributions are those over the model's own libraries, bytecode left
out.

{table((*head, "installed, MB", "distributions"), rows)}"""


def _scaling(store: Store, plots: Sequence[str]) -> str:
    if "service-scaling.svg" not in plots:
        return ""
    parts = ["## How cost grows with the work", "![scaling](service-scaling.svg)"]
    rows = [
        ("rows a request (JSON)", "rows", {"server": "ours", "wire": "json"}),
        ("columns (one row)", "columns", {"server": "ours", "rows": 1}),
        ("size of the model, MB (2 workers)", "megabytes", {"server": "ours"}),
        ("connections", "connections", {"server": "ours"}),
    ]
    for name, section, key in rows:
        times, memory = (curve(store, section, field, **key) for field in ("p50", "memory"))
        if times:
            lines = (
                ("ms a request, median", *(figure(y, 2) for _, y in times)),
                ("memory of all processes, MB", *(figure(y / 1e6) for _, y in memory)),
            )
            parts.append(table((name, *(f"{x:,}" for x, _ in times)), lines))
    return "\n\n".join(parts)


def _settings(store: Store) -> str:
    measured = {record["server"] for record in store.records}
    versions = {record["server"]: record["versions"] for record in store.find("size")}
    rows = []
    for name, peer in KNOWN.items():
        if name in measured:
            packages = [item.split("[")[0].split("<")[0] for item in peer.requirements]
            shown = [f"{p} {versions[name][p]}" for p in packages if p in versions.get(name, {})]
            which = f" ({', '.join(shown)})" if shown else ""
            rows.append(f"- **{peer.title}**{which}: {peer.settings}.")
    return (
        "## Settings\n\nOf one or two workers, whichever answered more single rows over 64 "
        "connections. One BLAS and OpenMP thread a process. Where uvicorn has two workers, a lone "
        "connection may wait some 45 ms for each answer: the answer goes out in two packets, and "
        "Nagle's algorithm holds the second one back until the first is acknowledged.\n\n"
        + "\n".join(rows)
        if rows
        else ""
    )


def _failures(store: Store) -> str:
    lines = [
        f"- {title(record['server'])}, {record['model']}, {record['of']}: "
        f"{record['why'].splitlines()[0][:200]}"
        for record in store.find("failed")
    ]
    wrong = {
        (record["server"], record["model"], record["section"])
        for record in store.records
        if record.get("errors")
    }
    lines += [
        f"- {title(server)}, {model}, {section}: some answers had another status, or none came"
        for server, model, section in sorted(wrong)
    ]
    return "## What failed\n\n" + "\n".join(lines) if lines else ""
