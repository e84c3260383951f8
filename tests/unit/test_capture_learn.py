from __future__ import annotations

import asyncio
import random
import re
from dataclasses import replace

import numpy as np
import pytest
from capture_book import CHURN, CUSTOMERS, Book, Lesson
from threadpoolctl import threadpool_limits

from nb2service.capture.learning.docs import doc_of
from nb2service.capture.learning.examples import find_example
from nb2service.capture.learning.learn import learn
from nb2service.errors import ContractError, EntryError, ExampleError
from nb2service.runtime.contract import Field, Output

DATA = f"{CUSTOMERS}N = df[['age', 'fee']].fillna(0.0)\n"
IRIS = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True)
model = RandomForestClassifier(30, random_state=0).fit(X, y)
"""
TEXT = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
texts = ["good film", "bad film", "great", "awful"] * 6
model = make_pipeline(TfidfVectorizer(), MultinomialNB()).fit(texts, ["pos", "neg"] * 12)
"""


def fields(entry_fields: tuple[Field, ...]) -> dict[str, tuple[str, str, bool]]:
    return {field.name: (field.type, field.dtype, field.nullable) for field in entry_fields}


# --- models


def test_a_pipeline_on_a_frame() -> None:
    lesson = Book(DATA, CHURN).learn("model.predict_proba")
    entry = lesson.entry
    assert (entry.name, entry.call) == ("predict_proba", "model.predict_proba")
    assert entry.input.kind == "frame"
    assert list(fields(entry.input.fields)) == ["age", "fee", "plan"]
    by_name = {field.name: field for field in entry.input.fields}
    assert (by_name["age"].type, by_name["age"].dtype) == ("integer", "int64")
    assert not by_name["age"].nullable
    assert by_name["fee"].nullable
    assert by_name["plan"].nullable, "the encoder ignores what it does not know"
    assert by_name["plan"].categories == ("basic", "plus")
    assert by_name["age"].minimum >= 18
    assert by_name["plan"].example in ("basic", "plus")
    assert (entry.output.kind, entry.output.shape, entry.output.names) == ("array", (2,), (0, 1))
    assert entry.output.fields[0].dtype == "float64"
    assert entry.row_wise
    assert entry.aligned
    assert entry.repeats
    assert lesson.replay().differences == ()
    assert lesson.replay().total >= 40


@pytest.mark.parametrize(
    ("cells", "wanted", "kind", "names"),
    [
        ((IRIS,), "model.predict", "array", ()),
        ((IRIS,), "model.predict_proba", "array", (0, 1, 2)),
        ((DATA, CHURN), "model.predict", "frame", ()),
        ((DATA, CHURN), "model.decision_function", "frame", ()),
        ((TEXT,), "model.predict", "list", ()),
        ((TEXT,), "model.predict_proba", "list", ("neg", "pos")),
        (
            (
                DATA,
                "from sklearn.decomposition import PCA\npca = PCA(2).fit(N)",
            ),
            "pca.transform",
            "frame",
            ("pca0", "pca1"),
        ),
        (
            (
                DATA,
                "from sklearn.preprocessing import OneHotEncoder\n"
                "encoder = OneHotEncoder().fit(X[['plan']])",
            ),
            "encoder.transform",
            "frame",
            ("plan_basic", "plan_plus"),
        ),
        (
            (
                DATA,
                "from sklearn.svm import SVR\nfrom sklearn.model_selection import GridSearchCV\n"
                "grid = GridSearchCV(SVR(), {'C': [1.0, 2.0]}, cv=2).fit(N, y)",
            ),
            "grid.best_estimator_.predict",
            "frame",
            (),
        ),
        (
            (
                "from sklearn.feature_extraction import DictVectorizer\n"
                "from sklearn.linear_model import LogisticRegression\n"
                "from sklearn.pipeline import make_pipeline\n"
                "rows = [{'a': 1, 'c': 'x'}, {'a': 2, 'c': 'y'}] * 8\n"
                "model = make_pipeline(DictVectorizer(), LogisticRegression())\n"
                "model.fit(rows, [0, 1] * 8)",
            ),
            "model.predict",
            "list",
            (),
        ),
    ],
)
def test_models_are_proved_by_their_case(
    cells: tuple[str, ...], wanted: str, kind: str, names: tuple[object, ...]
) -> None:
    lesson = Book(*cells).learn(wanted)
    assert lesson.entry.input.kind == kind
    assert lesson.entry.output.names == names
    assert lesson.replay().differences == ()
    assert lesson.warnings == ""


