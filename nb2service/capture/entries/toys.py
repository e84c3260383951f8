"""Models that only show how a thing works: fitted on a few rows that were typed in."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...notebook.statements import Statement

_TOY_ROWS = 5


def typed_rows(node: ast.expr, end: int, statements: Sequence[Statement], depth: int = 4) -> int:
    """How many rows the literal has that a model was fitted on; 0 if none, or many.

    Args:
        node: the rows, or a name of theirs.
        end: index of the statement that fits the model.
        statements: of all cells; what a name stands for is followed back.
        depth: how far.
    """
    match node:
        case ast.List(rows) | ast.Tuple(rows):
            plain = all(not isinstance(n, (ast.Name, ast.Call)) for n in ast.walk(node))
            return len(rows) if plain and len(rows) <= _TOY_ROWS else 0
        case ast.Call(ast.Attribute(_, "array" | "DataFrame" | "asarray"), [inner, *_]):
            if isinstance(inner, ast.Dict) and inner.values:
                inner = inner.values[0]
            return typed_rows(inner, end, statements, depth - 1) if depth else 0
        case ast.Call(ast.Attribute(inner, "reshape" | "astype")):
            return typed_rows(inner, end, statements, depth - 1) if depth else 0
        case ast.Subscript(inner, ast.List() | ast.Constant()):
            return typed_rows(inner, end, statements, depth - 1) if depth else 0
        case ast.Name(name) if depth:
            for statement in reversed(statements[:end]):
                if name in statement.uses.binds:
                    made = statement.node
                    if isinstance(made, ast.Assign) and len(statement.uses.binds) == 1:
                        return typed_rows(made.value, end, statements, depth - 1)
                    return 0
    return 0


__all__ = ["typed_rows"]
