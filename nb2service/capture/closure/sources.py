"""Where the notebook wrote what is in memory: the statement that explains a live value."""

from __future__ import annotations

import ast
import linecache
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import Any

from ...notebook.statements import Statement
from .names import code_key
from .snippets import SCOPES, DefinitionNode, Snippet

# What IPython keeps of the cells that ran: ``_``, ``_3``, ``Out``, ``_i``.
_HISTORY = re.compile(r"_{1,3}|_\d+|_i{1,3}|_i\d+|_[iods]h|In|Out")


@dataclass(frozen=True)
class Binder:
    """One place at the notebook's top level that binds a name.

    Attributes:
        kind: ``module`` (``import x``), ``member`` (``from x import y``), ``star``,
            ``definition`` (def or class), or ``value`` (``name = …``).
        node: the import statement, the definition, or the expression that is bound.
        target: ``module``: dotted name; ``member`` and ``star``: (module, attribute).
        position: the statement's place in the order of execution.
        whole: whether the statement does nothing but bind this name.
    """

    kind: str
    node: ast.AST
    snippet: Snippet
    position: int
    target: tuple[str, str] = ("", "")
    whole: bool = False


class Sources:
    """The notebook's statements, indexed by the names that they bind."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        self.statements = statements
        self._binding: dict[str, list[int]] = defaultdict(list)
        self._stars: list[int] = []
        self._snippets: dict[int, Snippet] = {}
        self.lazy_from = len(statements)
        for position, statement in enumerate(statements):
            for name in statement.uses.binds:
                self._binding[name].append(position)
            node = statement.node
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                self._stars.append(position)
            if isinstance(node, ast.ImportFrom) and node.module == "__future__":
                self.lazy_from = min(self.lazy_from, position)

    def snippet(self, position: int) -> Snippet:
        """The statement at ``position`` of the order of execution."""
        if position not in self._snippets:
            statement = self.statements[position]
            self._snippets[position] = Snippet(
                statement.source, statement.cell, position, position >= self.lazy_from
            )
        return self._snippets[position]

    def last_statement(self, name: str) -> int | None:
        """Position of the last statement that binds ``name``."""
        return self._binding[name][-1] if name in self._binding else None

    def position(self, name: str) -> int:
        """The same, -1 for a name that no statement binds."""
        last = self.last_statement(name)
        return -1 if last is None else last

    def is_changed(self, name: str, after: int) -> bool:
        """Whether a statement after that position binds the name anew or changes its value."""
        later = (statement.uses for statement in self.statements[after + 1 :])
        return any(name in uses.binds or name in uses.mutates for uses in later)

    def is_history(self, name: str) -> bool:
        """Whether IPython binds the name after each cell, and no statement does."""
        return bool(_HISTORY.fullmatch(name)) and name not in self._binding

    def last_change(self, name: str, attribute: str) -> int | None:
        """Position of the last statement that assigned ``name.attribute``."""
        for position in range(len(self.statements) - 1, -1, -1):
            statement = self.statements[position]
            if name in statement.uses.mutates and f".{attribute}" in statement.source:
                return position
        return None

    def binders(self, name: str) -> Iterator[Binder]:
        """Every place that may have bound ``name``, the last executed first."""
        positions = sorted({*self._binding.get(name, ()), *self._stars}, reverse=True)
        for position in positions:
            snippet = self.snippet(position)
            yield from reversed(list(_binders(name, snippet, position)))

    def find(self, code: CodeType, names: Sequence[str]) -> tuple[Snippet, DefinitionNode] | None:
        """The definition that the live ``code`` was compiled from; ``names`` are tried first."""
        key, word = code_key(code), code.co_name.strip("<>")
        first = [p for name in names for p in reversed(self._binding.get(name, []))]
        others = reversed(range(len(self.statements)))
        for position in dict.fromkeys([*first, *others]):
            if word in self.statements[position].source:
                snippet = self.snippet(position)
                node = snippet.find(key)
                if node is not None:
                    return snippet, node
        return _find_in_file(code)


def _binders(name: str, snippet: Snippet, position: int) -> Iterator[Binder]:
    body = snippet.tree.body
    for node in _statements(body):
        whole = body == [node]
        match node:
            case ast.Import():
                for alias in node.names:
                    top = alias.asname or alias.name.split(".")[0]
                    if top == name:
                        yield Binder("module", alias, snippet, position, (alias.name, ""), whole)
            case ast.ImportFrom(module=str(module), level=0):
                for alias in node.names:
                    if name in (alias.asname or alias.name, "*") or alias.name == "*":
                        kind = "star" if alias.name == "*" else "member"
                        member = name if kind == "star" else alias.name
                        yield Binder(kind, alias, snippet, position, (module, member), whole)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name == name:
                yield Binder("definition", node, snippet, position, whole=whole)
            case ast.Assign(targets=targets, value=value):
                single = whole and len(targets) == 1 and isinstance(targets[0], ast.Name)
                for target in targets:
                    for part, node_value in _pairs(target, value):
                        if part == name:
                            yield Binder("value", node_value, snippet, position, whole=single)
            case ast.AnnAssign(target=ast.Name(id=bound), value=ast.expr() as value):
                if bound == name:
                    yield Binder("value", value, snippet, position, whole=whole)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """``a, b = 1, 2`` bind by bind."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif (
        isinstance(target, ast.Tuple | ast.List)
        and isinstance(value, ast.Tuple | ast.List)
        and len(target.elts) == len(value.elts)
        and not any(isinstance(item, ast.Starred) for item in (*target.elts, *value.elts))
    ):
        for part, item in zip(target.elts, value.elts, strict=True):
            yield from _pairs(part, item)


def _statements(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Statements of a body and of the blocks within it, but of no inner scope."""
    for node in body:
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, SCOPES):
            inner = [c for c in ast.iter_child_nodes(node) if not isinstance(c, ast.expr)]
            yield from _statements(inner)


def _find_in_file(code: CodeType) -> tuple[Snippet, DefinitionNode] | None:
    """The definition in the text that Python keeps for tracebacks (``%run``, cleared history)."""
    source = "".join(linecache.getlines(code.co_filename))
    for lazy in (False, True):
        snippet = Snippet(source, lazy=lazy)
        try:
            node = snippet.find(code_key(code))
        except (SyntaxError, ValueError):
            return None
        if node is not None:
            return snippet, node
    return None


def is_from_notebook(value: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether a function or class was defined in the notebook's namespace."""
    if isinstance(value, FunctionType):
        return value.__globals__ is namespace or value.__module__ == "__main__"
    return isinstance(value, type) and value.__module__ == "__main__"


__all__ = ["Binder", "Sources", "is_from_notebook"]
