"""Writes a project to a folder: all of it or nothing, and never over what a person edited."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..errors import OutputError
from .changes import Changes, compare
from .model import PROOF, README, STATE, Project
from .outcomes import CONFLICT, KEPT, MERGED, REMOVED, Outcome


@dataclass(frozen=True)
class Written:
    """What was done to the folder.

    Attributes:
        folder: the project's absolute folder.
        outcomes: what became of each file that changed or that a person had changed.
        last: hashes of the files as they were generated the time before.
        generated: hashes of the files as they were generated now.
    """

    folder: Path
    outcomes: tuple[Outcome, ...]
    last: Mapping[str, str] = field(default_factory=dict, repr=False)
    generated: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def edited(self) -> tuple[Outcome, ...]:
        """Files that are not as they were generated, and what became of them."""
        return tuple(outcome for outcome in self.outcomes if outcome.by_person)

    def then(self, again: Written) -> Written:
        """What was done by this write and another after it."""
        first = {item.path: item for item in self.outcomes}
        found = {path: item for path, item in first.items() if item.what != CONFLICT}
        for item in again.outcomes:
            before = first.get(item.path)
            if item.what == REMOVED and item.path not in self.last:
                continue  # it was there between the two writes only
            if before and self.last.get(item.path, "") == again.generated.get(item.path):
                # Generated in the end as it was before: nothing is new, but for the edits.
                found.pop(item.path, None)
                if item.by_person:
                    found[item.path] = replace(item, what=KEPT) if item.what == MERGED else item
            elif item.what != KEPT or before is None or before.what != MERGED:
                found[item.path] = item
        outcomes = tuple(found[path] for path in sorted(found))
        return Written(self.folder, outcomes, self.last, again.generated)


@contextmanager
def written(project: Project, folder: Path) -> Iterator[Written]:
    """The project, written to ``folder`` for as long as the ``with`` body does not fail.

    If the body raises, the folder is as it was before, README and proof included. Files whose
    bytes would not change are not touched. When anything changed, a proof made for the former
    files is taken away.

    Raises:
        OutputError: the folder holds something else, or cannot be written; nothing was changed.
    """
    folder = folder.expanduser().resolve()
    with ExitStack() as staging, ExitStack() as undo:
        with _explained(folder):
            changes = compare(project, folder)
            if folder.exists():
                _replace_in_place(changes, folder, staging, undo)
            else:
                _place_new(changes, folder, undo)
        yield Written(folder, changes.outcomes, changes.last, changes.generated)
        undo.pop_all()


def replace_file(path: Path, data: bytes) -> None:
    """Gives a file other content in one step; its mode stays."""
    beside = path.with_name(f".{path.name}.writing")
    beside.write_bytes(data)
    if path.exists():
        shutil.copymode(path, beside)
    beside.replace(path)


def _place_new(changes: Changes, folder: Path, undo: ExitStack) -> None:
    for parent in _missing(folder.parent):
        parent.mkdir()
        undo.callback(_remove_if_empty, parent)
    stage = _stage(changes, folder.parent, f".{folder.name}.", undo)
    (stage / "new").replace(folder)
    stage.rmdir()
    undo.callback(shutil.rmtree, folder)


def _replace_in_place(changes: Changes, folder: Path, staging: ExitStack, undo: ExitStack) -> None:
    if not any(folder.iterdir()):
        undo.callback(_clear, folder)
    # Staged within the folder: it may be a mount of its own, and its parent not writable.
    (folder / STATE).mkdir(exist_ok=True)
    stage = _stage(changes, folder / STATE, "staging.", staging)
    for path in (README, PROOF):  # a proof in the body may write these
        if (folder / path).is_symlink():
            continue  # never written
        if (folder / path).exists():
            shutil.copy2(folder / path, stage / path)
            undo.callback((stage / path).replace, folder / path)
        else:
            undo.callback((folder / path).unlink, missing_ok=True)
    for path in changes.write:
        for parent in _missing((folder / path).parent):
            parent.mkdir()
            undo.callback(shutil.rmtree, parent, ignore_errors=True)
        undo.callback(_forget_bytecode, folder / path)  # after the old file is back
        _set_aside(folder / path, stage / "old" / path, undo, copy=True)
        if (folder / path).exists():
            shutil.copymode(folder / path, stage / "new" / path)
        (stage / "new" / path).replace(folder / path)
        _forget_bytecode(folder / path)
    for path in changes.remove:
        _set_aside(folder / path, stage / "old" / path, undo, copy=False)
        _remove_empty_folders((folder / path).parent, folder, undo)


def _stage(changes: Changes, where: Path, prefix: str, cleanup: ExitStack) -> Path:
    """A temporary folder that holds all the new files under ``new``."""
    stage = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
    cleanup.callback(shutil.rmtree, stage, ignore_errors=True)
    for path, data in changes.write.items():
        target = stage / "new" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return stage


def _set_aside(target: Path, backup: Path, undo: ExitStack, *, copy: bool) -> None:
    if not target.exists():
        undo.callback(target.unlink, missing_ok=True)
        return
    backup.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        shutil.copy2(target, backup)  # the file itself stays until it is replaced in one step
    else:
        target.replace(backup)
    undo.callback(backup.replace, target)


def _forget_bytecode(path: Path) -> None:
    """Python tells stale bytecode by size and whole second only; a quick edit changes neither."""
    if path.suffix == ".py":
        for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            compiled.unlink(missing_ok=True)


def _missing(folder: Path) -> list[Path]:
    """The folders to make, outermost first, so that ``folder`` exists."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    return missing[::-1]


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _remove_empty_folders(folder: Path, top: Path, undo: ExitStack) -> None:
    while folder != top and not any(folder.iterdir()):
        folder.rmdir()
        undo.callback(folder.mkdir)
        folder = folder.parent


def _clear(folder: Path) -> None:
    for item in folder.iterdir():
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Troubles of the file system as errors that a person can mend."""
    try:
        yield
    except OSError as error:
        hint = (
            "free some space"
            if error.errno in (errno.ENOSPC, errno.EDQUOT)
            else "choose another folder with --output"
        )
        raise OutputError(f"cannot write {folder}: {error.strerror or error}", hint) from error