def test_class_labels_document_predict() -> None:
    output = Book(TEXT).learn("model.predict").entry.output
    assert output.fields[0].categories == ("neg", "pos")


@pytest.mark.parametrize(
    ("model", "nullable"),
    [
        ("LinearRegression()", {"age": False, "fee": False}),
        ("HistGradientBoostingClassifier(max_iter=2)", {"age": True, "fee": True}),
        ("Picky()", {"age": False, "fee": True}),
    ],
)
def test_a_model_is_asked_which_columns_may_be_missing(
    model: str, nullable: dict[str, bool]
) -> None:
    book = Book(
        DATA,
        """
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression
class Picky:
    def fit(self, X, y):
        self.feature_names_in_ = np.array(X.columns, dtype=object)
        return self
    def predict(self, X):
        if X["age"].isna().any():
            raise ValueError("age is missing")
        return X["age"] + X["fee"].fillna(0.0)
""",
        f"F = N.astype(float)\nmodel = {model}.fit(F, y)",
        "model.predict(F)",
    )
    entry = book.learn("model.predict").entry
    assert {field.name: field.nullable for field in entry.input.fields} == nullable


def test_integer_columns_stay_without_null_whatever_the_model_accepts() -> None:
    book = Book(
        DATA,
        "from sklearn.ensemble import HistGradientBoostingClassifier\n"
        "model = HistGradientBoostingClassifier(max_iter=2).fit(N, y)",
    )
    assert fields(book.learn("model.predict").entry.input.fields) == {
        "age": ("integer", "int64", False),
        "fee": ("number", "float64", True),
    }


# --- functions


@pytest.mark.parametrize(
    ("body", "call", "output"),
    [
        ("return df['fee'] * 2", "X.head()", ("series", "number", "float64")),
        ("return (df['fee'] * 2).to_numpy()", "X.head()", ("array", "number", "float64")),
        ("return (df['fee'] > 50).tolist()", "X.head()", ("list", "boolean", "")),
        ("return [float(v) for v in df['age']]", "X.head()", ("list", "number", "")),
        ("return [{'p': v} for v in df['plan']]", "X.head()", ("list", "object", "")),
        ("return list(df['fee'].to_numpy())", "X.head()", ("list", "number", "")),
        ("return df[['fee', 'plan']]", "X.head()", ("frame", "number", "float64")),
        ("return df[['fee']].set_index(df['age'])", "X.head()", ("frame", "number", "float64")),
        ("return {'mean': df['fee'].mean()}", "X.head()", ("value", "object", "")),
        ("return df['fee'].mean()", "X.head()", ("value", "number", "float64")),
        ("return df.describe()", "X.head()", ("value", "list", "float64,float64")),
        ("return (v for v in df['plan'])", "X.head()", ("list", "string", "")),
    ],
)
def test_functions_of_a_frame(body: str, call: str, output: tuple[str, str, str]) -> None:
    lesson = Book(DATA, f"def predict(df):\n    {body}", f"predict({call})").learn()
    entry = lesson.entry
    learnt = entry.output
    assert (learnt.kind, learnt.fields[0].type, learnt.fields[0].dtype) == output
    assert entry.aligned == (learnt.kind != "value")
    assert entry.parameter == "df"
    assert lesson.replay().differences == ()


