"""What the notebook's own calls pass to each parameter of a function, in terms of global names.

for name, m in models.items():
    evaluate(predict(X_test, m))     # m: models["rf"] and models["lr"]
def report(clf):
    return predict(X_test, clf)      # clf: what report() is called with
"""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...notebook.statements import Statement
from ..values import kind_of
from .unfold import own_nodes

_DEPTH = 3  # functions that call functions that call the entry
_MANY = 50  # no more meanings of one argument are told apart
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

# What each local name may stand for, as global expressions; None where that cannot be told.
_Locals = dict[str, "list[ast.expr] | None"]


class Passed(NamedTuple):
    """One argument of one call.

    Attributes:
        node: the argument, its local names replaced by what they stand for.
        cell: execution count of the cell with the call.
        text: the call as the notebook wrote it.
    """

    node: ast.expr
    cell: int
    text: str


class _Site(NamedTuple):
    """A call and what it stands in, the outermost first."""

    node: ast.Call
    cell: int
    scopes: tuple[ast.AST, ...]


@dataclass(frozen=True)
class Arguments:
    """Reads the notebook's calls.

    Attributes:
        namespace: the live namespace.
        statements: of all cells.
    """

    namespace: Mapping[str, Any]
    statements: Sequence[Statement]

    def of(self, callee: str, positional: Sequence[str]) -> dict[str, list[Passed]]:
        """For each parameter what calls of ``callee`` pass to it; unknown arguments left out.

        Args:
            callee: as one would write it: ``predict``, ``service.predict``.
            positional: the names of its parameters that can be passed by position.
        """
        return self._of(callee, positional, _DEPTH)

    def _of(self, callee: str, positional: Sequence[str], depth: int) -> dict[str, list[Passed]]:
        found: dict[str, list[Passed]] = {}
        for site in self._sites(callee):
            known = self._locals(site.scopes, depth)
            for parameter, argument in _pairs(site.node, positional):
                for node in _meanings(argument, known):
                    passed = Passed(node, site.cell, ast.unparse(site.node))
                    found.setdefault(parameter, []).append(passed)
        return found

    def _sites(self, callee: str) -> Iterator[_Site]:
        text = ast.unparse(ast.parse(callee, mode="eval"))
        last = text.rpartition(".")[2]
        for statement in (s for s in self.statements if last in s.source):
            for node, scopes in _walk(statement.node, ()):
                if isinstance(node, ast.Call) and ast.unparse(node.func) == text:
                    yield _Site(node, statement.cell, scopes)

    def _locals(self, scopes: Sequence[ast.AST], depth: int) -> _Locals:
        known: _Locals = {}
        for scope in scopes:
            if isinstance(scope, _FUNCTIONS):
                known |= self._of_function(scope, depth)
            elif isinstance(scope, ast.For):
                known |= self._of_loop(scope.target, scope.iter, known)
            elif isinstance(scope, _COMPREHENSIONS):
                for generator in scope.generators:
                    known |= self._of_loop(generator.target, generator.iter, known)
        return known

    def _of_function(self, node: Any, depth: int) -> _Locals:
        """Parameters stand for what the function is called with; other locals for nobody knows."""
        body = node.body if isinstance(node.body, list) else [node.body]
        known: _Locals = {
            part.id: None
            for part in own_nodes(*body)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        }
        parameters = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
        names = [a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)]
        calls = {}
        if depth and not isinstance(node, ast.Lambda):
            calls = self._of(node.name, parameters, depth - 1)
        changed = set(known)
        for name in names:
            meanings = [passed.node for passed in calls.get(name, [])]
            known[name] = meanings or None if name not in changed else None
        return known

    def _of_loop(self, target: ast.expr, iterated: ast.expr, known: _Locals) -> _Locals:
        names = [n.id for n in ast.walk(target) if isinstance(n, ast.Name)]
        found: _Locals = dict.fromkeys(names)
        for meaning in _meanings(iterated, known)[:1]:
            items = self._items(meaning)
            for item in items or []:
                for name, node in _unpacked(target, item):
                    found[name] = [*(found[name] or []), node]
        return found

    def _items(self, iterated: ast.expr) -> list[ast.expr] | None:
        """What a loop goes over, as expressions; None where that would have to run."""
        match iterated:
            case ast.List(items) | ast.Tuple(items):
                return items
            case ast.Dict(keys):
                return [key for key in keys if key is not None]
            case ast.Call(ast.Attribute(ast.Dict(keys, values), "items")):
                pairs = zip(keys, values, strict=True)
                return [_tuple(key, value) for key, value in pairs if key is not None]
            case ast.Call(ast.Attribute(owner, "items" | "values" | "keys" as method)):
                held = held_by(owner, self.namespace)
                if not isinstance(held, dict):
                    return None
                names: list[ast.expr] = [ast.Constant(k) for k in itertools.islice(held, _MANY)]
                inside = [_subscript(owner, key) for key in names]
                both = [_tuple(key, item) for key, item in zip(names, inside, strict=True)]
                return {"keys": names, "values": inside, "items": both}[method]
            case ast.Call(ast.Name("enumerate"), [inner, *_]):
                numbers = itertools.count()
                counted = self._items(inner) or []
                return [_tuple(ast.Constant(next(numbers)), item) for item in counted] or None
            case ast.Call(ast.Name("zip"), inner):
                lists = [self._items(part) for part in inner]
                if any(items is None for items in lists):
                    return None
                return [_tuple(*row) for row in zip(*(i or [] for i in lists), strict=False)]
        held = held_by(iterated, self.namespace)
        if isinstance(held, dict):
            return [ast.Constant(key) for key in itertools.islice(held, _MANY)]
        if isinstance(held, (list, tuple)):
            return [_subscript(iterated, ast.Constant(i)) for i in range(min(len(held), _MANY))]
        return None


