"""Notebooks that hold more than one thing to serve, or one thing that is not what it seems."""

from __future__ import annotations

from .book import Ask, Book

# Two data sets that a person could mix up: of equal width, of unlike scale.
SETUP = """
import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler
rng = np.random.default_rng(0)
X = pd.DataFrame({"age": rng.uniform(18, 80, 60), "fee": rng.uniform(5, 50, 60)})
y = (X["age"] + rng.normal(0, 5, 60) > 50).astype(int)
---
"""
TWO = (
    SETUP
    + """
lr = LogisticRegression().fit(X, y)
rf = RandomForestClassifier(5, random_state=0).fit(X, y)
---
"""
)
SCALED = (
    SETUP
    + """
scaler = StandardScaler()
Z = scaler.fit_transform(X)
---
model = LogisticRegression().fit(Z, y)
---
"""
)
PREDICT = """
def predict(df):
    return model.predict_proba(scaler.transform(df))[:, 1]
predict(X)
"""
ROWS = [{"age": 33.5, "fee": 20.25}, {"age": 71.0, "fee": 8.5}]
FRAME = f"pd.DataFrame({ROWS})"


def asks(expect: str, route: str = "predict") -> tuple[Ask, ...]:
    return (Ask(ROWS, expect.replace("ROWS", FRAME), route),)


