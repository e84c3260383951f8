"""Looks at what the pickles of artifacts would import, and so could run, when they are loaded."""

from __future__ import annotations

from collections.abc import Iterator

from ..closure.audit import forbidden, unknown
from ..model import Artifact, ShipItem
from .findings import Finding, finding_of


def pickle_findings(artifact: Artifact, item: ShipItem) -> Iterator[Finding]:
    """Names that no service loads, or that nobody has looked at yet.

    Args:
        artifact: a value that would travel.
        item: its row of the ship list.
    """
    if names := forbidden(artifact.audit):
        said = f"is saved as a pickle that names {_listed(names)}, by which it could run any code"
        yield Finding(
            item.name, item.kind, item.type, item.cell, item.why, said, _hint(names), options=()
        )
    elif names := unknown(artifact.audit):
        said = f"is saved as a pickle that names {_listed(names)}; it is not known what that can do"
        yield finding_of(item, said, _hint(names))


def _listed(names: tuple[str, ...]) -> str:
    shown = [name.replace(":", ".") for name in names[:3]]
    if len(names) > 3:
        shown.append(f"{len(names) - 3} more")
    return " and ".join(filter(None, [", ".join(shown[:-1]), shown[-1]]))


def _hint(names: tuple[str, ...]) -> str:
    return (
        f"make it in a cell tagged service-setup; or, where it only holds {_listed(names[:1])}, "
        "hold a function of the notebook in its place that calls it"
    )
