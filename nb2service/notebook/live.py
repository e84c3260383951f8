"""The notebook as a live kernel knows it: what was executed, with which tags.

Code comes from the kernel's own history, so it is what ran and not what the file says. Tags come
from the execute requests (JupyterLab sends a cell's metadata with each), from the notebook file
where it is found, and from directive lines. It all works with neither file nor tags.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from ..errors import NotebookError
from .cells import Cell, Notebook, read_tags
from .files import FileCell, NotebookFile, read_notebook


@dataclass(frozen=True)
class _Request:
    """What an execute request said of its cell, and when (seconds since the epoch)."""

    id: str | None
    tags: tuple[str, ...]
    at: float


_requests: WeakKeyDictionary[Any, dict[int, _Request]] = WeakKeyDictionary()

# Cells of nothing but these are no part of the notebook's work; with them, deploying twice
# would change the hash of what was executed.
_OWN_LINE = re.compile(
    r"\s*(%+(re)?load_ext\s+nb2service|%+deploy|(import|from)\s+nb2service|nb2service\.)\b"
    r"|\s*#|\s*$"
)


def watch(shell: Any) -> None:
    """Remember the tags and cell id of each execute request from now on."""
    if shell in _requests:
        return
    requests = _requests[shell] = {}

    def remember(info: Any) -> None:
        if getattr(info, "store_history", True) is False:
            return
        metadata = _request_metadata(shell)
        # The cell's text is stored right after this hook, at the index that is its number.
        requests[len(_history(shell))] = _Request(
            metadata.get("cellId"), tuple(metadata.get("tags") or ()), time.time()
        )

    shell.events.register("pre_run_cell", remember)


def _request_metadata(shell: Any) -> dict[str, Any]:
    get_parent = getattr(shell, "get_parent", None)
    if get_parent is None:  # plain IPython has no requests
        return {}
    metadata = (get_parent() or {}).get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def read_live(shell: Any, path: Path | None = None) -> Notebook:
    """The notebook that this kernel executed.

    Args:
        shell: the kernel's ``InteractiveShell``.
        path: the notebook's file; found by itself where the front end tells it.

    Raises:
        NotebookError: the file given is no readable Python notebook.
        TagError: a cell carries a ``service-…`` tag that does not exist.
    """
    file_path = path or find_path(shell)
    file = _read_file(file_path, given=path is not None)
    requests = _requests.get(shell, {})
    by_id = {cell.id: cell for cell in file.cells if cell.id} if file else {}
    by_source = {cell.source.strip(): cell for cell in file.cells} if file else {}
    saved = file_path.stat().st_mtime if file and file_path else 0.0
    cells = []
    for number, source in enumerate(_history(shell)):
        if _is_own(source):
            continue
        request = requests.get(number)
        filed = by_id.get(request.id) if request and request.id else None
        filed = filed or by_source.get(source.strip())
        id, tags = _who_knows(request, filed, saved)
        cells.append(Cell(number, source, read_tags(tags, source, number), id))
    executed = {cell.source.strip() for cell in cells}
    return Notebook(
        cells=tuple(cells),
        path=_shown_path(file_path) if file and file_path else None,
        title=file.title if file else "",
        purpose=file.purpose if file else "",
        sha256=_hash(cell.source for cell in cells),
        unexecuted=tuple(
            source for source in by_source if source not in executed and not _is_own(source)
        ),
        changed=_changed(cells, requests, by_id, saved) if file else (),
        texts=file.texts if file else (),
    )


def _changed(
    cells: Iterable[Cell],
    requests: Mapping[int, _Request],
    by_id: Mapping[str, FileCell],
    saved: float,
) -> tuple[tuple[int, str], ...]:
    """Cells that were edited or deleted after they ran, as far as the file knows."""
    last_runs = {
        cell.id: cell
        for cell in cells
        if (request := requests.get(cell.number)) and request.id == cell.id and saved > request.at
    }
    now = {id: by_id[id].source if id in by_id else "" for id in last_runs if id}
    return tuple(
        (last_runs[id].number, source)
        for id, source in now.items()
        if source.strip() != last_runs[id].source.strip()
    )


def _who_knows(
    request: _Request | None, filed: FileCell | None, saved: float
) -> tuple[str | None, tuple[str, ...]]:
    """Id and tags of a cell: of its last request or of the file, whichever is younger."""
    if request is None or (not request.id and not request.tags):
        return (filed.id, filed.tags) if filed else (None, ())
    if filed and filed.id == request.id and saved > request.at:
        return request.id, filed.tags
    if filed and filed.id != request.id and not request.tags:
        # The front end sends ids of its own and perhaps no tags.
        return request.id, filed.tags
    return request.id, request.tags


def _history(shell: Any) -> list[str]:
    """What was executed, at the index of its execution count; [0] is empty."""
    manager = getattr(shell, "history_manager", None)
    if manager is not None:
        return list(manager.input_hist_raw)
    return list(shell.user_ns.get("In", [""]))


def _is_own(source: str) -> bool:
    return all(_OWN_LINE.match(line) for line in source.split("\n"))


def _hash(sources: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for source in sources:
        digest.update(source.strip().encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


# --- the file


def find_path(shell: Any) -> Path | None:
    """The notebook's file as the front end tells it, or None; never a file that is not there."""
    names = [
        shell.user_ns.get("__vsc_ipynb_file__"),
        shell.user_ns.get("__session__"),
        os.environ.get("JPY_SESSION_NAME"),
    ]
    # The name may be relative to the server's root, which only a folder above can be.
    start = Path(getattr(shell, "starting_dir", None) or Path.cwd())
    folders = dict.fromkeys([Path.cwd(), start, *Path.cwd().parents, *start.parents])
    for name in names:
        if not isinstance(name, str) or not name.endswith(".ipynb"):
            continue
        relative = Path(name.removeprefix("RTC:"))  # the drive of real-time collaboration
        places = [folder / relative for folder in folders]
        places += [folder / relative.name for folder in (Path.cwd(), start)]
        for place in places:
            if place.is_file():
                return place.resolve()
    return None


def _read_file(path: Path | None, given: bool) -> NotebookFile | None:
    if path is None:
        return None
    try:
        return read_notebook(path)
    except NotebookError:
        if given:
            raise
        return None


def _shown_path(path: Path) -> str:
    resolved, here = path.resolve(), Path.cwd().resolve()
    if resolved.is_relative_to(here):
        return resolved.relative_to(here).as_posix()
    return resolved.as_posix()


__all__ = ["find_path", "read_live", "watch"]