SERVED = [
    Book(
        "a function that is passed the frame with the target in it",
        SETUP
        + """
        both = X.assign(bought=y)
        model = LogisticRegression().fit(both[["age", "fee"]], both["bought"])
        ---
        def predict(df):
            return model.predict(df[["age", "fee"]])
        predict(both)
        """,
        asks("predict(ROWS)"),
    ),
    Book(
        "the model that was saved",
        TWO + "import joblib\n_ = joblib.dump(rf, 'model.pkl')",
        asks("rf.predict(ROWS)"),
        said=("rf is served, one of 2 fitted models: saved to model.pkl in cell [3]", "%deploy lr"),
    ),
    Book(
        "the model whose predictions were written, out of a dictionary",
        SETUP
        + """
        models = {"lr": LogisticRegression(), "rf": RandomForestClassifier(5, random_state=0)}
        for name, m in models.items():
            m.fit(X, y)
        ---
        answer = pd.DataFrame({"id": X.index, "churn": models["rf"].predict(X)})
        answer.to_csv("submission.csv", index=False)
        """,
        asks('models["rf"].predict_proba(ROWS)', "predict_proba"),
        said=("its predictions are written to submission.csv",),
        present=("models_rf = load",),
    ),
    Book(
        "a name that says it is the best",
        TWO + "best_model = max((lr, rf), key=lambda m: m.score(X, y))",
        asks("best_model.predict(ROWS)"),
        said=("it is called best_model",),
    ),
    Book(
        "decoys: a toy on typed rows, a dummy, an unfitted one, parts and aliases",
        SETUP
        + """
        from sklearn.dummy import DummyClassifier
        from sklearn.pipeline import make_pipeline
        demo = LinearRegression().fit(np.array([[1], [2], [3]]), [2, 4, 6])
        baseline = DummyClassifier().fit(X, y)
        raw = LogisticRegression()
        pipe = make_pipeline(StandardScaler(), raw).fit(X, y)
        last, same = pipe[-1], pipe
        """,
        asks("pipe.predict(ROWS)"),
        said=("pipe is served, one of 2 fitted models: demo was fitted on 3 rows",),
    ),
    Book(
        "one model, saved and loaded again to try it",
        SETUP
        + """
        import pickle
        model = LogisticRegression().fit(X, y)
        with open("model.pkl", "wb") as file:
            pickle.dump(model, file)
        ---
        with open("model.pkl", "rb") as file:
            loaded = pickle.load(file)
        loaded.predict(X.head())
        """,
        asks("model.predict(ROWS)"),
        unsaid=("one of 2",),
    ),
    Book(
        "the line of the question, pasted whole",
        TWO,
        asks("lr.predict(ROWS)"),
        line="%deploy lr  # LogisticRegression, cell [2], 2 features (age, fee); it's the one",
        unsaid=("one of 2",),
    ),
    Book(
        "the function around one of several models",
        TWO
        + """
        def predict(df):
            return np.where(rf.predict_proba(df)[:, 1] > 0.3, "stay", "go")
        predict(X.head())
        """,
        asks("predict(ROWS)"),
        unsaid=("one of 2",),
    ),
    Book(
        "a function that draws and one that trains stand aside for the model",
        SETUP
        + """
        model = LogisticRegression().fit(X, y)
        def predict_and_show(df):
            print(model.predict(df))
        def predict_anew(train, target, df):
            return LogisticRegression().fit(train, target).predict(df)
        """,
        asks("model.predict(ROWS)"),
    ),
    Book(
        "captured values from keywords, other functions and items",
        TWO
        + """
        models, cut = {"rf": rf, "lr": lr}, {"at": 0.4}
        def predict(df, model, limits):
            return model.predict_proba(df)[:, 1] > limits["at"]
        def report(m):
            return predict(X, limits=cut, model=m).mean()
        report(models["lr"])
        """,
        asks('predict(ROWS, models["lr"], cut)'),
        line="%deploy predict",
    ),
    Book(
        "an item as a captured value, by hand",
        SETUP
        + """
        models = {"rf": RandomForestClassifier(5, random_state=0).fit(X, y)}
        def predict(df: pd.DataFrame, m):
            return m.predict(df)
        """,
        asks('predict(ROWS, models["rf"])'),
        line="""%deploy predict --bind m=models["rf"] --example X""",
        present=("models_rf = load",),
        absent=("models = load",),
    ),
    Book(
        "weights beside the rows",
        """
        import numpy as np
        w, b = np.array([0.5, -1.0]), 0.25
        def predict(X, w, b):
            return 1 / (1 + np.exp(-(X @ w + b)))
        X = np.random.default_rng(0).normal(size=(30, 2))
        predict(X, w, b)
        """,
        (Ask([[0.5, 2.0]], "predict(np.array([[0.5, 2.0]]), w, b)"),),
    ),
    Book(
        "an entry in a search, in a pipeline",
        SETUP
        + """
        from sklearn.model_selection import GridSearchCV
        from sklearn.pipeline import Pipeline
        pipe = Pipeline([("scale", StandardScaler()), ("clf", LogisticRegression())])
        grid = GridSearchCV(pipe, {"clf__C": [0.1, 1.0]}, cv=2).fit(X, y)
        """,
        asks("grid.predict(ROWS)"),
        line="%deploy grid.best_estimator_ --example X",
    ),
    Book(
        "a partial, a bound method and a closure by name",
        SETUP
        + """
        from functools import partial
        model = LogisticRegression().fit(X, y)
        def at_least(limit, df):
            return (model.predict_proba(df)[:, 1] >= limit).tolist()
        def make_predictor(fitted):
            def decide(df):
                return fitted.predict(df) * 10
            return decide
        strict, tenfold, plain = partial(at_least, 0.9), make_predictor(model), model.predict
        """,
        (
            *asks("strict(ROWS)", "strict"),
            *asks("tenfold(ROWS)", "tenfold"),
            *asks("plain(ROWS)"),
        ),
        line="%deploy strict tenfold plain --example X",
    ),
    Book(
        "a step that was fitted again on the same rows",
        SCALED + "scaler.fit(X)\n---\n" + PREDICT,
        asks("predict(ROWS)"),
        unsaid=("fitted or bound again",),
    ),
    Book(
        "cells that ran twice",
        SCALED + "scaler = StandardScaler()\nZ = scaler.fit_transform(X)\n---\n" + PREDICT,
        asks("predict(ROWS)"),
        unsaid=("fitted or bound again",),
    ),
    Book(
        "a step that was fitted again, and nothing left to tell by",
        SETUP
        + """
        scaler = StandardScaler()
        train, test = X[:40], X[40:]
        train = scaler.fit_transform(train)
        test = scaler.fit_transform(test)
        model = LogisticRegression().fit(train, y[:40])
        ---
        """
        + PREDICT,
        asks("predict(ROWS)"),
        said=("predict uses scaler, which cell [2] fitted or bound again after cell [2]",),
    ),
    Book(
        "one encoder for column after column",
        SETUP
        + """
        df = X.assign(job=["a", "b", "c"] * 20, town=["x", "y"] * 30)
        le = LabelEncoder()
        for column in ["job", "town"]:
            df[column] = le.fit_transform(df[column])
        model = LogisticRegression(max_iter=1000).fit(df, y)
        """,
        (
            Ask(
                [{"age": 33.5, "fee": 20.25, "job": 2, "town": 1}],
                "model.predict(df.head(1).assign(age=33.5, fee=20.25, job=2, town=1))",
            ),
        ),
        said=(
            "encodes the columns 'job', 'town' of model's rows with le",
            "le was fitted for each of the columns 'job', 'town' in turn",
        ),
    ),
    Book(
        "columns made anew by get_dummies",
        SETUP
        + """
        D = pd.get_dummies(X.assign(job=["a", "b", "c"] * 20), dtype=float)
        model = LogisticRegression(max_iter=1000).fit(D, y)
        """,
        (
            Ask(
                [{"age": 33.5, "fee": 20.25, "job_a": 0.0, "job_b": 1.0, "job_c": 0.0}],
                "model.predict(D[1:2].assign(age=33.5, fee=20.25))",
            ),
        ),
        said=("makes columns of model's rows with get_dummies", ".reindex(columns=model."),
    ),
    Book(
        "rows of another data set under the name of the example",
        SETUP
        + """
        X_test = X.tail(20).to_numpy()
        model = LogisticRegression().fit(X.to_numpy(), y)
        model.predict(X_test)
        ---
        X_test = np.full((30, 2), 7.0 * 111_111_111)
        other = LinearRegression().fit(X_test, X_test[:, 0])
        other.predict(X_test)
        """,
        (Ask([[33.5, 20.25]], "model.predict(np.array([[33.5, 20.25]]))"),),
        line="%deploy model",
        nowhere=("777777777",),
    ),
    Book(
        "a model without rows: a forecast",
        """
        import numpy as np
        class Mean:
            def fit(self, series):
                self.level_, self.slope_ = float(series[-1]), float(np.diff(series).mean())
                return self
            def forecast(self, steps=1):
                return self.level_ + self.slope_ * np.arange(1, steps + 1)
            def predict(self, start, end):
                return self.level_ + self.slope_ * np.arange(start, end)
        results = Mean().fit(np.array([1.0, 2.5, 3.0, 5.5]))
        ---
        results.forecast(4)
        """,
        (
            Ask([{"steps": 2}], "[results.forecast(2)]", "forecast"),
            Ask([{}], "[results.forecast(4)]", "forecast"),
        ),
    ),
    Book(
        "one plain model: nothing more is said than ever",
        SETUP + "model = LogisticRegression().fit(X, y)\n---\nmodel.score(X, y)",
        asks("model.predict(ROWS)"),
        unsaid=("one of", "prepares", "fitted or bound", "type one of"),
    ),
]

