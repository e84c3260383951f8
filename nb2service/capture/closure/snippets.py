"""Pieces of source: their syntax trees beside their compiled code."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Mapping
from functools import cached_property
from types import CodeType
from typing import Any

from .names import code_key, nested_codes

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
SCOPES = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""What has names of its own."""
_FUTURE_ANNOTATIONS = 0x1000000
# Lambdas share lines; a made-up line number each tells the compiled ones apart.
_LAMBDA_LINES = 1_000_000


class Snippet:
    """One piece of source: its syntax tree beside its compiled code.

    Args:
        source: module-level Python.
        cell: execution count of its cell; None if it comes from elsewhere.
        position: its place in the order of execution; -1 if it comes from elsewhere.
        lazy: whether annotations stay text (``from __future__ import annotations``).
    """

    def __init__(
        self, source: str, cell: int | None = None, position: int = -1, lazy: bool = False
    ) -> None:
        self.source = source
        self.cell = cell
        self.position = position
        self.lazy = lazy

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree, with line numbers of ``source``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the cell has warned already, when it ran
            return ast.parse(self.source)

    @cached_property
    def code(self) -> CodeType:
        """Its compiled code."""
        tree = self.tree
        if "lambda" in self.source:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(self.source)
            for number, node in enumerate(self._lambdas(tree)):
                node.lineno = node.end_lineno = _LAMBDA_LINES + number
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | (_FUTURE_ANNOTATIONS if self.lazy else 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled: CodeType = compile(tree, "<cell>", "exec", flags, dont_inherit=True)
        return compiled

    @cached_property
    def definitions(self) -> list[tuple[DefinitionNode, CodeType]]:
        """Every function, lambda and class in it with its code."""
        places: dict[tuple[int, str], DefinitionNode] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, _DEFINITIONS):
                places[first_line(node), node.name] = node
        lambdas = self._lambdas(self.tree) if "lambda" in self.source else []
        for number, node in enumerate(lambdas):
            places[_LAMBDA_LINES + number, "<lambda>"] = node
        found = []
        for code in nested_codes(self.code):
            node_at = places.get((code.co_firstlineno, code.co_name))
            if node_at is not None:
                found.append((node_at, code))
        return found

    @cached_property
    def _by_key(self) -> dict[Any, DefinitionNode]:
        return {code_key(code): node for node, code in self.definitions}

    @cached_property
    def enclosing(self) -> dict[ast.AST, ast.AST | None]:
        """For each node the innermost function, class or comprehension around it."""
        found: dict[ast.AST, ast.AST | None] = {}
        todo: list[tuple[ast.AST, ast.AST | None]] = [(self.tree, None)]
        while todo:
            node, scope = todo.pop()
            found[node] = scope
            inner = node if isinstance(node, SCOPES) else scope
            todo += [(child, inner) for child in ast.iter_child_nodes(node)]
        return found

    def find(self, key: Any) -> DefinitionNode | None:
        """The definition whose code has this ``code_key``."""
        return self._by_key.get(key)

    def code_of(self, node: DefinitionNode) -> CodeType | None:
        """The compiled code of one of its definitions."""
        return next((code for found, code in self.definitions if found is node), None)

    def segment(self, node: ast.AST) -> str:
        """The text of an expression."""
        return ast.get_source_segment(self.source, node) or ast.unparse(node)

    def lines(self, node: ast.AST, decorated: bool = True) -> str:
        """The whole lines of a statement, indented as they are."""
        start = first_line(node) if decorated else node.lineno  # type: ignore[attr-defined]
        end = node.end_lineno  # type: ignore[attr-defined]
        return "\n".join(self.source.split("\n")[start - 1 : end])

    def text(self, node: ast.AST, decorated: bool = True) -> str:
        """A statement as module-level source: verbatim, or lifted out of its block."""
        if decorated and self.tree.body == [node]:
            return self.source
        lines = self.lines(node, decorated)
        indent = lines[: len(lines) - len(lines.lstrip())]
        if not indent:
            return lines
        block = f"if True:\n{lines}"
        lifted = "\n".join(line.removeprefix(indent) for line in lines.split("\n"))
        # Lifting may have reached into a string that runs over several lines.
        inner = ast.parse(block).body[0].body  # type: ignore[attr-defined]
        same = ast.dump(ast.parse(lifted)) == ast.dump(ast.Module(inner, []))
        return lifted if same else block

    def replaced(
        self, texts: Mapping[ast.expr, str], node: DefinitionNode
    ) -> tuple[Snippet, DefinitionNode]:
        """The same source with other expressions, and the definition in it that ``node`` was."""
        lines = [line.encode() for line in self.source.split("\n")]
        for old in sorted(texts, key=lambda old: (old.lineno, old.col_offset), reverse=True):
            assert old.end_lineno is not None
            first, last = old.lineno - 1, old.end_lineno - 1
            rest = lines[last][old.end_col_offset :]
            lines[first] = lines[first][: old.col_offset] + texts[old].encode()
            # As many lines as before, so that other definitions stay where they are.
            lines[first + 1 : last + 1] = [b""] * (last - first)
            lines[last] += rest
        text = b"\n".join(lines).decode()
        made = Snippet(text, self.cell, self.position, self.lazy)
        place = (type(node), node.lineno, node.col_offset)
        same = (n for n in ast.walk(made.tree) if isinstance(n, (*_DEFINITIONS, ast.Lambda)))
        return made, next(n for n in same if (type(n), n.lineno, n.col_offset) == place)

    @staticmethod
    def _lambdas(tree: ast.AST) -> list[ast.Lambda]:
        return [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]


def first_line(node: ast.AST) -> int:
    """The first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    own: int = node.lineno  # type: ignore[attr-defined]
    return min([own, *(decorator.lineno for decorator in decorators)])


__all__ = ["SCOPES", "DefinitionNode", "Snippet", "first_line"]
