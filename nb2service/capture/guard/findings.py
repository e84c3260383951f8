"""What the guard found about one thing that would travel."""

from __future__ import annotations

from dataclasses import dataclass

from ..model import CaptureWarning, Refusal


@dataclass(frozen=True)
class Finding:
    """Something about a thing that would travel.

    Attributes:
        name: as the ship list has it, or the column or parameter of the examples.
        kind: as in the ship list; ``example`` for example values.
        type: qualified type name of a value, else "".
        cell: the cell it comes from, if any.
        why: the chain that leads to it, entry first.
        message: what is the matter, as what follows its name in a sentence.
        hint: how to change the notebook.
        refused: whether it keeps the thing from travelling; else it is only said.
        noted: whether it is said in the ship list only.
        options: what lifts it, the best first; none if nothing can.
    """

    name: str
    kind: str
    type: str
    cell: int | None
    why: tuple[str, ...]
    message: str
    hint: str
    refused: bool = True
    options: tuple[str, ...] = ("--allow",)
    noted: bool = False

    def to_refusal(self) -> Refusal:
        """As the plan shows it, and ``deploy`` raises it."""
        return Refusal(
            self.name, self.kind, self.type, self.cell, self.why, self.message, self.hint,
            self.options,
        )  # fmt: skip

    def to_warning(self) -> CaptureWarning:
        """As what is to be known."""
        return CaptureWarning(f"{' → '.join(self.why)} {self.message}", self.hint, self.cell)

    def to_note(self) -> CaptureWarning:
        """As what was allowed."""
        said = f"allowed: {' → '.join(self.why)} {self.message}"
        return CaptureWarning(said, "", self.cell)
