"""How long it takes to find what an entry needs in a notebook of 300 cells.

    python benchmarks/closure_walk.py [CELLS]

Prints milliseconds for reading the statements and for walking from the entry, which reaches a
third of the cells (``needed``) or all of them (``everything``). The target for both is 500 ms.
"""

from __future__ import annotations

import sys
import time

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nb2service.capture.closure.walk import walk
from nb2service.capture.entries.find import EntryRequest
from nb2service.notebook.cells import Cell, Notebook
from nb2service.notebook.statements import parse_statements


def cells(count: int) -> list[str]:
    """Imports, helpers that call earlier ones, classes, and cells that nobody needs."""
    made = ["import math\nimport json as codec\nfrom functools import partial, wraps"]
    for n in range(1, count - 2):
        if n % 3 == 0:
            made.append(f"total_{n} = sum(range({n}))\nrows_{n} = [i for i in range(9)]")
        elif n % 3 == 1:
            made.append(
                f"K{n} = {n} * 2\n\n"
                f"def helper_{n}(x, by=K{n}):\n"
                f'    """Helper {n}."""\n'
                f"    scaled = [math.sqrt(abs(v)) * K{n} for v in (x, by)]\n"
                f"    return sum(scaled) + helper_{max(n - 3, 1)}(x) if x > {n} else codec.dumps(x)"
            )
        else:
            made.append(
                f"class Step{n}:\n    size = {n}\n\n    def run(self, x):\n"
                f"        return helper_{n - 1}(x) * self.size\n\n"
                f"step_{n} = Step{n}()\nquick_{n} = partial(helper_{n - 1}, by={n})"
            )
    last = max(n for n in range(1, count - 2) if n % 3 == 1)
    steps = ", ".join(f"step_{n}, quick_{n}" for n in range(1, count - 2) if n % 3 == 2)
    made.append(f"def needed(x):\n    return helper_{last}(x)")
    made.append(f"def everything(x):\n    return [{steps}], needed(x)")
    return made


def main(count: int) -> None:
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell(config=config)
    sources = cells(count)
    for source in sources:
        shell.run_cell(source, silent=True).raise_error()
    notebook = Notebook(tuple(Cell(n, source) for n, source in enumerate(sources, 1)))
    started = time.perf_counter()
    statements = parse_statements(notebook.cells, shell.transform_cell)
    parsed = time.perf_counter()
    print(f"{len(sources)} cells, {len(statements)} statements")
    print(f"reading the statements: {(parsed - started) * 1000:.0f} ms")
    for entry in ("needed", "everything"):
        request = EntryRequest(entry, entry, "", shell.user_ns[entry], entry, {}, "", None)
        started = time.perf_counter()
        closure = walk([request], shell.user_ns, notebook, statements, "made_service")
        spent = (time.perf_counter() - started) * 1000
        print(f"walk from {entry}: {spent:.0f} ms, {len(closure.parts)} parts")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
