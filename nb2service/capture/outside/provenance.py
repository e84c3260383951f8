"""Where a capture comes from: notebook, commit, versions. Never a time of day."""

from __future__ import annotations

import platform
from collections.abc import Iterable
from pathlib import Path

from ...notebook.cells import Notebook
from ..model import Provenance
from ..pins import Pin


def find_provenance(notebook: Notebook, folder: Path, pins: Iterable[Pin]) -> Provenance:
    """Where the service comes from.

    Args:
        notebook: what was executed.
        folder: the notebook's working directory; its git commit is noted if it has one.
        pins: the requirements; of these, the versions that the notebook itself names.
    """
    return Provenance(
        notebook=notebook.path,
        title=notebook.title,
        purpose=notebook.purpose,
        sha256=notebook.sha256,
        git_commit=git_commit(folder.absolute()),
        python=platform.python_version(),
        versions=tuple((p.name, p.version) for p in pins if p.direct and not p.web),
    )


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out around ``folder``, read as git lays it down."""
    for place in (folder, *folder.parents):
        if (place / ".git").exists():
            return _head(place / ".git")
    return None


def _head(git: Path) -> str | None:
    if git.is_file():  # a worktree or submodule says where its own part is
        git = git.parent / git.read_text().partition("gitdir:")[2].strip()
    common = git / _read(git / "commondir") if (git / "commondir").exists() else git
    head = _read(git / "HEAD")
    if not head.startswith("ref:"):
        return head or None
    ref = head.partition(":")[2].strip()
    if (common / ref).is_file():
        return _read(common / ref)
    for line in _read(common / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref:
            return commit
    return None


def _read(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else ""
