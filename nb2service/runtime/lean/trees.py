"""Trees and forests: each tree's own compiled walk, summed in the forest's order."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import to_matrix
from .known import Declined, Form, Step, Unknown, check_width, estimator

SINGLE = (
    *("DecisionTreeClassifier", "DecisionTreeRegressor"),
    *("ExtraTreeClassifier", "ExtraTreeRegressor"),
)
FORESTS = (
    *("RandomForestClassifier", "RandomForestRegressor"),
    *("ExtraTreesClassifier", "ExtraTreesRegressor"),
)
TREES = SINGLE + FORESTS

# Rows above which a forest of several jobs is faster by itself.
_MANY = 2_000


def _features(model: Any, tree: Any, form: Form) -> Step:
    """The float32 array that a tree walks."""
    check_width(model, form)
    stack, given = to_matrix(form)
    if given.sparse:
        raise Unknown("trees on a sparse matrix")
    try:
        nan_allowed = bool(tree._support_missing_values(np.zeros((1, given.width), np.float32)))
    except AttributeError:  # before scikit-learn 1.3
        nan_allowed = False

    def run(value: Any) -> Any:
        # Rows together in memory: a tree compares, so layout changes its speed alone.
        features = np.ascontiguousarray(stack(value), np.float32)
        if not np.isfinite(features).all() and (not nan_allowed or np.isinf(features).any()):
            raise Declined("NaN or infinity")
        return features

    return run


@estimator(*SINGLE)
def _tree(model: Any, method: str, form: Form) -> Step:
    if model.n_outputs_ != 1:
        raise Unknown("several outputs")
    features = _features(model, model, form)
    leaf, values = model.tree_.apply, _leaf_values(model)
    if not hasattr(model, "classes_"):
        if method != "predict":
            raise Unknown(method)
        flat = np.ascontiguousarray(values[:, 0])
        return lambda value: flat.take(leaf(features(value)))
    if method == "predict":
        best = model.classes_.take(model.tree_.value[:, 0, :].argmax(axis=1))
        return lambda value: best.take(leaf(features(value)))
    return _decide(model, method, lambda value: values.take(leaf(features(value)), axis=0))


@estimator(*FORESTS)
def _forest(model: Any, method: str, form: Form) -> Step:
    if model.n_outputs_ != 1 or model.verbose:
        raise Unknown("several outputs, or a forest that reports")
    trees = model.estimators_
    features = _features(model, trees[0], form)
    tables = [_leaf_values(tree) for tree in trees]
    jobs = _jobs(model)
    if jobs > 1 and not all(map(_order_does_not_matter, trees)):
        raise Unknown("a forest whose threads add in any order")
    pairs = [(tree.tree_.apply, table) for tree, table in zip(trees, tables, strict=True)]
    width, count = tables[0].shape[1], len(trees)

    def mean(value: Any) -> Any:
        rows = features(value)
        if jobs > 1 and len(rows) > _MANY:
            raise Declined("many rows for several jobs")
        total = np.zeros((len(rows), width))
        for leaf, table in pairs:
            total += table.take(leaf(rows), axis=0)
        total /= count
        return total

    if hasattr(model, "classes_"):
        return _decide(model, method, mean)
    if method != "predict":
        raise Unknown(method)
    return lambda value: mean(value)[:, 0]


def _jobs(model: Any) -> int:
    from joblib import effective_n_jobs

    return int(min(effective_n_jobs(model.n_jobs), len(model.estimators_)))


def _order_does_not_matter(tree: Any) -> bool:
    """Whether sums of what a tree's leaves hold are exact, and so the same in any order."""
    scaled = _leaf_values(tree)[tree.tree_.children_left < 0] * 2.0**10
    return bool((scaled == np.rint(scaled)).all() and np.abs(scaled).max() < 2.0**40)


def _leaf_values(tree: Any) -> Any:
    """What a tree answers at each node, (nodes, classes or 1)."""
    values = tree.tree_.value[:, 0, :]
    if not hasattr(tree, "classes_"):
        return np.ascontiguousarray(values[:, :1])
    values = np.ascontiguousarray(values[:, : tree.n_classes_])
    if _holds_counts():
        total = values.sum(axis=1)[:, np.newaxis]
        total[total == 0.0] = 1.0
        values = values / total
    return values


def _holds_counts() -> bool:
    """Whether trees hold weights of classes, not their shares (before scikit-learn 1.3)."""
    import sklearn

    major, minor = sklearn.__version__.split(".")[:2]
    return (int(major), int(minor)) < (1, 3)


def _decide(model: Any, method: str, shares: Step) -> Step:
    if method == "predict_proba":
        return shares
    if method == "predict_log_proba":
        return lambda value: np.log(shares(value))
    if method == "predict":
        classes = model.classes_
        return lambda value: classes.take(shares(value).argmax(axis=1))
    raise Unknown(method)
