"""Rows that depend on those beside them are found out, whatever the example holds."""

from __future__ import annotations

from typing import Any

import pytest
from capture_book import Book

from nb2service.capture.learning.neighbours import odd_rows
from nb2service.runtime.contract import Field, Input

DATA = """
rng = np.random.default_rng(0)
n = 200
X = pd.DataFrame({
    "age": rng.integers(18, 80, n),
    "fee": rng.normal(50, 10, n),
    "plan": rng.choice(["basic", "plus"], n),
})
X.loc[150, "fee"] = np.nan
Y = (X["age"] > 40).astype(int)
N = X[["age", "fee"]].fillna(50.0)
A = N.to_numpy()
B = A.copy()
B[3, 1] = np.nan
C = X.head(20)
SORTED = X.head(20).drop_duplicates("age").sort_values("age").reset_index(drop=True)
BASIC = X[X["plan"] == "basic"].head(8).reset_index(drop=True)
TEXTS = ["good film", "bad film", "great", "awful"]
PRICES = pd.DataFrame({"plan": ["basic", "plus"], "price": [1, 2]})
COLUMNS = ["plan_basic", "plan_plus"]
MEAN = X["fee"].mean()
"""


def predict(data: str, returned: str, before: str = "pass") -> Book:
    """A notebook whose entry returns that expression of ``v``, called with ``data``."""
    return Book(DATA, f"def predict(v):\n    {before}\n    return {returned}", f"predict({data})")


DEPENDENT = [
    # the example's own rows show it
    ("X", "v['age'] / v['age'].max()"),
    ("X", "(v['age'] - v['age'].mean()) / v['age'].std()"),
    ("X", "v['age'].rank()"),
    ("X", "v['age'].cumsum()"),
    ("X", "v['age'].diff().fillna(0)"),
    ("X", "v.groupby('plan')['age'].transform('mean')"),
    ("X", "pd.qcut(v['age'].rank(method='first'), 1, labels=False) + len(v)"),
    ("X", "v['plan'].map(v['plan'].value_counts())"),
    ("A", "v - v.mean(axis=0)"),
    ("A", "v.argsort(axis=0)[:, 0]"),
    # equal rows, or another order
    ("SORTED", "v.drop_duplicates()['age'] * 2"),
    ("SORTED", "~v.duplicated()"),
    ("SORTED", "v.sort_values('age')['age'] * 2"),
    ("SORTED", "np.maximum.accumulate(v['age'].to_numpy())"),
    ("SORTED", "v.groupby('age').cumcount()"),
    ("TEXTS", "list(dict.fromkeys(v))"),
    ("TEXTS", "[v.count(text) for text in v]"),
    # extreme values
    ("X", "v['fee'].where(v['fee'] < 3 * v['fee'].quantile(0.5))"),
    ("X", "v['fee'].mask(((v['fee'] - v['fee'].mean()) / v['fee'].std()).abs() > 3)"),
    ("X", "np.full(len(v), (v['fee'] < 0).any())"),
    ("X", "v['age'].to_numpy() * (-1 if (v['age'] > 150).any() else 1)"),
    ("A", "v[:, 0] / max(200.0, v.max())"),
    # texts that are new
    ("BASIC", "v['plan'].astype('category').cat.codes"),
    ("BASIC", "pd.factorize(v['plan'], sort=True)[0]"),
    ("BASIC", "pd.get_dummies(v['plan']).to_numpy().argmax(axis=1)"),
]


@pytest.mark.parametrize(("data", "returned"), DEPENDENT)
def test_an_answer_that_depends_on_other_rows(data: str, returned: str) -> None:
    lesson = predict(data, returned).learn()
    assert not lesson.entry.row_wise
    assert "the answer for a row depends on the other rows of the call" in lesson.warnings
    assert lesson.replay().differences == ()


MISSING = [
    ("C", "v['fee'].fillna(v['fee'].mean())"),
    ("C", "v['fee'].fillna(v['fee'].median())"),
    ("C", "v['fee'].fillna(v['fee'].mode()[0])"),
    ("C", "v['fee'].ffill()"),
    ("C", "v['fee'].bfill()"),
    ("C", "v['fee'].interpolate()"),
    ("C", "v['fee'].fillna(v.groupby('age')['fee'].transform('median'))"),
    ("C", "v.select_dtypes('number').fillna(v.mean(numeric_only=True)).sum(axis=1)"),
    ("C", "np.full(len(v), v['fee'].isna().any())"),
    ("A", "np.where(np.isnan(v), np.nanmean(v, axis=0), v)"),
    ("A", "np.nan_to_num(v, nan=np.nanmedian(v))"),
]


