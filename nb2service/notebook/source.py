"""The source notebook as it is kept in a project: what was written, without what it printed."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..errors import NotebookError
from .cells import Cell, Notebook, Tag, read_tags
from .files import read_notebook

_KEPT = ("cell_type", "id", "source")


def source_notebook(
    notebook: Notebook, file: Path | None, travelled: Collection[int | None] = ()
) -> bytes:
    """An ``.ipynb`` file of nbformat 4: outputs cleared, cells tagged service-skip left out.

    Args:
        notebook: what was executed; it stands in where there is no file.
        file: the notebook's file, if known.
        travelled: execution counts to keep, where a cell stands as it was run: those that a
            project speaks of.
    """
    content = _from_file(file) if file else None
    if content is None:
        content = _from_cells(notebook.cells)
    numbers = {cell.source: cell.number for cell in notebook.cells if cell.number in travelled}
    content["cells"] = [
        _cleared(cell, numbers) for cell in content["cells"] if not _is_skipped(cell)
    ]
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    return (text + "\n").encode("utf-8", "replace")


def _from_file(file: Path) -> dict[str, Any] | None:
    try:
        content = read_notebook(file).content
    except NotebookError:  # moved or broken since; what ran is known all the same
        return None
    # Who ran it last, with which window sizes, is nobody's business; the kernel's name is.
    kept = {key: content["metadata"][key] for key in ("kernelspec",) if key in content["metadata"]}
    return {**content, "metadata": kept}


def _from_cells(cells: tuple[Cell, ...]) -> dict[str, Any]:
    made = []
    for cell in cells:
        tags = sorted(tag.value for tag in cell.tags)
        made.append({"cell_type": "code", "source": cell.source, "metadata": {"tags": tags}})
    return {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def _cleared(cell: dict[str, Any], numbers: Mapping[str, int]) -> dict[str, Any]:
    tags = cell.get("metadata", {}).get("tags", [])
    kept: dict[str, Any] = {key: cell[key] for key in _KEPT if key in cell}
    if cell["cell_type"] == "code":
        number = numbers.get("".join(cell["source"]))
        kept |= {"outputs": [], "execution_count": number}
    elif "attachments" in cell:
        kept["attachments"] = cell["attachments"]
    return {**kept, "metadata": {"tags": tags} if tags else {}}


def _is_skipped(cell: dict[str, Any]) -> bool:
    tags = cell.get("metadata", {}).get("tags", [])
    known = {tag.value for tag in Tag}
    return Tag.SKIP in read_tags([tag for tag in tags if tag in known], cell["source"], None)
