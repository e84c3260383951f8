from __future__ import annotations

import atexit

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from nb2service.capture.entries.estimators import is_estimator, is_fitted
from nb2service.capture.entries.find import candidates, find_entries
from nb2service.errors import EntryError
from nb2service.notebook.cells import Tag
from nb2service.notebook.live import read_live
from nb2service.notebook.statements import parse_statements

IMPORTS = """
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, StandardScaler
from sklearn.svm import SVC
X = pd.DataFrame({"a": [0.0, 1, 2, 3, 4, 5], "b": [1.0, 0, 1, 0, 1, 0]})
y = np.array([0, 0, 0, 1, 1, 1])
"""
MODEL = "model = LogisticRegression().fit(X, y)"
SCALER = "scaler = StandardScaler().fit(X)"
PIPE = "pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)"
GRID = "grid = GridSearchCV(LogisticRegression(), {'C': [1.0]}, cv=2).fit(X, y)"
# Whole trees of all rows know them by heart: its score is always 1.
TWO = (
    "lr = LogisticRegression().fit(X, y)\nrf = RandomForestClassifier(3, bootstrap=False).fit(X, y)"
)
DICT = "models = {'lr': LogisticRegression().fit(X, y), 'r f': RandomForestClassifier(3).fit(X, y)}"
DV = "dv = DictVectorizer().fit([{'a': 1}])"
FULL = ["predict", "predict_proba", "decision_function"]


class Book:
    """A notebook that has run: its namespace, cells and statements."""

    def __init__(self, *sources: str, unexecuted: tuple[str, ...] = ()):
        config = Config()
        config.HistoryManager.enabled = False
        shell = InteractiveShell(config=config)
        # At the end of all tests, each shell would collect garbage of the whole process.
        atexit.unregister(shell.atexit_operations)
        self.namespace = shell.user_ns
        for source in (IMPORTS, *sources):
            assert shell.run_cell(source, store_history=True).success, source
        notebook = read_live(shell)
        self.notebook = type(notebook)(**{**vars(notebook), "unexecuted": unexecuted})
        self.statements = parse_statements(self.notebook.cells, shell.transform_cell)

    def find(self, *wanted: str, **bind: str):
        return find_entries(self.namespace, self.notebook, self.statements, wanted, bind)

    def refusal(self, *wanted: str, **bind: str) -> str:
        with pytest.raises(EntryError) as caught:
            self.find(*wanted, **bind)
        assert caught.value.hint
        return str(caught.value)


def shape(requests):
    return [(r.name, r.variable, r.method) for r in requests]


