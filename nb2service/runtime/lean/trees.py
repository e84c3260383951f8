"""Trees and forests: each tree's own compiled walk, summed in the forest's order."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from .columns import to_matrix
from .known import Declined, Form, Step, Unknown, bare, check_width, estimator

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
    if method not in ("predict", "predict_proba", "predict_log_proba"):
        raise Unknown(method)
    table = _leaf_values(model, method.replace("_log", ""))
    table = np.log(table) if "_log" in method else table
    leaf = model.tree_.apply
    return lambda value: table.take(leaf(features(value)), axis=0)


@estimator(*FORESTS)
def _forest(model: Any, method: str, form: Form) -> Step:
    if model.n_outputs_ != 1 or model.verbose:
        raise Unknown("several outputs, or a forest that reports")
    trees = model.estimators_
    features = _features(model, trees[0], form)
    inner = "predict_proba" if hasattr(model, "classes_") else "predict"
    tables = [_leaf_values(tree, inner) for tree in trees]
    jobs = _jobs(model)
    if jobs > 1 and not all(map(_order_does_not_matter, trees, tables)):
        raise Unknown("a forest whose threads add in any order")
    pairs = [(tree.tree_.apply, table) for tree, table in zip(trees, tables, strict=True)]
    shape, count = tables[0].shape[1:], len(trees)

    def mean(value: Any) -> Any:
        rows = features(value)
        if jobs > 1 and len(rows) > _MANY:
            raise Declined("many rows for several jobs")
        total = np.zeros((len(rows), *shape))
        for leaf, table in pairs:
            total += table.take(leaf(rows), axis=0)
        total /= count
        return total

    if hasattr(model, "classes_"):
        return _decide(model, method, mean)
    if method != "predict":
        raise Unknown(method)
    return mean


def _jobs(model: Any) -> int:
    from joblib import effective_n_jobs

    return int(min(effective_n_jobs(model.n_jobs), len(model.estimators_)))


def _order_does_not_matter(tree: Any, table: Any) -> bool:
    """Whether sums of what a tree's leaves hold are exact, and so the same in any order."""
    scaled = table[tree.tree_.children_left < 0] * 2.0**10
    return bool((scaled == np.rint(scaled)).all() and np.abs(scaled).max() < 2.0**40)


def _leaf_values(tree: Any, method: str) -> Any:
    """What a tree answers at each of its nodes: by its own rule, which differs between versions."""
    held = tree.tree_.value[:, 0, :]
    row = np.zeros(tree.n_features_in_, np.float32)
    rows = np.broadcast_to(row, (len(held), len(row)))
    asked = bare(tree, tree_=SimpleNamespace(predict=lambda rows: held.copy()))
    table = np.ascontiguousarray(getattr(asked, method)(rows, check_input=False))
    plain = held[:, 0] if table.ndim == 1 else held
    # The tree's own memory, which workers share, where it holds just this.
    return plain if plain.flags.c_contiguous and np.array_equal(plain, table) else table


def _decide(model: Any, method: str, shares: Step) -> Step:
    if method == "predict_proba":
        return shares
    if method == "predict_log_proba":
        return lambda value: np.log(shares(value))
    if method == "predict":
        classes = model.classes_
        return lambda value: classes.take(shares(value).argmax(axis=1))
    raise Unknown(method)
