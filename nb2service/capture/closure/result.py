"""What travels, put together from the pieces in their order: parts, artifacts, ship list."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...errors import CaptureError
from ..model import Artifact, CaptureWarning, NativeFile, Part, ShipItem
from .formats.parts import starts_threads
from .imports import merge_imports
from .pieces import Piece


@dataclass(frozen=True)
class Refused:
    """A name that cannot travel: the chain that leads to it, its live value, and why not."""

    chain: tuple[str, ...]
    value: Any
    error: CaptureError


@dataclass(frozen=True)
class Closure:
    """What travels for a set of entries.

    Attributes:
        parts: the parts of ``notebook.py``, in the order in which they run.
        artifacts: the values that travel as files.
        modules: each module that code imports or artifacts refer to → why, in words.
        ship_list: what travels, from where, and the chain that leads to it.
        warnings: what to know.
        live: the live value behind each row of the ship list that has one, else ``...``.
        refused: what cannot travel, where ``walk`` was to go on without it.
    """

    parts: tuple[Part, ...]
    artifacts: tuple[Artifact, ...]
    modules: dict[str, str]
    ship_list: tuple[ShipItem, ...]
    warnings: tuple[CaptureWarning, ...]
    live: Mapping[str, Any] = field(default_factory=dict, compare=False)
    refused: tuple[Refused, ...] = field(default=(), compare=False)


def loader_name(ordered: Sequence[Piece]) -> str:
    """What ``store.load`` is called in ``notebook.py``: the notebook may have a load of its own."""
    names = {n for piece in ordered for n in (piece.name, *piece.binds, *piece.before)}
    return "_load" if "load" in names else "load"


def artifacts_of(ordered: Sequence[Piece], loader: str) -> dict[str, Artifact]:
    """The artifact of each saved piece, by name; its source becomes the call of ``loader``."""
    files: set[str] = set()
    found = {}
    for piece in ordered:
        if piece.saved is not None:
            piece.source = f'{piece.name} = {loader}("{piece.name}")'
            found[piece.name] = _artifact(piece, files)
    return found


def parts_of(ordered: Sequence[Piece], loader: str) -> Iterator[Part]:
    """The parts of ``notebook.py``: its imports, then the rest as ordered."""
    if any(piece.lazy for piece in ordered):
        yield Part("import", (), "from __future__ import annotations", None)
    imports = [piece for piece in ordered if piece.kind == "import"]
    for text, group in merge_imports(imports):
        names = tuple(piece.name for piece in group if piece.name.isidentifier())
        yield Part("import", names, text, group[0].cell, group[0].note)
    if loader != "load":
        note = "the notebook has a load of its own"
        yield Part("import", (loader,), f"from .store import load as {loader}", None, note)
    for piece in ordered:
        if piece.kind != "import":
            own = (piece.name,) if piece.name.isidentifier() else ()
            yield Part(piece.kind, (*own, *piece.binds), piece.source, piece.cell, piece.note)


def modules_of(ordered: Sequence[Piece]) -> dict[str, str]:
    """Each module that the pieces import or refer to → why, in words."""
    found: dict[str, str] = {}
    for piece in sorted(ordered, key=lambda piece: (piece.kind == "artifact", piece.position)):
        for module in sorted(piece.modules - {"builtins", "__main__", "__future__"}):
            found.setdefault(module, _why_imported(piece))
    return dict(sorted(found.items()))


def ship_list_of(
    ordered: Sequence[Piece],
    artifacts: Mapping[str, Artifact],
    chains: Mapping[str, tuple[str, ...]],
    cells: Mapping[str, int | None],
    entries: Collection[str],
) -> Iterator[ShipItem]:
    """What travels, from which cell, and the chain that leads to it.

    Args:
        ordered: the pieces.
        artifacts: by name, those of the pieces that are saved.
        chains: by name of a piece, how an entry leads to it.
        cells: by name of a piece, the cell it comes from.
        entries: names of the functions that are served.
    """
    for piece in ordered:
        size = len(piece.saved.data) if piece.saved else len(piece.source.encode())
        label = "entry" if piece.name in entries and not piece.saved else piece.label
        chain, cell = chains[piece.name], cells[piece.name]
        saved = str(piece.saved.audit) if piece.saved else ""
        yield ShipItem(_shown_name(piece), label, cell, size, piece.type, chain, saved=saved)
        for part in artifacts[piece.name].parts if piece.saved else ():
            why = (*chain, part.file)
            yield ShipItem(
                part.file, "native", cell, len(part.data), part.type, why, saved=part.format
            )


def _shown_name(piece: Piece) -> str:
    if piece.label == "setting":
        return piece.name.split(" ")[0]
    return ", ".join(piece.binds) or "(setup)" if piece.kind == "setup" else piece.name


def _artifact(piece: Piece, files: set[str]) -> Artifact:
    saved = piece.saved
    assert saved is not None
    stem = "".join(c if c.isascii() and (c.isalnum() or c == "_") else "-" for c in piece.name)

    def unique(suffix: str) -> str:
        file, number = stem + suffix, 1
        while file.lower() in files:
            number += 1
            file = f"{stem}-{number}{suffix}"
        files.add(file.lower())
        return file

    file = unique(".mapped" if saved.format == "mapped" else ".pkl")
    parts = tuple(
        NativeFile(
            unique(part.suffix), part.data, part.type, part.format, part.library, part.version,
            part.python, part.environment,
        )
        for part in saved.parts
    )  # fmt: skip
    return Artifact(
        piece.name, file, saved.format, saved.data, piece.type, piece.cell, saved.modules, parts,
        starts_threads(saved.modules, saved.parts), saved.audit,
    )  # fmt: skip


def _why_imported(piece: Piece) -> str:
    if piece.kind == "artifact":
        return f"{piece.name} (artifact) refers to it"
    if piece.kind == "import":
        where = f"cell [{piece.cell}]" if piece.cell else f"the service, for {piece.name}"
        return f"imported by {where}"
    if piece.kind == "setup":
        return f"imported by cell [{piece.cell}]"
    where = f", cell [{piece.cell}]" if piece.cell else ""
    return f"imported by {piece.name}{where}"


__all__ = [
    "Closure",
    "Refused",
    "artifacts_of",
    "loader_name",
    "modules_of",
    "parts_of",
    "ship_list_of",
]
