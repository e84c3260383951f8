"""Models whose arrays are pages of a file answer bit for bit as those in memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import Birch, KMeans
from sklearn.compose import make_column_transformer
from sklearn.covariance import EllipticEnvelope
from sklearn.decomposition import NMF, PCA, LatentDirichletAllocation
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import (
    KernelDensity,
    KNeighborsClassifier,
    KNeighborsRegressor,
    LocalOutlierFactor,
    NearestNeighbors,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.svm import SVC, LinearSVC, NuSVR, OneClassSVM
from sklearn.tree import DecisionTreeClassifier
from stored import load_from

from nb2service.capture.closure import artifacts

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 5))
Y = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
FRAME = pd.DataFrame(X, columns=list("abcde")).assign(plan=rng.choice(["x", "y", "z"], 120))
TEXTS = np.array(["good film", "bad film", "great", "awful thing"] * 30)
COLUMNS = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), list("abcde")),
    (OneHotEncoder(handle_unknown="ignore"), ["plan"]),
)
METHODS = (
    "predict", "predict_proba", "decision_function", "transform", "score_samples", "kneighbors",
)  # fmt: skip

MODELS: list[tuple[Any, Any]] = [
    (KNeighborsClassifier(algorithm="brute"), X),
    (KNeighborsClassifier(algorithm="kd_tree", weights="distance"), X),
    (KNeighborsRegressor(algorithm="ball_tree"), X),
    (NearestNeighbors(), X),
    (LocalOutlierFactor(novelty=True), X),
    (KernelDensity(), X),
    (SVC(probability=False), X),
    (SVC(kernel="linear", decision_function_shape="ovo"), X),
    (NuSVR(), X),
    (LinearSVC(), X),
    (OneClassSVM(), X),
    (GradientBoostingClassifier(n_estimators=10), X),
    (HistGradientBoostingClassifier(max_iter=10), X),
    (HistGradientBoostingClassifier(max_iter=10, categorical_features=[0]), np.abs(X).round()),
    (RandomForestClassifier(10, n_jobs=2, random_state=0), X),
    (ExtraTreesRegressor(10, random_state=0), X),
    (DecisionTreeClassifier(), X),
    (IsolationForest(n_estimators=10, random_state=0), X),
    (AdaBoostClassifier(n_estimators=5), X),
    (StackingClassifier([("tree", DecisionTreeClassifier()), ("nb", GaussianNB())], cv=2), X),
    (CalibratedClassifierCV(GaussianNB(), cv=2), X),
    (LinearRegression(), X),
    (LogisticRegression(), X),
    (SGDClassifier(random_state=0), X),
    (GaussianNB(), X),
    (MLPClassifier((8,), max_iter=20, random_state=0), X),
    (GaussianProcessRegressor(), X),
    (LinearDiscriminantAnalysis(), X),
    (EllipticEnvelope(random_state=0), X),
    (GaussianMixture(2, random_state=0), X),
    (KMeans(3, n_init=2, random_state=0), X),
    (Birch(), X),
    (PCA(2), X),
    (NMF(2, random_state=0, max_iter=500), np.abs(X)),
    (Nystroem(n_components=10, random_state=0), X),
    (KNNImputer(), np.where(X > 2, np.nan, X)),
    (PowerTransformer(), X),
    (QuantileTransformer(n_quantiles=20), X),
    (SplineTransformer(), X),
    (make_pipeline(COLUMNS, LogisticRegression()), FRAME),
    (make_pipeline(COLUMNS, RandomForestClassifier(10, random_state=0)), FRAME),
    (make_pipeline(TfidfVectorizer(), MultinomialNB()), TEXTS),
    (make_pipeline(TfidfVectorizer(), LatentDirichletAllocation(2, random_state=0)), TEXTS),
]


def identifier(value: Any) -> str | None:
    return str(value)[:60] if hasattr(value, "fit") else ""


@pytest.mark.parametrize(("model", "rows"), MODELS, ids=identifier)
@pytest.mark.filterwarnings("ignore:.*")  # of fits on made-up data
def test_a_mapped_model_answers_the_same(
    monkeypatch: pytest.MonkeyPatch, model: Any, rows: Any
) -> None:
    monkeypatch.setattr(artifacts, "_LARGE", 1)  # every array, however small
    model.fit(rows, Y)
    saved = artifacts.save("model", model, "pkg", repr)
    assert saved.format == "mapped"
    with tempfile.TemporaryDirectory() as folder:
        mapped = load_from(Path(folder), saved)
    methods = [name for name in METHODS if hasattr(model, name)]
    assert methods
    for name in methods:
        for some in (rows, rows[:1], rows[:7]):
            here, there = (bits(getattr(each, name)(some)) for each in (model, mapped))
            assert here == there, name


def bits(answer: Any) -> Any:
    """Everything about an answer: types, shapes, bytes."""
    if isinstance(answer, tuple | list):
        return [bits(item) for item in answer]
    if hasattr(answer, "toarray"):
        answer = answer.toarray()
    return type(answer), answer.dtype, answer.shape, answer.tobytes()
