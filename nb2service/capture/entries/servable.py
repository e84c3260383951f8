"""What a notebook could serve: its fitted models and its functions that predict."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import FunctionType
from typing import Any

from ...notebook.statements import Statement
from .estimators import is_estimator, is_fitted, is_predictor, parts_of

_PREDICTING = (
    "predict", "classify", "score", "infer", "forecast", "recommend", "detect", "estimate", "rank",
)  # fmt: skip
_SHELL = {"In", "Out", "exit", "quit", "get_ipython", "open"}
_CONTAINER_LIMIT = 100
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


@dataclass(frozen=True)
class Servable:
    """Something that can be served.

    Attributes:
        expression: as one types it after ``%deploy``.
        value: the live model or function.
        root: the name at the start of the expression.
    """

    expression: str
    value: Any
    root: str

    def line(self, statements: Sequence[Statement]) -> str:
        """A command ready to type, with what it would serve."""
        cell = cell_of(self.root, statements)
        kind = "function" if isinstance(self.value, FunctionType) else type(self.value).__name__
        where = f", cell [{cell}]" if cell is not None else ""
        return f"%deploy {self.expression}  # {kind}{where}"


def own_names(namespace: Mapping[str, Any]) -> list[str]:
    """The names that a person bound, in the order of their first binding."""
    return [name for name in namespace if not name.startswith("_") and name not in _SHELL]


def cell_of(name: str, statements: Sequence[Statement]) -> int | None:
    """The cell that bound a name last."""
    return next((s.cell for s in reversed(statements) if name in s.uses.binds), None)


def estimators_in(namespace: Mapping[str, Any]) -> list[Servable]:
    """All models, fitted or not, by name and in containers; one object once."""
    found: dict[int, Servable] = {}
    for name in own_names(namespace):
        if is_estimator(namespace[name]):
            found.setdefault(id(namespace[name]), Servable(name, namespace[name], name))
    for name in own_names(namespace):
        for expression, value in _contained(name, namespace[name]):
            found.setdefault(id(value), Servable(expression, value, name))
    return list(found.values())


def _contained(expression: str, value: Any, depth: int = 2) -> Iterator[tuple[str, Any]]:
    """Models in a dictionary, list or list of pairs: ``models["rf"]``, ``models[0][1]``."""
    if not isinstance(value, (dict, list, tuple)):
        return
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in islice(items, _CONTAINER_LIMIT):
        if not isinstance(key, (str, int)):
            continue
        text = json.dumps(key, ensure_ascii=False) if isinstance(key, str) else repr(key)
        inner = f"{expression}[{text}]"
        if is_estimator(item):
            yield inner, item
        elif depth > 1:
            yield from _contained(inner, item, depth - 1)


def models_in(namespace: Mapping[str, Any]) -> list[Servable]:
    """The fitted models that a person may mean.

    Not those that are part of another one, no dummies beside a real model, and no transformers
    beside a predictor.
    """
    fitted = [s for s in estimators_in(namespace) if is_fitted(s.value)]
    inner = {id(part) for s in fitted for part in parts_of(s.value) if part is not s.value}
    whole = [s for s in fitted if id(s.value) not in inner]
    predictors = [s for s in whole if is_predictor(s.value)] or whole
    real = [s for s in predictors if not type(s.value).__name__.startswith("Dummy")]
    return real or predictors


def functions_in(namespace: Mapping[str, Any], statements: Sequence[Statement]) -> list[Servable]:
    """The functions of the notebook's own that return something; others only print or plot."""
    return [s for s in _functions(namespace) if _returns(s.root, statements)]


def mute_functions(namespace: Mapping[str, Any], statements: Sequence[Statement]) -> list[str]:
    """Names of functions that are named as if they predict, but return nothing."""
    named = [s.root for s in _functions(namespace) if s.root.lower().startswith(_PREDICTING)]
    return [name for name in named if not _returns(name, statements)]


def _functions(namespace: Mapping[str, Any]) -> list[Servable]:
    module = namespace.get("__name__", "__main__")
    return [
        Servable(name, value, name)
        for name in own_names(namespace)
        if isinstance(value := namespace[name], FunctionType)
        and value.__module__ == module
        and value.__code__.co_varnames[:1] != ("self",)  # a method shown outside its class
    ]


def predict_functions(
    namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> list[Servable]:
    """Functions named as if they predict, that serve no other such one."""
    named = [
        s for s in functions_in(namespace, statements) if s.root.lower().startswith(_PREDICTING)
    ]
    helpers = {name for s in named for name in reached_from(s.root, statements) - {s.root}}
    return [s for s in named if s.root not in helpers] or named


def reached_from(name: str, statements: Sequence[Statement]) -> set[str]:
    """The global names that a function reads when called, and those that they read in turn."""
    last = {bound: s for s in statements for bound in s.uses.binds}
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        statement = last.get(waiting.pop())
        unseen = statement.uses.late - reached if statement else frozenset()
        reached |= unseen
        waiting += unseen
    return reached


def _returns(name: str, statements: Sequence[Statement]) -> bool:
    """Whether a function gives an answer; one that only prints or plots does not."""
    statement = next((s for s in reversed(statements) if name in s.uses.binds), None)
    if statement is None or not isinstance(statement.node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return True  # a lambda, or one whose text is not known
    return any(_answers(node) for node in _own_nodes(statement.node.body))


def _answers(node: ast.AST) -> bool:
    if not isinstance(node, ast.Return) or node.value is None:
        return False
    return not (isinstance(node.value, ast.Constant) and node.value.value is None)


def _own_nodes(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """Nodes of a function's body, without the functions and classes within it."""
    for node in nodes:
        yield node
        if not isinstance(node, _SCOPES):
            yield from _own_nodes(list(ast.iter_child_nodes(node)))


__all__ = [
    "Servable",
    "cell_of",
    "estimators_in",
    "functions_in",
    "models_in",
    "mute_functions",
    "own_names",
    "predict_functions",
    "reached_from",
]