@pytest.mark.parametrize(
    ("definition", "call", "input_", "output"),
    [
        ("x, y", "3, 4.5", {"x": ("number", ""), "y": ("number", "")}, "number"),
        ("x: int, y: float = 2", "3", {"x": ("integer", ""), "y": ("number", "")}, "number"),
        ("x, y=None", "3", {"x": ("number", ""), "y": ("any", "")}, "number"),
        ("x, *rest, y=1", "3", {"x": ("number", ""), "y": ("number", "")}, "number"),
        ("x, key=print", "3", {"x": ("number", "")}, "number"),
        ("x: np.ndarray", "np.array([1.0, 2.0])", {"x": ("list", "float64")}, "number"),
        ("x", "np.float32(1.5)", {"x": ("number", "float32")}, "number"),
        ("x: 'not_defined'", "3", {"x": ("number", "")}, "number"),
    ],
)
def test_functions_of_plain_arguments(
    definition: str, call: str, input_: dict[str, tuple[str, str]], output: str
) -> None:
    source = f"def predict({definition}):\n    return float(np.sum(x))"
    lesson = Book(source, f"predict({call})").learn()
    entry = lesson.entry
    assert entry.input.kind == "arguments"
    assert {field.name: (field.type, field.dtype) for field in entry.input.fields} == input_
    assert entry.output.kind == "value"
    assert entry.output.fields[0].type == output
    assert lesson.replay().differences == ()


RICH = """
import enum
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Optional, TypedDict, Union
import pydantic
class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"
@dataclass
class Item:
    name: str
    price: float = 1.0
    tags: list[str] = field(default_factory=list)
class Basket(pydantic.BaseModel):
    size: int
    colour: Color = Color.RED
class Customer(TypedDict, total=False):
    age: int
"""


@pytest.mark.parametrize(
    ("hint", "value", "expected"),
    [
        ("int", "3", Field("v", "integer")),
        ("float", "3", Field("v", "number")),
        ("bool", "True", Field("v", "boolean")),
        ("str", "'001'", Field("v", "string")),
        ("bytes", "b'ab'", Field("v", "bytes")),
        ("datetime", "datetime(2024, 1, 2, 3)", Field("v", "datetime", zone="naive")),
        ("date", "date(2024, 1, 2)", Field("v", "date")),
        ("time", "time(1, 2)", Field("v", "time")),
        ("timedelta", "timedelta(hours=1)", Field("v", "duration")),
        ("Decimal", "Decimal('1.50')", Field("v", "decimal")),
        (
            "pd.Timestamp",
            "pd.Timestamp('2024-01-02', tz='UTC')",
            Field("v", "datetime", python="Timestamp", zone="UTC"),
        ),
        ("Optional[int]", "3", Field("v", "integer", nullable=True)),
        ("Optional[int]", "None", Field("v", "integer", nullable=True, missing="none")),
        ("int | None", "3", Field("v", "integer", nullable=True)),
        ("Union[int, float]", "3", Field("v", "number")),
        ("Union[int, str]", "'a'", Field("v", "any")),
        ("Annotated[int, 'years']", "3", Field("v", "integer")),
        ("Literal['a', 'b']", "'b'", Field("v", "string", categories=("a", "b"))),
        ("Color", "Color.BLUE", Field("v", "string", categories=("red", "blue"), python="Color")),
        ("list[int]", "[1, 2]", Field("v", "list", items=Field("", "integer"))),
        (
            "tuple[int, int]",
            "(1, 2)",
            Field("v", "list", items=Field("", "integer"), python="tuple"),
        ),
        ("set[str]", "{'a'}", Field("v", "list", items=Field("", "string"), python="set")),
        ("dict", "{'k': 1}", Field("v", "object", fields=(Field("k", "number"),))),
        (
            "Item",
            "Item('x', tags=['t'])",
            Field(
                "v",
                "object",
                python="Item",
                fields=(
                    Field("name", "string"),
                    Field("price", "number", required=False, default=1.0),
                    Field("tags", "list", required=False, default=[], items=Field("", "string")),
                ),
            ),
        ),
        (
            "Basket",
            "Basket(size=3)",
            Field(
                "v",
                "object",
                python="Basket",
                fields=(
                    Field("size", "integer"),
                    Field(
                        "colour",
                        "string",
                        required=False,
                        default="red",
                        categories=("red", "blue"),
                        python="Color",
                    ),
                ),
            ),
        ),
        (
            "Customer",
            "{'age': 3}",
            Field("v", "object", fields=(Field("age", "integer", required=False),)),
        ),
        ("list[Item]", "[Item('x')]", None),
        ("dict", "{'items': [{'a': 1}, {'a': None, 'b': 'x'}]}", None),
        ("pd.Series", "pd.Series([1.5, 2.5])", None),
        ("pd.DataFrame", "pd.DataFrame({'a': [1], 'b': ['x']})", None),
        ("np.ndarray", "np.zeros((2, 3), dtype='float32')", None),
    ],
)
def test_hints_and_values(hint: str, value: str, expected: Field | None) -> None:
    source = f"def predict(v: {hint}, by: int):\n    return [str(v), type(v).__name__, by]"
    lesson = Book(RICH, source, f"predict({value}, 3)").learn()
    assert lesson.entry.input.kind == "arguments"
    learnt = lesson.entry.input.fields[0]
    if expected is not None:
        assert _bare(learnt) == expected
    assert lesson.replay().differences == ()


