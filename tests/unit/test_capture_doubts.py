"""Rows whose name has come to stand for another data set are not a model's example."""

from __future__ import annotations

import pytest
from capture_book import Book

ARRAYS = """
from sklearn.linear_model import LinearRegression
rng = np.random.default_rng(0)
X = rng.normal(0, 1, size=(60, 2))
X_test, y = X[:20], X[:, 0]
"""
FRAMES = ARRAYS + "X = pd.DataFrame(X, columns=['a', 'b'])\nX_test = X.head(20)\n"
FIT = "model = LinearRegression().fit(X, y)\nmodel.predict(X_test)"
OTHER = "rng.normal(1e6, 1, size=(30, 2))"

# cells → where the example comes from, the cell that the warning names
BOOKS = {
    "the rows of the last call": ((ARRAYS, FIT), "X_test", None),
    "other rows under the name of those": (
        (ARRAYS, FIT, f"X_test = {OTHER}"), "20 rows of X", None
    ),
    "a frame with the model's columns, never used with it": (
        (FRAMES, FIT, "X_test = X_test * 1e6"), "X_test", None
    ),
    "only a frame with the model's columns": (
        (FRAMES, FIT, "X_test = X_test * 1e6\ndel X"), "X_test", None
    ),
    "only other rows": ((ARRAYS, FIT, f"X_test = X = {OTHER}"), "20 rows of X_test", "cell [3]"),
    "only an array of the width": (
        (ARRAYS, "model = LinearRegression().fit(X, y)", f"new = {OTHER}\ndel X, X_test"),
        "20 rows of new", "new was bound in cell [3], after the fit of model",
    ),
    "new rows that the model was asked about": (
        (ARRAYS, "model = LinearRegression().fit(X, y)", f"new = {OTHER}\nmodel.predict(new)"),
        "20 rows of new", None,
    ),
    "a cell that ran twice": ((ARRAYS, FIT, ARRAYS), "X_test", None),
    "rows that were bound before the fit": (
        (ARRAYS, f"new = {OTHER}\ndel X_test\nmodel = LinearRegression().fit(X, y)\ndel X"),
        "20 rows of new", None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BOOKS)
def test_an_example_is_of_the_models_own_data(what: str) -> None:
    cells, origin, words = BOOKS[what]
    example = Book(*cells).example("model")
    assert example.origin == origin
    doubts = [str(w) for w in example.warnings if "may be of another data set" in str(w)]
    assert len(doubts) == (words is not None)
    assert all(words in said for said in doubts)


def test_a_tagged_example_is_not_doubted() -> None:
    book = Book(ARRAYS, FIT, f"# nb2service: example\nX_test = {OTHER}", "X_test = X_test * 2")
    example = book.example("model")
    assert (example.origin, example.warnings) == ("20 rows of X_test", ())
