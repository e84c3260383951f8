"""Rows that nobody expects to travel: the notebook's tables, and those that a model keeps."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from ...notebook.statements import Statement
from ..values import kind_of
from .holdings import Held

# A lookup table is smaller; above either of these a table may well be the training data.
_ROWS = 1000
_BYTES = 1_000_000

# Calls that a table goes into on its way to a model.
_TRAINING = ("fit", "fit_transform", "fit_predict", "partial_fit", "train_test_split")
# Attributes in which scikit-learn and statsmodels keep the rows that a model was fitted with.
_KEPT = {
    "_fit_X": "training rows",
    "X_train_": "training rows",
    "X_fit_": "training rows",
    "X_": "training rows",
    "support_vectors_": "training rows as support vectors",
    "exog": "training rows",
}


def large_table(value: Any, size: int) -> str:
    """``all 1,200 rows (3.1 MB)`` of a table that is no lookup table; else ""."""
    if kind_of(value) not in ("frame", "series", "array"):
        return ""
    if len(value) < _ROWS and size < _BYTES:
        return ""
    return f"all its {len(value):,} rows ({size / 1e6:,.1f} MB)"


def trained_on(statements: Sequence[Statement]) -> set[str]:
    """The names that stand in the notebook's calls of ``fit`` and ``train_test_split``."""
    calls = (node for s in statements for node in ast.walk(s.node) if isinstance(node, ast.Call))
    return {
        name.id
        for call in calls
        if ast.unparse(call.func).rpartition(".")[2] in _TRAINING
        for argument in [*call.args, *(keyword.value for keyword in call.keywords)]
        for name in ast.walk(argument)
        if isinstance(name, ast.Name)
    }


def less_of(name: str, value: Any, reader: str) -> str:
    """How a reader that needs less than the whole table leaves the rows behind."""
    part = f"{name}_columns = {name}.columns" if kind_of(value) == "frame" else f"n = len({name})"
    return f"if {reader} needs less of it, give that a name of its own ({part}) and read that"


def kept_rows(held: Iterable[Held]) -> str:
    """``150 training rows`` that a model keeps; else "".

    It is the model's nature, and as often public data: a note, no warning.
    """
    for item in held:
        if item.key not in _KEPT:
            continue
        library = type(item.owner).__module__.partition(".")[0]
        shape = getattr(item.value, "shape", ())
        if library in ("sklearn", "statsmodels") and len(shape) == 2:
            count = int(item.value.shape[0])
            return f"{count:,} {_KEPT[item.key]}"
    return ""
