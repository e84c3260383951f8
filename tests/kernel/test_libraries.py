"""Models of many libraries: each travels in its own format and answers as in the notebook.

One environment holds all of them; it is kept in the cache of whoever runs the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from corpus import forecasts
from corpus.book import Ask, Book
from live_kernel import LiveKernel, live_kernel
from test_corpus import AS_NEW, HELPERS, post, type_cells
from test_old_libraries import ROOT, environment, python_of, register

ROUND_TRIPS = Path(__file__).with_name("library_round_trips.py")
LIBRARIES = (
    "catboost", "category-encoders", "imbalanced-learn", "lightgbm", "onnxruntime", "pyarrow",
    "skl2onnx", "skops", "spacy", "statsmodels", "tensorflow-cpu", "torch==2.13.0+cpu",
    "xgboost-cpu", "ipykernel",
)  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """A notebook, and the formats that its models must be found in."""

    book: Book
    formats: tuple[str, ...]


PEOPLE = """
    import numpy as np, pandas as pd
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.uniform(18, 80, 200), "income": rng.normal(40, 9, 200)})
    y = (X.age * 0.6 + X.income + rng.normal(0, 5, 200) > 70).astype(int)
    ---
"""
ROWS = [{"age": 33.5, "income": 71.25}, {"age": 70.0, "income": 18.0}]
NEW = f"pd.DataFrame({ROWS!r})"


def score(function: str = "predict") -> Ask:
    return Ask([ROWS[0]], f"[{function}(**{ROWS[0]!r})]", function)


SHELVES = [
    Shelf(
        Book(
            "XGBoost in a pipeline",
            PEOPLE
            + """
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
            from xgboost import XGBClassifier
            model = make_pipeline(StandardScaler(), XGBClassifier(n_estimators=10)).fit(X, y)
            model.score(X, y)
            """,
            (
                Ask(ROWS, f"model.predict({NEW})"),
                Ask(ROWS, f"model.predict_proba({NEW})", "predict_proba"),
            ),
        ),
        ("xgboost",),
    ),
    Shelf(
        Book(
            "three boosters in a dictionary",
            PEOPLE
            + """
            import lightgbm as lgb, xgboost as xgb
            from catboost import CatBoostRegressor
            quiet = {"allow_writing_files": False}
            models = {
                "xgb": xgb.train({"nthread": 1}, xgb.DMatrix(X, y), 5),
                "lgb": lgb.LGBMRegressor(n_estimators=5, verbose=-1).fit(X, y),
                "cat": CatBoostRegressor(iterations=5, silent=True, **quiet).fit(X, y),
            }
            ---
            def predict(age: float, income: float) -> dict:
                row = pd.DataFrame({"age": [age], "income": [income]})
                return {
                    "xgb": float(models["xgb"].predict(xgb.DMatrix(row))[0]),
                    "lgb": float(models["lgb"].predict(row)[0]),
                    "cat": float(models["cat"].predict(row)[0]),
                }
            ---
            predict(age=40.0, income=50.0)
            """,
            (score(),),
            "%deploy predict",
        ),
        ("xgboost", "lightgbm", "catboost"),
    ),
    Shelf(
        Book(
            "PyTorch in a class of the notebook",
            PEOPLE
            + """
            import torch
            from torch import nn

            class Net(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.inner = nn.Linear(2, 8)
                    self.outer = nn.Linear(8, 1)

                def forward(self, rows):
                    return self.outer(torch.relu(self.inner(rows))).squeeze(-1)
            ---
            torch.manual_seed(0)
            net = Net()
            inputs, target = torch.tensor(X.values).float(), torch.tensor(y.values).float()
            mean, spread = inputs.mean(0), inputs.std(0)
            optimizer = torch.optim.Adam(net.parameters(), 0.05)
            for _ in range(20):
                loss = nn.functional.binary_cross_entropy_with_logits(
                    net((inputs - mean) / spread), target)
                optimizer.zero_grad(); loss.backward(); optimizer.step()
            ---
            class Scorer:
                def __init__(self, net, mean, spread):
                    self.net, self.mean, self.spread = net.eval(), mean, spread

                def __call__(self, values):
                    with torch.no_grad():
                        rows = (torch.tensor(values).float() - self.mean) / self.spread
                        return torch.sigmoid(self.net(rows)).tolist()

            scorer = Scorer(net, mean, spread)

            def predict(age: float, income: float) -> float:
                return scorer([[age, income]])[0]
            ---
            predict(age=40.0, income=50.0)
            """,
            (score(),),
            "%deploy predict",
            present=("class Net(nn.Module):", "class Scorer:"),
            absent=("optim.Adam",),
        ),
        ("torch",),
    ),
    Shelf(
        Book(
            "Keras with a layer of the notebook",
            PEOPLE
            + """
            import keras

            class Scale(keras.layers.Layer):
                def __init__(self, by=1.0, **kwargs):
                    super().__init__(**kwargs)
                    self.by = by

                def call(self, rows):
                    return rows * self.by
            ---
            keras.utils.set_random_seed(0)
            model = keras.Sequential([
                keras.layers.Input((2,)), Scale(0.01), keras.layers.Lambda(lambda rows: rows + 1),
                keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid"),
            ])
            model.compile("adam", "binary_crossentropy")
            model.fit(X.values, y.values, epochs=1, verbose=0)
            ---
            def predict(age: float, income: float) -> float:
                return float(model.predict(np.array([[age, income]]), verbose=0)[0, 0])
            ---
            predict(age=40.0, income=50.0)
            """,
            (score(),),
            "%deploy predict",
            present=("class Scale(keras.layers.Layer):",),
        ),
        ("keras",),
    ),
    Shelf(
        Book(
            "an ONNX session",
            PEOPLE
            + """
            import onnxruntime
            from skl2onnx import to_onnx
            from sklearn.linear_model import LogisticRegression
            trained = LogisticRegression().fit(X.values, y)
            onnx_model = to_onnx(trained, X.values[:1].astype("float32"), options={"zipmap": False})
            session = onnxruntime.InferenceSession(onnx_model.SerializeToString())
            ---
            def predict(age: float, income: float) -> list:
                row = np.array([[age, income]], dtype="float32")
                return session.run(None, {"X": row})[1][0].tolist()
            ---
            predict(age=40.0, income=50.0)
            """,
            (score(),),
            "%deploy predict",
            absent=("skl2onnx",),
        ),
        ("onnxruntime",),
    ),
    Shelf(
        Book(
            "spaCy with a component of the notebook",
            """
            import spacy
            from spacy.language import Language
            from spacy.training import Example

            @Language.component("calm")
            def calm(doc):
                doc.cats["loud"] = float(doc.text.isupper())
                return doc
            ---
            spacy.util.fix_random_seed(0)
            nlp = spacy.blank("en")
            sorter = nlp.add_pipe("textcat", config={"model": {
                "@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True,
                "ngram_size": 1, "no_output_layer": False}})
            nlp.add_pipe("calm", last=True)
            texts = [("good film", 1.0), ("great fun", 1.0), ("bad film", 0.0), ("awful", 0.0)]
            examples = [
                Example.from_dict(nlp.make_doc(text), {"cats": {"good": c, "bad": 1 - c}})
                for text, c in texts
            ]
            nlp.initialize(lambda: examples)
            for _ in range(5):
                nlp.update(examples)
            ---
            def predict(text: str) -> dict:
                return {name: round(value, 5) for name, value in nlp(text).cats.items()}
            ---
            predict(text="good film")
            """,
            (Ask([{"text": "AWFUL FILM"}], "[predict('AWFUL FILM')]"),),
            "%deploy predict",
            present=("def calm(doc):",),
        ),
        ("spacy",),
    ),
    Shelf(
        Book(
            "imbalanced-learn and category_encoders",
            PEOPLE
            + """
            from category_encoders import TargetEncoder
            from imblearn.over_sampling import SMOTE
            from imblearn.pipeline import make_pipeline
            from sklearn.linear_model import LogisticRegression
            X["town"] = rng.choice(["Ulm", "Bonn", "Kiel"], 200)
            model = make_pipeline(
                TargetEncoder(cols=["town"]), SMOTE(random_state=0), LogisticRegression()
            ).fit(X, y)
            model.score(X, y)
            """,
            (
                Ask(
                    [{**ROWS[0], "town": "Kiel"}],
                    f"model.predict({NEW}[:1].assign(town='Kiel'))",
                ),
            ),
        ),
        (),
    ),
    Shelf(
        Book(
            "a formula of statsmodels",
            PEOPLE
            + """
            import statsmodels.formula.api as smf
            fitted = smf.ols("income ~ age + np.log(age)", X).fit()
            ---
            def predict(age: float) -> float:
                return float(fitted.predict(pd.DataFrame({"age": [age]}))[0])
            ---
            predict(age=40.0)
            """,
            (Ask([{"age": 55.5}], "[predict(55.5)]"),),
            "%deploy predict",
        ),
        (),
    ),
    Shelf(
        Book(
            "skops where the person asks, beside a table in Parquet",
            PEOPLE
            + """
            from sklearn.linear_model import LogisticRegression
            from sklearn.pipeline import make_pipeline
            from sklearn.preprocessing import StandardScaler
            models = {"all": make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)}
            towns = pd.DataFrame({"town": ["Ulm", "Kiel"], "bonus": [1.5, 2.5]}).set_index("town")
            ---
            def predict(town: str, age: float, income: float) -> float:
                row = pd.DataFrame({"age": [age], "income": [income + towns.loc[town, "bonus"]]})
                return float(models["all"].predict_proba(row)[0, 1])
            ---
            predict(town="Ulm", age=40.0, income=50.0)
            """,
            (
                Ask(
                    [{"town": "Kiel", **ROWS[1]}],
                    f"[predict('Kiel', **{ROWS[1]!r})]",
                ),
            ),
            "%deploy predict --skops",
        ),
        ("skops", "parquet"),
    ),
    *(Shelf(book, ()) for book in forecasts.BOOKS),
]


@pytest.fixture(scope="module")
def libraries() -> Path:
    """The environment.

    PyTorch without what only graphics cards need, which would be gigabytes: from where pip's
    settings say, else from PyTorch's own index.
    """
    python = python_of("3.11") or sys.executable
    try:
        return environment(python, LIBRARIES, ("-e", str(ROOT)))
    except AssertionError:
        index = ("--extra-index-url", "https://download.pytorch.org/whl/cpu")
        best = ("--index-strategy", "unsafe-best-match")
        return environment(python, (*LIBRARIES, *index, *best), ("-e", str(ROOT)))


@pytest.fixture(scope="module")
def shared(libraries: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveKernel]:
    """One kernel for all notebooks."""
    folder = tmp_path_factory.mktemp("kernel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(folder / "jupyter"))
        register(folder / "jupyter", "libraries", libraries)
        with live_kernel(folder, "libraries") as kernel:
            kernel.check("%load_ext nb2service")
            kernel.check(HELPERS)
            yield kernel


@pytest.fixture
def kernel(shared: LiveKernel, own_registry: Path, tmp_path: Path) -> Iterator[LiveKernel]:
    """The shared kernel, its namespace and history empty, in the test's own folder."""
    shared.check(AS_NEW.format(folder=str(tmp_path), home=str(own_registry)))
    yield shared
    shared.run("%deploy --stop book")


