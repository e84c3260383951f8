"""What becomes of a file when its project is written again, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

NEW, CHANGED, REMOVED = "new", "changed", "removed"
MERGED, CONFLICT, KEPT, LEFT, DELETED = "merged", "conflict", "kept", "left", "deleted"


@dataclass(frozen=True)
class Outcome:
    """What becomes of one file.

    Attributes:
        path: posix path relative to the project's folder.
        what: ``new``, ``changed`` or ``removed``; of a file that a person edited: ``merged``,
            ``conflict``, ``kept`` (nothing new for it) or ``left`` (no longer generated); or
            ``deleted`` by a person, which it stays.
        beside: where the new version is put; of a conflict.
        lines: first and last line of each conflict, in the person's file, counted from 1.
        reason: why it is a conflict, where that is not a matter of single lines.
    """

    path: str
    what: str
    beside: str = ""
    lines: tuple[tuple[int, int], ...] = ()
    reason: str = ""

    @property
    def by_person(self) -> bool:
        """Whether the file is not as it was generated."""
        return self.what in (MERGED, CONFLICT, KEPT, LEFT, DELETED)

    def __str__(self) -> str:
        if self.what != CONFLICT:
            return f"{self.path} {_SENTENCES[self.what]}"
        why = _conflict_of(self.lines) if self.lines else self.reason
        return f"{self.path} was edited, and stays as it is: {why}; see {self.beside}"

    def to_json(self) -> dict[str, Any]:
        """As every door hands it on."""
        conflict = {"new_version": self.beside, "lines": self.lines, "reason": self.reason}
        return {"path": self.path, "what": self.what, **(conflict if self.beside else {})}


_SENTENCES = {
    NEW: "is new",
    CHANGED: "is replaced by its new version",
    REMOVED: "is no longer generated, and removed",
    MERGED: "was edited: the new version is merged into it",
    KEPT: "was edited, and stays as it is",
    LEFT: "was edited and is no longer generated; it stays",
    DELETED: "was deleted, and stays so",
}


def _conflict_of(lines: tuple[tuple[int, int], ...]) -> str:
    """``line 3 conflicts with the new version``."""
    spans = [f"{first}" if first == last else f"{first}–{last}" for first, last in lines]
    listed = ", ".join(spans[:-1]) + (" and " if spans[1:] else "") + spans[-1]
    one = len(spans) == 1 and lines[0][0] == lines[0][1]
    where = f"line {listed} conflicts" if one else f"lines {listed} conflict"
    return f"{where} with the new version"
