"""The metrics of a model that the notebook computed and memory still holds."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any

from ..values import numpy_is
from .evidence import Ranked, Reading
from .servable import Servable

_SHOWN = 2


def scores_of(ranked: Ranked, reading: Reading) -> dict[str, float]:
    """Of a search, under the model's key, shown by a cell, or bound to a name; nothing is run."""
    own, position = ranked.servable, reading.position(ranked)
    found: list[tuple[str, Any]] = [("best_score_", getattr(own.value, "best_score_", None))]
    found += _keyed(own, reading.namespace)
    found += _shown(ranked, reading)
    found += [
        (name, reading.namespace.get(name))
        for name, made_of in reading.made_of.items()
        if made_of == {position}
    ]
    plain = {name: float(value) for name, value in found if _is_number(value)}
    return dict(list(plain.items())[:_SHOWN])


def _shown(ranked: Ranked, reading: Reading) -> Iterator[tuple[str, Any]]:
    """What ``rf.score(X, y)`` at the end of a cell showed."""
    shown = reading.namespace.get("Out", {})
    for index, statement in enumerate(reading.statements):
        match statement.node:
            case ast.Expr(ast.Call(ast.Attribute(owner, "score"))):
                if reading.of(owner, index) is ranked and statement.cell in shown:
                    yield "score", shown[statement.cell]


def _keyed(servable: Servable, namespace: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """``scores["rf"]`` for ``models["rf"]``: a dictionary of numbers with the same keys."""
    models = namespace.get(servable.root)
    if not isinstance(models, dict):
        return
    key = next((key for key, value in models.items() if value is servable.value), None)
    for name, value in namespace.items():
        if name.startswith("_") or not isinstance(value, dict) or value is models:
            continue
        if key in value and set(value) == set(models):
            yield name, value[key]


def _is_number(value: Any) -> bool:
    return (isinstance(value, float) or numpy_is(value, "floating")) and bool(value == value)


__all__ = ["scores_of"]