@pytest.mark.parametrize(("data", "returned"), MISSING)
def test_missing_values_that_the_example_does_not_hold(data: str, returned: str) -> None:
    model = f"class Model:\n    def predict(self, v):\n        return {returned}\nmodel = Model()"
    lesson = Book(DATA, model).learn("model.predict", f"{data}[:20]")
    assert any(field.nullable for field in lesson.entry.input.fields)
    assert "None" not in str(lesson.case["instances"])
    assert not lesson.entry.row_wise
    assert "the answer for a row depends on the other rows of the call" in lesson.warnings


ROW_WISE = [
    ("X", "v['age'] * 2 + v['fee'].fillna(0.0)"),
    ("X", "v['fee'].fillna(MEAN) / X['fee'].std()"),
    ("X", "v.apply(lambda row: row['age'] if row['plan'] == 'plus' else -1, axis=1)"),
    ("X", "np.where(v['age'] > 40, 'old', 'young')"),
    ("X", "v.merge(PRICES, on='plan', how='left')['price']"),  # a new plan makes it float
    ("X", "v['plan'].map({'basic': 1, 'plus': 2}).fillna(0)"),
    ("X", "pd.get_dummies(v[['plan']]).reindex(columns=COLUMNS, fill_value=False).sum(axis=1)"),
    ("X", "v['fee'].clip(0, 100)"),
    ("X", "pd.cut(v['age'], [0, 30, 60, 200], labels=False)"),
    ("X", "np.log(v['age'])"),
    ("X", "v['age'].astype(str).str.zfill(3) + v['plan']"),
    ("X", "v.assign(double=v['age'] * 2)"),
    ("X", "v['fee'].isna() | (v['age'] < 30)"),
    ("X", "[{'age': int(age), 'old': bool(age > 60)} for age in v['age']]"),
    ("X", "[str(row.plan)[0] * (row.age // 20) for row in v.itertuples()]"),
    ("X", "v['age'] + (1e-14 if len(v) > 1 else 0.0)"),  # last bits, but much for an age of 0
    ("A", "v @ np.array([0.5, -0.25])"),
    ("A", "np.linalg.norm(v, axis=1)"),
    ("B", "np.nan_to_num(v, nan=1.0)"),
    ("TEXTS", "[text.upper() for text in v]"),
    ("TEXTS", "np.array([len(text) for text in v])"),
]


@pytest.mark.parametrize(("data", "returned"), ROW_WISE)
def test_an_answer_of_its_own(data: str, returned: str) -> None:
    lesson = predict(data, returned).learn()
    assert lesson.entry.row_wise
    assert "depends on the other rows" not in lesson.warnings


REFUSING = [
    "assert (v['age'] > 0).all(), 'not born yet'",
    "assert v['plan'].isin(['basic', 'plus']).all()",
    "v = v[v['age'] < 120]",  # no answer for some rows, alone or not
]


@pytest.mark.parametrize("before", REFUSING)
def test_what_is_refused_alone_and_among_others_is_no_dependence(before: str) -> None:
    assert predict("X", "v['age'] * 2", before).learn().entry.row_wise


def test_what_is_refused_only_alone_is_one() -> None:
    dependent = predict("X", "v['age'] * 2", "assert v['fee'].notna().any()")
    assert not dependent.learn().entry.row_wise


MODELS = [
    ("linear_model", "LogisticRegression(max_iter=1000)", "A"),
    ("linear_model", "LinearRegression()", "N"),
    ("linear_model", "SGDClassifier(random_state=0)", "A"),
    ("ensemble", "RandomForestClassifier(20, n_jobs=2, random_state=0)", "N"),
    ("ensemble", "HistGradientBoostingRegressor(max_iter=20)", "N"),
    ("ensemble", "GradientBoostingClassifier(n_estimators=10)", "A"),
    ("ensemble", "IsolationForest(n_estimators=10, random_state=0)", "A"),
    ("tree", "DecisionTreeRegressor()", "N"),
    ("neighbors", "KNeighborsClassifier()", "A"),
    ("neighbors", "KNeighborsRegressor(algorithm='brute', weights='distance')", "A"),
    ("svm", "SVC()", "A"),
    ("svm", "NuSVR()", "N"),
    ("naive_bayes", "GaussianNB()", "A"),
    ("cluster", "KMeans(3, n_init=2, random_state=0)", "A"),
    ("neural_network", "MLPClassifier((8, 8), max_iter=30, random_state=0)", "A"),
    ("gaussian_process", "GaussianProcessRegressor()", "A"),
    ("discriminant_analysis", "QuadraticDiscriminantAnalysis()", "A"),
]


