"""What the captured code reads of its process that does not travel: environment variables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...notebook.statements import Statement
from ..model import CaptureWarning
from .pieces import Piece

# os.environ["X"] = …, os.environ.setdefault("X", …), %env X=…
_SETS = re.compile(
    r"""^\s*os\.environ(?:\[|\.setdefault\()["'](?P<by_code>\w+)["'](?!\]\s*==)"""
    r"""|_line_magic\('(?:set_)?env', '(?P<by_magic>\w+)[= ]"""
)


def environment_warnings(
    statements: Sequence[Statement], pieces: Iterable[Piece]
) -> Iterator[CaptureWarning]:
    """A warning for each environment variable that the notebook sets and captured code names."""
    cells = {
        found["by_code"] or found["by_magic"]: statement.cell
        for statement in statements
        if (found := _SETS.search(statement.source))
    }
    text = "\n".join(piece.source for piece in pieces if piece.kind == "code") if cells else ""
    for name, cell in cells.items():
        if re.search(rf"""(["']){name}\1""", text):
            yield CaptureWarning(
                f"the entries read the environment variable {name}, which the notebook sets; "
                "the service finds there what is set where it runs",
                f"set {name} there, or give its value a name in a cell and use that name",
                cell,
            )


__all__ = ["environment_warnings"]
