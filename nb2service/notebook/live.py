"""The notebook as a live kernel knows it: what was executed, with which tags.

Code comes from the kernel's own history, so it is what ran and not what the file says. Tags come
from the execute requests (JupyterLab sends a cell's metadata with each), from the notebook file
where it is found, and from directive lines. It all works with neither file nor tags.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import NotebookError
from .cells import Cell, Notebook, Tag, read_tags
from .files import FileCell, NotebookFile, read_notebook
from .requests import Request, Watched, history, running_line, watch, watched
from .standing import Run, standing_cells

# Cells of nothing but these are no part of the notebook's work; with them, deploying twice
# would change the hash of what was executed.
_OWN_LINE = re.compile(
    r"\s*(%+(re)?load_ext\s+nb2service|%+deploy|(import|from)\s+nb2service|nb2service\.)\b"
    r"|\s*#|\s*$"
)


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
    seen = watched(shell)
    by_id = {cell.id: cell for cell in file.cells if cell.id} if file else {}
    by_source = {cell.source.strip(): cell for cell in file.cells} if file else {}
    saved = file_path.stat().st_mtime if file and file_path else 0.0
    sources = history(shell)
    cells = []
    for number, source in enumerate(sources):
        if _is_own(source):
            continue
        request = seen.requests.get(number)
        filed = by_id.get(request.id) if request and request.id else None
        filed = filed or by_source.get(source.strip())
        id, tags = _who_knows(request, filed, saved)
        reached = request.reached if request else None
        if number == len(sources) - 1 and reached is None:
            reached = running_line(sys._getframe(), shell, source)
        cells.append(Cell(number, source, read_tags(tags, source, number), id, reached))
    executed = {cell.source.strip() for cell in cells}
    standing = _Standing(seen, sources, saved, file.cells if file else None)
    return Notebook(
        cells=tuple(cells),
        path=_shown_path(file_path) if file and file_path else None,
        title=file.title if file else "",
        purpose=file.purpose if file else "",
        sha256=_hash(cell.source for cell in cells),
        unexecuted=tuple(
            source for source in by_source if source not in executed and not _is_own(source)
        ),
        waiting=tuple(_waiting(file.cells, executed, seen)) if file else (),
        texts=file.texts if file else (),
        **standing.facts(),
    )


def _waiting(
    file: Iterable[FileCell], executed: set[str], seen: Watched
) -> Iterator[tuple[frozenset[Tag], str]]:
    """Cells of the file with service tags, of which nothing ever ran."""
    ids = {request.id for request in seen.requests.values()}
    for cell in file:
        tags = read_tags(cell.tags, cell.source, None) - {Tag.SKIP}
        if tags and cell.source.strip() not in executed and (not cell.id or cell.id not in ids):
            yield tags, cell.source


class _Standing:
    """What the notebook has now, by the file, its time, and what the front end said."""

    def __init__(
        self, seen: Watched, sources: list[str], saved: float, file: Sequence[FileCell] | None
    ) -> None:
        self.seen, self.sources, self.saved, self.file = seen, sources, saved, file
        self.doubtful = False

    def facts(self) -> dict[str, Any]:
        runs = [
            Run(number, source, request.id if request else None)
            for number, source in enumerate(self.sources)
            if source.strip()
            for request in [self.seen.requests.get(number)]
        ]
        deleted = {id: at > self.saved for id, at in self.seen.deleted.items()}
        cells, ordered = standing_cells(runs, self.file, self.is_saved_since, deleted)
        return {
            "standing": tuple(cell for cell in cells if not _is_own(cell.source)),
            "ordered": ordered,
            "doubtful": self.doubtful,
        }

    def is_saved_since(self, run: Run) -> bool:
        request = self.seen.requests.get(run.number)
        if self.saved > (request.at if request else self.seen.since):
            return True
        if request:
            return False
        # It ran before anyone looked at the time. That the cell which deploys is in the file tells
        # that the file was saved of late.
        saved = self.is_current_filed and self.saved > _process_started()
        self.doubtful = self.doubtful or saved
        return saved

    @cached_property
    def is_current_filed(self) -> bool:
        current = self.sources[-1].strip()
        return any(cell.source.strip() == current for cell in self.file or ())


def _process_started() -> float:
    import psutil

    return float(psutil.Process().create_time())


def _who_knows(
    request: Request | None, filed: FileCell | None, saved: float
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
