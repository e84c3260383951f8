"""Values in memory that an entry could take, found by columns, width, hint or name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from ...notebook.statements import Statement
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.signatures import function_of, is_model, required_parameters
from ..values import kind_of
from .candidates import Candidate, as_given
from .hints import read_hints

# (name, value) → whether the value looks like the entry's input
Suits = Callable[[str, Any], bool]

# How notebooks name rows that a model is tried on: test rows before training rows.
_RANKS = [re.compile(p, re.I) for p in (r"x_?test", r"x_?val", r"x_?train", r"x(?![a-z])")]
_TABLE_NAMES = {"x", "df", "data", "frame", "features", "rows", "samples", "inputs"}


def from_namespace(
    request: EntryRequest, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[Candidate]:
    """Values in memory that a model or a function's one parameter could take, best named first."""
    bound = {name: (i, s.cell) for i, s in enumerate(statements) for name in s.uses.binds}
    suits = _suits_model(request.value) if is_model(request) else _suits_function(request)
    names = [
        name
        for name, value in namespace.items()
        if not name.startswith("_") and name not in ("In", "Out") and suits(name, value)
    ]
    names.sort(key=lambda name: (_rank(name), -bound.get(name, (-1, None))[0]))
    for name in names:
        given = as_given(request, namespace[name])
        yield Candidate(given, name, bound.get(name, (0, None))[1])


def is_rows(name: str) -> bool:
    """Whether a name is one that notebooks give to rows for a model: ``X_test``, ``X``."""
    return _rank(name) < len(_RANKS)


def _rank(name: str) -> int:
    return next((i for i, pattern in enumerate(_RANKS) if pattern.match(name)), len(_RANKS))


def _suits_model(model: Any) -> Suits:
    """Tells whether a value of the namespace looks like the model's input."""
    names, width = feature_names(model), getattr(model, "n_features_in_", None)
    first = model.steps[0][1] if getattr(model, "steps", None) else model
    if hasattr(first, "analyzer") and hasattr(first, "lowercase"):
        labels = set(map(str, getattr(model, "classes_", ())))
        return lambda _, value: _is_text(value) and not set(islice(value, 20)) <= labels
    if type(first).__name__ == "DictVectorizer":
        return lambda _, value: (
            isinstance(value, list)
            and bool(value)
            and all(isinstance(item, dict) for item in value)
        )

    def suits(name: str, value: Any) -> bool:
        kind = kind_of(value)
        if kind == "frame" and names:
            return set(names) <= set(value.columns)
        if kind not in ("frame", "array") or value.ndim < 2:
            return False
        if width is not None:
            return bool(value.shape[1] == width)
        # Nothing known about the model's input: only what is named as one.
        return not names and is_rows(name)

    return suits


def _is_text(value: Any) -> bool:
    kind = kind_of(value)
    if kind == "list":
        return bool(value) and all(isinstance(item, str) for item in value)
    if kind in ("series", "array") and value.ndim == 1 and len(value):
        return all(isinstance(item, str) for item in islice(value, 20))
    return False


def _suits_function(request: EntryRequest) -> Suits:
    """Tells whether a value of the namespace looks like the one argument of a function."""
    required = required_parameters(request)
    if len(required) != 1:
        return lambda name, value: False
    only = required[0]
    hint = read_hints(function_of(request)).get(only)
    kinds = {"DataFrame": "frame", "Series": "series", "ndarray": "array"}
    wanted = kinds.get(getattr(hint, "__name__", ""))

    def suits(name: str, value: Any) -> bool:
        kind = kind_of(value)
        if kind not in ("frame", "series", "array"):
            return False
        if wanted:
            return kind == wanted
        if hint is not None:
            return False
        return name == only or (only.lower() in _TABLE_NAMES and kind == "frame")

    return suits
