"""What travels although the notebook's file says otherwise by now."""

from __future__ import annotations

from ...notebook.cells import Notebook
from ..model import CaptureWarning
from .walk import Closure


def stale_warnings(notebook: Notebook, closure: Closure) -> list[CaptureWarning]:
    """Tells of captured names whose cell was edited or deleted after it ran."""
    warnings = []
    for cell, text in notebook.changed:
        names = [
            name
            for part in closure.parts
            if part.cell == cell and f"\n{part.source}\n" not in f"\n{text}\n"
            for name in part.names
        ]
        names += [artifact.name for artifact in closure.artifacts if artifact.cell == cell]
        if not names:
            continue
        shown = " and ".join(dict.fromkeys(names))
        if text:
            message = f"{shown}: the cell was edited after it ran; what ran is what ships"
            hint = "run the cell again and deploy again, if the edit is to count"
        else:
            message = f"{shown}: the cell is no longer in the notebook; what ran is what ships"
            hint = "put the cell back, so that the notebook can be run again"
        warnings.append(CaptureWarning(message, hint, cell))
    return warnings
