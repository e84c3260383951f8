"""Which files of a project are not as they were generated, for whoever wonders why it fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import LaunchError, OutputError, ProofError, RequirementsError
from .changes import fingerprint, last_generated
from .model import is_needed


def edited_files(folder: Path) -> list[str]:
    """Files that the service or its proof runs with and that a person edited, merged ones too."""
    try:
        generated = last_generated(folder)
    except OutputError:  # no memory of what was generated
        return []
    return [
        path
        for path, known in generated.items()
        if is_needed(path)
        and (folder / path).is_file()
        and fingerprint(path, (folder / path).read_bytes()) != known
    ]


@contextmanager
def naming_edits(folder: Path) -> Iterator[None]:
    """Adds the edited files to what an error of the body says: they may be why.

    Raises:
        LaunchError, ProofError, RequirementsError: those of the body.
    """
    try:
        yield
    except (LaunchError, ProofError, RequirementsError) as error:
        edited = edited_files(folder)
        if not edited:
            raise
        files = ", ".join(edited)
        said = (
            f"edited files are part of it, and may be why: {files}; --dry-run shows how they "
            "differ, and --output with another folder builds without them"
        )
        hint = f"{error.hint}\n  → {said}" if error.hint else said
        raise type(error)(error.message, hint, error.cell) from error.__cause__