@pytest.mark.parametrize(("module", "made", "data"), MODELS)
@pytest.mark.filterwarnings("ignore:.*:sklearn.exceptions.ConvergenceWarning")
def test_fitted_models_answer_row_by_row(module: str, made: str, data: str) -> None:
    fit = f"from sklearn.{module} import *\nmodel = {made}.fit({data}, Y)"
    lesson = Book(DATA, fit).learn("model.predict")
    assert lesson.entry.row_wise
    assert lesson.warnings == ""


PIPELINES = [
    "LogisticRegression()",
    "RandomForestClassifier(20, random_state=0)",
    "SVC()",
    "make_pipeline(PolynomialFeatures(2), LinearRegression())",
]


@pytest.mark.parametrize("last", PIPELINES)
@pytest.mark.parametrize("unknown", ["ignore", "error"])
def test_pipelines_answer_row_by_row(last: str, unknown: str) -> None:
    fit = f"""
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fee"]),
        (OneHotEncoder(handle_unknown="{unknown}"), ["plan"]),
    ),
    {last},
).fit(X, Y)
"""
    assert Book(DATA, fit).learn("model.predict").entry.row_wise


FRAME = Input(
    "frame",
    (
        Field("i", "integer", "int8"),
        Field("u", "integer", "uint16", nullable=True),
        Field("f", "number", "float64", nullable=True),
        Field("s", "string", "str"),
        Field("c", "string", "category", categories=("a", "b")),
        Field("t", "boolean", "bool"),
    ),
)
ROWS = [
    {"i": 5, "u": 3, "f": 0.5, "s": "x", "c": "a", "t": True},
    {"i": 100, "u": 3, "f": None, "s": "y", "c": "b", "t": False},
]


def test_odd_rows_of_a_frame() -> None:
    one, other = ROWS
    assert list(odd_rows(FRAME, ROWS)) == [
        {**one, "u": None, "f": None},
        {**one, "i": 127, "u": 33, "f": 5.5},
        {**other, "i": -128, "u": 0, "f": -4.5},
        {**one, "u": None},
        {**other, "f": None},
        {**one, "i": 0, "u": 0, "f": 0},
        {**one, "s": "~"},
    ]


@pytest.mark.parametrize(
    ("input_", "rows", "odd"),
    [
        (
            Input("array", (Field("", "number", "float64"),), (2, 1)),
            [[[1.0], [3.0]], [[2.0], [2.0]]],
            [[[23.0], [23.0]], [[-19.0], [-19.0]], [[0], [0]], [[1.0], [3.0]]],
        ),
        (
            Input("array", (Field("", "number", "float64", nullable=True),), (3,)),
            [[1.0, 1.0, None]],
            [
                [None, None, None],
                [11.0, 11.0, 11.0],
                [-9.0, -9.0, -9.0],
                [None, 1.0, None],
                [1.0, None, None],
                [0, 0, None],
                [1.0, 1.0, None],
            ],
        ),
        (Input("list", (Field("", "string"),)), ["a", "b"], ["a", "b", "a", "~"]),
        (Input("series", (Field("v", "integer"),)), [0], [10, -10, 0, 0]),
    ],
)
def test_odd_rows_of_other_kinds(input_: Input, rows: list[Any], odd: list[Any]) -> None:
    assert list(odd_rows(input_, rows)) == odd


def test_what_company_does_to_the_last_bits_is_measured():
    """By one row of example, too: a service joins it with others."""
    book = Book(
        "random = np.random.default_rng(0)\n"
        "A, W = random.normal(size=(1, 17)), random.normal(size=17)",
        "def predict(v):\n    return v @ W if len(v) > 1 else sum(v[0] * W).reshape(1)",
        "predict(A)",
    )
    entry = book.learn().entry
    assert entry.row_wise
    assert 0 < entry.rtol < 1e-10
    assert "among others" in entry.tolerance_reason
