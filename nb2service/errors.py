"""One tree of errors. Each says what happened, where, and how to mend it.

One class per thing that a caller could do differently about it. Doors catch
``Nb2ServiceError`` and show it without a traceback; anything else is a bug and keeps its own.
"""

from __future__ import annotations


class Nb2ServiceError(Exception):
    """Something the user can mend.

    Args:
        message: what is wrong, naming the entry, field, file or chain.
        hint: how to mend it, as an instruction.
        cell: execution count of the cell concerned, as the notebook shows it (``[7]``).
    """

    def __init__(self, message: str, hint: str = "", cell: int | None = None) -> None:
        super().__init__(message, hint, cell)
        self.message = message
        self.hint = hint
        self.cell = cell

    def __str__(self) -> str:
        where = f"Cell [{self.cell}]: " if self.cell is not None else ""
        return where + self.message + (f"\n  → {self.hint}" if self.hint else "")

    def _render_traceback_(self) -> list[str]:
        """IPython prints these lines in place of a traceback."""
        return [str(self)]

    def to_json(self) -> dict[str, object]:
        """The error as every door shows it: kind, message, hint, cell."""
        return {
            "kind": type(self).__name__,
            "message": self.message,
            "hint": self.hint,
            "cell": self.cell,
        }


class UsageError(Nb2ServiceError):
    """The words of the command are wrong (exit code 2)."""


class NotebookError(Nb2ServiceError):
    """The notebook cannot be read or run."""


class TagError(NotebookError):
    """A cell carries a ``service-…`` tag that does not exist."""


class EntryError(Nb2ServiceError):
    """What to serve is missing, unknown or ambiguous."""


class ExampleError(Nb2ServiceError):
    """No example input was found, or the entry does not accept it."""


class ContractError(Nb2ServiceError):
    """An input or output has no faithful form on the wire."""


class CaptureError(Nb2ServiceError):
    """Something that the entry needs cannot travel."""


class RequirementsError(Nb2ServiceError):
    """A module that the service needs belongs to no installable distribution."""


class OutputError(Nb2ServiceError):
    """The project cannot be written where it was asked for."""


class LaunchError(Nb2ServiceError):
    """The service did not start, or no such service runs."""


class ProofError(Nb2ServiceError):
    """The service's answers differ from the notebook's, or could not be compared."""
