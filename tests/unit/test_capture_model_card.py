"""The model card: what is known of a model, and nothing that is guessed."""

from __future__ import annotations

import pytest
from capture_book import CHURN, CUSTOMERS, Book

from nb2service.capture.about.cards import model_cards
from nb2service.capture.entries.find import find_entries
from nb2service.capture.model import Metric, ModelCard, Part

IMPORTS = """
from sklearn.linear_model import LogisticRegression, LinearRegression
from sklearn.metrics import accuracy_score, f1_score, mean_squared_error
from sklearn.preprocessing import StandardScaler
import sklearn.metrics
X = np.array([[0.0, 1], [1, 0], [2, 1], [3, 0]])
y = np.array(["no", "no", "yes", "no"])
"""
FITTED = "model = LogisticRegression(C=3).fit(X, y)"


def cards(
    book: Book, entry: str = "model", *ship: str
) -> tuple[tuple[ModelCard, ...], tuple[Metric, ...]]:
    requests = find_entries(book.namespace, book.notebook, book.statements, [entry], {})
    parts = [Part("artifact", (name,), "", 1) for name in ("model", *ship)]
    return model_cards(requests, parts, book.namespace, book.statements, frozenset({"masked"}))


def card(*cells: str) -> ModelCard:
    [made], _ = cards(Book(IMPORTS, *cells))
    return made


def metrics(*cells: str) -> dict[str, float]:
    _, found = cards(Book(IMPORTS, *cells), "model", "scaler")
    return {metric.name: metric.value for metric in found}


def test_a_pipeline_is_told_step_by_step() -> None:
    [made], _ = cards(Book(CUSTOMERS, CHURN))
    told = [
        (part.depth, part.name, part.type.rpartition(".")[2], part.takes, part.settings)
        for part in made.parts
    ]
    assert told == [
        (0, "", "Pipeline", "", ()),
        (1, "columntransformer", "ColumnTransformer", "", ()),
        (2, "pipeline", "Pipeline", "age, fee", ()),
        (3, "simpleimputer", "SimpleImputer", "", ()),
        (3, "standardscaler", "StandardScaler", "", ()),
        (2, "onehotencoder", "OneHotEncoder", "plan", (("handle_unknown", "'ignore'"),)),
        (1, "logisticregression", "LogisticRegression", "", ()),
    ]
    assert (made.rows, made.columns, made.cell) == (200, 3, 2)
    assert made.features == ("age", "fee", "plan")
    assert sum(count or 0 for _, count in made.classes) == 200


def test_of_a_search_the_best_estimator_is_told() -> None:
    made = card(
        "from sklearn.model_selection import GridSearchCV\n"
        "model = GridSearchCV(LinearRegression(), {'fit_intercept': [False]}, cv=2)\n"
        "model.fit(X, [1, 2, 3, 4])"
    )
    assert [part.type.rpartition(".")[2] for part in made.parts] == [
        "GridSearchCV",
        "LinearRegression",
    ]
    assert made.parts[1].settings == (("fit_intercept", "False"),)
    assert made.rows == 4


@pytest.mark.parametrize(
    ("cells", "shape"),
    [
        ((FITTED,), (4, 2)),
        (("model = LogisticRegression()", "model.fit(X, y)"), (4, 2)),
        (("model = LogisticRegression()\nmodel.fit(X=X, y=y)",), (4, 2)),
        (("model = LogisticRegression().fit(X.astype(float), list(y))",), (4, 2)),
        (("model = LogisticRegression().fit([[i, 1] for i in range(4)], y)",), (4, 2)),
        (("model = LogisticRegression().fit(StandardScaler().fit_transform(X), y)",), (4, 2)),
        # gone, or another one by now: of the rows nothing is known
        ((FITTED, "X = X[:2]\ny = y[:2]"), (None, 2)),
        ((FITTED, "del X, y"), (None, 2)),
        # the target alone has changed, or is gone
        ((FITTED, "y = y[:2]"), (4, 2)),
        # what the model remembers itself
        (("model = StandardScaler().fit(X)", "del X"), (4, 2)),
        (("for i in range(2):\n    model = LogisticRegression().fit(X[i:], y[i:])",), (None, 2)),
        (
            ("def train(data):\n    return LogisticRegression().fit(data, y)\nmodel = train(X)",),
            (None, 2),
        ),
        # the fit that was is not that of this model
        ((FITTED, "import copy\nmodel = copy.deepcopy(model)"), (None, 2)),
    ],
    ids=lambda cells: " / ".join(cells).replace("\n", "; ") if isinstance(cells[0], str) else "",
)
def test_the_shape_of_the_training_data_is_told_where_it_is_known(
    cells: tuple[str, ...], shape: tuple[int | None, int | None]
) -> None:
    made = card(*cells)
    assert (made.rows, made.columns) == shape


