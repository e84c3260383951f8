"""The notebook's own calls of a function or method: the evidence of how it is meant to be used."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .statements import Statement


class Call(NamedTuple):
    """One call as the notebook wrote it.

    Attributes:
        node: its syntax tree (``node.args``, ``node.keywords``).
        cell: execution count of the cell.
        late: whether it stands in a function, lambda or comprehension, so that its arguments may
            be local names; else they mean what they meant in the namespace when the cell ran.
    """

    node: ast.Call
    cell: int
    late: bool


def calls_of(callee: str, statements: Sequence[Statement]) -> tuple[Call, ...]:
    """Every call of ``callee`` in the order of execution.

    Args:
        callee: an expression as one would write it: ``predict``, ``model.predict``,
            ``models["rf"].predict_proba``.
        statements: of the whole notebook.
    """
    tree = ast.parse(callee, mode="eval").body
    text = ast.dump(tree)
    return tuple(
        Call(node, statement.cell, late)
        for statement in statements
        for node, late in _calls(statement.node, late=False)
        if type(node.func) is type(tree) and ast.dump(node.func) == text
    )


_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)


def _calls(node: ast.AST, late: bool) -> Iterator[tuple[ast.Call, bool]]:
    if isinstance(node, ast.Call):
        yield node, late
    late = late or isinstance(node, _SCOPES)
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, late)


__all__ = ["Call", "calls_of"]
