"""The lean path answers as the model does, to the last bit, or not at all."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lean_rows import array_input, columns_of, customers, frame_input, rows_of
from sklearn import (
    cluster,
    compose,
    decomposition,
    ensemble,
    feature_selection,
    impute,
    model_selection,
    naive_bayes,
    neighbors,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn import linear_model as linear
from sklearn.feature_extraction import text
from threadpoolctl import threadpool_limits

from nb2service.capture.learning.lean import identical
from nb2service.runtime.contract import Field, Input
from nb2service.runtime.lean import Declined, compile_plan

SIZES = (1, 2, 3, 7, 16, 64, 1000)
FRAME, CHURNED = customers()
NUMBERS, TEXTS = ["age", "income", "tenure", "calls"], ["plan", "region", "pays"]
ARRAY = np.random.default_rng(3).normal(size=(300, 5)) * [1, 10, 100, 1e4, 1e-3]
GROUPS = (ARRAY[:, 0] > 0).astype(int) + (ARRAY[:, 1] > 5)
AMOUNTS = ARRAY @ [1.0, 0.3, 0.01, 1e-4, 7.0] + 3
POSTS = [
    "good value and quick delivery", "never again", "Good GOOD good", "bad, bad service",
    "the delivery was late and the value is bad", "quick answer, friendly service",
] * 10  # fmt: skip


def mixed(encoder: Any = None, scaler: Any = None, **settings: Any) -> Any:
    """The preparation of a frame of numbers and texts."""
    numeric = pipeline.make_pipeline(
        impute.SimpleImputer(), scaler or preprocessing.StandardScaler()
    )
    encoder = encoder or preprocessing.OneHotEncoder(handle_unknown="ignore")
    return compose.ColumnTransformer(
        [("numbers", numeric, NUMBERS), ("texts", encoder, TEXTS)], **settings
    )


def with_model(preparation: Any, model: Any = None) -> Any:
    if model is None:
        model = linear.LogisticRegression(max_iter=50)
    return pipeline.make_pipeline(preparation, model)


def text_model(vectorizer: Any) -> Any:
    return pipeline.make_pipeline(vectorizer, linear.LogisticRegression())


def one_hot(**settings: Any) -> Any:
    return preprocessing.OneHotEncoder(**{"handle_unknown": "ignore", **settings})


def filled(**settings: Any) -> Any:
    """Texts that are filled, then encoded."""
    return pipeline.make_pipeline(impute.SimpleImputer(**settings), one_hot())


# Name → (unfitted model, rows, target)
FRAMES = {
    "logistic": with_model(mixed()),
    "logistic, sparse": with_model(mixed(sparse_threshold=1.0)),
    "logistic, never sparse": with_model(mixed(sparse_threshold=0)),
    "forest": with_model(mixed(), ensemble.RandomForestClassifier(20, random_state=0)),
    "forest, sparse": with_model(
        mixed(sparse_threshold=1.0), ensemble.RandomForestClassifier(5, random_state=0)
    ),
    "min-max": with_model(mixed(scaler=preprocessing.MinMaxScaler())),
    "min-max, clipped": with_model(mixed(scaler=preprocessing.MinMaxScaler(clip=True))),
    "robust": with_model(mixed(scaler=preprocessing.RobustScaler())),
    "max-abs": with_model(mixed(scaler=preprocessing.MaxAbsScaler())),
    "quantiles": with_model(mixed(scaler=preprocessing.QuantileTransformer(n_quantiles=50))),
    "powers": with_model(mixed(scaler=preprocessing.PowerTransformer())),
    "normalizer": with_model(mixed(scaler=preprocessing.Normalizer())),
    "polynomials": with_model(mixed(scaler=preprocessing.PolynomialFeatures(2))),
    "refused unknowns": with_model(mixed(one_hot(handle_unknown="error"))),
    "drop first": with_model(mixed(one_hot(drop="first"))),
    "drop if binary": with_model(mixed(one_hot(drop="if_binary"))),
    "infrequent": with_model(
        mixed(one_hot(handle_unknown="infrequent_if_exist", min_frequency=0.3))
    ),
    "at most two": with_model(mixed(one_hot(max_categories=2))),
    "ordinal": with_model(
        mixed(preprocessing.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1))
    ),
    "ordinal, refused": with_model(mixed(preprocessing.OrdinalEncoder())),
    "filled by frequency": with_model(mixed(filled(strategy="most_frequent"))),
    "filled by constant": with_model(mixed(filled(strategy="constant", fill_value="none"))),
    "remainder": with_model(
        compose.make_column_transformer(
            (one_hot(), TEXTS), (impute.SimpleImputer(), ["income", "age"]), remainder="passthrough"
        )
    ),
    "positions, slices, masks": with_model(
        compose.make_column_transformer(
            (impute.SimpleImputer(add_indicator=True), slice(0, 2)),
            (one_hot(), slice("plan", "pays")),
            (preprocessing.StandardScaler(), [-4 - 1, 3]),
            ("passthrough", [name == "calls" for name in FRAME.columns]),
        )
    ),
    "selector": with_model(
        compose.make_column_transformer(
            (impute.SimpleImputer(), compose.make_column_selector(dtype_include="number")),
            (one_hot(), compose.make_column_selector(dtype_exclude="number")),
        )
    ),
    "function": with_model(
        compose.make_column_transformer(
            (preprocessing.FunctionTransformer(np.log1p), ["calls", "tenure"]),
            (preprocessing.FunctionTransformer(), ["tenure"]),
            ("drop", ["age"]),
            (one_hot(), ["plan"]),
        )
    ),
    "text column": with_model(
        compose.make_column_transformer(
            (text.TfidfVectorizer(), "plan"), (one_hot(), ["region"]),
            (impute.SimpleImputer(), NUMBERS),
        )
    ),
    "steps that do nothing": pipeline.Pipeline(
        [("a", "passthrough"), ("b", mixed()), ("c", None), ("d", linear.LogisticRegression())]
    ),
    "nested": with_model(
        pipeline.make_pipeline(mixed(), decomposition.TruncatedSVD(4, random_state=0))
    ),
    "texts with gaps": with_model(mixed(one_hot(handle_unknown="error"))),
    "union": with_model(
        pipeline.make_union(mixed(), mixed(preprocessing.OrdinalEncoder()))
    ),
    "votes": ensemble.VotingClassifier(
        [("a", with_model(mixed())), ("b", with_model(mixed(), tree.DecisionTreeClassifier()))],
        voting="soft",
    ),
    "majority": ensemble.VotingClassifier(
        [("a", with_model(mixed())), ("b", with_model(mixed(), tree.DecisionTreeClassifier()))]
    ),
    "best of a search": model_selection.GridSearchCV(
        with_model(mixed()), {"logisticregression__C": [0.1, 1.0]}, cv=2
    ),
    "boosting": with_model(mixed(), ensemble.GradientBoostingClassifier(n_estimators=10)),
}  # fmt: skip

CLASSIFIERS = [
    linear.LogisticRegression(max_iter=50),
    linear.SGDClassifier(loss="modified_huber", random_state=0),
    linear.SGDClassifier(random_state=0),
    linear.RidgeClassifier(),
    linear.Perceptron(),
    svm.LinearSVC(max_iter=20, tol=10.0),
    svm.SVC(),
    svm.SVC(kernel="poly", decision_function_shape="ovo"),
    tree.DecisionTreeClassifier(random_state=0),
    tree.DecisionTreeClassifier(random_state=0, max_depth=3),
    ensemble.RandomForestClassifier(15, random_state=0, max_depth=4),
    ensemble.RandomForestClassifier(15, random_state=0, n_jobs=2),
    ensemble.ExtraTreesClassifier(15, random_state=0, class_weight="balanced"),
    ensemble.GradientBoostingClassifier(n_estimators=10),
    ensemble.HistGradientBoostingClassifier(max_iter=10),
    ensemble.AdaBoostClassifier(n_estimators=5),
    neighbors.KNeighborsClassifier(),
    neighbors.KNeighborsClassifier(algorithm="kd_tree", weights="distance"),
    naive_bayes.GaussianNB(),
    naive_bayes.BernoulliNB(),
    pipeline.make_pipeline(preprocessing.StandardScaler(), decomposition.PCA(3), svm.SVC()),
    pipeline.make_pipeline(preprocessing.MinMaxScaler(), naive_bayes.MultinomialNB()),
    pipeline.make_pipeline(
        feature_selection.VarianceThreshold(), feature_selection.SelectKBest(k=2),
        linear.LogisticRegression(),
    ),
    pipeline.make_pipeline(
        compose.make_column_transformer(
            (preprocessing.StandardScaler(), [0, 3]), (impute.SimpleImputer(), slice(1, 3)),
            remainder="passthrough",
        ),
        linear.LogisticRegression(max_iter=50),
    ),
]  # fmt: skip

REGRESSORS = [
    linear.LinearRegression(),
    linear.Ridge(),
    linear.Lasso(),
    linear.ElasticNet(),
    linear.SGDRegressor(random_state=0, max_iter=5, tol=None, eta0=1e-12),
    svm.SVR(),
    svm.LinearSVR(max_iter=20, tol=1e9),
    tree.DecisionTreeRegressor(random_state=0),
    ensemble.RandomForestRegressor(15, random_state=0),
    ensemble.ExtraTreesRegressor(15, random_state=0),
    ensemble.GradientBoostingRegressor(n_estimators=10),
    ensemble.HistGradientBoostingRegressor(max_iter=10),
    neighbors.KNeighborsRegressor(),
    cluster.KMeans(3, n_init=1, random_state=0),
    pipeline.make_pipeline(preprocessing.PolynomialFeatures(2), linear.Ridge()),
    compose.TransformedTargetRegressor(
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear.Ridge()),
        func=np.arcsinh,
        inverse_func=np.sinh,
    ),
    ensemble.VotingRegressor([("a", linear.Ridge()), ("b", tree.DecisionTreeRegressor())]),
]

TRANSFORMERS = [
    preprocessing.StandardScaler(),
    preprocessing.MinMaxScaler(),
    preprocessing.RobustScaler(),
    preprocessing.MaxAbsScaler(),
    preprocessing.Normalizer(),
    preprocessing.KBinsDiscretizer(3, encode="ordinal"),
    impute.SimpleImputer(strategy="median"),
    impute.SimpleImputer(add_indicator=True),
    decomposition.PCA(2),
    cluster.KMeans(3, n_init=1, random_state=0),
]

TEXT_MODELS = [
    text_model(text.CountVectorizer()),
    text_model(text.HashingVectorizer(n_features=2**8)),
    text_model(text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, stop_words="english")),
    text_model(text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3))),
    pipeline.make_pipeline(
        text.CountVectorizer(binary=True), text.TfidfTransformer(), naive_bayes.MultinomialNB()
    ),
    pipeline.make_pipeline(text.CountVectorizer(), svm.LinearSVC()),
]


@pytest.fixture(autouse=True)
def one_openmp_thread() -> Iterator[None]:
    """Threads that spin for each other make a busy machine's tests slow, and change no answer."""
    with threadpool_limits(1, "openmp"):
        yield


