"""What a model is made of: its steps, and the settings that somebody chose."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..entries.estimators import is_estimator
from ..model import ModelPart
from ..values import numpy_is, type_name
from .training import learnt

_DEPTH = 6
_MOST = 60  # parts; settings longer than that many characters are left out


def parts_of_model(model: Any) -> tuple[ModelPart, ...]:
    """A model and the steps within it, the outermost first."""
    return tuple(islice(_parts(model, "", "", 0), _MOST))


def _parts(value: Any, name: str, takes: str, depth: int) -> Iterator[ModelPart]:
    if isinstance(value, str):  # "passthrough" and "drop", of a column transformer
        yield ModelPart(name, value, takes, (), depth)
        return
    given = _given(value)
    steps = [(label, *step) for label, held in given.items() for step in _steps(label, held)]
    within = {label for label, *_ in steps}
    settings = {label: held for label, held in given.items() if label not in within}
    yield ModelPart(name, type_name(value), takes, tuple(_chosen(value, settings)), depth)
    if depth < _DEPTH:
        for _, step_name, step, columns in steps:
            yield from _parts(step, step_name, columns, depth + 1)


def _given(value: Any) -> dict[str, Any]:
    """The settings of an estimator; the best estimator of a search in place of its pattern."""
    try:
        given = dict(value.get_params(deep=False))
    except Exception:  # no estimator of scikit-learn's kind, or code of the notebook's own
        return {}
    best = learnt(value, "best_estimator_")
    return {**given, "estimator": best} if best is not None and "estimator" in given else given


def _steps(label: str, held: Any) -> Iterator[tuple[str, Any, str]]:
    """The estimators that a setting holds: name, estimator, the columns that it takes."""
    if is_estimator(held):
        yield label, held, ""
    elif isinstance(held, (list, tuple)):
        for item in held:
            match item:
                case (str(name), step, *columns) if is_estimator(step) or (
                    columns and isinstance(step, str)
                ):
                    yield name, step, _columns(columns[0]) if columns else ""


def _columns(columns: Any) -> str:
    if isinstance(columns, str):
        return columns
    try:
        listed = [str(item) for item in columns]
    except TypeError:  # a function that chooses them, a slice
        return ""
    more = f", … ({len(listed)} in all)" if len(listed) > 8 else ""
    return ", ".join(listed[:8]) + more


def _chosen(value: Any, settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings that are not as the class has them by itself."""
    defaults = _defaults(type(value))
    for name, held in settings.items():
        text = _text(held)
        if text and text != _text(defaults.get(name)):
            yield name, text


def _defaults(kind: type) -> dict[str, Any]:
    """What the parameters of a class are if nobody says; XGBoost's are those of its base class."""
    found: dict[str, Any] = {}
    for base in reversed(kind.__mro__):
        try:
            parameters = inspect.signature(base.__init__).parameters  # type: ignore[misc]
        except (TypeError, ValueError):  # of a class that is not written in Python
            continue
        found |= {name: parameter.default for name, parameter in parameters.items()}
    return found


def _text(held: Any) -> str:
    """A setting as one would type it; "" where that would be no short text."""
    if numpy_is(held, "generic"):
        held = held.item()
    if inspect.isclass(held) or inspect.isroutine(held):
        return str(held.__name__)
    text = repr(held) if _is_plain(held) else ""
    return text if len(text) <= _MOST else ""


def _is_plain(held: Any) -> bool:
    if isinstance(held, dict):
        return all(_is_plain(item) for pair in held.items() for item in pair)
    if isinstance(held, (list, tuple)):
        return all(_is_plain(item) for item in held)
    return held is None or type(held) in (bool, int, float, str)


__all__ = ["parts_of_model"]
