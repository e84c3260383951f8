"""What functions mean by a name, as the compiler says, and the text of a tree's parts."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Sequence

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


def names_when_called(node: FunctionNode, source: str) -> set[str]:
    """The global names that a function reads once it is called, nested functions included.

    Args:
        node: the function.
        source: its text, as a statement of its own.
    """
    name = "lambda" if isinstance(node, ast.Lambda) else node.name
    tables = symtable.symtable(source, "<cell>", "exec").get_children()
    # Functions within defaults and decorators come first; the function itself is the last.
    table = [table for table in tables if table.get_name() == name][-1]
    augmented = {
        target.target.id
        for target in ast.walk(node)
        if isinstance(target, ast.AugAssign) and isinstance(target.target, ast.Name)
    }
    # `super()` makes the compiler look for __class__, which the class supplies.
    return _globals(table, augmented) - {"__class__"}


def _globals(table: symtable.SymbolTable, augmented: set[str]) -> set[str]:
    found = {
        symbol.get_name()
        for symbol in table.get_symbols()
        # `x += 1` reads x, though the compiler's table calls it an assignment only.
        if symbol.is_global() and (symbol.is_referenced() or symbol.get_name() in augmented)
    }
    return found.union(*(_globals(child, augmented) for child in table.get_children()))


def split_lines(text: str) -> list[str]:
    """The lines as the syntax tree counts them (``splitlines`` would split at form feeds too)."""
    return text.split("\n")


def segment(text: Sequence[str], node: ast.stmt | ast.expr) -> str:
    """The node's own text; columns of the syntax tree count UTF-8 bytes."""
    assert node.end_lineno is not None
    lines = [line.encode() for line in text[node.lineno - 1 : node.end_lineno]]
    lines[-1] = lines[-1][: node.end_col_offset]
    lines[0] = lines[0][node.col_offset :]
    return b"\n".join(lines).decode()


__all__ = ["names_when_called", "segment", "split_lines"]