def named(model: Any) -> str:
    return re.sub(r" at 0x\w+|\s", "", str(model))[:90]


def fitted(model: Any, *rows: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(*rows)


def methods_of(model: Any) -> list[str]:
    known = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    return [name for name in known if hasattr(model, name)] or ["transform"]


def assert_same(model: Any, input_: Input, live: Any, methods: list[str]) -> None:
    """All methods have plans, and these answer as the model does at every size."""
    drawn = np.random.default_rng(1)
    for method in methods:
        plan = compile_plan(model, method, input_)
        assert plan is not None, method
        for size in SIZES:
            rows = rows_of(live, drawn.integers(0, len(live), size))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                expected = getattr(model, method)(rows)
                answer = plan(columns_of(rows), size)
            assert identical(answer, expected), (method, size)


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_s_pipeline(name: str) -> None:
    live = FRAME
    if name == "texts with gaps":
        live = FRAME.assign(plan=FRAME["plan"].where(FRAME["age"] > 30))
    model = fitted(FRAMES[name], live, CHURNED)
    assert_same(model, frame_input(live), live, methods_of(model))


@pytest.mark.parametrize("model", CLASSIFIERS, ids=named)
def test_a_classifier(model: Any) -> None:
    model = fitted(model, ARRAY, GROUPS)
    assert_same(model, array_input(ARRAY), ARRAY, methods_of(model))


@pytest.mark.parametrize("model", CLASSIFIERS[:15], ids=named)
def test_a_classifier_of_two_names(model: Any) -> None:
    model = fitted(model, ARRAY, np.where(GROUPS > 0, "yes", "no"))
    assert_same(model, array_input(ARRAY), ARRAY, methods_of(model))


@pytest.mark.parametrize("model", [*REGRESSORS, *TRANSFORMERS], ids=named)
def test_a_regressor_or_transformer(model: Any) -> None:
    for live in (ARRAY, pd.DataFrame(ARRAY, columns=list("abcde")).astype({"c": "int64"})):
        model = fitted(model, live, AMOUNTS)
        input_ = array_input(live) if live is ARRAY else frame_input(live)
        methods = ["transform"] if model in TRANSFORMERS else methods_of(model)
        assert_same(model, input_, live, methods)


@pytest.mark.parametrize(
    "dtypes",
    [
        {"a": "int64", "b": "int8", "c": "uint64"},
        {"a": "float32", "b": "float32", "c": "float32", "d": "float32", "e": "float32"},
        {"a": "float32", "b": "int16"},
        {"a": "bool", "b": "bool"},
        {"a": "Int64", "b": "Float64", "c": "boolean", "d": "UInt8"},
    ],
    ids=str,
)
@pytest.mark.parametrize(
    "model",
    [
        linear.Ridge(),
        tree.DecisionTreeRegressor(),
        pipeline.make_pipeline(preprocessing.StandardScaler(), svm.SVR()),
        pipeline.make_pipeline(
            preprocessing.MinMaxScaler(), impute.SimpleImputer(), linear.Ridge()
        ),
    ],
    ids=named,
)
def test_numbers_of_every_kind(model: Any, dtypes: dict[str, str]) -> None:
    live = pd.DataFrame(np.abs(np.rint(ARRAY * [1, 1, 1, 1, 1e4])) % 2, columns=list("abcde"))
    live = live.astype(dtypes)
    model = fitted(model, live, AMOUNTS)
    assert_same(model, frame_input(live), live, methods_of(model))


def test_wide_rows() -> None:
    """Sums of many columns show another order of adding, and with it another layout."""
    drawn = np.random.default_rng(5)
    wide = drawn.normal(size=(400, 200)) * drawn.choice([1e-3, 1.0, 1e4], 200)
    names = [f"c{number}" for number in range(200)]
    frame = pd.DataFrame(wide, columns=names).astype(dict.fromkeys(names[::7], "int64"))
    split = compose.make_column_transformer(
        (preprocessing.StandardScaler(), names[::2]), (preprocessing.RobustScaler(), names[1::2])
    )
    for model in (linear.Ridge(), pipeline.make_pipeline(split, linear.Ridge())):
        live = frame
        assert_same(fitted(model, live, wide[:, 0]), frame_input(live), live, ["predict"])
    model = fitted(linear.LogisticRegression(max_iter=5), wide, drawn.integers(0, 3, 400))
    assert_same(model, array_input(wide), wide, ["decision_function", "predict_proba"])
    turned = np.asfortranarray(wide)
    assert_same(model, array_input(wide), turned, ["decision_function"])


@pytest.mark.parametrize("greatest", [200, 255])
def test_categories_that_are_numbers(greatest: int) -> None:
    """Where no number is left that the encoder does not know, there is no plan."""
    live = pd.DataFrame({"n": np.array([0, 3, greatest] * 20, np.uint8)})
    model = fitted(with_model(one_hot()), live, [0, 1, 1] * 20)
    if greatest == 255:
        assert compile_plan(model, "predict", frame_input(live)) is None
    else:
        known = frame_input(live)
        strange = pd.DataFrame({"n": np.array([0, 3, greatest, 7, 255], np.uint8)})
        assert_same(model, known, strange, ["predict_proba"])


def test_numbers_with_gaps_of_their_own() -> None:
    live = pd.DataFrame(ARRAY, columns=list("abcde")).round().astype({"a": "Int64", "b": "Float64"})
    live.loc[::3, ["a", "b"]] = pd.NA
    model = pipeline.make_pipeline(impute.SimpleImputer(), linear.Ridge())
    assert_same(fitted(model, live, AMOUNTS), frame_input(live), live, ["predict"])


def test_categories_of_a_frame() -> None:
    live = FRAME.assign(**{name: FRAME[name].astype("category") for name in TEXTS})
    live.loc[::5, "plan"] = np.nan
    for encoder in (one_hot(), filled(strategy="most_frequent")):
        model = fitted(with_model(mixed(encoder)), live, CHURNED)
        assert_same(model, frame_input(live), live, ["predict_proba"])


@pytest.mark.parametrize("model", TEXT_MODELS, ids=named)
def test_a_model_of_texts(model: Any) -> None:
    model = fitted(model, POSTS, [i % 3 for i in range(len(POSTS))])
    rows = [*POSTS, "", "ungehört", "…"]
    assert_same(model, Input("list", (Field("", "string"),)), rows, methods_of(model))
    series = Input("series", (Field("post", "string", dtype="object"),))
    assert_same(model, series, np.array(rows, dtype=object), ["predict"])


# --- any values


VALUES = st.one_of(
    st.floats(-1e30, 1e30), st.sampled_from([0.0, -0.0, 1.0, 5e-324, 1e-300, np.nan])
)
EXTREMES = st.sampled_from([None, None, None, 1e300, -1e300, 3.5e38, np.inf, -np.inf])
WORDS = st.one_of(st.sampled_from(["basic", "plus", "pro", "n", "card", ""]), st.text(), st.none())
ROWS = st.lists(
    st.tuples(VALUES, VALUES, st.integers(-(2**63), 2**63 - 1), VALUES, WORDS, WORDS, WORDS),
    min_size=1,
    max_size=20,
)


@functools.cache
def pairs(name: str) -> list[tuple[Any, Any]]:
    """A fitted pipeline's methods and their plans."""
    live = FRAME.astype(dict.fromkeys(TEXTS, object)) if name == "objects" else FRAME
    model = fitted(FRAMES.get(name, FRAMES["logistic"]), live, CHURNED)
    made = [
        (getattr(model, method), compile_plan(model, method, frame_input(live)))
        for method in ("predict", "predict_proba")
    ]
    assert all(plan for _, plan in made)
    return made


@pytest.mark.parametrize(
    "name",
    ["logistic", "logistic, sparse", "forest", "drop first", "infrequent", "ordinal",
     "min-max, clipped", "filled by frequency", "objects"],
)  # fmt: skip
@settings(max_examples=30, deadline=None, derandomize=True)
@given(rows=ROWS, extreme=EXTREMES)
def test_any_rows(name: str, rows: list[Any], extreme: float | None) -> None:
    """Rows that the model refuses are declined; all others answered alike."""
    live = pd.DataFrame(rows, columns=FRAME.columns).astype(FRAME.dtypes)
    if extreme is not None:
        live.loc[len(live) // 2, "income"] = extreme
    if name == "objects":
        live = live.astype(dict.fromkeys(TEXTS, object))
    for own, plan in pairs(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answer = plan(columns_of(live), len(live))
            except Declined:
                continue
            assert identical(answer, own(live))


# --- what has no plan, and which rows a plan declines


class Scaled(preprocessing.StandardScaler):
    """Not scikit-learn's own, whatever it does."""


class OddScaler(preprocessing.StandardScaler):
    __module__ = "sklearn_like"


def renamed() -> Any:
    model = fitted(linear.LinearRegression(), ARRAY, AMOUNTS)
    model.predict = lambda rows: rows[:, 0]
    return model


@pytest.mark.parametrize(
    "model",
    [
        pipeline.make_pipeline(Scaled(), linear.LinearRegression()),
        pipeline.make_pipeline(OddScaler(), linear.LinearRegression()),
        pipeline.make_pipeline(
            preprocessing.FunctionTransformer(lambda rows: rows * 2), linear.LinearRegression()
        ),
        ensemble.RandomForestRegressor(5, random_state=0, n_jobs=2, min_samples_leaf=3),
    ],
    ids=named,
)
def test_what_is_not_known_has_no_plan(model: Any) -> None:
    model = fitted(model, ARRAY, AMOUNTS)
    assert compile_plan(model, "predict", array_input(ARRAY)) is None


def test_a_replaced_method_has_no_plan() -> None:
    assert compile_plan(renamed(), "predict", array_input(ARRAY)) is None


def test_other_columns_than_at_the_fit_have_no_plan() -> None:
    frame = pd.DataFrame(ARRAY, columns=list("abcde"))
    model = fitted(linear.LinearRegression(), frame, AMOUNTS)
    assert compile_plan(model, "predict", frame_input(frame)) is not None
    assert compile_plan(model, "predict", frame_input(frame[list("bacde")])) is None
    assert compile_plan(model, "predict", frame_input(frame[list("abcd")])) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "model",
    [linear.LinearRegression(), tree.DecisionTreeRegressor(), svm.SVR(),
     pipeline.make_pipeline(preprocessing.MinMaxScaler(clip=True), linear.Ridge())],
    ids=named,
)  # fmt: skip
def test_what_the_model_refuses_is_declined(model: Any, bad: float) -> None:
    model = fitted(model, ARRAY, AMOUNTS)
    rows = ARRAY[:3].copy()
    rows[1, 2] = bad
    plan = compile_plan(model, "predict", array_input(ARRAY))
    assert plan is not None
    try:
        expected = model.predict(rows)
    except ValueError:
        with pytest.raises(Declined):
            plan([rows], 3)
    else:
        assert identical(plan([rows], 3), expected)


def test_an_unknown_category_that_the_encoder_refuses_is_declined() -> None:
    model = fitted(with_model(mixed(one_hot(handle_unknown="error"))), FRAME, CHURNED)
    plan = compile_plan(model, "predict", frame_input(FRAME))
    assert plan is not None
    with pytest.raises(Declined):
        plan(columns_of(FRAME[:2].assign(plan="other")), 2)
    with pytest.raises(Declined):
        plan(columns_of(FRAME[:0]), 0)


def test_the_rows_stay_as_they_were() -> None:
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(copy=False), preprocessing.MinMaxScaler(copy=False),
        preprocessing.Normalizer(copy=False), linear.LinearRegression(),
    )  # fmt: skip
    model = fitted(model, ARRAY.copy(), AMOUNTS)
    plan, rows = compile_plan(model, "predict", array_input(ARRAY)), ARRAY[:9].copy()
    assert plan is not None
    assert identical(plan([rows], 9), model.predict(ARRAY[:9].copy()))
    assert identical(rows, ARRAY[:9].copy())
