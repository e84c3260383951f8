"""What a deployment would change in a folder, to look at before it does."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from .changes import Change, bare, compare
from .model import PAGE, Project
from .outcomes import CONFLICT, NEW, Outcome


@dataclass(frozen=True)
class FilePreview:
    """What would become of one file.

    Attributes:
        outcome: what becomes of it.
        before, after: size and SHA-256 of its content; None while there is none. Of a conflict,
            ``after`` is the new version.
        diff: the change as a unified diff; "" of files that are new or no text.
    """

    outcome: Outcome
    before: tuple[int, str] | None
    after: tuple[int, str] | None
    diff: str

    def to_json(self) -> dict[str, Any]:
        """As every door hands it on."""
        return {
            **self.outcome.to_json(),
            "before": _to_json(self.before),
            "after": _to_json(self.after),
            "diff": self.diff,
        }


def preview(project: Project, folder: Path) -> tuple[FilePreview, ...]:
    """What writing the project to the folder would do, file by file; nothing is changed.

    The proof, which every deployment makes anew, is left out.

    Raises:
        OutputError: the folder holds something else.
    """
    changes = compare(project, folder.expanduser().resolve())
    return tuple(_preview(change) for change in changes.files)


def _preview(change: Change) -> FilePreview:
    outcome = change.outcome
    before = change.before if change.before is None else bare(outcome.path, change.before)
    after = change.new if outcome.what == CONFLICT else change.after
    after = after if after is None else bare(outcome.path, after)
    quiet = outcome.what == NEW or before == after
    diff = "" if quiet else _diff(outcome, before or b"", after or b"", gone=after is None)
    return FilePreview(outcome, _measure(before), _measure(after), diff)


def _diff(outcome: Outcome, before: bytes, after: bytes, gone: bool) -> str:
    """As git shows it: ``a/`` is the file that stands, ``b/`` what would stand or lie beside it."""
    if b"\0" in before + after or outcome.path == PAGE:  # no text for people
        return ""
    old, new = (_lines(text.decode(errors="backslashreplace")) for text in (before, after))
    there = "/dev/null" if gone else f"b/{outcome.beside or outcome.path}"
    lines = difflib.unified_diff(old, new, f"a/{outcome.path}", there)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    """The lines with their ends, cut at ``\\n`` alone."""
    *lines, last = text.split("\n")
    return [line + "\n" for line in lines] + ([last] if last else [])


def _measure(data: bytes | None) -> tuple[int, str] | None:
    return None if data is None else (len(data), sha256(data).hexdigest())


def _to_json(measured: tuple[int, str] | None) -> dict[str, Any] | None:
    return {"size": measured[0], "sha256": measured[1]} if measured else None
