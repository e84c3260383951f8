"""Models whose own method, called on a bare array, is lean enough: no frame, no names, no tags
worked out at each call. Their checks of the values stay, and refuse what they always refuse.
"""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np

from .columns import same, to_matrix
from .known import (
    Form,
    Matrix,
    Step,
    Table,
    Unknown,
    bare,
    check_width,
    compile_method,
    compile_transform,
    estimator,
    transformer,
)
from .stacking import Part, stack_parts

FEW = 256

# Functions of numpy that answer each value for itself, those of the first line in its own dtype.
KEEPING = ("abs", "absolute", "negative", "sign", "square")
REAL = (
    *("cbrt", "ceil", "cos", "exp", "exp2", "expm1", "fabs", "floor", "log", "log10", "log1p"),
    *("log2", "rint", "sin", "sqrt", "tan", "tanh", "trunc"),
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
def own_transform(model: Any, form: Form) -> tuple[Step, Form]:
    """The model's own ``transform``, called on a bare array.

    Raises:
        Unknown: texts, or another sparse format than CSR.
    """
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
    function = model.func
    if function is None:
        return stack, given
    # A frame's columns go through the function apart, each in its own dtype.
    dtypes = set(form.dtypes) if isinstance(form, Table) else set()
    known = REAL if len(dtypes) > 1 else REAL + KEEPING
    if given.sparse or not any(function is getattr(np, name) for name in known):
        raise Unknown("a function that is not simply numpy's")
    if (len(dtypes) > 1 and not dtypes <= {"int64", "int32", "float64"}) or "bool" in dtypes:
        raise Unknown("a function of columns of several kinds")
    return (lambda value: function(stack(value))), Matrix(given.width)


@estimator(
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
    "BernoulliNB",
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
    if hasattr(model, "_predictors"):  # histogram boosting: its threads share out the rows
        own = _of_few_rows(model, method, own)
    return lambda value: own(stack(value))


def _of_few_rows(model: Any, method: str, own: Step) -> Step:
    """A method of histogram boosting that wakes no threads for a few rows."""
    twin = bare(model)
    twin._raw_predict = partial(type(model)._raw_predict, bare(model), n_threads=1)
    quick = getattr(twin, method)
    return lambda rows: (quick if len(rows) <= FEW else own)(rows)


@transformer("FeatureUnion")
def _union(model: Any, form: Form) -> tuple[Step, Form]:
    if model.transformer_weights:
        raise Unknown("transformer_weights")
    parts = []
    for _, part in model.transformer_list:
        if part == "passthrough":
            parts.append(Part(same, *to_matrix(form)))
        elif part != "drop":
            parts.append(Part(same, *compile_transform(part, form)))
    sparse = any(isinstance(part.form, Matrix) and part.form.sparse for part in parts)
    return stack_parts(parts, sparse)


@estimator("TransformedTargetRegressor")
def _transformed_target(model: Any, method: str, form: Form) -> Step:
    predict = compile_method(model.regressor_, "predict", form)
    # What it does to its regressor's predictions, by its own method.
    rule = getattr(bare(model, regressor_=SimpleNamespace(predict=same)), method)
    return lambda value: rule(predict(value))


@estimator("VotingClassifier", "VotingRegressor")
def _voting(model: Any, method: str, form: Form) -> Step:
    check_width(model, form)
    inner = "predict_proba" if getattr(model, "voting", "") == "soft" else "predict"
    voters = [
        SimpleNamespace(**{inner: compile_method(voter, inner, form)})
        for voter in model.estimators_
    ]
    rule: Step = getattr(bare(model, estimators_=voters), method)
    return rule
