"""What writing a project does to the files that stand in its folder.

``.nb2service/`` remembers what was generated last: the hash of every file in ``generated.json``,
the text of what can be merged in ``base/``. A file whose hash differs was edited: the new version
is merged into it, or, where the two conflict, put beside it as ``<file>.new``, which is then a
generated file too. While that stands the conflict is open, and ``base/`` keeps the version that was
edited; once it is gone, the person has taken from it what was wanted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path, PurePosixPath

from ..errors import OutputError
from .merge import adapted, by_line, merge, same_text
from .model import BASE, GENERATED, LATER, PROOF, README, STATE, Project, is_needed
from .outcomes import CHANGED, CONFLICT, DELETED, KEPT, LEFT, MERGED, NEW, REMOVED, Outcome
from .readme import NOT_PROVEN, with_proof

_HASHES_ONLY = "it can only be taken as a whole"
_NO_BASE = "what it was made from is not known"


@dataclass(frozen=True)
class Change:
    """An outcome with the file's bytes.

    Attributes:
        outcome: what becomes of the file.
        before, after: its content; None while there is none.
        new: the version to put beside it; of a conflict.
    """

    outcome: Outcome
    before: bytes | None
    after: bytes | None
    new: bytes | None = None


@dataclass(frozen=True)
class Changes:
    """All that must be done to a folder.

    Attributes:
        files: what becomes of the files that change or that a person changed, by path.
        write: path → new content, those of ``.nb2service/`` too.
        remove: paths to take away.
        last: hashes of the files as they were generated last.
        generated: hashes of the files as they are generated now.
    """

    files: tuple[Change, ...]
    write: dict[str, bytes]
    remove: tuple[str, ...]
    last: dict[str, str]
    generated: dict[str, str]

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What becomes of each file, without its bytes."""
        return tuple(change.outcome for change in self.files)


def compare(project: Project, folder: Path) -> Changes:
    """What must be done so that the folder holds the project; reads, and changes nothing.

    Raises:
        OutputError: the folder holds something else.
    """
    comparison = _Comparison(project, folder)
    files = sorted(comparison.changes(), key=lambda change: change.outcome.path)
    offers = {c.outcome.beside: c.new for c in files if c.new is not None}
    contents = {c.outcome.path: c.after for c in files if c.outcome.what in (NEW, CHANGED, MERGED)}
    state = comparison.state(files)
    write = {
        path: data
        for path, data in {**contents, **offers, **state}.items()
        if data is not None and _read(folder, path) != data
    }
    remove = [change.outcome.path for change in files if change.outcome.what == REMOVED]
    remove += _stale_state(folder, state)
    if (write or remove) and comparison.last:
        write = _without_proof(folder, write)
        remove += [PROOF] if _read(folder, PROOF) is not None else []
    generated = json.loads(state[GENERATED])
    return Changes(tuple(files), write, tuple(remove), comparison.last, generated)


