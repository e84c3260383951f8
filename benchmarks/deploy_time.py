"""From Enter on ``%deploy model`` to the first proven answer, on the iris notebook, by phase.

Run with ``make bench``. Each run has a fresh kernel in which the notebook's cells ran and the
extension is loaded; what is timed is the cell ``%deploy model`` alone, as a front end sees it.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import nbformat
from jupyter_client.manager import KernelManager

from nb2service.launch import MIME

NOTEBOOK = Path(__file__).parents[1] / "example_notebooks" / "iris.ipynb"
RUNS = 10


def main() -> None:
    """Prints the median and range of the whole, and the median of each phase."""
    totals: list[float] = []
    phases: dict[str, list[float]] = {}
    for _ in range(RUNS):
        total, seconds = _deploy_once()
        totals.append(total)
        for phase, spent in seconds.items():
            phases.setdefault(phase, []).append(spent)
    print(f"%deploy model on iris, {RUNS} runs: median {statistics.median(totals):.2f} s", end=" ")
    print(f"({min(totals):.2f} to {max(totals):.2f})")
    known = 0.0
    for phase, times in phases.items():
        known += statistics.median(times)
        print(f"  {phase:<10} {statistics.median(times):.2f} s")
    print(f"  {'the rest':<10} {statistics.median(totals) - known:.2f} s (messages, card)")


def _deploy_once() -> tuple[float, dict[str, float]]:
    with tempfile.TemporaryDirectory() as folder:
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(cwd=folder)
        client = manager.client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=60)
            for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
                if cell.cell_type == "code":
                    client.execute_interactive(cell.source, timeout=120, output_hook=_drop)
            client.execute_interactive("%load_ext nb2service", timeout=60, output_hook=_drop)
            cards: list[dict[str, dict[str, float]]] = []

            def keep(message: dict[str, dict[str, dict[str, dict[str, dict[str, float]]]]]) -> None:
                if document := message["content"].get("data", {}).get(MIME):
                    cards.append(document)

            began = time.perf_counter()
            client.execute_interactive("%deploy model", timeout=120, output_hook=keep)
            return time.perf_counter() - began, cards[0]["seconds"]
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _drop(_: object) -> None:
    """Outputs of the notebook's own cells are not wanted."""


if __name__ == "__main__":
    main()
