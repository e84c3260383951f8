"""A notebook's file, run in a fresh kernel and deployed there by the same code as ``%deploy``."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError

from .errors import Nb2ServiceError, NotebookError
from .launch.fresh_kernel import Failure, FreshKernel, fresh_kernel
from .notebook.files import insert_parameters, read_notebook
from .options import Options, split_line

_TOLD = 5  # no more of the cells that raised are told
_WIDTH = 200  # characters of what an exception says
_WATCH = "__import__('nb2service.notebook.live', fromlist=['live']).watch(get_ipython())"
_CALL = "__import__('nb2service.kernel_side', fromlist=['kernel_side']).{call}"


@dataclass(frozen=True)
class Run:
    """How to run the notebook.

    Attributes:
        parameters: values for the cell tagged ``parameters``, as papermill injects them.
        until: the last cell to run, by execution count; None for all.
        keep_going: go on after a cell that raises, and capture what was reached.
        kernel: kernelspec; None means the notebook's own.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    until: int | None = None
    keep_going: bool = False
    kernel: str | None = None


@dataclass(frozen=True)
class Progress:
    """What a door shows meanwhile."""

    cell: Callable[[int, int], None] = lambda done, of: None
    phase: Callable[[str], None] = lambda name: None


_DEFAULT_RUN = Run()
_SILENT = Progress()


@dataclass(frozen=True)
class Built:
    """What a build came to.

    Attributes:
        document: the plan or deployment as JSON (``card.to_json``).
        text: the card's plain-text form.
        failures: cells that raised and were passed over.
    """

    document: dict[str, Any]
    text: str
    failures: tuple[Failure, ...] = ()


def build(
    path: Path,
    options: Options,
    run: Run = _DEFAULT_RUN,
    progress: Progress = _SILENT,
    folder: Path | None = None,
) -> Built:
    """Runs the notebook and deploys, or plans, in its kernel.

    Args:
        path: the notebook's file.
        options: what to build.
        run: how to run the notebook.
        progress: told of each cell and phase.
        folder: working directory of the kernel; None means the notebook's.

    Raises:
        NotebookError: a cell raises, the kernel dies, or its environment lacks nb2service.
        Nb2ServiceError: whatever the capture, the launch or the proof refuses.
    """
    file = read_notebook(path)
    node = insert_parameters(file.node, run.parameters)
    folder = (folder or path.parent).absolute()
    with tempfile.TemporaryDirectory() as scratch, fresh_kernel(node, folder, run.kernel) as kernel:
        _check_installed(kernel)
        executed = Path(scratch) / path.name
        nbformat.write(node, executed)
        failures = kernel.run_cells(run.until, run.keep_going, progress.cell)
        if failures and not run.keep_going:
            raise _failed(failures[0], kernel)
        asked = replace(
            options, notebook=path.name, cells_from=str(executed), output=_absolute(options.output)
        )
        try:
            return replace(_deploy(kernel, asked, progress), failures=tuple(failures))
        except Nb2ServiceError as error:
            raise _after(failures, error) from None


def _absolute(output: str | None) -> str | None:
    """A folder as whoever asks means it: the kernel works in the notebook's folder."""
    return str(Path(output).expanduser().absolute()) if output else None


def _deploy(kernel: FreshKernel, options: Options, progress: Progress) -> Built:
    received: dict[str, Any] = {}

    def hear(document: dict[str, Any]) -> None:
        received.update(document)
        if "phase" in document:
            progress.phase(document["phase"])

    _ask(kernel, f"answer({options.to_json()!r})", hear)
    if "error" in received:
        error = received["error"]
        kind = {cls.__name__: cls for cls in _all_errors(Nb2ServiceError)}[error["kind"]]
        raise kind(error["message"], _as_options(error["hint"]), error["cell"])
    return Built(received["done"], received["text"])


def _as_options(hint: str) -> str:
    """Commands for a notebook as a shell takes them: quoted, what to serve after ``--entry``."""

    def options(found: re.Match[str]) -> str:
        words = split_line(found[2])
        count = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
        entries = [word for entry in words[:count] for word in ("--entry", entry)]
        return f"{found[1]}{shlex.join([*entries, *words[count:]])}{found[3]}"

    return re.sub(r"^( +)%deploy (.+?)(  #|$)", options, hint, flags=re.MULTILINE)


def _after(failures: Sequence[Failure], error: Nb2ServiceError) -> Nb2ServiceError:
    """The error with the cells that raised before it, which may be why."""
    if not failures:
        return error
    told = [f"cell [{f.number}] {f.ename}: {_first_line(f.evalue)}" for f in failures[:_TOLD]]
    if len(failures) > _TOLD:
        told.append(f"… and {len(failures) - _TOLD} more")
    raised = "cells that raised and were passed over:" + "".join(f"\n    {line}" for line in told)
    hint = f"{error.hint}\n  {raised}" if error.hint else raised
    return type(error)(error.message, hint, error.cell)


def _first_line(text: str) -> str:
    lines = text.strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= _WIDTH else lines[0][:_WIDTH] + "…"


def _check_installed(kernel: FreshKernel) -> None:
    """Before the cells run, which may take long; and from then on each is watched."""
    try:
        kernel.ask(_WATCH, lambda _: None)
    except CellExecutionError:
        raise NotebookError(
            f"the notebook's kernel ({kernel.python}) does not have nb2service",
            f"install it there: {_install_command(kernel)}",
        ) from None


def _install_command(kernel: FreshKernel) -> str:
    """For a shell; environments that uv made have no pip."""
    python = shlex.quote(kernel.python)
    has_pip = "print(__import__('importlib.util').util.find_spec('pip') is not None)"
    if kernel.ask(has_pip, lambda _: None).strip() == "True":
        return f"{python} -m pip install nb2service"
    return f"uv pip install --python {python} nb2service"


def _failed(failure: Failure, kernel: FreshKernel) -> NotebookError:
    received: dict[str, Any] = {}
    _ask(kernel, "offer()", received.update)
    hint = "mend the cell; nothing was written"
    if held := received["candidates"]:
        before = f"--until {failure.number - 1} or " if failure.number > 1 else ""
        hint = (
            f"{' and '.join(held)} {'are' if len(held) > 1 else 'is'} there already: add {before}"
            f"--keep-going to capture what was reached"
        )
    line = failure.source.strip().splitlines()[0]
    return NotebookError(
        f"`{line}` … raised {failure.ename}: {failure.evalue}", hint, failure.number
    )


def _ask(kernel: FreshKernel, call: str, hear: Callable[[dict[str, Any]], None]) -> None:
    kernel.ask(_CALL.format(call=call), hear)


def _all_errors(kind: type[Nb2ServiceError]) -> list[type[Nb2ServiceError]]:
    return [kind, *(sub for child in kind.__subclasses__() for sub in _all_errors(child))]
