"""Where the notebook wrote what is in memory: the statement that explains a live value."""

from __future__ import annotations

import ast
import linecache
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import CodeType, FunctionType
from typing import Any

from ...notebook.statements import Statement
from .names import code_key, nested_codes

DefinitionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SCOPES = (*_DEFINITIONS, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUTURE_ANNOTATIONS = 0x1000000
# What IPython keeps of the cells that ran: ``_``, ``_3``, ``Out``, ``_i``.
_HISTORY = re.compile(r"_{1,3}|_\d+|_i{1,3}|_i\d+|_[iods]h|In|Out")
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
            inner = node if isinstance(node, _SCOPES) else scope
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


def first_line(node: ast.AST) -> int:
    """The first line of a statement, decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    own: int = node.lineno  # type: ignore[attr-defined]
    return min([own, *(decorator.lineno for decorator in decorators)])


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
        if not isinstance(node, _SCOPES):
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


__all__ = [
    "Binder",
    "DefinitionNode",
    "Snippet",
    "Sources",
    "first_line",
    "is_from_notebook",
]
