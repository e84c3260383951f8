"""What counts as a model, whether it is fitted, and which of its methods can be served.

No library is imported for it: what is not loaded cannot have made the value.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from types import ModuleType
from typing import Any

from ..values import kind_of

# In the order in which they are served.
_PREDICTING = ("predict", "predict_proba", "decision_function")
_LOOKED_AT = {"n_features_in_", "feature_names_in_"}
_ITEMS = 100  # no more of a container is looked at
_DEPTH = 4  # search → pipeline → column transformer → its steps


def is_estimator(value: Any) -> bool:
    """Whether a value is an object that predicts, or one that is fitted to transform."""
    if isinstance(value, (type, ModuleType)) or kind_of(value):
        return False
    if _has(value, "no_such_method"):
        return False  # a mock or a proxy, which has whatever one asks for
    return _has(value, "predict") or (_has(value, "fit") and _has(value, "transform"))


def is_predictor(value: Any) -> bool:
    """Whether an estimator predicts; else it only transforms."""
    return _has(value, "predict")


def labels_only(value: Any) -> bool:
    """Whether a clustering labels the rows of its fit and has no rule for others (DBSCAN)."""
    if isinstance(value, (type, ModuleType)) or kind_of(value) or is_estimator(value):
        return False
    return _has(value, "fit_predict") and hasattr(value, "labels_")


def is_fitted(value: Any) -> bool:
    """Whether an estimator has learnt what it needs to answer."""
    base = sys.modules.get("sklearn.base")
    if base is not None and isinstance(value, base.BaseEstimator):
        knows = hasattr(value, "__sklearn_is_fitted__") or _package(value) == "sklearn"
        if knows or _check_is_fitted(value):
            return _check_is_fitted(value)
    if not _has(value, "fit"):
        return True  # a booster, the results of statsmodels: made by a fit elsewhere
    for name in ("is_fitted", "fitted", "built"):
        said = getattr(value, name, None)
        said = said() if inspect.ismethod(said) else said
        if isinstance(said, bool):
            return said
    state = getattr(value, "__dict__", {})
    if _package(value) == "statsmodels":
        return False  # there the model only describes; its results predict
    return any(_is_set(held) for name, held in state.items() if name not in _settings(value))


def _package(value: Any) -> str:
    return type(value).__module__.partition(".")[0]


def _check_is_fitted(value: Any) -> bool:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(value)
    except (NotFittedError, TypeError):  # TypeError: it has no fit
        return False
    learnt = {name for name in vars(value) if name.endswith("_")}
    # A fit that raised has looked at its input, and no more.
    return not (is_predictor(value) and learnt and learnt <= _LOOKED_AT)


def _settings(value: Any) -> set[str]:
    """Names of the attributes that a person sets and a fit does not."""
    try:
        return set(inspect.signature(type(value)).parameters)
    except (TypeError, ValueError):
        return set()


def _is_set(held: Any) -> bool:
    """Whether an attribute holds more than the nothing that it starts from."""
    if held is None or isinstance(held, (bool, int, float, str, list, dict, tuple, set)):
        return bool(held)
    return True


def feature_names(model: Any) -> tuple[str, ...]:
    """The column names a model was fitted with (scikit-learn's, LightGBM's, CatBoost's way)."""
    for attribute in ("feature_names_in_", "feature_name_", "feature_names_"):
        names = getattr(model, attribute, None)
        if names is not None and all(isinstance(name, str) for name in names):
            return tuple(str(name) for name in names)
    return ()


def methods(value: Any) -> tuple[str, ...]:
    """The methods to serve: those that predict; of a mere transformer ``transform``."""
    found = tuple(name for name in _PREDICTING if _has(value, name))
    return found or (("transform",) if _has(value, "transform") else ())


def _has(value: Any, method: str) -> bool:
    # scikit-learn hides what does not work: SVC(probability=False) has no predict_proba.
    try:
        return callable(getattr(value, method, None))
    except Exception:  # the attribute is the value's own code; what it raises means: not there
        return False


def parts_of(value: Any) -> Iterator[Any]:
    """The estimators within an estimator: steps of a pipeline, the best one of a search."""
    yield from _parts(value, _DEPTH)


def _parts(value: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        return
    for held in list(getattr(value, "__dict__", {}).values()):
        for item in _items(held):
            if is_estimator(item):
                yield item
                yield from _parts(item, depth - 1)


def _items(held: Any, depth: int = 2) -> Iterator[Any]:
    """A value, or what a container of containers (a pipeline's ``steps``) holds."""
    if depth == 0 or not isinstance(held, (Mapping, list, tuple)):
        yield held
        return
    for item in islice(held.values() if isinstance(held, Mapping) else held, _ITEMS):
        yield from _items(item, depth - 1)


__all__ = [
    "feature_names",
    "is_estimator",
    "is_fitted",
    "is_predictor",
    "labels_only",
    "methods",
    "parts_of",
]
