"""Which of several fitted models is meant: what speaks for each, and when that decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_capture_entries import DICT, GRID, MODEL, TWO, Book

from nb2service.capture.entries.find import find_entries

NEW = "new = X.head(2)"
LOOP = "for name, m in models.items():\n    m.fit(X, y)"

# cells → the model that is served without asking, what the note says
DECIDED = [
    ([TWO, "import joblib\njoblib.dump(rf, 'rf.pkl') if 0 else None"], "rf",
     "rf is served, one of 2 fitted models: saved to rf.pkl in cell [3]"),
    ([TWO, "import pickle\nwith open('m.pkl', 'wb') as f:\n    pickle.dump(rf, f)"], "rf",
     "saved to m.pkl in cell [3]"),
    ([TWO, "import pickle\nf = open('m.pkl', 'wb')\npickle.dump((X, rf), f); f.close()"], "rf",
     "saved to m.pkl"),
    ([TWO, "import pickle\nstate = {'model': rf, 'columns': list(X)}\n"
      "text = pickle.dumps(state)"], "rf", "saved in cell [3]"),
    ([TWO, "import pathlib, joblib\nPATH = pathlib.Path('out/final.joblib')\n"
      "def save_model(m, path): pass\nsave_model(rf, PATH)"], "rf", "saved to final.joblib"),
    ([TWO, "best_model = rf"], "rf", "it is called best_model"),
    ([DICT, "final = models['r f']"], "final", "it is called final"),
    ([TWO, "pred = rf.predict(X)\nsub = pd.DataFrame({'id': X.index, 'y': pred})\n"
      "_ = sub.to_csv('submission.csv', index=False)"], "rf",
     "its predictions are written to submission.csv in cell [3]"),
    ([TWO, "demo = LinearRegression().fit([[1], [2], [3]], [1, 2, 3])\n"
      "import joblib\njoblib.dump(rf, 'rf.pkl')"], "rf", "saved to rf.pkl"),
    ([MODEL, "demo = LinearRegression().fit(np.array([[1], [2]]), [1, 2])"], "model",
     "model is served, one of 2 fitted models: demo was fitted on 2 rows typed in cell [3]"),
    ([MODEL, "a = np.array([1, 2, 3])\nb = a.reshape(-1, 1)\ndemo = LinearRegression()\n"
      "demo.fit(b, a)"], "model", "demo was fitted on 3 rows typed in cell [3]"),
    ([MODEL, "toy = pd.DataFrame({'x': [1, 2, 3]})\ndemo = LinearRegression()\n"
      "demo.fit(toy[['x']], [1, 2, 3])"], "model", "demo was fitted on 3 rows"),
    ([GRID, "lr = LogisticRegression().fit(X, y)", "import joblib\n"
      "joblib.dump(grid.best_estimator_, 'm.pkl')"], "grid", "saved to m.pkl"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("cells", "variable", "said"), DECIDED, ids=[d[0][-1] for d in DECIDED])
def test_the_notebook_has_chosen(cells, variable, said):
    requests = Book(*cells).find()
    assert {r.variable for r in requests} == {variable}
    (note,) = {note for r in requests for note in r.notes}
    assert said in str(note)
    assert "%deploy" in note.hint


# cells → the lines of the question, in part, in their order
ASKED = [
    # both were saved, or the other one was fitted after that
    ([TWO, "import joblib\njoblib.dump(lr, 'a.pkl'); _ = joblib.dump(rf, 'b.pkl')"],
     ["%deploy rf", "saved to b.pkl", "%deploy lr", "saved to a.pkl"]),
    ([TWO, "import joblib\n_ = joblib.dump(lr, 'a.pkl')", "rf.fit(X, y)"],
     ["%deploy lr", "saved to a.pkl in cell [3]", "%deploy rf"]),
    # the name stood for another object when it was saved
    (["rf = LinearRegression().fit(X, y)\nimport joblib\n_ = joblib.dump(rf, 'a.pkl')", TWO],
     ["%deploy rf", "%deploy lr"]),
    # every model of a loop
    (["models = {'a': LogisticRegression(), 'b': RandomForestClassifier(3)}", LOOP,
      "import joblib\nfor n, m in models.items():\n    _ = joblib.dump(m, f'{n}.pkl')"],
     ['%deploy models["b"]', '%deploy models["a"]']),
    # predictions are no model
    ([TWO, "import joblib\n_ = joblib.dump(lr.predict(X), 'a.pkl')"], ["%deploy lr", "%deploy rf"]),
    # a file of another name, or saved before its last fit
    ([MODEL, "import joblib\n_ = joblib.dump(model, 'm.pkl')\n_ = model.fit(X, 1 - y)\n"
      "again = joblib.load('m.pkl')"], ["%deploy model", "%deploy again"]),
    # weaker signs rank only
    ([TWO, "def rate(m, X, y): return float(m.score(X, y)) / 2", "low = rate(lr, X, y)"],
     ["%deploy lr", "low 0.5; evaluated last", "%deploy rf"]),
    ([TWO, "good, better = lr.score(X, y), rf.score(X, y)"],
     ["%deploy rf", "better 1; evaluated last, in cell [3]", "%deploy lr", "good 1"]),
    ([TWO, "lr.score(X, y)"], ["%deploy lr  # LogisticRegression, cell [2], 2 features (a, b), "
                               "score 1; evaluated last, in cell [3]", "%deploy rf"]),
    ([TWO, "acc = float((lr.predict(X) == y).mean())"],
     ["%deploy lr", "acc 1; evaluated last", "%deploy rf"]),
    ([TWO, "# lr is the final model\nlr.fit(X, y)"], ["%deploy lr", "named in the text"]),
    ([GRID, "best_lr = LogisticRegression(**grid.best_params_).fit(X, y)"],
     ["%deploy best_lr", "made with the best parameters of grid",
      "%deploy grid", "best_score_ 1", "the best of a search"]),
    ([TWO, "def predict_a(df): return lr.predict(df)\ndef predict_b(df): return lr.predict(df)"],
     ["%deploy predict_a  # function, cell [3]", "%deploy predict_b", "%deploy lr",
      "used by predict_b", "%deploy rf"]),
    (["models = {'a': LogisticRegression(), 'b': RandomForestClassifier(3)}\nscores = {}\n"
      "for name, m in models.items():\n    m.fit(X, y)\n    scores[name] = 0.5"],
     ['%deploy models["b"]', "scores 0.5", '%deploy models["a"]']),
    # written frames without predictions, and predictions that were replaced
    ([TWO, "p = lr.predict(X)\np = y\npd.DataFrame({'y': p}).to_csv('a.csv')"],
     ["%deploy lr", "%deploy rf"]),
    (["texts, labels = ['good day', 'bad day'] * 9, [0, 1] * 9\n"
      "from sklearn.feature_extraction.text import CountVectorizer\n"
      "clf = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, labels)", MODEL],
     ["%deploy clf", "its preparation is part of it", "%deploy model"]),
    # rows that were typed in are all there is
    (["a = LinearRegression().fit([[1], [2]], [1, 2])\nb = LinearRegression().fit([[1]], [1])"],
     ["%deploy b", "%deploy a"]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "words"), ASKED, ids=[a[0][-1] for a in ASKED])
def test_else_the_likeliest_comes_first(cells, words):
    message = Book(*cells).refusal()
    places = [message.find(word) for word in words]
    assert -1 not in places, message
    assert places == sorted(places), message


@pytest.mark.parametrize(
    "text",
    [
        "The **random forest** is our final model.",
        "We deploy `rf`, which did best.",
        "# Results\nWe select rf\n",
    ],
)
def test_what_the_text_calls_the_final_model_comes_first(text):
    book = Book("rf = RandomForestClassifier(3).fit(X, y)", "lr = LogisticRegression().fit(X, y)")
    book.notebook = replace(book.notebook, texts=("A classifier is best explained so.", text))
    message = book.refusal()
    assert (
        message.index("%deploy rf")
        < message.index("named in the text")
        < message.index("%deploy lr")
    )


# cells → expressions that are offered
OFFERED = [
    ([TWO, "same = lr\npair = [lr, rf]"], ["rf", "lr"]),
    (["models = {'a': LogisticRegression(), 'b': SVC()}", LOOP], ['models["b"]', 'models["a"]']),
    ([TWO, "raw = SVC()"], ["rf", "lr"]),
    ([GRID, "best = grid.best_estimator_", "rf = RandomForestClassifier(3).fit(X, y)"],
     ["grid", "rf"]),
    (["class Run:\n    def __init__(self, m): self.model = m.fit(X, y)",
      "runs = [Run(LogisticRegression()), Run(SVC())]\na, b = runs"], ["a.model", "b.model"]),
    ([TWO, "demo = LinearRegression().fit([[1], [2]], [1, 2])"], ["rf", "lr"]),
    ([TWO, "from sklearn.dummy import DummyRegressor\nd = DummyRegressor().fit(X, y)"],
     ["rf", "lr"]),
]  # fmt: skip


@pytest.mark.parametrize(("cells", "offered"), OFFERED, ids=[o[0][-1] for o in OFFERED])
def test_one_object_is_offered_once_and_decoys_never(cells, offered):
    lines = [line.split("  # ")[0] for line in Book(*cells).refusal().splitlines()[2:]]
    assert sorted(lines) == sorted(f"    %deploy {expression}" for expression in offered)


# One model, whatever else is done with it.
ONE = [
    "import joblib\n_ = joblib.dump(model, 'm.pkl')",
    "import joblib\n_ = joblib.dump(model, 'm.pkl')\nagain = joblib.load('m.pkl')\n"
    "_ = again.predict(X)",
    "import pickle\nwith open('m.pkl', 'wb') as f:\n    pickle.dump(model, f)\n"
    "with open('m.pkl', 'rb') as f:\n    again = pickle.load(f)",
    "from sklearn.model_selection import cross_val_score\n_ = cross_val_score(model, X, y, cv=2)",
]


@pytest.mark.parametrize("cell", ONE)
def test_a_notebook_with_one_model_gets_no_note(cell):
    book = Book(MODEL, cell)
    found = find_entries(book.namespace, book.notebook, book.statements)
    assert {(r.variable, r.notes) for r in found} == {("model", ())}