def _bare(field: Field) -> Field:
    """The field without what documents the observed value."""
    return replace(
        field,
        example=None,
        minimum=None,
        maximum=None,
        items=_bare(field.items) if field.items else None,
        fields=tuple(map(_bare, field.fields)),
    )


def test_a_hint_that_the_notebook_itself_does_not_keep_to() -> None:
    lesson = Book("def predict(v: int):\n    return v * 2", "predict(1.5)").learn()
    assert lesson.entry.input.fields[0].type == "number"
    assert "the hint says integer, the example holds number" in lesson.warnings


def test_several_calls_become_several_cases() -> None:
    lesson = Book(
        "def predict(a, b=1, **more):\n    return a + b + sum(more.values())",
        "predict(1)\npredict(2, b=5)\npredict(1)\npredict(3, c=2.5)",
    ).learn()
    assert lesson.case["instances"] == [{"a": 1}, {"a": 2, "b": 5}, {"a": 3, "c": 2.5}]
    assert lesson.case["batch"] == [2, 7, 6.5]
    assert [(f.name, f.required) for f in lesson.entry.input.fields] == [
        ("a", True),
        ("b", False),
        ("c", False),
    ]
    assert lesson.case["origin"] == "predict(1); predict(2, b=5); predict(3, c=2.5), cell [2]"
    assert lesson.replay().differences == ()


@pytest.mark.parametrize(
    ("source", "call", "batch"),
    [
        (
            "def predict(x):\n    return {'n': None, 'at': pd.Timestamp('2024-01-02')}",
            "1",
            [{"n": None, "at": "2024-01-02T00:00:00"}],
        ),
        (
            "def predict(x):\n    return x, {1: np.float32(0.5)}, {3}, np.arange(2)",
            "1",
            [[1, {"1": 0.5}, [3], [0, 1]]],
        ),
        ("def predict(x):\n    return float('inf'), float('nan')", "1", [["Infinity", None]]),
        ("predict = lambda x: x.upper()", "'ä'", ["Ä"]),
    ],
)
def test_answers_of_every_kind(source: str, call: str, batch: list[object]) -> None:
    lesson = Book(source, f"predict({call})").learn()
    assert lesson.case["batch"] == batch
    assert lesson.replay().differences == ()


def test_coroutine_functions_are_awaited_even_within_a_running_loop() -> None:
    book = Book(
        "async def predict(x):\n    return x * 2", "import asyncio\nasyncio.run(predict(4))"
    )

    async def cell() -> Lesson:
        return book.learn()

    lesson = asyncio.run(cell())
    assert lesson.entry.is_async
    assert lesson.case["batch"] == [8]
    assert lesson.replay().differences == ()


