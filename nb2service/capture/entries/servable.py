"""The models of a notebook, each once, and by which expression one calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ...notebook.statements import Statement
from .estimators import is_estimator, is_fitted, is_predictor, parts_of
from .unfold import loop_names

_SHELL = {"In", "Out", "exit", "quit", "get_ipython", "open"}
_CONTAINER_LIMIT = 100


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


def own_names(namespace: Mapping[str, Any]) -> list[str]:
    """The names that a person bound, in the order of their first binding."""
    return [name for name in namespace if not name.startswith("_") and name not in _SHELL]


def cell_of(name: str, statements: Sequence[Statement]) -> int | None:
    """The cell that bound a name last."""
    return next((s.cell for s in reversed(statements) if name in s.uses.binds), None)


def estimators_in(
    namespace: Mapping[str, Any], statements: Sequence[Statement] = ()
) -> list[Servable]:
    """All models, fitted or not, by name, in containers and in objects; one object once.

    A name of its own goes before an item of a container, and that before a loop's variable.
    """
    module = namespace.get("__name__", "__main__")
    names = own_names(namespace)
    looped = loop_names(statements)
    held = [
        Servable(name, namespace[name], name) for name in names if is_estimator(namespace[name])
    ]
    found = {id(s.value): s for s in reversed(held) if s.root not in looped}
    inner: dict[int, Servable] = {}
    for name in names:
        for expression, value in _contained(name, namespace[name], module):
            known = inner.get(id(value))
            if id(value) not in found and (not known or len(expression) < len(known.expression)):
                inner[id(value)] = Servable(expression, value, name)
    by_identity = {**{id(s.value): s for s in held}, **inner, **found}
    order = dict.fromkeys([*(id(s.value) for s in held), *inner])
    return [by_identity[identity] for identity in order]


def _contained(
    expression: str, value: Any, module: str, depth: int = 2
) -> Iterator[tuple[str, Any]]:
    """Models in containers and objects of the notebook: ``models["rf"]``, ``trainer.model``."""
    for inner, item in _items(expression, value, module):
        if is_estimator(item):
            yield inner, item
        elif depth > 1:
            yield from _contained(inner, item, module, depth - 1)


def _items(expression: str, value: Any, module: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (dict, list, tuple)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in islice(items, _CONTAINER_LIMIT):
            if isinstance(key, str):
                yield f"{expression}[{json.dumps(key, ensure_ascii=False)}]", item
            elif isinstance(key, int):
                yield f"{expression}[{key!r}]", item
    elif type(value).__module__ == module and not is_estimator(value):
        for key, item in islice(list(getattr(value, "__dict__", {}).items()), _CONTAINER_LIMIT):
            if key.isidentifier():
                yield f"{expression}.{key}", item


def models_in(namespace: Mapping[str, Any], statements: Sequence[Statement] = ()) -> list[Servable]:
    """The fitted models that a person may mean.

    Not those that are part of another one, no dummies beside a real model, and no transformers
    beside a predictor.
    """
    fitted = [s for s in estimators_in(namespace, statements) if is_fitted(s.value)]
    inner = {id(part) for s in fitted for part in parts_of(s.value) if part is not s.value}
    whole = [s for s in fitted if id(s.value) not in inner]
    predictors = [s for s in whole if is_predictor(s.value)] or whole
    real = [s for s in predictors if not type(s.value).__name__.startswith("Dummy")]
    return real or predictors


__all__ = ["Servable", "cell_of", "estimators_in", "models_in", "own_names"]
