"""What a person sees of a dry run: an HTML card and its plain-text twin, a diff for a pager."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .deployment import DryRun
from .project.outcomes import CONFLICT
from .project.preview import FilePreview

_SHOWN = 400  # lines of a file's diff in the card
_HEADLINE = "dry run: nothing is written"
_KINDS = {"+": "add", "-": "del", "@": "hunk"}


def document(done: DryRun) -> dict[str, Any]:
    """What the ``--json`` document has more than a plan's."""
    return {"dry_run": True, "files": [file.to_json() for file in done.files]}


def text(done: DryRun) -> str:
    """The files, then their diffs one after the other."""
    lines = [f"{done.plan.capture.name}: {_HEADLINE}", f"  {_counts(done)} {done.plan.folder}"]
    lines += [f"  ! {note}" for note in _notes(done)]
    sizes = [_size(file) for file in done.files]
    width = max(map(len, sizes), default=0)
    lines += [""] if done.files else []
    lines += [
        f"  {file.outcome.what:<8}  {size:>{width}}  {file.outcome.path}"
        for file, size in zip(done.files, sizes, strict=True)
    ]
    for file in done.files:
        lines += ["", _title(file), *_lines(file)] if file.diff else []
    return "\n".join(lines)


def view(done: DryRun) -> dict[str, Any]:
    """What the card's template shows."""
    return {
        "title": done.plan.capture.name,
        "headline": _HEADLINE,
        "counts": _counts(done),
        "folder": str(done.plan.folder),
        "notes": _notes(done),
        "files": [_shown(file) for file in done.files],
        "listed": [_shown(file) for file in done.files if not file.diff],
    }


def _shown(file: FilePreview) -> dict[str, Any]:
    lines = _lines(file)
    head = lines[2:_SHOWN]  # without the two names, which stand above
    return {
        "what": file.outcome.what,
        "path": file.outcome.path,
        "size": _size(file),
        "diff": [(_KINDS.get(line[:1], "same"), line) for line in head],
        "more": len(lines) - _SHOWN if len(lines) > _SHOWN else 0,
    }


def _lines(file: FilePreview) -> list[str]:
    return file.diff.removesuffix("\n").split("\n") if file.diff else []


def _counts(done: DryRun) -> str:
    if not done.files:
        return "nothing would change in"
    counted = Counter(file.outcome.what for file in done.files)
    return ", ".join(f"{number} {what}" for what, number in counted.items()) + " in"


def _notes(done: DryRun) -> list[str]:
    """What to know: of files that a person edited, and of the capture."""
    edited = [str(file.outcome) for file in done.files if file.outcome.by_person]
    return edited + [str(warning) for warning in done.plan.capture.warnings]


def _title(file: FilePreview) -> str:
    what = file.outcome.what
    if what == CONFLICT:
        return f"# {file.outcome.path} stays; the new version beside it would differ by"
    return f"# {file.outcome.path} ({what})"


def _size(file: FilePreview) -> str:
    """``1.2 kB``, ``1.2 kB → 1.4 kB``; the hash too where two versions have no diff to show."""
    before, after = file.before, file.after
    if before is None or after is None or before == after:
        known = after or before
        return byte_size(known[0]) if known else ""
    sizes = f"{byte_size(before[0])} → {byte_size(after[0])}"
    return sizes if file.diff else f"{sizes} (SHA-256 {before[1][:8]} → {after[1][:8]})"


def byte_size(count: int) -> str:
    """``830 B``, ``1.2 kB``, ``3.4 MB``."""
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
