"""Writes a project to a folder: all of it or nothing, and never over what a person edited.

``.nb2service/generated.json`` remembers the hash of each file as it was last generated. A file
whose hash differs was edited; it stays, and the new version is put beside it as ``<file>.new``.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

from ..errors import OutputError
from .model import BASE, GENERATED, PROOF, README, STATE, Project
from .readme import NOT_PROVEN, with_proof


@dataclass(frozen=True)
class Written:
    """What was done to the folder; posix paths relative to it.

    Attributes:
        folder: the project's absolute folder.
        changed: files that were written, those of ``.nb2service/`` left out.
        removed: files of the last generation that the project no longer has.
        kept: files that a person edited and that would have changed; the new version is beside
            each, as ``<file>.new``. Edited files that are no longer generated are here too.
        edited: files that a person edited and that would not have changed; they stay.
    """

    folder: Path
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    edited: tuple[str, ...]


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
            changes = _plan(project, folder)
            if folder.exists():
                _replace_in_place(changes, folder, staging, undo)
            else:
                _place_new(changes, folder, undo)
        yield Written(folder, changes.visible(), changes.removed, changes.kept, changes.edited)
        undo.pop_all()


@dataclass(frozen=True)
class _Changes:
    write: dict[str, bytes]
    remove: tuple[str, ...]
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    edited: tuple[str, ...]

    def visible(self) -> tuple[str, ...]:
        return tuple(path for path in self.write if not path.startswith(STATE + "/"))


def _plan(project: Project, folder: Path) -> _Changes:
    """What must be done to the folder; reads, and changes nothing."""
    last = _last_generated(folder)
    write: dict[str, bytes] = {}
    kept: list[str] = []
    merged: list[str] = []
    edited: list[str] = []
    generated = {p: data for p, data in project.files.items() if not p.startswith(STATE + "/")}
    for path, data in generated.items():
        current, wanted = _read(folder, path), _fingerprint(path, data)
        found = _fingerprint(path, current) if current is not None else None
        if found is None or (found != wanted and last.get(path) == found):
            write[path] = data
        elif found != wanted and last.get(path) != wanted:
            kept.append(path)
            write[path + ".new"] = data
        elif found != wanted:
            edited.append(path)
        elif _read(folder, path + ".new") == data:
            merged.append(path + ".new")
    stale = [path for path in last if path not in generated]
    present = {path: current for path in stale if (current := _read(folder, path)) is not None}
    removed = [p for p, current in present.items() if _fingerprint(p, current) == last[p]]
    kept += [path for path in present if path not in removed]
    remove = [*removed, *merged, *_stale_state(project, folder)]
    state = _state(project)
    write |= {path: data for path, data in state.items() if _read(folder, path) != data}
    if (write or remove) and last:
        write = _without_proof(folder, write)
        remove += [PROOF] if _read(folder, PROOF) is not None else []
    return _Changes(write, tuple(remove), tuple(removed), tuple(sorted(kept)), tuple(edited))


def _last_generated(folder: Path) -> dict[str, str]:
    """Path → hash as last generated; empty for a folder that is new or empty."""
    if (folder / GENERATED).is_file():
        return _load_record(folder / GENERATED)
    if folder.is_dir() and not any(folder.iterdir()):
        return {}
    if folder.exists() or folder.is_symlink():
        what = "is not empty" if folder.is_dir() else "is a file"
        raise OutputError(
            f"{folder} {what} and was not made by nb2service",
            "choose another folder with --output, or move it away",
        )
    return {}


def _load_record(record: Path) -> dict[str, str]:
    try:
        hashes = json.loads(record.read_text("utf-8"))
    except ValueError:
        hashes = None
    # The record may have come with a folder from elsewhere; it must not reach out of that folder.
    if not isinstance(hashes, dict) or any(
        PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts for path in hashes
    ):
        raise OutputError(
            f"{record} is not readable, so edited files cannot be told from generated ones",
            "restore it, or write to another folder with --output",
        )
    return hashes


def _read(folder: Path, path: str) -> bytes | None:
    """The file's bytes, or None if there is none.

    Raises:
        OutputError: a folder stands where the file belongs, or a file where its folder does.
    """
    target = folder / path
    for parent in PurePosixPath(path).parents:
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise OutputError(f"the file {folder / parent} is in the way", "move it away")
    if target.is_dir():
        raise OutputError(f"the folder {target} is in the way of a file", "move it away")
    return target.read_bytes() if target.exists() else None


def _fingerprint(path: str, data: bytes) -> str:
    """The hash that tells an edit; the README's proof section may change without being one."""
    if path == README:
        data = with_proof(data.decode("utf-8", "replace"), NOT_PROVEN).encode()
    return sha256(data).hexdigest()


def _state(project: Project) -> dict[str, bytes]:
    """The files of ``.nb2service/``: hashes, copies of the text files, the source notebook."""
    files = {path: data for path, data in project.files.items() if path.startswith(STATE + "/")}
    generated = {path: data for path, data in project.files.items() if path not in files}
    hashes = {path: _fingerprint(path, data) for path, data in sorted(generated.items())}
    copies = {f"{BASE}/{path}": data for path, data in generated.items() if project.is_text(path)}
    record = (json.dumps(hashes, indent=2) + "\n").encode()
    return {**files, **copies, GENERATED: record}


def _stale_state(project: Project, folder: Path) -> list[str]:
    present = (path for path in (folder / STATE).rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in present}
    return sorted(names - set(_state(project)))


def _without_proof(folder: Path, write: dict[str, bytes]) -> dict[str, bytes]:
    """The writes, and the README on disk without its proof, which no longer holds."""
    current = _read(folder, README)
    if current is None or README in write:
        return write
    bare = with_proof(current.decode("utf-8", "replace"), NOT_PROVEN).encode()
    return write if bare == current else {**write, README: bare}


def _place_new(changes: _Changes, folder: Path, undo: ExitStack) -> None:
    for parent in _missing(folder.parent):
        parent.mkdir()
        undo.callback(_remove_if_empty, parent)
    stage = _stage(changes, folder.parent, f".{folder.name}.", undo)
    (stage / "new").replace(folder)
    stage.rmdir()
    undo.callback(shutil.rmtree, folder)


def _replace_in_place(changes: _Changes, folder: Path, staging: ExitStack, undo: ExitStack) -> None:
    if not any(folder.iterdir()):
        undo.callback(_clear, folder)
    # Staged within the folder: it may be a mount of its own, and its parent not writable.
    (folder / STATE).mkdir(exist_ok=True)
    stage = _stage(changes, folder / STATE, "staging.", staging)
    for path in (README, PROOF):  # a proof in the body may write these
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
        (stage / "new" / path).replace(folder / path)
        _forget_bytecode(folder / path)
    for path in changes.remove:
        _set_aside(folder / path, stage / "old" / path, undo, copy=False)
        _remove_empty_folders((folder / path).parent, folder, undo)


def _stage(changes: _Changes, where: Path, prefix: str, cleanup: ExitStack) -> Path:
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