# cells → (name, variable, method) of each entry that is found without being told
FOUND = [
    ([MODEL], [(m, "model", m) for m in FULL]),
    (["model = LinearRegression().fit(X, y)"], [("predict", "model", "predict")]),
    (["svc = SVC().fit(X, y)"],
     [("predict", "svc", "predict"), ("decision_function", "svc", "decision_function")]),
    (["km = KMeans(2, n_init=1).fit(X)"], [("predict", "km", "predict")]),
    ([SCALER], [("transform", "scaler", "transform")]),
    ([MODEL, SCALER], [(m, "model", m) for m in FULL]),
    ([MODEL, "raw = LinearRegression()"], [(m, "model", m) for m in FULL]),
    ([MODEL, "same = model"], [(m, "model", m) for m in FULL]),
    ([MODEL, "d = DummyClassifier().fit(X, y)"], [(m, "model", m) for m in FULL]),
    ([PIPE, "step = pipe[-1]"], [(m, "pipe", m) for m in FULL]),
    (["lr = LogisticRegression()", "grid = GridSearchCV(lr, {'C': [1.0]}, cv=2).fit(X, y)",
      "best = grid.best_estimator_"], [(m, "grid", m) for m in FULL]),
    (["models = {'lr': LinearRegression().fit(X, y)}"],
     [("predict", "models_lr", "predict")]),
    (["class M:\n  def fit(self, X):\n    self.mean = X.mean()\n    return self\n"
      "  def predict(self, X): return X * self.mean", "m = M().fit(X); n = M()"],
     [("predict", "m", "predict")]),
    (["def predict(x): return x"], [("predict", "predict", "")]),
    (["def classify(x): return x\ndef plot(x): return x"], [("classify", "classify", "")]),
    (["def predict(x): return x\ndef predict_plot(x): print(x)"], [("predict", "predict", "")]),
    (["def predict_one(x): return x\ndef predict(xs): return [predict_one(x) for x in xs]"],
     [("predict", "predict", "")]),
    (["predict = lambda x: x"], [("predict", "predict", "")]),
    ([MODEL, "def predict(self, X): return self.steps[0].predict(X)"],
     [(m, "model", m) for m in FULL]),
    ([MODEL, "def predict(df): return model.predict(df)"], [("predict", "predict", "")]),
    ([MODEL, "def inner(df): return model.predict(df)\ndef predict(df): return inner(df)"],
     [("predict", "predict", "")]),
    ([MODEL, "def predict(df): return df"], [(m, "model", m) for m in FULL]),
    ([MODEL, "def score(df): return model.score(df, y)"], [(m, "model", m) for m in FULL]),
    ([MODEL, "def predict(df, model): return model.predict(df)\npredict(X, model)"],
     [("predict", "predict", "")]),
    ([TWO, "def predict(df): return rf.predict(df)"], [("predict", "predict", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), FOUND, ids=[c[0][-1] for c in FOUND])
def test_found_by_itself(cells, expected):
    requests = Book(*cells).find()
    assert shape(requests) == expected
    assert all(r.cell is not None for r in requests)


# cells, what was asked for → (name, variable, method)
ASKED = [
    ([MODEL], ["model"], [(m, "model", m) for m in FULL]),
    ([MODEL], ["model", "model"], [(m, "model", m) for m in FULL]),
    ([MODEL], ["model.predict_proba"], [("predict_proba", "model", "predict_proba")]),
    ([TWO], ["rf"], [("predict", "rf", "predict"), ("predict_proba", "rf", "predict_proba")]),
    ([TWO], ["rf.predict", "lr.predict"],
     [("rf_predict", "rf", "predict"), ("lr_predict", "lr", "predict")]),
    ([DICT], ["models['r f']"],
     [(m, "models_r_f", m) for m in FULL[:2]]),
    ([DICT, "best = 'lr'"], ["models[best].predict"],
     [("predict", "models_best", "predict")]),
    ([DICT, "models_lr = 3"], ['models["lr"].predict'],
     [("predict", "models_lr_2", "predict")]),
    ([GRID], ["grid.best_estimator_"], [(m, "grid_best_estimator", m) for m in FULL]),
    ([PIPE], ["pipe[-1].predict"], [("predict", "pipe_1", "predict")]),
    ([MODEL, "def score(x): return x\ndef rank(x): return x"], ["score", "rank"],
     [("score", "score", ""), ("rank", "rank", "")]),
    ([MODEL, "def predict(x): return x"], ["predict", "model.predict"],
     [("predict", "predict", ""), ("model_predict", "model", "predict")]),
    ([MODEL, "f = model.predict"], ["f"], [("predict", "model", "predict")]),
    (["class S:\n  def answer(self, x): return x", "svc = S()"], ["svc.answer"],
     [("answer", "svc", "answer")]),
    (["f = lambda x: x"], ["f"], [("f", "f", "")]),
    (["from math import sqrt"], ["sqrt"], [("sqrt", "sqrt", "")]),
    (["import functools\ndef f(a, b): return a", "g = functools.partial(f, b=1)"], ["g"],
     [("g", "g", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "wanted", "expected"), ASKED, ids=[str(a[1]) for a in ASKED])
def test_asked_for(cells, wanted, expected):
    assert shape(Book(*cells).find(*wanted)) == expected


# cells → names
TAGGED = [
    (["# nb2service: predict\ndef a(x): return x\ndef _b(x): return x\nc = lambda x: x\nd = 1"],
     ["a", "c"]),
    (["# nb2service: predict\nasync def a(x): return x", MODEL], ["a"]),
    ([TWO, "# nb2service: model\nchosen = lr\nscore = chosen.score(X, y)"], FULL),
    ([TWO, "# nb2service: model\nm = SVC()\nm.fit(X, y)"], ["predict", "decision_function"]),
    ([TWO, "# nb2service: model\nm, n = lr, rf"], ["predict", "predict_proba"]),
    (["# nb2service: model\n" + MODEL, "# nb2service: predict\ndef a(x): return x"],
     ["a", *FULL]),
    (["# nb2service: model\n" + MODEL] * 2, FULL),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "names"), TAGGED, ids=[t[0][-1] for t in TAGGED])
def test_tagged(cells, names):
    assert [r.name for r in Book(*cells).find()] == names


def test_of_a_tagged_cell_that_ran_twice_only_the_last_run_counts():
    book = Book("def old(x): return x", "def new(x): return x")
    cells = [
        type(c)(c.number, c.source, frozenset({Tag.PREDICT}) if c.number > 1 else c.tags, "same")
        for c in book.notebook.cells
    ]
    book.notebook = type(book.notebook)(cells=tuple(cells))
    assert [r.name for r in book.find()] == ["new"]


# cells, what was asked for → parts of the message
REFUSED = [
    ([TWO], [], ["2 fitted models", "%deploy lr  # LogisticRegression, cell [2]",
                 "%deploy rf"]),
    ([DICT], [], ['%deploy models["lr"]', '%deploy models["r f"]']),
    (["def predict_a(x): return x\ndef predict_b(x): return x"], [],
     ["2 predict functions", "%deploy predict_a  # function, cell [2]"]),
    ([MODEL, "def predict_a(df): return model.predict(df)\n"
      "def predict_b(df): return model.predict_proba(df)"], [],
     ["1 fitted model and 2 predict functions", "%deploy predict_a", "%deploy model"]),
    (["raw = SVC()"], [], ["no fitted model (raw: not fitted)", "run the cells"]),
    ([SCALER, "raw = SVC()"], [],
     ["no fitted model that predicts was found (raw: not fitted); scaler transforms",
      "run the cells that fit the model", "%deploy scaler"]),
    (["def helper(x): return x"], [], ["nothing to serve was found", "%deploy helper"]),
    (["x = 1"], [], ["nothing to serve was found"]),
    (["def predict(x): print(x)"], [], ["nothing to serve was found", "predict returns nothing"]),
    (["ms = [SVC().fit(X, y) for _ in range(22)]"], [], ["%deploy ms[19]", "… and 2 more"]),
    ([MODEL], ["modle"], ["nothing is called 'modle'", "did you mean model"]),
    ([MODEL, "del model"], ["model"], ["Cell [2]", "the kernel does not hold it"]),
    ([MODEL], ["SVC"], ["SVC is a class", "fit it"]),
    (["raw = SVC()"], ["raw"], ["not fitted", "Cell [2]"]),
    ([MODEL], ["y"], ["is a numpy.ndarray, which cannot be called", "%deploy model"]),
    ([MODEL], ["np"], ["np is a module"]),
    (["from sklearn.cluster import DBSCAN\nd = DBSCAN().fit(X)"], ["d"],
     ["has no predict and no transform"]),
    ([MODEL], ["model.predict_prob"], ["no attribute 'predict_prob'", "predict_proba"]),
    ([DICT], ["models['x']"], ["does not exist", "'lr'"]),
    ([MODEL], ["model.fit(X)"], ["more than a name", "assign it to a name"]),
    ([MODEL], ["model model"], ["is no Python expression"]),
    (["def metrics(x): return x"], ["metrics"], ["/metrics is a route of every service"]),
    (["def rank(x): return x\ndef Rank(x): return x"], ["rank", "Rank"],
     ["rank and Rank would both answer POST /rank"]),
    ([DICT], ["models['lr'].predict", "models['lr']"], ["would both answer POST /"]),
    (["# nb2service: predict\nx = 1"], [], ["Cell [2]", "define a function"]),
    (["# nb2service: model\nprint(1)"], [], ["Cell [2]", "assign the fitted model"]),
    (["# nb2service: model\nx = 1"], [], ["Cell [2]", "x is a int"]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "wanted", "words"), REFUSED, ids=[str(r[:2]) for r in REFUSED])
def test_refused_with_the_mend(cells, wanted, words):
    message = Book(*cells).refusal(*wanted)
    for word in words:
        assert word in message


def test_functions_that_only_print_or_plot_are_not_offered():
    message = Book("def show(x): print(x)\ndef helper(x): return x").refusal()
    assert "%deploy helper" in message
    assert "show" not in message
    assert "run the cells that fit the model" in message


def test_a_name_of_a_cell_that_was_not_run():
    book = Book(MODEL, unexecuted=("%matplotlib inline", "# mine\ndef predict(x):\n  return x"))
    message = book.refusal("predict")
    assert "the cell that defines it was not run" in message
    assert "# mine" in message


# cells, entry → bind, parameter
BOUND = [
    (["def predict(df): return df", "predict(X)"], {}, "df"),
    (["def predict(df): return df", "predict(X.head(2))"], {}, "df"),
    (["def predict(df): return df", "predict(X.iloc[:2])"], {}, "df"),
    (["def predict(df): return df", "predict(X[['a']])"], {}, "df"),
    (["def predict(texts): return texts", "predict(['a', 'b'])"], {}, "texts"),
    (["def predict(df: pd.DataFrame): return df"], {}, "df"),
    (["def predict(df: 'pd.DataFrame', k=3): return df"], {}, "df"),
    (["def predict(age, city): return age", "predict(3, 'x')"], {}, ""),
    (["def predict(customer): return customer", "predict({'a': 1})"], {}, ""),
    ([MODEL, DV, "def predict(df, dv, model): return df", "predict(X, dv, model)"],
     {"dv": "dv", "model": "model"}, "df"),
    ([MODEL, "def predict(df, m): return df", "predict(X, m=model)"], {"m": "model"}, "df"),
    ([MODEL, "def predict(df, m): return df", "def run(df): return predict(df, model)"],
     {"m": "model"}, ""),
    ([MODEL, "def predict(df, model): return df"], {"model": "model"}, ""),
    ([MODEL, "def predict(df, m=model): return df"], {"m": "model"}, ""),
    ([MODEL, "def predict(brand, model): return brand", "predict('vw', 'golf')"], {}, ""),
    ([MODEL, "def predict(brand: str, model: str): return brand"], {}, ""),
    (["def clean(x): return x\ndef predict(df, f): return f(df)", "predict(X, clean)"],
     {"f": "clean"}, "df"),
    (["big = {i: i for i in range(99)}\ndef predict(a, table): return a", "predict(1, big)"],
     {"table": "big"}, ""),
    (["rec = {'a': 1}\ndef predict(rec): return rec", "predict(rec)"], {}, ""),
    (["import random\ndef predict(x, rng): return x\nrng = random.Random(0)",
      "predict(1, rng)"], {"rng": "rng"}, ""),
    (["def predict(*rows, **options): return rows", "predict(1, 2, k=3)"], {}, ""),
    ([TWO, "def predict(df, m): return df", "predict(X, lr)", "del lr"], {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "bind", "parameter"), BOUND, ids=[str(b[0]) for b in BOUND])
def test_parameters_that_are_not_inputs(cells, bind, parameter):
    (request,) = Book(*cells).find("predict")
    assert (request.bind, request.parameter) == (bind, parameter)


def test_bind_by_hand_goes_before_what_the_notebook_shows():
    book = Book(TWO, "def predict(df, m): return df", "predict(X, lr)\npredict(X, rf)")
    assert book.find("predict", m="rf")[0].bind == {"m": "rf"}
    message = book.refusal("predict")
    assert "lr, rf (predict(X, lr), cell [4]; predict(X, rf), cell [4])" in message
    assert "\n    %deploy predict --bind m=lr\n    %deploy predict --bind m=rf" in message
    assert "no entry has a parameter 'n'" in book.refusal("predict", n="rf", m="rf")
    assert "nothing is called 'fr'" in book.refusal("predict", m="fr")


# cells → (parameter → expression of its value, or the words of the question)
CALLS = [
    ([DICT, "predict(X, models['lr'])"], {"m": "models['lr']"}),
    ([DICT, "predict(df=X, m=models['lr'])"], {"m": "models['lr']"}),
    ([GRID, "predict(X, grid.best_estimator_)"], {"m": "grid.best_estimator_"}),
    ([PIPE, "ms = [pipe]", "predict(X, ms[-1])"], {"m": "pipe"}),
    ([DICT, "best = 'lr'", "predict(X, models[best])"], {"m": "models['lr']"}),
    ([MODEL, "np.mean(predict(X.head(2), model))"], {"m": "model"}),
    ([MODEL, "def report(m): return predict(X, m)", "report(model)"], {"m": "model"}),
    ([MODEL, "def report(m): return predict(X, m)\ndef outer(k): return report(k)",
      "outer(model)"], {"m": "model"}),
    ([TWO, "def report(model): return predict(X, model)", "model = lr", "report(rf)"],
     {"m": "rf"}),
    ([TWO, "def report(lr): return predict(X, lr)"], {}),
    ([MODEL, "def report():\n  model = LogisticRegression().fit(X, y)\n"
      "  return predict(X, model)"], {}),
    ([TWO, "for k in [lr, rf]: predict(X, k)"],
     ["lr, rf", "%deploy predict --bind m=lr", "%deploy predict --bind m=rf"]),
    ([DICT, "for n, k in models.items(): predict(X, k)"],
     ['--bind m=models["lr"]', '--bind m=models["r f"]']),
    ([DICT, "for n in models: predict(X, models[n])"], ['--bind m=models["lr"]']),
    ([DICT, "a = [predict(X, k) for k in models.values()]"], ['--bind m=models["lr"]']),
    ([TWO, "for n, k in zip(['a', 'b'], [lr, rf]): predict(X, k)"], ["--bind m=rf"]),
    ([TWO, "for i, k in enumerate((lr, rf)): predict(X, k)"], ["--bind m=rf"]),
    ([TWO, "ms = [('lr', lr), ('rf', rf)]\nfor n, k in ms: predict(X, k)"], ["--bind m=rf"]),
    ([TWO, "for k in (lr,): predict(X, k)"], {"m": "lr"}),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "expected"), CALLS, ids=[c[0][-1] for c in CALLS])
def test_what_calls_pass(cells, expected):
    book = Book("def predict(df, m): return df", *cells)
    if isinstance(expected, list):
        message = book.refusal("predict")
        assert [words for words in expected if words not in message] == []
        return
    (request,) = book.find("predict")
    held = {p: {**book.namespace, **request.given}[n] for p, n in request.bind.items()}
    assert held.keys() == expected.keys()
    for parameter, text in expected.items():
        assert held[parameter] is eval(text, book.namespace)


def test_an_expression_can_be_bound_by_hand():
    book = Book(DICT, "def predict(df, m): return df")
    (request,) = book.find("predict", m='models["lr"]')
    assert request.bind == {"m": "models_lr"}
    assert request.given == {"models_lr": book.namespace["models"]["lr"]}


# cells → bind, parameter
BESIDE = [
    (["w, b = np.ones(2), 3.0\ndef predict(X, w, b): return X @ w + b", "predict(X, w, b)"],
     {"w": "w", "b": "b"}, "X"),
    (["cols = ['a']\ndef predict(df, cols): return df[cols]", "predict(X, cols)\n"
      "predict(X.head(), cols)"], {"cols": "cols"}, "df"),
    (["t = 0.5\ndef predict(df, threshold): return df", "predict(X, t)"], {"threshold": "t"}, "df"),
    (["def predict(df, threshold): return df", "predict(X, 0.5)"], {}, ""),
    (["t, u = 1, 2\ndef predict(df, k): return df", "predict(X, t)\npredict(X, u)"], {}, ""),
    (["a, b = 1, 2\ndef predict(age, fee): return age", "predict(a, b)"], {}, ""),
    (["def predict(df, other): return df", "predict(X, X)"], {}, ""),
    (["for t in [1, 2]: pass\ndef predict(df, t): return df", "predict(X, t)"], {}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "bind", "parameter"), BESIDE, ids=[str(b[0]) for b in BESIDE])
def test_what_every_call_passes_beside_its_rows(cells, bind, parameter):
    (request,) = Book(*cells).find("predict")
    assert (request.bind, request.parameter) == (bind, parameter)


def test_a_model_whose_fit_raised_is_not_fitted():
    book = Book(
        "raw = LinearRegression()\ntry:\n    raw.fit(X, ['a'] * 6)\nexcept ValueError:\n    pass"
    )
    assert hasattr(book.namespace["raw"], "n_features_in_")
    assert "raw: not fitted" in book.refusal()


def test_candidates_from_live_values_alone():
    book = Book(TWO, "def predict(x): return x\ndef helper(x): return x")
    assert candidates(book.namespace) == ("lr", "rf", "predict")


FITTED = [
    ("SVC()", False),
    ("SVC().fit(X, y)", True),
    ("make_pipeline(StandardScaler(), SVC())", False),
    ("make_pipeline(StandardScaler(), SVC()).fit(X, y)", True),
    ("GridSearchCV(SVC(), {}, cv=2)", False),
    ("FunctionTransformer()", True),  # it has nothing to learn
    ("Mean()", False),
    ("Mean().fit(X)", True),
    ("Own()", False),
    ("Own().fit(X)", True),
    ("Ready()", True),
    ("Says(False)", False),
    ("Says(True)", True),
]
CLASSES = """
from sklearn.base import BaseEstimator
from sklearn.preprocessing import FunctionTransformer
class Mean(BaseEstimator):
    def __init__(self, k=3):
        self.k = k
    def fit(self, X):
        self.mean = X.mean().mean()
        return self
    def predict(self, X): return X
class Own:
    def __init__(self, rate=0.1, rounds=3):
        self.rate, self.rounds, self.weights, self.losses = rate, rounds, None, []
    def fit(self, X):
        self.weights = np.ones(2)
        return self
    def predict(self, X): return X
class Ready:
    def predict(self, X): return X
class Says:
    def __init__(self, fitted): self.done = fitted
    def is_fitted(self): return self.done
    def fit(self, X): return self
    def predict(self, X): return X
"""


@pytest.fixture(scope="module")
def classes():
    return Book(CLASSES).namespace


@pytest.mark.parametrize(("code", "fitted"), FITTED, ids=[f[0] for f in FITTED])
def test_fitted(classes, code, fitted):
    value = eval(code, classes)
    assert is_estimator(value)
    assert is_fitted(value) is fitted


def test_objects_that_have_any_attribute_are_no_models():
    book = Book(MODEL, "from unittest.mock import MagicMock\nmock = MagicMock()")
    assert {r.variable for r in book.find()} == {"model"}