# --- what repeats, what depends on what


@pytest.mark.parametrize(
    ("cells", "method", "doc"),
    [
        (
            (DATA, CHURN),
            "predict",
            "What the Pipeline ending in LogisticRegression predicts for each row.",
        ),
        (
            (IRIS,),
            "predict_proba",
            "The probability that the RandomForestClassifier gives each class, for each row.",
        ),
        (
            (
                IRIS,
                "from sklearn.model_selection import GridSearchCV\n"
                "model = GridSearchCV(model, {'n_estimators': [2]}, cv=2).fit(X, y)",
            ),
            "predict",
            "What the GridSearchCV of a RandomForestClassifier predicts for each row.",
        ),
        (
            (
                "class Mean:\n"
                "    def predict(self, rows):\n"
                "        'The mean of the row.'\n"
                "        return [sum(row) / len(row) for row in rows]",
                "model = Mean()\nX = [[1.0, 2.0], [3.0, 5.0]]\nmodel.predict(X)",
            ),
            "predict",
            "The mean of the row.",
        ),
    ],
)  # fmt: skip
def test_what_a_models_method_does_is_said_in_our_words(
    cells: tuple[str, ...], method: str, doc: str
) -> None:
    assert doc_of(Book(*cells).request(f"model.{method}")) == doc


def test_fractions_in_the_last_bits_get_a_measured_tolerance() -> None:
    lesson = Book(
        "X = np.random.default_rng(0).normal(size=(40, 300))\nW = X[:3].T.copy()",
        "def predict(x):\n    return [float(v) * (1 + 2e-16 * len(x)) for v in x @ W[:, 0]]",
        "predict(X)",
    ).learn()
    entry = lesson.entry
    assert entry.row_wise
    assert 1e-15 <= entry.rtol <= 1e-12
    assert "in another order" in entry.tolerance_reason
    assert lesson.case["rows"] != lesson.case["batch"]
    assert lesson.replay().differences == ()


LABELLED = "L = X.head().set_axis(list('abcde'))"


@pytest.mark.parametrize(
    "body",
    [
        "return df['fee'] * 2",  # a Series that has the labels of the rows
        "return df[['fee']] * 2",
        "return df.set_index(df['age'].astype(str))['fee'] * 2",
    ],
)
def test_labels_that_an_answer_hands_on_change_nothing(body: str) -> None:
    lesson = Book(DATA, LABELLED, f"def predict(df):\n    {body}", "predict(L)").learn()
    assert lesson.entry.aligned
    assert len(lesson.case["batch"]) == 5
    assert lesson.replay().differences == ()


def test_labels_that_the_answer_is_made_of_are_refused() -> None:
    book = Book(
        "d = pd.DataFrame({'fee': [1.0, 2.0]}, index=[10, 20])",
        "def predict(df):\n    return df['fee'] * df.index",
        "predict(d)",
    )
    with pytest.raises(ContractError, match="depends on the index of d"):
        book.learn()


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        ("return df.describe()", "count, mean, std, …"),
        ("return df['age'].value_counts().sort_index().head(2)", "20, 21"),
        ("return df.mean(numeric_only=True)", ""),  # goes out as an object by label
    ],
)
def test_labels_that_do_not_reach_the_caller_are_told(body: str, labels: str) -> None:
    frame = "pd.DataFrame({'age': [20, 21, 21], 'fee': [1.0, 2.0, 3.0]})"
    lesson = Book(f"def predict(df):\n    {body}", f"predict({frame})").learn()
    assert not lesson.entry.aligned
    told = f"the labels of the answer's rows ({labels}) do not reach the caller"
    assert (told in lesson.warnings) == bool(labels)
    assert lesson.replay().differences == ()


def test_arguments_without_names_are_refused() -> None:
    book = Book("def predict(*numbers):\n    return sum(numbers)", "predict(1, 2)")
    with pytest.raises(ContractError, match=r"takes \*numbers") as refused:
        book.learn()
    assert "def predict(numbers)" in refused.value.hint


