"""The import statements of ``notebook.py``."""

from __future__ import annotations

import ast
import importlib.util
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ...errors import CaptureError
from .explain import import_holds
from .pieces import Piece
from .scope import Scope
from .sources import Binder, Sources


class Imports:
    """Words imports.

    Args:
        sources: the notebook's statements.
        skipped: cells of which nothing may travel.
    """

    def __init__(self, sources: Sources, skipped: frozenset[int]) -> None:
        self.sources = sources
        self.skipped = skipped

    def module(self, name: str, value: ModuleType) -> Piece:
        """The import that binds a name to a module, as the notebook wrote it if it did.

        Raises:
            CaptureError: it is the notebook itself.
        """
        for binder in self.sources.binders(name):
            if binder.snippet.cell in self.skipped or not import_holds(binder, value):
                continue
            if binder.kind in ("member", "star"):
                return self.member(name, binder)
            alias = binder.node
            assert isinstance(alias, ast.alias)
            text = f"import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
            return self._piece(name, text, binder)
        if value.__name__ == "__main__":
            raise CaptureError("it is the notebook itself", "use its names directly")
        return self.worded(name, f"import {value.__name__}", name == value.__name__)

    def member(self, name: str, binder: Binder) -> Piece:
        """``from module import name``; of a star import, just the name."""
        module, member = binder.target
        text = f"from {module} import {member}" + (f" as {name}" if member != name else "")
        piece = self._piece(name, text, binder)
        if binder.kind == "star":
            piece.binder, piece.note = None, f"from {module} import *"
        return piece

    def worded(self, name: str, text: str, is_plain: bool) -> Piece:
        """An import that the notebook does not have; unless plain, it is given the name."""
        piece = Piece(name, "import", "import", text if is_plain else f"{text} as {name}")
        piece.position = self.sources.position(name)
        piece.note = "no statement of the notebook imports it"
        return piece.read()

    def _piece(self, name: str, text: str, binder: Binder) -> Piece:
        piece = Piece(name, "import", "import", text, binder.snippet.cell, binder.position)
        piece.binder = binder
        return piece.read(binder.snippet.lazy)


def merge_imports(pieces: list[Piece]) -> list[tuple[str, tuple[Piece, ...]]]:
    """Text and pieces of each import statement: verbatim if all of it is needed, else trimmed."""
    groups: dict[object, list[Piece]] = defaultdict(list)
    for piece in pieces:
        groups[piece.name if piece.binder is None else piece.binder.position].append(piece)
    return [(_import_text(group), tuple(group)) for group in groups.values()]


def _import_text(group: list[Piece]) -> str:
    binder = group[0].binder
    if binder is None:
        return group[0].source
    needed = [piece.binder.node for piece in group if piece.binder is not None]
    statement = binder.snippet.tree.body[0]
    aliases = getattr(statement, "names", [])
    if binder.whole and all(alias in needed for alias in aliases):
        return binder.snippet.source
    words = [_alias(node) for node in needed if isinstance(node, ast.alias)]
    if binder.kind == "member":
        return f"from {binder.target[0]} import {', '.join(sorted(words))}"
    return "\n".join(f"import {word}" for word in sorted(words))


def _alias(node: ast.alias) -> str:
    return node.name + (f" as {node.asname}" if node.asname and node.asname != node.name else "")


@lru_cache(256)
def _imports_itself(package: str, submodule: str) -> bool:
    """Whether importing ``package`` alone is enough for ``package.submodule`` to be there."""
    spec = importlib.util.find_spec(package)
    origin = spec.origin if spec else None
    if origin is None or not origin.endswith(".py"):
        return False
    tree = ast.parse(Path(origin).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        match node:
            # A package that makes its attributes on demand needs no import statement.
            case ast.FunctionDef(name="__getattr__"):
                return True
            case ast.ImportFrom(module=module, level=level):
                names = {alias.name for alias in node.names}
                inside = {(None, 1), (package, 0)}
                if (module, level) in inside and submodule in names:
                    return True
                if level == 1 and module and module.split(".")[0] == submodule:
                    return True
                if level == 0 and f"{module}.".startswith(f"{package}.{submodule}."):
                    return True
            case ast.Import():
                if any(f"{a.name}.".startswith(f"{package}.{submodule}.") for a in node.names):
                    return True
    return False


def submodule_imports(
    pieces: Mapping[str, Piece], scope: Scope, sources: Sources
) -> Iterator[Piece]:
    """Imports of submodules that are only reached as attributes.

    ``sk.svm.SVC`` works in the notebook since something imported ``sklearn.svm`` once.
    """
    imported = {module for piece in pieces.values() for module in piece.modules}
    for name, path in sorted(_submodules(pieces, scope)):
        package, _, last = path.rpartition(".")
        here = any(f"{module}.".startswith(f"{path}.") for module in imported)
        if here or _imports_itself(package, last):
            continue
        alias = "" if name == path.split(".")[0] else f" as {scope.make(path, ...)}"
        written = [b for b in sources.binders(name) if b.target[0] == path]
        cell = written[0].snippet.cell if written else None
        piece = Piece(f"import {path}", "import", "import", f"import {path}{alias}", cell)
        piece.note = "" if written else f"used as an attribute of {name}"
        imported.add(path)
        yield piece.read()


def _submodules(pieces: Mapping[str, Piece], scope: Scope) -> set[tuple[str, str]]:
    """Each global name with a module that code reaches through its attributes."""
    found = set()
    for piece in pieces.values():
        for name, *attributes in piece.attributes:
            module = scope.get(name)
            for attribute in attributes:
                inner = getattr(module, attribute, None)
                if not (isinstance(module, ModuleType) and isinstance(inner, ModuleType)):
                    break
                if inner.__name__ == f"{module.__name__}.{attribute}":
                    found.add((name, inner.__name__))
                module = inner
    return found


__all__ = ["merge_imports", "submodule_imports"]