def test_classes_are_counted_where_the_target_is_still_there() -> None:
    assert card(FITTED).classes == (("no", 3), ("yes", 1))
    assert card(FITTED, "y = y[::-1]").classes == (("no", None), ("yes", None))


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("model.score(X, y)", {"score": 1.0}),
        ("acc = accuracy_score(y, model.predict(X))", {"acc": 1.0}),
        ("accuracy_score(y, model.predict(X)) # shown", {"accuracy_score": 1.0}),
        ("acc = round(sklearn.metrics.accuracy_score(y, model.predict(X)), 2)", {"acc": 1.0}),
        ("y_pred = model.predict(X)\nf1 = f1_score(y, y_pred, pos_label='yes')", {"f1": 1.0}),
        (
            "mse = mean_squared_error(y == 'yes', model.predict(X) == 'yes')\nrmse = mse ** 0.5",
            {"mse": 0.0, "rmse": 0.0},
        ),
        (
            "kept = {'acc': accuracy_score(y, model.predict(X)), 'rows': len(X)}",
            {"acc": 1.0},
        ),
        ("with np.errstate():\n    acc = model.score(X, y)", {"acc": 1.0}),
        (
            "def ask(rows):\n    return model.predict(rows)\nacc = accuracy_score(y, ask(X))",
            {"acc": 1.0},
        ),
        # printed, computed by other means, or no number
        ("print(model.score(X, y))", {}),
        ("share = float((model.predict(X) == y).mean())", {}),
        ("acc = accuracy_score(y, y)", {}),
        ("right = accuracy_score(y, model.predict(X), normalize=False) > 3", {}),
        # of several rounds, or of another model
        ("for i in range(2):\n    acc = model.score(X[i:], y[i:])", {}),
        ("other = LogisticRegression().fit(X, y)\nacc = other.score(X, y)", {}),
        (
            "other = LogisticRegression().fit(X, y)\n"
            "gain = accuracy_score(y, model.predict(X)) - accuracy_score(y, other.predict(X))",
            {},
        ),
    ],
)
def test_metrics_are_those_that_the_notebook_computed(cell: str, found: dict[str, float]) -> None:
    assert metrics("model = LogisticRegression(C=1000).fit(X, y)", cell) == found


ASKED = "acc = accuracy_score(y, model.predict(X))"


@pytest.mark.parametrize(
    "cells",
    [
        (FITTED, ASKED, "model.fit(X[1:], y[1:])"),
        (FITTED, ASKED, "model = LogisticRegression(C=1000).fit(X, y)"),
        (FITTED, ASKED, "acc = 0.99"),
        (FITTED, ASKED, "acc += 0.01"),
        (FITTED, "pred = model.predict(X)", "model.fit(X, y)", "acc = accuracy_score(y, pred)"),
        (
            "scaler = StandardScaler().fit(X)",
            "model = LogisticRegression().fit(scaler.transform(X), y)",
            "acc = accuracy_score(y, model.predict(scaler.transform(X)))",
            "scaler.fit(X[1:])",
        ),
    ],
    ids=[
        "fitted again",
        "made again",
        "another number",
        "a better number",
        "answers of before",
        "the scaler fitted again",
    ],
)
def test_a_metric_of_what_was_changed_since_is_none(cells: tuple[str, ...]) -> None:
    assert metrics(*cells) == {}


def test_a_metric_names_its_cell_and_what_computed_it() -> None:
    _, [metric] = cards(Book(IMPORTS, FITTED, "model.score(X, y)"))
    assert (metric.cell, metric.source) == (3, "model.score(X, y)")


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ("acc = model.score(X, y)", True),
        ("acc = accuracy_score(y, model.predict(X))", True),
        ("acc = model.score(X[:2], y[:2])", True),
        ("X_test = X[:2]\nacc = model.score(X_test, y[:2])", False),
    ],
)
def test_a_metric_of_the_rows_of_the_fit_is_told_apart(cell: str, seen: bool) -> None:
    _, [metric] = cards(Book(IMPORTS, FITTED, cell))
    assert metric.seen is seen


@pytest.mark.parametrize("entry", ["grid", "grid.best_estimator_"])
def test_a_search_says_what_its_best_reached(entry: str) -> None:
    book = Book(
        IMPORTS,
        "from sklearn.model_selection import GridSearchCV\n"
        "X, y = X.repeat(3, axis=0), y.repeat(3)\n"
        "grid = GridSearchCV(LogisticRegression(), {'C': [1.0]}, cv=2).fit(X, y)",
    )
    [request, *_] = find_entries(book.namespace, book.notebook, book.statements, [entry], {})
    [made], [metric] = model_cards([request], (), book.namespace, book.statements, ())
    assert (made.name, made.rows, made.cell) == (entry, 12, 2)
    assert (metric.name, metric.cell, metric.source) == ("best_score_", 2, "grid.best_score_")
    assert metric.value == book.namespace["grid"].best_score_


def test_credentials_and_masked_values_stay_out_of_the_card() -> None:
    made = card(
        "class Online(LogisticRegression):\n"
        "    def __init__(self, api_key=None):\n"
        "        super().__init__()\n"
        "        self.api_key = api_key\n",
        "model = Online('AKIAIOSFODNN7EXAMPLE').fit(X, np.where(y == 'no', 'masked', y))",
    )
    assert "AKIA" not in repr(made)
    assert "masked" not in repr(made)


def test_a_model_that_minds_being_looked_at_has_a_short_card() -> None:
    made = card(
        "class Own:\n"
        "    steps = 5\n"
        "    classes_ = property(lambda self: 1 / 0)\n"
        "    n_features_in_ = property(lambda self: 1 / 0)\n"
        "    def get_params(self, deep): raise OSError\n"
        "    def fit(self, X, y): self.fitted = True; return self\n"
        "    def predict(self, X): return X[:, 0]\n",
        "model = Own().fit(X, y)",
    )
    assert (made.rows, made.columns, made.classes) == (4, 2, ())
    assert [part.settings for part in made.parts] == [()]


def test_a_function_of_plain_python_has_no_card() -> None:
    book = Book("def predict(x: float) -> float:\n    return x")
    requests = find_entries(book.namespace, book.notebook, book.statements, ["predict"], {})
    assert model_cards(requests, (), book.namespace, book.statements, ()) == ((), ())
