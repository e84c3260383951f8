"""Frames of which only the columns are read travel without their rows.

``np.zeros(len(X.columns))`` needs the names of the training frame's columns, not its rows.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ..values import kind_of
from .pieces import Piece

# By these, code reaches names that do not stand in its text.
_LOOKS_NAMES_UP = {"eval", "exec", "globals", "locals", "vars"}


def only_headings(
    pieces: Mapping[str, Piece], live: Mapping[str, Any], needed: Collection[str]
) -> Iterator[str]:
    """The artifacts that are frames of which all the code reads is ``.columns``.

    Args:
        pieces: all that travels, by name.
        live: the live value of each artifact.
        needed: names that are read by other than these pieces: bound parameters, tests.
    """
    frames = [n for n, p in pieces.items() if p.saved and kind_of(live[n]) == "frame"]
    frames = [name for name in frames if name not in needed]
    if not frames:
        return
    code = [piece for piece in pieces.values() if not piece.saved]
    trees = [ast.parse(piece.source) for piece in code]
    quoted = {name for piece in code for name in piece.quoted}
    words = {n.id for tree in trees for n in ast.walk(tree) if isinstance(n, ast.Name)}
    if words & _LOOKS_NAMES_UP:
        return
    for name in frames:
        if name not in quoted and all(_reads_columns_only(tree, name) for tree in trees):
            yield name


def _reads_columns_only(tree: ast.AST, name: str) -> bool:
    def is_it(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id == name

    headings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr == "columns"
        and isinstance(node.ctx, ast.Load)
        and is_it(node.value)
    }
    return all(id(node) in headings for node in ast.walk(tree) if is_it(node))


def heading(frame: Any) -> Any:
    """A frame of the same columns without rows, and without what its dtypes know of them."""
    import pandas as pd

    return pd.DataFrame(columns=frame.columns)
