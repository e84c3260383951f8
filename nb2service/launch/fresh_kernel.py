"""Runs a notebook in a fresh kernel, and asks that kernel for things."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError

from ..errors import NotebookError
from . import MIME

_WHO = "print(__import__('json').dumps(__import__('sys').executable))"


@dataclass(frozen=True)
class Failure:
    """The cell that raised: its execution count, source, exception name and text."""

    number: int
    source: str
    ename: str
    evalue: str


class _Client(NotebookClient):  # type: ignore[misc]
    """Hands each document of ours to ``heard`` as it arrives."""

    heard: Callable[[dict[str, Any]], None] | None = None

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:
        document = msg["content"].get("data", {}).get(MIME)
        if document is not None and self.heard is not None:
            self.heard(document)
            return None
        return super().output(outs, msg, display_id, cell_index)


class FreshKernel:
    """A kernel of its own for one notebook; made by ``fresh_kernel``."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self.python = ""

    def ask(self, code: str, heard: Callable[[dict[str, Any]], None]) -> str:
        """Runs code outside the notebook's history; returns what it printed.

        Args:
            code: statements that leave no name behind.
            heard: called with each document that the code displays under ``MIME``.

        Raises:
            CellExecutionError: the code raised.
            NotebookError: the kernel died.
        """
        cell = nbformat.v4.new_code_cell(code)
        cell.metadata["tags"] = []
        self._client.nb.cells.append(cell)
        self._client.heard = heard
        try:
            self._client.execute_cell(cell, len(self._client.nb.cells) - 1, store_history=False)
        except DeadKernelError:
            raise _dead("while the model was being captured") from None
        finally:
            self._client.nb.cells.pop()
            self._client.heard = None
        return "".join(out["text"] for out in cell.outputs if out.get("name") == "stdout")

    def run_cells(
        self, until: int | None, keep_going: bool, progress: Callable[[int, int], None]
    ) -> list[Failure]:
        """Runs the code cells in order.

        Args:
            until: the last execution count to run; None for all.
            keep_going: go on after a cell that raises.
            progress: called with (cells done, cells in all) after each.

        Returns:
            the cells that raised; without ``keep_going`` at most one, and nothing ran after it.

        Raises:
            NotebookError: the kernel died, naming the cell.
        """
        cells = [
            (index, cell)
            for index, cell in enumerate(self._client.nb.cells)
            if cell.cell_type == "code" and cell.source.strip()
        ][:until]
        failures: list[Failure] = []
        for done, (index, cell) in enumerate(cells, start=1):
            try:
                self._client.execute_cell(cell, index)
            except CellExecutionError as error:
                failures.append(Failure(done, cell.source, error.ename, error.evalue))
                if not keep_going:
                    break
            except DeadKernelError:
                raise _dead("while it ran this cell", done) from None
            progress(done, len(cells))
        return failures


@contextmanager
def fresh_kernel(
    node: nbformat.NotebookNode, folder: Path, kernel_name: str | None
) -> Iterator[FreshKernel]:
    """A fresh kernel in ``folder``, of the notebook's own kernelspec; gone at the end.

    Raises:
        NotebookError: no such kernelspec, or the kernel does not start.
    """
    name = kernel_name or node.metadata.get("kernelspec", {}).get("name", "python3")
    client = _Client(
        node, kernel_name=name, timeout=None, resources={"metadata": {"path": str(folder)}}
    )
    with tempfile.TemporaryDirectory() as sockets, ExitStack() as stack:
        if os.name == "posix":
            # Sockets in a folder of this user's own, which nobody else on the machine can read.
            manager = client.create_kernel_manager()
            manager.transport, manager.ip = "ipc", f"{sockets}/kernel"
        _start(client, name, stack)
        kernel = FreshKernel(client)
        kernel.python = json.loads(kernel.ask(_WHO, lambda _: None))
        try:
            yield kernel
        except KeyboardInterrupt:
            # It is in the midst of a cell and would answer a polite request with an error.
            client.shutdown_kernel = "immediate"
            raise


def _start(client: _Client, name: str, stack: ExitStack) -> None:
    try:
        stack.enter_context(client.setup_kernel())
    except NoSuchKernel:
        raise NotebookError(
            f"the notebook wants the kernel {name!r}, which this machine does not have",
            "`jupyter kernelspec list` shows those it has; choose one with --kernel NAME",
        ) from None
    except (RuntimeError, OSError) as error:
        raise NotebookError(
            f"the kernel {name!r} did not start: {error}",
            "its Python must have ipykernel; `jupyter kernelspec list` shows where it lives",
        ) from None


def _dead(when: str, cell: int | None = None) -> NotebookError:
    return NotebookError(
        f"the kernel died {when}",
        "it may have run out of memory; nothing was written",
        cell,
    )
