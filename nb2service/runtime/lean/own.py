"""Models whose own method, called on a bare array, is lean enough: no frame, no names, no tags
worked out at each call. Their checks of the values stay, and refuse what they always refuse.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import to_matrix
from .known import Form, Matrix, Step, Unknown, bare, check_width, estimator, transformer

SIMPLE_FUNCTIONS = (
    *("abs", "absolute", "cbrt", "ceil", "cos", "exp", "exp2", "expm1", "fabs", "floor", "log"),
    *("log10", "log1p", "log2", "negative", "reciprocal", "rint", "sin", "sign", "sqrt", "square"),
    *("tan", "tanh", "trunc"),
)


@transformer(
    "Binarizer",
    "FastICA",
    "IncrementalPCA",
    "KBinsDiscretizer",
    "KNNImputer",
    "NMF",
    "Normalizer",
    "PCA",
    "PolynomialFeatures",
    "PowerTransformer",
    "QuantileTransformer",
    "SelectFromModel",
    "SelectKBest",
    "SelectPercentile",
    "SplineTransformer",
    "TfidfTransformer",
    "TruncatedSVD",
    "VarianceThreshold",
)
def _transform(model: Any, form: Form) -> tuple[Step, Form]:
    check_width(model, form)
    stack, given = to_matrix(form)
    own = bare(model).transform
    trial = own(_empty(given))
    sparse = not isinstance(trial, np.ndarray)
    if sparse and trial.format != "csr":
        raise Unknown("a sparse matrix of another format")
    return (lambda value: own(stack(value))), Matrix(trial.shape[1], sparse)


def _empty(form: Matrix) -> Any:
    if not form.sparse:
        return np.zeros((1, form.width))
    from scipy import sparse

    return sparse.csr_matrix((1, form.width))


@transformer("FunctionTransformer")
def _function(model: Any, form: Form) -> tuple[Step, Form]:
    if model.kw_args or model.validate:
        raise Unknown("a function with settings")
    stack, given = to_matrix(form)
    if model.func is None:
        return stack, given
    simple = [getattr(np, name) for name in SIMPLE_FUNCTIONS]
    if given.sparse or not any(model.func is function for function in simple):
        raise Unknown("a function that is not simply numpy's")
    function = model.func

    def run(value: Any) -> Any:
        values = stack(value)
        return function(values if values.dtype == np.float64 else values.astype(np.float64))

    return run, Matrix(given.width)


@estimator(
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
    "BernoulliNB",
    "CalibratedClassifierCV",
    "ComplementNB",
    "GaussianNB",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest",
    "KMeans",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "LinearDiscriminantAnalysis",
    "MLPClassifier",
    "MLPRegressor",
    "MiniBatchKMeans",
    "MultinomialNB",
    "NearestCentroid",
    "NuSVC",
    "NuSVR",
    "PLSRegression",
    "PoissonRegressor",
    "QuadraticDiscriminantAnalysis",
    "SVC",
    "SVR",
)
def _predict(model: Any, method: str, form: Form) -> Step:
    check_width(model, form)
    if getattr(model, "_preprocessor", None) is not None:
        raise Unknown("a model that encodes categories of a frame itself")
    stack, _ = to_matrix(form)
    own = getattr(bare(model), method)
    return lambda value: own(stack(value))