REFUSED = [
    Book(
        "two models, and nothing that decides",
        TWO
        + """
        acc = float((lr.predict(X) == y).mean())
        """,
        refused=(
            "2 fitted models",
            "type one of\n    %deploy lr  # LogisticRegression, "
            "cell [2], 2 features (age, fee), acc ",
            "evaluated last, in cell [3]\n    %deploy rf  # RandomForestClassifier, cell [2]",
        ),
    ),
    Book(
        "a second model fitted after the first was saved",
        TWO + "import joblib\n_ = joblib.dump(lr, 'lr.pkl')\n---\nrf.fit(X, y)",
        refused=("saved to lr.pkl in cell [3]\n    %deploy rf",),
    ),
    Book(
        "a loop over models as a captured value",
        TWO
        + """
        def predict(df, m):
            return m.predict(df)
        for m in (lr, rf):
            print(predict(X, m).mean())
        """,
        refused=(
            "predict is called with different values for 'm': lr, rf (predict(X, m), cell [3])",
            "\n    %deploy predict --bind m=lr\n    %deploy predict --bind m=rf",
        ),
    ),
    Book(
        "a step that no longer is that of the training",
        SCALED + "small = X / 10\nscaler.fit(small)\n---\n" + PREDICT,
        refused=(
            "predict uses scaler, which cell [4] fitted or bound again after cell [2] had prepared "
            "the data that model was fitted with: it now makes other values of the same rows",
            "run cell [2] again",
        ),
    ),
    Book(
        "a step whose name stands for another class",
        SCALED + "scaler = MinMaxScaler().fit(X)\n---\n" + PREDICT,
        refused=("predict uses scaler, which cell [4] fitted or bound again",),
    ),
    Book(
        "a function that fits the notebook's own step on each request",
        SCALED
        + """
        def predict(df):
            return model.predict(scaler.fit_transform(df))
        predict(X)
        """,
        refused=("predict fits scaler again in each call", "only scaler.transform(…)"),
    ),
    Book(
        "a function that only prints, asked for",
        SETUP
        + """
        model = LogisticRegression().fit(X, y)
        def predict(df):
            print(model.predict(df))
        predict(X)
        """,
        line="%deploy predict",
        refused=("entry 'predict' returns None",),
    ),
    Book(
        "a clustering that only labels its own rows, beside its scaler",
        SETUP
        + """
        from sklearn.cluster import DBSCAN
        scaler = StandardScaler()
        clusters = DBSCAN().fit(scaler.fit_transform(X))
        """,
        refused=(
            "no fitted model that predicts was found; scaler transforms; clusters is a DBSCAN, "
            "which only labels the rows of its fit",
        ),
    ),
    Book(
        "a clustering that only labels its own rows, asked for",
        SETUP + "from sklearn.cluster import AgglomerativeClustering\n"
        "groups = AgglomerativeClustering(3).fit(X)",
        line="%deploy groups",
        refused=(
            "it labels the rows of its fit and has no rule for other rows",
            "KNeighborsClassifier().fit(X, groups.labels_)",
        ),
    ),
    Book(
        "a method of a class",
        """
        class Model:
            def predict(self, rows):
                return rows
        """,
        line="%deploy Model.predict",
        refused=("a method of the class Model, of no object yet", "then model.predict"),
    ),
]

BOOKS = [*SERVED, *REFUSED]