def test_rows_that_depend_on_each_other() -> None:
    lesson = Book(
        DATA, "def predict(df):\n    return df['age'] - df['age'].mean()", "predict(X)"
    ).learn()
    assert not lesson.entry.row_wise
    assert lesson.entry.aligned
    assert lesson.entry.rtol == 0.0
    assert lesson.case["rows"] == [0.0] * 20
    assert "depends on the other rows" in lesson.warnings
    assert lesson.replay().differences == ()


def test_slow_entries_are_asked_alone_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nb2service.capture.learning.stopwatch._WAITING", 1.0)  # as if it computed
    slow = "import time\ncalls = []\ndef predict(df):\n    calls.append(len(df))\n    "
    slow += "time.sleep(0.11)\n    return "
    # The first one's answers seem to be row-wise: four odd rows are tried, too.
    for answer, alone in (("df['age'] * 2", 9), ("df['age'] - df['age'].mean()", 5)):
        book = Book(DATA, slow + answer, "predict(N)")
        lesson = book.learn()
        assert book.namespace["calls"].count(1) == alone
        assert (len(lesson.case["instances"]), len(lesson.case["rows"])) == (20, 5)
        assert lesson.replay().differences == ()
        assert lesson.replay().counts["json", "row"] == 5


def test_a_single_row_that_is_refused() -> None:
    lesson = Book(
        DATA,
        "def predict(df):\n    assert len(df) > 1, 'too few'\n    return df['age'] * 2",
        "predict(X)",
    ).learn()
    assert not lesson.entry.row_wise
    assert "rows" not in lesson.case
    assert "does not answer a single row" in lesson.warnings
    assert lesson.replay().differences == ()


def test_one_row_does_not_pass_for_alignment() -> None:
    one = "predict(X.head(1))"
    first = Book(DATA, "def predict(df):\n    return [df['age'].iloc[0]]", one).learn()
    assert not first.entry.aligned
    each = Book(DATA, "def predict(df):\n    return df['age'].tolist()", one).learn()
    assert each.entry.aligned


def test_answers_do_not_hang_on_the_number_of_threads() -> None:
    """A service with a worker for each CPU computes in one thread what the notebook did in all."""
    function = (
        "from threadpoolctl import threadpool_info\ndef predict(df):\n"
        "    alone = all(pool['num_threads'] == 1 for pool in threadpool_info())\n"
        "    return df['age'] * (1.0 + 1e-12 * alone)"
    )
    with threadpool_limits(2):
        entry = Book(DATA, function).learn("predict", "X.head(20)").entry
    assert entry.repeats
    assert entry.rtol == 1e-11


def test_unseeded_randomness_is_named() -> None:
    lesson = Book(
        DATA, "def predict(df):\n    return np.random.normal(size=len(df))", "predict(X)"
    ).learn()
    assert not lesson.entry.repeats
    assert not lesson.entry.row_wise
    assert lesson.entry.rtol == 0.0
    assert "answers the same input differently each time" in lesson.warnings


@pytest.mark.filterwarnings("default")
def test_the_notebook_is_left_as_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    book = Book(
        DATA,
        "import random, warnings\ndef predict(df):\n    print('asked')\n    warnings.warn('old')\n"
        "    df['age'] = 0\n    return df['fee'] + 0 * random.random() + 0 * np.random.rand()",
    )
    before = book.namespace["X"].copy()
    random.seed(3)
    np.random.seed(3)
    lesson = book.learn("predict", "X")
    drawn = random.random(), np.random.rand()
    random.seed(3)
    np.random.seed(3)
    assert drawn == (random.random(), np.random.rand())
    assert book.namespace["X"].equals(before)
    assert capsys.readouterr().out == ""
    assert "changes its argument in place" in lesson.warnings


# --- every dtype there is

