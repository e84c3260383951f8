"""What the guard found about one thing that would travel."""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..model import CaptureWarning, Refusal, ShipItem


@dataclass(frozen=True)
class Finding(Refusal):
    """Something about a thing that would travel, in the terms in which it is refused.

    Attributes:
        refused: whether it keeps the thing from travelling; else it is only said.
        noted: whether it is said in the ship list only.
    """

    refused: bool = True
    noted: bool = False

    def to_refusal(self) -> Refusal:
        """As the plan shows it, and ``deploy`` raises it."""
        return Refusal(**{field.name: getattr(self, field.name) for field in fields(Refusal)})

    def to_warning(self) -> CaptureWarning:
        """As what is to be known."""
        return CaptureWarning(f"{' → '.join(self.why)} {self.message}", self.hint, self.cell)

    def to_note(self) -> CaptureWarning:
        """As what was allowed."""
        said = f"allowed: {' → '.join(self.why)} {self.message}"
        return CaptureWarning(said, "", self.cell)


def finding_of(item: ShipItem, message: str, hint: str, refused: bool = True) -> Finding:
    """Something about a row of the ship list."""
    about = (item.name, item.kind, item.type, item.cell, item.why)
    return Finding(*about, message, hint, refused=refused)
