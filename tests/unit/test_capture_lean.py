"""A lean plan is chosen only where its answers are the model's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import pytest
from capture_book import CHURN, CUSTOMERS, Book

from nb2service.capture.learning.lean import check_lean, edge_rows, identical
from nb2service.runtime import lean
from nb2service.runtime.contract import Field, Input
from nb2service.runtime.lean import Declined

EXAMPLES = Path(__file__).parents[2] / "example_notebooks"
PIPELINE = f"from sklearn.preprocessing import FunctionTransformer\n{CHURN}"
IRIS = """
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
X, y = load_iris(return_X_y=True)
model = RandomForestClassifier(20, random_state=0).fit(X, y)
"""
TEXT = """
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
texts = ["good film", "bad film", "great", "awful"] * 6
model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["pos", "neg"] * 12)
"""
OWN_CLASS = """
from sklearn.linear_model import LinearRegression
class Doubled(LinearRegression):
    def predict(self, X):
        return super().predict(X) * 2
N = df[["age"]].astype(float)
model = Doubled().fit(N, y)
"""
OWN_FUNCTION = """
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import FunctionTransformer
from sklearn.pipeline import make_pipeline
N = df[["age"]].astype(float)
model = make_pipeline(FunctionTransformer(lambda X: X * 2), LinearRegression()).fit(N, y)
"""
FUNCTION = PIPELINE + "def predict(rows):\n    return model.predict(rows)\npredict(X.head())\n"


@pytest.mark.parametrize(
    ("cells", "wanted", "expected"),
    [
        ((CUSTOMERS, PIPELINE), "model.predict", True),
        ((CUSTOMERS, PIPELINE), "model.predict_proba", True),
        ((CUSTOMERS, PIPELINE), "model.decision_function", True),
        ((IRIS,), "model.predict", True),
        ((IRIS,), "model.predict_proba", True),
        ((TEXT,), "model.predict_proba", True),
        ((CUSTOMERS, OWN_CLASS), "model.predict", False),
        ((CUSTOMERS, OWN_FUNCTION), "model.predict", False),
        ((CUSTOMERS, FUNCTION), "predict", False),
    ],
)
def test_which_entries_are_lean(cells: tuple[str, ...], wanted: str, expected: bool) -> None:
    assert Book(*cells).learn(wanted).entry.lean is expected


@pytest.mark.parametrize("name", ["churn", "iris", "loan"])
def test_models_of_the_example_notebooks_are_lean(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", 4)
    book = Book(*[cell.source for cell in notebook.cells if cell.cell_type == "code"])
    requests = [book.learn(f"model.{method}") for method in ("predict", "predict_proba")]
    assert all(lesson.entry.lean for lesson in requests)


# --- a plan that is not the model's own is found out


def last_bit(answer: Any, rows: int) -> Any:
    return np.nextafter(answer, 2.0)


def last_bit_of_many(answer: Any, rows: int) -> Any:
    return np.nextafter(answer, 2.0) if rows > 10 else answer


def last_bit_of_one(answer: Any, rows: int) -> Any:
    return np.nextafter(answer, 2.0) if rows == 1 else answer


def other_dtype(answer: Any, rows: int) -> Any:
    return answer.astype(np.float32)


def other_shape(answer: Any, rows: int) -> Any:
    return answer[:, np.newaxis]


def a_list(answer: Any, rows: int) -> Any:
    return answer.tolist()


@pytest.mark.parametrize(
    "change", [last_bit, last_bit_of_many, last_bit_of_one, other_dtype, other_shape, a_list]
)
def test_another_answer_is_found_out(
    change: Callable[[Any, int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = lean.compile_plan

    def changed(model: Any, method: str, input_: Input) -> Any:
        plan = real(model, method, input_)
        assert plan is not None
        return lambda columns, count: change(plan(columns, count), count)

    monkeypatch.setattr(lean, "compile_plan", changed)
    assert not Book(CUSTOMERS, PIPELINE).learn("model.decision_function").entry.lean


def test_an_answer_to_a_strange_row_alone_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the model makes of a category that it does not know is compared too."""
    real = lean.compile_plan

    def changed(model: Any, method: str, input_: Input) -> Any:
        plan = real(model, method, input_)
        assert plan is not None

        def odd(columns: list[Any], count: int) -> Any:
            answer = plan(columns, count)
            strange = np.array([value not in ("basic", "plus") for value in columns[2]])
            return np.where(strange, answer + 1.0, answer)

        return odd

    monkeypatch.setattr(lean, "compile_plan", changed)
    assert not Book(CUSTOMERS, PIPELINE).learn("model.decision_function").entry.lean


def test_an_answer_where_the_model_refuses_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Infinity is no number to a forest: a plan that answers it hides the model's own error."""
    monkeypatch.setattr(
        lean, "compile_plan", lambda *_: lambda columns, count: np.zeros(count, int)
    )
    assert not Book(IRIS).learn("model.predict").entry.lean


def test_a_plan_that_declines_the_examples_is_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def decline(columns: list[Any], count: int) -> Any:
        raise Declined

    monkeypatch.setattr(lean, "compile_plan", lambda *_: decline)
    assert not Book(IRIS).learn("model.predict").entry.lean


def test_a_slow_model_is_asked_little(monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(IRIS)
    request, asked = book.request("model.predict"), []
    monkeypatch.setattr(
        "nb2service.capture.learning.lean.Stopwatch", lambda: SimpleNamespace(seconds=10.0)
    )
    rows = book.namespace["X"][:5]

    class Counted(type(request.value)):  # type: ignore[misc]
        def predict(self, given: Any) -> Any:
            asked.append(len(given))
            return super().predict(given)

    real = lean.compile_plan(request.value, "predict", _array(4))
    monkeypatch.setattr(lean, "compile_plan", lambda *_: real)
    request.value.__class__ = Counted
    assert check_lean(request, _array(4), rows.tolist())
    assert len(asked) <= 4


def _array(width: int) -> Input:
    return Input("array", (Field("", "number", dtype="float64"),), shape=(width,))


# --- rows made of the examples


def test_every_field_takes_extreme_values() -> None:
    fields = (
        Field("n", "number", dtype="float64", nullable=True),
        Field("i", "integer", dtype="int8"),
        Field("t", "string", dtype="str", categories=("a", "b")),
        Field("b", "boolean", dtype="bool"),
    )
    rows = edge_rows(Input("frame", fields), [{"n": 1.5, "i": 3, "t": "a", "b": True}])
    seen = {name: {repr(row[name]) for row in rows} for name in "nitb"}
    assert {"None", "-0.0", "1e+300", "5e-324", "'Infinity'"} <= seen["n"]
    assert {"127", "-128"} <= seen["i"]
    assert {"''", "'a'", "'b'", "'no such value'"} <= seen["t"]
    assert seen["b"] == {"True", "False"}


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0, np.nan], [1.0, np.nan], True),
        ([0.0], [-0.0], False),
        ([1.0], [np.nextafter(1.0, 2)], False),
        ([np.nan, 1.0], [1.0, np.nan], False),
        (["a"], ["a"], True),
        ([1], [True], False),
    ],
)
def test_identical_means_every_bit(one: list[Any], other: list[Any], expected: bool) -> None:
    assert identical(np.array(one), np.array(other)) is expected


def test_objects_are_identical_by_type_and_value() -> None:
    assert identical(np.array([1, "a"], dtype=object), np.array([1, "a"], dtype=object))
    assert not identical(np.array([1], dtype=object), np.array([1.0], dtype=object))
