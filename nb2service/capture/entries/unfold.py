"""Module-level code as simple statements: what stands in loops, branches and with-blocks, too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...notebook.statements import Statement

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (*_DEFINITIONS, ast.Lambda)


class Step(NamedTuple):
    """One simple statement that ran at module level.

    Attributes:
        at: index of the top-level statement that it is or stands in.
        cell: execution count of its cell.
        node: its syntax tree; of ``if``, ``for`` and ``with`` the head alone, as an expression.
        loops: the ``for`` statements that it stands in, the outermost first.
    """

    at: int
    cell: int
    node: ast.AST
    loops: tuple[ast.For, ...]


def unfold(statements: Sequence[Statement], start: int = 0) -> Iterator[Step]:
    """Every simple statement in the order of execution; a loop's body counts once."""
    for index, statement in enumerate(statements[start:], start):
        for node, loops in _unfold(statement.node, ()):
            yield Step(index, statement.cell, node, loops)


def _unfold(
    node: ast.AST, loops: tuple[ast.For, ...]
) -> Iterator[tuple[ast.AST, tuple[ast.For, ...]]]:
    match node:
        case ast.For(_, iterated):
            yield iterated, loops
            loops = (*loops, node)
        case ast.If(test) | ast.While(test):
            yield test, loops
        case ast.With(items):
            for item in items:
                yield item, loops
        case ast.Try():
            pass
        case ast.Assign([ast.Tuple(names)], ast.Tuple(values)) if len(names) == len(
            values
        ) and not (any(isinstance(item, ast.Starred) for item in (*names, *values))):
            for name, value in zip(names, values, strict=True):  # a, b = f(x), g(x)
                yield ast.copy_location(ast.Assign([name], value), node), loops
            return
        case _:
            if not isinstance(node, _DEFINITIONS):
                yield node, loops
            return
    for field in ("body", "handlers", "orelse", "finalbody"):
        for inner in getattr(node, field, ()):
            if isinstance(inner, ast.ExceptHandler):
                for part in inner.body:
                    yield from _unfold(part, loops)
            else:
                yield from _unfold(inner, loops)


def own_nodes(*nodes: ast.AST) -> Iterator[ast.AST]:
    """The nodes and all within them, without the insides of functions and classes."""
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from own_nodes(*ast.iter_child_nodes(node))


def loop_names(statements: Sequence[Statement]) -> set[str]:
    """Names that hold what a loop bound last: ``for name, model in models.items()``."""
    found: set[str] = set()
    for statement in statements:
        found -= statement.uses.binds
        for node in own_nodes(statement.node) if "for" in statement.source else ():
            if isinstance(node, ast.For):
                found |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)}
    return found


def root_of(node: ast.AST) -> str:
    """The name that attributes and items start from, ``models`` of ``models["rf"]``; else ""."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


__all__ = ["Step", "loop_names", "own_nodes", "root_of", "unfold"]