def positional_names(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """The parameters that can be passed by position, in order."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters.values() if p.kind in kinds]


def held_by(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The live value of names, attributes and items; None for anything that would have to run."""
    match node:
        case ast.Name(name):
            return namespace.get(name)
        case ast.Constant(value):
            return value
        case ast.UnaryOp(ast.USub(), ast.Constant(int(value))):
            return -value
        case ast.Attribute(owner, name):
            held = held_by(owner, namespace)
            return None if held is None or kind_of(held) else getattr(held, name, None)
        case ast.Subscript(owner, index):
            held, key = held_by(owner, namespace), held_by(index, namespace)
            if isinstance(held, dict) and isinstance(key, (str, int, float, bool, tuple)):
                return held.get(key)
            if isinstance(held, (list, tuple)) and isinstance(key, int) and -len(held) <= key:
                return held[key] if key < len(held) else None
    return None


def _walk(node: ast.AST, scopes: tuple[ast.AST, ...]) -> Iterator[tuple[ast.AST, tuple[Any, ...]]]:
    yield node, scopes
    if isinstance(node, (ast.For, *_FUNCTIONS, *_COMPREHENSIONS)):
        scopes = (*scopes, node)
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, scopes)


def _pairs(call: ast.Call, positional: Sequence[str]) -> Iterator[tuple[str, ast.expr]]:
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return
    yield from zip(positional, call.args, strict=False)
    yield from ((word.arg, word.value) for word in call.keywords if word.arg)


def _meanings(node: ast.expr, known: _Locals) -> list[ast.expr]:
    """An expression with every local name replaced by what it may stand for; [] if unknown."""
    names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in known]
    names = list(dict.fromkeys(names))
    choices = [known[name] for name in names]
    if any(choice is None for choice in choices):
        return []
    rows = itertools.product(*(choice or [] for choice in choices))
    return [
        _Replaced(dict(zip(names, row, strict=True))).visit(copy.deepcopy(node))
        for row in itertools.islice(rows, _MANY)
    ]


@dataclass(frozen=True)
class _Replaced(ast.NodeTransformer):
    by: Mapping[str, ast.expr]

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.by.get(node.id, node))


def _unpacked(target: ast.expr, item: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, item
    elif isinstance(target, (ast.Tuple, ast.List)):
        for position, inner in enumerate(target.elts):
            part: ast.expr = _subscript(item, ast.Constant(position))
            if isinstance(item, (ast.Tuple, ast.List)) and position < len(item.elts):
                part = item.elts[position]
            yield from _unpacked(inner, part)


def _tuple(*items: ast.expr) -> ast.expr:
    return ast.Tuple(list(items), ast.Load())


def _subscript(owner: ast.expr, key: ast.expr) -> ast.expr:
    return ast.Subscript(owner, key, ast.Load())


__all__ = ["Arguments", "Passed", "held_by", "positional_names"]