DTYPES = [
    *(f"np.arange(8).astype('int{bits}')" for bits in (8, 16, 32, 64)),
    *(f"np.arange(8).astype('uint{bits}')" for bits in (8, 16, 32)),
    "np.full(8, 2**63 + 1, dtype='uint64')",
    "np.full(8, 2**53 + 1)",
    "np.linspace(0, 1, 8).astype('float16')",
    "np.linspace(0, 1, 8).astype('float32')",
    "[np.inf, -np.inf, np.nan, 0.1] * 2",
    "[True, False] * 4",
    "pd.array([1, None] * 4, dtype='Int64')",
    "pd.array([1, None] * 4, dtype='UInt8')",
    "pd.array([0.5, None] * 4, dtype='Float32')",
    "pd.array([True, None] * 4, dtype='boolean')",
    "pd.array(['001', None] * 4, dtype='string')",
    "['001', ''] * 4",
    "pd.Series(['a', None] * 4, dtype=object)",
    "pd.Series(['a', np.nan] * 4, dtype=object)",
    "pd.Series([1, 'a', None, 2.5] * 2, dtype=object)",
    "pd.Series([True, None] * 4, dtype=object)",
    "pd.Series([2**70, 1] * 4, dtype=object)",
    "pd.Categorical(['x', 'y', None, 'x'] * 2, categories=['z', 'y', 'x'], ordered=True)",
    "pd.Categorical([3, 1] * 4)",
    "pd.Categorical(pd.to_datetime(['2024-01-01', '2025-01-01'] * 4))",
    "pd.date_range('2024-01-01', periods=8, freq='h')",
    "pd.date_range('2024-03-30', periods=8, freq='h', tz='Europe/Berlin')",
    "pd.to_datetime(['2024-01-01T00:00:00.123456789', None] * 4)",
    "pd.date_range('2024-01-01', periods=8).astype('datetime64[s]')",
    "pd.to_timedelta(np.arange(8), unit='h')",
    "[__import__('datetime').date(2024, 1, 1)] * 8",
    "[__import__('decimal').Decimal('1.50')] * 8",
    "[b'ab'] * 8",
    "[[1, 2]] * 8",
    "[{'k': 1}] * 8",
]


@pytest.mark.parametrize("column", DTYPES)
def test_every_dtype_comes_back_as_it_was(column: str) -> None:
    lesson = Book(
        f"X = pd.DataFrame({{'x': {column}, 'other': 1.5}})",
        "def predict(df):\n    return [f'{v!r} {df.dtypes.to_dict()}' for v in df['x']]",
        "predict(X)",
    ).learn()
    field = lesson.entry.input.fields[0]
    assert field.dtype == str(lesson.example.value["x"].dtype)
    assert lesson.replay().differences == ()


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("np.arange(4) * 1j", "complex128"),
        ("pd.interval_range(0, 4)", "interval"),
        ("pd.cut(range(4), 2)", "interval"),
        ("pd.period_range('2024', periods=4, freq='D')", "period"),
        ("[object()] * 4", "type object"),
        ("[(1, 2), [1]] * 2", "column 'x'"),
    ],
)
def test_columns_that_no_wire_carries(column: str, said: str) -> None:
    book = Book(
        f"X = pd.DataFrame({{'x': {column}}})",
        "def predict(df):\n    return [type(v).__name__ for v in df['x']]",
        "predict(X)",
    )
    with pytest.raises(ContractError, match=re.escape(said)) as caught:
        book.learn()
    assert "predict" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ("[0, 1]", ["0", "1"]),
        ("pd.MultiIndex.from_tuples([('a', 'b'), ('a', 'c')])", ["a_b", "a_c"]),
    ],
)
def test_labels_that_are_not_text(columns: str, names: list[str]) -> None:
    lesson = Book(
        f"X = pd.DataFrame(np.ones((4, 2)), columns={columns})",
        "def predict(df):\n    return [str(list(df.columns))] * len(df)",
        "predict(X)",
    ).learn()
    assert [field.name for field in lesson.entry.input.fields] == names
    assert lesson.replay().differences == ()


