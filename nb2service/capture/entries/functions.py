"""The notebook's functions that predict, and those that only look as if they did."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType, MethodType, ModuleType
from typing import Any

from ...notebook.statements import Statement
from .estimators import is_estimator
from .servable import Servable, own_names
from .unfold import own_nodes, root_of

_PREDICTING = (
    "predict", "classify", "score", "infer", "forecast", "recommend", "detect", "estimate", "rank",
)  # fmt: skip
_DRAWING = {"matplotlib", "seaborn", "plotly", "IPython"}
_FITTING = ("fit", "fit_transform", "fit_predict", "partial_fit")


@dataclass(frozen=True)
class Refit:
    """A call in a function that fits something each time the function is called.

    Attributes:
        what: the expression that is fitted: ``scaler``, ``LogisticRegression()``.
        shared: whether it is the notebook's own object, which every call changes.
        trains: whether it is a model that predicts, not a mere step before one.
    """

    what: str
    shared: bool
    trains: bool


def functions_in(namespace: Mapping[str, Any], statements: Sequence[Statement]) -> list[Servable]:
    """The functions of the notebook's own that return something; others only print or plot."""
    return [s for s in _functions(namespace) if not mute(s, namespace, statements)]


def predict_functions(
    namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> list[Servable]:
    """Functions named as if they predict, that do, and that serve no other such one."""
    named = [s for s in _named(namespace) if not lookalike(s, namespace, statements)]
    helpers = {name for s in named for name in reached_from(s.root, statements) - {s.root}}
    return [s for s in named if s.root not in helpers] or named


def lookalikes(
    namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> list[tuple[Servable, str]]:
    """Functions that are named as if they predict but do not, and what they do instead."""
    found = [(s, lookalike(s, namespace, statements)) for s in _named(namespace)]
    return [(s, why) for s, why in found if why]


def lookalike(
    function: Servable, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> str:
    """What a function does instead of predicting, in words; "" if it may well predict."""
    if said := mute(function, namespace, statements):
        return said
    trained = [r.what for r in refits(function.root, namespace, statements) if r.trains]
    return f"fits {trained[0]} in each call" if trained else ""


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


def _named(namespace: Mapping[str, Any]) -> list[Servable]:
    return [s for s in _functions(namespace) if s.root.lower().startswith(_PREDICTING)]


def _functions(namespace: Mapping[str, Any]) -> list[Servable]:
    module = namespace.get("__name__", "__main__")
    return [
        Servable(name, value, name)
        for name in own_names(namespace)
        if _is_own_function(value := namespace[name], module)
        or (isinstance(value, (functools.partial, MethodType)) and _is_bound_here(name, value))
    ]


def _is_own_function(value: Any, module: str) -> bool:
    if not isinstance(value, FunctionType) or value.__module__ != module:
        return False
    return value.__code__.co_varnames[:1] != ("self",)  # a method shown outside its class


def _is_bound_here(name: str, value: Any) -> bool:
    """Whether ``name = partial(…)`` or ``name = model.predict`` was meant as a function."""
    owner = getattr(value, "__self__", None)
    return name.lower().startswith(_PREDICTING) and not isinstance(owner, type)


# --- what a function's text says


def _definition(
    name: str, statements: Sequence[Statement]
) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The function's own text; None for a lambda, or one whose text is not known."""
    statement = next((s for s in reversed(statements) if name in s.uses.binds), None)
    node = statement.node if statement else None
    return node if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) else None


def mute(function: Servable, namespace: Mapping[str, Any], statements: Sequence[Statement]) -> str:
    """Why a function gives no answer: it returns nothing, prints or draws; "" if it does."""
    node = _definition(function.root, statements)
    if node is None:
        return ""
    body = list(own_nodes(*node.body))
    if any(isinstance(part, (ast.Yield, ast.YieldFrom)) for part in body):
        return ""
    returned = [
        part.value
        for part in body
        if isinstance(part, ast.Return) and part.value is not None and not _is_none(part.value)
    ]
    if not returned:
        return "returns nothing"
    drawn = _drawn_names(body, namespace)
    shown = [_shows(value, namespace) or root_of(value) in drawn for value in returned]
    return "only prints or draws" if all(shown) else ""


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _shows(node: ast.expr, namespace: Mapping[str, Any]) -> bool:
    """Whether a call prints or draws, going by what its first name is in the notebook."""
    if not isinstance(node, ast.Call):
        return False
    root = root_of(node.func)
    if root == "print" and "print" not in namespace:
        return True
    held = namespace.get(root)
    module = held.__name__ if isinstance(held, ModuleType) else getattr(held, "__module__", "")
    return str(module).partition(".")[0] in _DRAWING


def _drawn_names(body: Sequence[ast.AST], namespace: Mapping[str, Any]) -> set[str]:
    """Figures and axes: what ``fig, ax = plt.subplots()`` binds."""
    return {
        name.id
        for part in body
        if isinstance(part, ast.Assign) and _shows(part.value, namespace)
        for target in part.targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name)
    }


def refits(
    name: str,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    bind: Mapping[str, str] | None = None,
) -> list[Refit]:
    """What a function, or a function that it calls, fits in each call.

    Args:
        name: of the function.
        namespace: the live namespace.
        statements: of the whole notebook.
        bind: its parameters that are captured values → names in the namespace.
    """
    found: dict[str, Refit] = {}
    for reached in (name, *sorted(reached_from(name, statements))):
        node = _definition(reached, statements)
        if node is not None and isinstance(namespace.get(reached), FunctionType):
            bound = (bind or {}) if reached == name else {}
            for refit in _refits_of(node, namespace, bound):
                found.setdefault(refit.what, refit)
    return list(found.values())


def _refits_of(
    node: ast.FunctionDef | ast.AsyncFunctionDef,
    namespace: Mapping[str, Any],
    bind: Mapping[str, str],
) -> Iterator[Refit]:
    body = list(own_nodes(*node.body))
    local: dict[str, ast.expr | None] = {
        a.arg: None for a in ast.walk(node.args) if isinstance(a, ast.arg)
    }
    for part in body:
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store):
            local.setdefault(part.id, None)
    for part in body:
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            local[part.targets[0].id] = part.value
    for part in body:
        match part:
            case ast.Call(ast.Attribute(owner, method)) if method in _FITTING:
                name = root_of(owner)
                shared = name in bind or (bool(name) and name not in local)
                held = namespace.get(bind.get(name, name)) if shared else None
                if shared and not is_estimator(held):
                    continue
                made = owner if not isinstance(owner, ast.Name) else local.get(owner.id)
                kind = type(held) if shared else _class_made(made, namespace)
                supervised = method == "fit" and len(part.args) + len(part.keywords) > 1
                trains = hasattr(kind, "predict") if kind else supervised
                yield Refit(ast.unparse(owner), shared, trains)


def _class_made(node: ast.expr | None, namespace: Mapping[str, Any]) -> type | None:
    """The class that ``LogisticRegression(C=2)`` makes an object of, where that can be told."""
    match node:
        case ast.Call(ast.Name(name)):
            held = namespace.get(name)
        case ast.Call(ast.Attribute(ast.Name(module), name)):
            owner = namespace.get(module)
            held = getattr(owner, name, None) if isinstance(owner, ModuleType) else None
        case _:
            return None
    return held if isinstance(held, type) else None


__all__ = [
    "Refit",
    "functions_in",
    "lookalike",
    "lookalikes",
    "mute",
    "predict_functions",
    "reached_from",
    "refits",
]
