"""Functions of several implementations: ``functools.singledispatch``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from .pieces import Piece
from .scope import Scope
from .sources import Sources


def registrations(name: str, value: Any, scope: Scope, sources: Sources) -> Iterator[Piece]:
    """What was registered with a function; nothing for any other value.

    Args:
        name: the function's name.
        value: its live value.
        scope: the names of ``notebook.py``.
        sources: the notebook's statements.
    """
    registry = getattr(value, "registry", None)
    if not isinstance(value, FunctionType) or registry is None or not hasattr(value, "dispatch"):
        return
    seen: set[int] = set()
    for number, (kind, function) in enumerate(registry.items()):
        if function is getattr(value, "__wrapped__", None):
            continue
        found = (
            sources.find(function.__code__, (function.__name__,))
            if isinstance(function, FunctionType)
            else None
        )
        node = found[1] if found else None
        decorators = getattr(node, "decorator_list", [])
        if found and any(_mentions(decorator, name) for decorator in decorators):
            if id(node) in seen:
                continue
            seen.add(id(node))
            assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            piece = Piece("", "code", "function", found[0].text(node), found[0].cell)
            piece.before = frozenset({node.name})
        else:
            words = scope.express(kind, "type"), scope.express(function, name)
            piece = Piece("", "code", "function", f"{name}.register({', '.join(words)})")
        piece.name = f"{name}.register[{number}]"
        piece.position = sources.position(name)
        yield piece.read(found[0].lazy if found else False)


def _mentions(node: ast.AST, name: str) -> bool:
    return any(isinstance(inner, ast.Name) and inner.id == name for inner in ast.walk(node))


__all__ = ["registrations"]