@pytest.mark.parametrize("columns", ["['a', 'a']", "[1, '1']", "[0.5, 'b']", "[None, 'b']"])
def test_labels_that_name_nothing(columns: str) -> None:
    book = Book(
        f"X = pd.DataFrame(np.ones((4, 2)), columns={columns})",
        "def predict(df):\n    return df.sum(axis=1)",
        "predict(X)",
    )
    with pytest.raises(ContractError, match="column"):
        book.learn()


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        ("np.zeros((4, 3), dtype='float32')", (3,)),
        ("np.zeros((4, 2, 2), dtype='uint8')", (2, 2)),
        ("np.arange(4)", ()),
        ("np.array(['a', 'long text'] * 2)", ()),
        ("np.array(['a', None] * 2, dtype=object)", ()),
        ("np.array(['2024-01-01'] * 4, dtype='datetime64[D]')", ()),
    ],
)
def test_arrays_of_every_shape(array: str, shape: tuple[int, ...]) -> None:
    lesson = Book(
        f"X = {array}", "def predict(x):\n    return [str(row) for row in x]", "predict(X)"
    ).learn()
    assert (lesson.entry.input.kind, lesson.entry.input.shape) == ("array", shape)
    assert lesson.replay().differences == ()


# --- refusals


def test_none_is_no_answer() -> None:
    with pytest.raises(EntryError, match="'predict' returns None") as caught:
        Book("def predict(x):\n    print(x)", "predict(1)").learn()
    assert "return" in caught.value.hint


def test_an_answer_that_no_wire_carries() -> None:
    with pytest.raises(ContractError, match="the answer of type object"):
        Book("def predict(x):\n    return object()", "predict(1)").learn()


def test_a_class_that_the_notebook_does_not_name() -> None:
    book = Book(
        RICH + "hidden = {'Item': Item}\ndel Item",
        "def predict(v):\n    return v.name",
        "value = hidden['Item']('x')\npredict(value)",
    )
    with pytest.raises(ContractError, match="gives no name"):
        book.learn()


def test_what_the_entry_raises_is_told_with_its_line() -> None:
    book = Book("def predict(a, b):\n    ratio = a / b\n    return ratio")
    with pytest.raises(ExampleError) as caught:
        book.learn("predict", "dict(a=1, b=0)")
    assert "ZeroDivisionError: division by zero (at: ratio = a / b)" in caught.value.message


def test_output_describes_a_frame_by_column() -> None:
    output = Book(DATA, "def predict(df):\n    return df[['age', 'plan']]", "predict(X)").learn()
    assert isinstance(output.entry.output, Output)
    assert [field.name for field in output.entry.output.fields] == ["age", "plan"]


# --- speed


def test_a_forest_is_learnt_within_a_moment() -> None:
    book = Book(IRIS)
    request = book.request("model.predict_proba")
    calls = []

    class Counting:
        """The model, counting its calls."""

        def __getattr__(self, name: str) -> object:
            return getattr(request.value, name)

        def predict_proba(self, X: object) -> object:
            calls.append(len(X))  # type: ignore[arg-type]
            return request.value.predict_proba(X)

    counted = replace(request, value=Counting())
    example = find_example(counted, book.namespace, book.notebook, book.statements)
    learn(counted, example, book.namespace)
    # found, asked, asked again, at most each row alone, missing values tried, odd rows tried
    assert calls.count(20) == 3
    assert len(calls) <= 3 + 20 + 1 + 9


def test_a_tuple_of_unlike_arrays_is_refused_with_a_form_that_has_one() -> None:
    book = Book(
        "def predict(x):\n    return np.zeros((4, 2)), np.zeros(3, dtype=int)", "predict(3)"
    )
    with pytest.raises(ContractError, match="arrays of several ranks") as caught:
        book.learn()
    assert '{"labels": …, "centers": …}' in caught.value.hint
    named = "def predict(x):\n    return {'a': np.zeros((4, 2)), 'b': np.zeros(3, dtype=int)}"
    assert not Book(named, "predict(3)").learn().replay().differences
