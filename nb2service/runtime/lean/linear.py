"""Linear models: one product, one sum, and each model's own rule from scores to an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import to_matrix
from .known import Declined, Form, Step, Unknown, bare, check_width, estimator


def _scores(model: Any, form: Form) -> Step:
    """What gives ``X @ coef_.T + intercept_``, by the same call on arrays of the same layout."""
    check_width(model, form)
    stack, _ = to_matrix(form)
    if not isinstance(model.coef_, np.ndarray):
        raise Unknown("sparse coefficients")
    coef, intercept = np.asarray(model.coef_).T, model.intercept_

    def run(value: Any) -> Any:
        scores = stack(value) @ coef + intercept
        # A product with an infinity or a NaN is never finite: this finds them in the input too.
        if not np.isfinite(scores).all():
            raise Declined("NaN or infinity")
        return scores

    return run


@estimator(
    "LogisticRegression",
    "LogisticRegressionCV",
    "LinearSVC",
    "Perceptron",
    "PassiveAggressiveClassifier",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
)
def _classifier(model: Any, method: str, form: Form) -> Step:
    raw = _scores(model, form)

    def scores(value: Any) -> Any:
        found = raw(value)
        return found.reshape(-1) if found.ndim > 1 and found.shape[1] == 1 else found

    if method == "decision_function":
        return scores
    if method == "predict" and not _multilabel(model):
        return _labels(scores, model.classes_)
    if method in ("predict_proba", "predict_log_proba"):
        # The rule from scores to probabilities differs between versions: it is asked itself.
        rule = getattr(bare(model, decision_function=lambda given: given), method)
        return lambda value: rule(scores(value))
    raise Unknown(method)


def _multilabel(model: Any) -> bool:
    binarizer = getattr(model, "_label_binarizer", None)
    return binarizer is not None and binarizer.y_type_.startswith("multilabel")


def _labels(scores: Step, classes: Any) -> Step:
    def run(value: Any) -> Any:
        found = scores(value)
        best = (found > 0).astype(np.intp) if found.ndim == 1 else found.argmax(axis=1)
        return classes.take(best)

    return run


@estimator(
    "LinearRegression",
    "Ridge",
    "RidgeCV",
    "Lasso",
    "LassoCV",
    "ElasticNet",
    "ElasticNetCV",
    "Lars",
    "LassoLars",
    "BayesianRidge",
    "ARDRegression",
    "HuberRegressor",
    "SGDRegressor",
    "LinearSVR",
)
def _regressor(model: Any, method: str, form: Form) -> Step:
    if method != "predict":
        raise Unknown(method)
    raw = _scores(model, form)
    if type(model).__name__ == "SGDRegressor":
        return lambda value: raw(value).ravel()
    return raw