class _Comparison:
    """A project beside what stands in its folder."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.last = last_generated(folder)
        self._project = project
        self._folder = folder
        inner = STATE + "/"
        self._state = {p: d for p, d in project.files.items() if p.startswith(inner)}
        self._generated = {p: d for p, d in project.files.items() if p not in self._state}

    def changes(self) -> Iterator[Change]:
        """What becomes of each file that changes or was changed."""
        offered = set()
        for path, data in self._generated.items():
            if change := self._change(path, data):
                offered.add(change.outcome.beside)
                yield change
        for path in self.last:
            if path in self._generated or path in offered or self._comes_later(path):
                continue
            if (current := _read(self._folder, path)) is not None:
                if self._is_untouched(path, current):
                    yield Change(Outcome(path, REMOVED), current, None)
                else:
                    yield Change(Outcome(path, LEFT), current, current)

    def state(self, changes: list[Change]) -> dict[str, bytes]:
        """The files of ``.nb2service/``: hashes, texts to merge from, the source notebook."""
        conflicts = {c.outcome.path: c for c in changes if c.outcome.what == CONFLICT}
        offers = {c.outcome.beside: c.new for c in conflicts.values() if c.new is not None}
        generated = {**self._generated, **offers}
        hashes = {path: fingerprint(path, data) for path, data in generated.items()}
        hashes |= {path: hash for path, hash in self.last.items() if self._comes_later(path)}
        bases: dict[str, bytes | None] = {
            path: self._base(path) if path in conflicts else data
            for path, data in generated.items()
            if self._is_mergeable(path)
        }
        copies = {f"{BASE}/{path}": data for path, data in bases.items() if data is not None}
        record = json.dumps(dict(sorted(hashes.items())), indent=2) + "\n"
        return {**self._state, **copies, GENERATED: record.encode()}

    def _change(self, path: str, data: bytes) -> Change | None:
        current = _read(self._folder, path)
        is_link = (self._folder / path).is_symlink()
        if current is None and not is_link:
            if path in self.last and not is_needed(path):
                return Change(Outcome(path, DELETED), None, None)
            return Change(Outcome(path, NEW), None, data)
        if current is not None and self._is_same(path, current, data):
            return None
        if is_link or current is None:
            return self._conflict(path, data, current, reason="it is a link")
        if self._is_untouched(path, current):
            after = adapted(data, current) if self._is_mergeable(path) else data
            return Change(Outcome(path, CHANGED), current, after)
        return self._edited(path, current, data)

    def _edited(self, path: str, current: bytes, data: bytes) -> Change:
        base = self._base(path)
        if base is None:
            is_open = any((self._folder / offer).exists() for offer in self._offers(path))
            if fingerprint(path, data) == self.last.get(path) and not is_open:
                return Change(Outcome(path, KEPT), current, current)
            reason = _NO_BASE if self._is_mergeable(path) else _HASHES_ONLY
            return self._conflict(path, data, current, reason=reason)
        mine = bare(path, current)
        merged = merge(path, base, mine, data)
        if merged.data is None:
            return self._conflict(path, data, current, merged.lines, merged.reason)
        if merged.data == mine:
            return Change(Outcome(path, KEPT), current, current)
        return Change(Outcome(path, MERGED), current, merged.data)

    def _conflict(
        self,
        path: str,
        data: bytes,
        current: bytes | None,
        lines: tuple[tuple[int, int], ...] = (),
        reason: str = "",
    ) -> Change:
        outcome = Outcome(path, CONFLICT, self._free_name(path, data), lines, reason)
        return Change(outcome, current, current, data)

    def _free_name(self, path: str, data: bytes) -> str:
        """Where a version can be put: nothing stands there, or nothing that a person changed."""
        for number in count(1):
            name = f"{path}.new" if number == 1 else f"{path}.new.{number}"
            standing = _read(self._folder, name)
            if standing in (None, data) or self._is_untouched(name, standing or b""):
                return name
        raise AssertionError

    def _offers(self, path: str) -> list[str]:
        return [name for name in self.last if name.startswith(f"{path}.new")]

    def _base(self, path: str) -> bytes | None:
        """The generated version that the person's file was made from."""
        if not self._is_mergeable(path) or path not in self.last:
            return None
        done = [name for name in self._offers(path) if not (self._folder / name).exists()]
        return _read(self._folder, f"{BASE}/{done[0] if done else path}")

    def _is_mergeable(self, path: str) -> bool:
        return self._project.is_text(path) and by_line(path.partition(".new")[0])

    def _is_same(self, path: str, current: bytes, data: bytes) -> bool:
        mine = bare(path, current)
        return same_text(mine, data) if self._is_mergeable(path) else mine == data

    def _is_untouched(self, path: str, current: bytes) -> bool:
        if fingerprint(path, current) == self.last.get(path):
            return True
        base = _read(self._folder, f"{BASE}/{path}") if self._is_mergeable(path) else None
        return base is not None and self._is_same(path, current, base)

    def _comes_later(self, path: str) -> bool:
        """Whether a file of the last generation is only missing because it takes longer."""
        later = tuple(name for name in LATER if name not in self._generated)
        return bool(later) and path.startswith(later)


def last_generated(folder: Path) -> dict[str, str]:
    """Path → hash as last generated; empty for a folder that is new or empty."""
    if (folder / GENERATED).is_file():
        return _load_record(folder / GENERATED)
    if folder.is_dir() and not any(folder.iterdir()):
        return {}
    if any(folder.glob("*/contract.json")):
        raise OutputError(
            f"{folder} has no {GENERATED}, so edited files cannot be told from generated ones",
            f"restore {STATE}/ (keep it under version control), or write to another folder with "
            "--output and compare",
        )
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


def bare(path: str, data: bytes) -> bytes:
    """The README without its proof, which changes without being an edit; others as they are."""
    return with_proof(data, NOT_PROVEN) if path == README else data


def fingerprint(path: str, data: bytes) -> str:
    """The hash that tells an edit."""
    return sha256(bare(path, data)).hexdigest()


def _stale_state(folder: Path, state: dict[str, bytes]) -> list[str]:
    present = (path for path in (folder / STATE).rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix() for path in present}
    return sorted(names - set(state))


def _without_proof(folder: Path, write: dict[str, bytes]) -> dict[str, bytes]:
    """The writes, and the README on disk without its proof, which no longer holds."""
    current = _read(folder, README)
    if current is None or README in write or (folder / README).is_symlink():
        return write
    unproven = bare(README, current)
    return write if unproven == current else {**write, README: unproven}