@pytest.mark.parametrize("shelf", SHELVES, ids=lambda shelf: shelf.book.name)
def test_the_model_travels_in_its_own_format(
    shelf: Shelf, kernel: LiveKernel, tmp_path: Path
) -> None:
    book = shelf.book
    type_cells(book, kernel, tmp_path)
    line = book.line.replace("%deploy", "%deploy_here --name book", 1)
    document, card = json.loads(kernel.check(line).stdout.splitlines()[-1])
    assert document["proof"]["verdict"] == "equal", card
    for ask in book.asks:
        expected = json.loads(kernel.check(f"%answers_here {ask.expect}").stdout.splitlines()[-1])
        assert post(document["service"]["url"], ask) == expected
    package = tmp_path / "book-service" / "book_service"
    text = (package / "notebook.py").read_text("utf-8")
    assert [words for words in book.present if words not in text] == [], text
    assert [words for words in book.absent if words in text] == [], text
    parts = native_files(package)
    assert sorted(part["format"] for part in parts) == sorted(shelf.formats)
    rows = {item["name"]: item["size"] for item in document["ship_list"]}
    for part in parts:
        assert (
            rows[part["file"]]
            == part["size"]
            == (package / "artifacts" / part["file"]).stat().st_size
        )
    assert (package / "native.py").exists() == bool(parts)


def test_what_comes_back_is_the_same_model(libraries: Path, tmp_path: Path) -> None:
    """What no service above shows; in two processes, as the same models must be the same bytes."""
    started = []
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        variables = {"PYTHONHASHSEED": seed, "KERAS_BACKEND": "torch"}
        started.append(
            subprocess.Popen(
                [f"{libraries}/bin/python", ROUND_TRIPS], stdout=subprocess.PIPE, text=True,
                cwd=tmp_path / seed, env={**os.environ, **variables}, stderr=subprocess.DEVNULL,
            )
        )  # fmt: skip
    one, other = (json.loads(each.communicate()[0].splitlines()[-1]) for each in started)
    assert {name: wrong for name, (wrong, _) in one.items() if wrong} == {}
    # CatBoost gives each model that it trains an id of its own.
    differing = {name for name, told in one.items() if told != other[name]}
    assert differing <= {"catboost, fitted and not"}


def native_files(package: Path) -> list[dict[str, Any]]:
    manifest = json.loads((package / "artifacts" / "manifest.json").read_text("utf-8"))
    return [part for listed in manifest.values() for part in listed.get("parts", [])]
