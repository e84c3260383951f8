"""When the notebook's commit was made, as git itself says."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..capture.model import Capture

_PATIENCE = 10.0  # seconds; a repository may lie on a slow disk


def dated(capture: Capture, folders: Iterable[Path]) -> Capture:
    """The capture with the date of its git commit; as it is where git cannot tell.

    Args:
        capture: what was taken.
        folders: where the commit's repository may be.
    """
    commit = capture.provenance.git_commit
    for folder in folders if commit else ():
        if commit and (date := _date(commit, folder)):
            return replace(
                capture,
                provenance=replace(capture.provenance, git_date=date),
                contract=replace(
                    capture.contract, metadata={**capture.contract.metadata, "git_date": date}
                ),
            )
    return capture


def _date(commit: str, folder: Path) -> str:
    command = ["git", "show", "--no-patch", "--format=%cd", "--date=short", commit]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=_PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


__all__ = ["dated"]
