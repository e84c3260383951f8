from __future__ import annotations

from types import ModuleType

import pytest
from capture_book import Book

from nb2service.errors import ContractError, ExampleError

MODEL = """
from sklearn.linear_model import LinearRegression
rng = np.random.default_rng(0)
X_train = pd.DataFrame(rng.normal(size=(50, 3)), columns=["a", "b", "c"])
y_train = X_train["a"] * 2
model = LinearRegression().fit(X_train, y_train)
"""
UNNAMED = """
from sklearn.linear_model import LinearRegression
rng = np.random.default_rng(0)
rows = rng.normal(size=(50, 3))
model = LinearRegression()
model.fit(rows * 1.0, rows[:, 0])
"""
DROP = "del rows"
DOUBLE = "def predict(x):\n    return x * 2"


@pytest.mark.parametrize(
    ("cells", "origin", "kind"),
    [
        # the notebook's own calls, the last one first
        ((MODEL, "model.predict(X_train)"), "20 rows of X_train, cell [2]", "frame"),
        ((MODEL, "X_new = X_train.tail(5)\nmodel.predict(X_new)"), "X_new, cell [2]", "frame"),
        # a few rows prove little: rather those of an earlier call, or of the fit
        (
            (MODEL, "model.predict(X_train)\none = X_train.head(1) * 2\nmodel.predict(one)"),
            "20 rows of X_train, cell [2]",
            "frame",
        ),
        (
            (MODEL, "X_new = X_train.tail(4)\nmodel.predict(X_new)"),
            "20 rows of X_train, cell [1]",
            "frame",
        ),
        # rows without the model's own column names would hide them from callers
        (
            (
                MODEL,
                "import warnings\nwarnings.simplefilter('ignore')\n"
                "model.predict(X_train.to_numpy())",
            ),
            "20 rows of X_train, cell [1]",
            "frame",
        ),
        ((MODEL, "model.predict(X_train.tail(4))"), "20 rows of X_train, cell [2]", "frame"),
        (
            (MODEL, "model.score(X_train.tail(30), y_train.tail(30))"),
            "20 rows of X_train, cell [2]",
            "frame",
        ),
        ((UNNAMED, "model.predict(rows / 2)"), "20 rows of rows / 2, cell [2]", "array"),
        (
            (UNNAMED, "model.predict([[1, 2, 3], [4, 5, 6]])"),
            "20 rows of rows * 1.0, cell [1]",
            "array",
        ),
        (
            (UNNAMED + DROP, "model.predict([[1, 2, 3], [4, 5, 6]])"),
            "[[1, 2, 3], [4, 5, 6]], cell [2]",
            "array",
        ),
        (
            (UNNAMED, "model.predict(rows[:1])"),
            "20 rows of rows, cell [2]",
            "array",
        ),
        (
            (UNNAMED, "model.predict(rows[:2] * 1.0)\nmodel.predict(rows[:5] * 1.0)"),
            "rows[:5] * 1.0, cell [2]",
            "array",
        ),
        # values overwritten since by another data set no longer fit
        (
            (MODEL, "Z = X_train\nmodel.predict(Z)", "Z = pd.DataFrame({'q': [1]})"),
            "20 rows of X_train, cell [1]",
            "frame",
        ),
        # in memory: by the model's own columns, test rows first, other columns left out
        ((MODEL, "X_test = X_train.tail(3)"), "X_test, cell [2]", "frame"),
        ((MODEL, "X_valid = X_train.tail(3)"), "X_valid, cell [2]", "frame"),
        (
            (MODEL, "df = X_train.assign(target=1).tail(3)\ndel X_train"),
            "df[model.feature_names_in_], cell [2]",
            "frame",
        ),
        ((MODEL, "X_test = pd.DataFrame({'q': [1]})"), "20 rows of X_train, cell [1]", "frame"),
        ((MODEL, "model.predict(X_train.head(1))"), "20 rows of X_train, cell [2]", "frame"),
        # in memory: what it was fitted with, then by width
        ((UNNAMED,), "20 rows of rows * 1.0, cell [1]", "array"),
        (
            (UNNAMED + DROP, "X_test = np.ones((4, 3))\nX_val = np.ones((4, 5))"),
            "X_test, cell [2]",
            "array",
        ),
        (
            (UNNAMED + DROP, "X_test = np.ones((4, 5))\nX_val = np.ones((4, 3))"),
            "X_val, cell [2]",
            "array",
        ),
        # of a very wide table fewer rows
        (
            (
                UNNAMED,
                "wide = np.tile(rows, 700)\nmodel = LinearRegression().fit(wide, wide[:, 0])",
            ),
            "9 rows of wide, cell [2]",
            "array",
        ),
        # a tagged cell, by its last expression or binding
        (
            (MODEL, "# nb2service: example\nmine = X_train.head(2)", "model.predict(X_train)"),
            "mine, cell [2]",
            "frame",
        ),
        (
            (MODEL, "# nb2service: example\nX_train.sample(2)", "model.predict(X_train)"),
            "X_train.sample(2), cell [2]",
            "frame",
        ),
        (
            (MODEL, "# nb2service: example\nmodel.predict(X_train.head(2))"),
            "X_train.head(2), cell [2]",
            "frame",
        ),
        (
            (MODEL, "# nb2service: example\nother = pd.DataFrame({'q': [1]})"),
            "20 rows of X_train, cell [1]",
            "frame",
        ),
        (
            (
                MODEL,
                "# nb2service: example\nfirst = X_train.head(2)",
                "# nb2service: example\nlast = 5",
            ),
            "first, cell [2]",
            "frame",
        ),
    ],
)
def test_where_a_models_example_comes_from(cells: tuple[str, ...], origin: str, kind: str) -> None:
    lesson = Book(*cells).learn("model.predict")
    assert (lesson.case["origin"], lesson.example.kind) == (origin, kind)
    assert lesson.replay().differences == ()


@pytest.mark.parametrize(
    ("cells", "kind", "instances"),
    [
        ((DOUBLE, "predict(3)"), "arguments", [{"x": 3}]),
        ((DOUBLE, "a = 3\nb = [a]\npredict(b[0] + 1)"), "arguments", [{"x": 4}]),
        (
            (DOUBLE, "predict('a')\npredict('b')\npredict('a')"),
            "arguments",
            [{"x": "a"}, {"x": "b"}],
        ),
        ((DOUBLE, "for v in [1, 2]:\n    predict(v)"), "arguments", [{"x": 2}]),
        ((DOUBLE, "def other():\n    return predict(zzz)\npredict(5)"), "arguments", [{"x": 5}]),
        ((DOUBLE, "predict(pd.DataFrame([{'a': 1}, {'a': 2}]))"), "frame", [{"a": 1}, {"a": 2}]),
        (
            (DOUBLE, "df = pd.DataFrame({'a': [1, 2]})\npredict(df)\npredict(df.iloc[[1]])"),
            "frame",
            [{"a": 1}, {"a": 2}],
        ),
        ((DOUBLE, "predict(np.array([[1.5, 2.5]]))"), "array", [[1.5, 2.5]]),
        ((DOUBLE, "predict(pd.Series(['a', 'b'], index=[7, 8]))"), "series", ["a", "b"]),
        ((DOUBLE, "df = pd.DataFrame({'a': [1, 2]})\npredict(df['a'])"), "series", [1, 2]),
        ((DOUBLE, "predict(**{'x': 4})"), "arguments", [{"x": 4}]),
        ((DOUBLE, "# nb2service: example\n{'x': 8}"), "arguments", [{"x": 8}]),
        (
            (DOUBLE, "# nb2service: example\n[{'x': 8}, {'x': 9}]"),
            "arguments",
            [{"x": 8}, {"x": 9}],
        ),
        ((DOUBLE, "# nb2service: example\npredict(x=8)", "predict(1)"), "arguments", [{"x": 8}]),
        (
            (
                "def predict(row):\n    return row['a'] * 2",
                "df = pd.DataFrame({'a': [1.5]})\npredict(df.iloc[0])",
            ),
            "arguments",
            [{"row": {"a": 1.5}}],
        ),
        (
            ("def predict(x):\n    return x.sum()", "predict(np.array([1.5, 2.0]))"),
            "arguments",
            [{"x": [1.5, 2.0]}],
        ),
        (
            ("def predict(xs):\n    return [v + 1 for v in xs]", "predict([1.5, 2.5])"),
            "list",
            [1.5, 2.5],
        ),
        (
            ("def predict(xs):\n    return sum(xs)", "predict([1.5, 2.5])"),
            "arguments",
            [{"xs": [1.5, 2.5]}],
        ),
        (
            ("def predict(a, b):\n    return a + b", "# nb2service: example\n(1, 2)"),
            "arguments",
            [{"a": 1, "b": 2}],
        ),
        (
            (
                "def predict(a, b):\n    return a + b",
                "# nb2service: example\npd.DataFrame({'a': [1], 'b': [2]})",
            ),
            "arguments",
            [{"a": 1, "b": 2}],
        ),
        (("def predict(a=1, b=2):\n    return a + b",), "arguments", [{}]),
        (("def predict():\n    return 3",), "arguments", [{}]),
        (
            (
                "def predict(df: pd.DataFrame):\n    return df['a']",
                "X_test = pd.DataFrame({'a': [1.5]})\nx = 3",
            ),
            "frame",
            [{"a": 1.5}],
        ),
        (
            ("def predict(data):\n    return data['a']", "data = pd.DataFrame({'a': [1.5]})"),
            "frame",
            [{"a": 1.5}],
        ),
        (
            (
                "class M:\n    def predict(self, c):\n        return c['a'] * 2\nmodel = M()",
                "model.predict({'a': 2})",
            ),
            "arguments",
            [{"c": {"a": 2}}],
        ),
        (
            (
                "class R:\n    def recommend(self, user, k=3):\n        return [user] * k\nr = R()",
                "r.recommend('ann', k=2)",
            ),
            "arguments",
            [{"user": "ann", "k": 2}, {"user": "ann"}],
        ),
    ],
)
def test_where_a_functions_example_comes_from(
    cells: tuple[str, ...], kind: str, instances: list[object]
) -> None:
    source = cells[0]
    wanted = "model.predict" if "class M" in source else "predict"
    wanted = "r.recommend" if "class R" in source else wanted
    lesson = Book(*cells).learn(wanted)
    assert lesson.example.kind == kind
    assert lesson.case["instances"] == instances
    assert lesson.replay().differences == ()


def test_no_call_with_effects_is_made_again() -> None:
    book = Book(
        "seen = []\ndef load():\n    seen.append(1)\n    return 3\ndef predict(x):\n    return x",
        "predict(load())",
    )
    with pytest.raises(ExampleError, match="no example input for entry 'predict'"):
        book.learn()
    assert book.namespace["seen"] == [1]


def test_a_preprocessing_step_of_the_call_is_made_again() -> None:
    book = Book(
        MODEL,
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler()\n"
        "rows = rng.normal(size=(30, 3))\nscaler.fit(rows)\n"
        "other = LinearRegression().fit(scaler.transform(rows), rows[:, 0])",
        "other.predict(scaler.transform(rows))",
    )
    example = book.example("other.predict")
    assert example.origin == "20 rows of scaler.transform(rows)"
    assert "prepares the rows of other with scaler, no part of it" in str(example.warnings[0])


@pytest.mark.parametrize(
    ("cells", "warned"),
    [
        (
            ("P_train = s.fit_transform(X_train)", "m = LinearRegression().fit(P_train, y_train)"),
            True,
        ),
        (
            (
                "P = pd.DataFrame(s.fit_transform(X_train), columns=['a', 'b', 'c'])\nQ = P.copy()",
                "m = LinearRegression().fit(Q, y_train)",
            ),
            True,
        ),
        (
            (
                "y_train = LabelEncoder().fit(y_train).transform(y_train)",
                "m = LinearRegression().fit(X_train, y_train)",
            ),
            False,
        ),
        (("m = make_pipeline(s, LinearRegression()).fit(X_train, y_train)",), False),
    ],
)
def test_steps_left_in_the_notebook_are_named(cells: tuple[str, ...], warned: bool) -> None:
    imports = "from sklearn.preprocessing import LabelEncoder, StandardScaler\n"
    imports += "from sklearn.pipeline import make_pipeline\ns = StandardScaler()"
    warnings = Book(MODEL, imports, *cells).example("m.predict").warnings
    assert [w for w in warnings if "prepares the rows of m with s," in str(w)] == list(warnings)
    assert bool(warnings) == warned


IMPORTS = """
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 1))
s, t = StandardScaler(), StandardScaler()
"""


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        # another model of the same name was fitted with scaled rows
        (
            (
                "m = LinearRegression().fit(s.fit_transform(X), y)",
                "m = LinearRegression()\nm.fit(X, y)",
            ),
            [],
        ),
        # the rows were bound again to scaled ones after the fit
        (
            ("m = LinearRegression().fit(X, y)", "X = s.fit_transform(X)"),
            ["may be of another data set: X was bound again in cell [3], after cell [2]"],
        ),
        # the target is scaled, not the rows
        (
            (
                "y = t.fit_transform(y)\nX_train, X_test, y_train, y_test = train_test_split(X, y)",
                "m = LinearRegression().fit(X_train, y_train)\nm.predict(X_test)",
            ),
            [],
        ),
        (
            (
                "df = pd.DataFrame(X, columns=['a', 'b', 'c'])\n"
                "df[['a', 'b']] = s.fit_transform(df[['a', 'b']])",
                "m = LinearRegression().fit(df, y)",
            ),
            ["with s, no part"],
        ),
        (
            (
                "X_train, X_test, y_train, y_test = train_test_split(X, y)",
                "X_train = s.fit_transform(X_train)",
                "X_test = s.fit_transform(X_test)",
                "m = LinearRegression().fit(X_train, y_train)\nm.predict(X_test)",
            ),
            ["with s, no part", "cell [4]: s was fitted or bound again after it had prepared"],
        ),
    ],
)
def test_the_history_tells_what_rows_went_through(cells: tuple[str, ...], said: list[str]) -> None:
    warnings = Book(IMPORTS, *cells).example("m").warnings
    assert len(warnings) == len(said)
    for warning, words in zip(warnings, said, strict=True):
        assert words in str(warning)


def test_a_column_that_a_label_encoder_made_is_told_but_not_a_target() -> None:
    book = Book(
        IMPORTS,
        "from sklearn.preprocessing import LabelEncoder\n"
        "le, target = LabelEncoder(), LabelEncoder()\n"
        "df = pd.DataFrame({'job': ['a', 'b'] * 20, 'age': range(40)})\n"
        "df['paid'] = ['no', 'yes'] * 20\n"
        "df['job'] = le.fit_transform(df['job'])\ndf['paid'] = target.fit_transform(df['paid'])",
        "m = LinearRegression().fit(df[['job', 'age']], df['paid'])",
    )
    [warning] = book.example("m").warnings
    assert "encodes the column 'job' of m's rows with le" in str(warning)


def test_a_call_of_another_model_of_the_same_name_comes_last() -> None:
    cells = ("Z = X / 2\nm = LinearRegression().fit(Z, y)\nm.predict(Z)", "m = LinearRegression()")
    assert Book(IMPORTS, *cells, "m.fit(X, y)").example("m").origin == "20 rows of X"


def test_a_cell_that_bound_the_name_again_but_failed_hides_no_fit() -> None:
    fit = "Z = X / 2\nm = LinearRegression().fit(Z, y)"
    book = Book(
        IMPORTS, fit, "if False:\n    m = LinearRegression()"
    )  # binds as a failed cell does
    assert book.example("m").origin == "20 rows of Z"


def test_a_model_that_knows_its_columns_takes_an_unnamed_array_last() -> None:
    other = "X_test = rng.normal(size=(9, 3))\nframes = {'a': X_train}\ndel X_train"
    book = Book(MODEL.replace("fit(X_train", "fit(frames_a := X_train"), other)
    assert book.example("model.predict").origin == "20 rows of frames_a"


RESULTS = """
class Thing:
    def __init__(self, **held):
        self.__dict__.update(held)
class Results(Thing):
    def predict(self, exog):
        return np.asarray(exog["tv"] if hasattr(exog, "columns") else exog[:, 1]) * 2.0
Results.__module__ = "statsmodels.regression.linear_model"
ads = pd.DataFrame({"sales": [1.0, 2, 3], "tv": [4.0, 5, 6], "t": [7.0, 8, 9], 0: 1})
def results(formula=None, **data):
    return Results(model=Thing(data=Thing(**data), formula=formula))
"""


@pytest.mark.parametrize(
    ("made", "expression", "columns"),
    [
        (
            "results('np.log(sales) ~ np.log(tv)', frame=ads)",
            "est.model.data.frame[['tv']]",
            ["tv"],
        ),
        ("results('sales ~ t * tv', frame=ads)", "est.model.data.frame[['tv', 't']]", ["tv", "t"]),
        (
            "results('sales ~ np.log(tv)', frame={n: ads[n].to_numpy() for n in ads})",
            "est.model.data.frame[['tv']]",
            ["tv"],
        ),
        ("results(orig_exog=ads[['t', 'tv']])", "est.model.data.orig_exog", ["t", "tv"]),
        ("results(orig_exog=ads[['t', 'tv']].to_numpy())", "est.model.data.orig_exog", None),
    ],
)
def test_results_of_a_regression_hold_their_rows(
    made: str, expression: str, columns: list[str] | None
) -> None:
    book = Book(RESULTS, f"est = {made}", "del ads")
    example = book.example("est")
    assert example.expression == expression
    assert (list(example.value.columns) if columns else None) == columns
    assert not book.learn("est").replay().differences


@pytest.mark.parametrize("rows", ["X_train", "X_train.to_numpy()"])
def test_what_a_model_learnt_in_the_shape_of_rows_is_the_last_resort(rows: str) -> None:
    fit = f"from sklearn.cluster import KMeans\nkm = KMeans(2, n_init=1).fit({rows})"
    book = Book(MODEL, fit, "del X_train")
    assert book.example("km").origin == "km.cluster_centers_"
    assert not book.learn("km").replay().differences


def test_a_model_whose_fit_broke_off_is_told_from_one_without_rows() -> None:
    fit = (
        "from sklearn.linear_model import LogisticRegression\n"
        "rows = np.arange(30.0).reshape(10, 3)\nmodel = LogisticRegression(solver='liblinear')\n"
        "try:\n    model.fit(rows, list('abcabcabca'))\n"
        "except (ValueError, FutureWarning):\n    pass"
    )
    with pytest.raises(ExampleError, match="not fitted to its end: it lacks coef_") as caught:
        Book(fit).learn("model.predict")
    assert "run the cell that fits it" in caught.value.hint


def test_a_time_series_model_that_is_asked_for_rows_is_refused() -> None:
    book = Book(
        "class Results:\n    def predict(self, start=None): return [1.0]\n"
        "    def forecast(self, steps): return [1.0] * steps\n"
        "Results.__module__ = 'statsmodels.tsa.arima.model'\nest = Results()"
    )
    with pytest.raises(ExampleError, match="takes a horizon") as caught:
        book.example("est.predict")
    assert "%deploy est.forecast" in caught.value.hint


# --- given by hand


@pytest.mark.parametrize(
    ("expression", "count"),
    [("X_train.head(30)", 30), ("X_train", 50), ("pd.concat([X_train] * 30)", 1000)],
)
def test_a_given_example_keeps_its_rows(expression: str, count: int) -> None:
    assert len(Book(MODEL).example("model.predict", expression).value) == count


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("X_tran.head()", "did you mean X_train"),
        ("X_train.haed()", "did you mean head"),
        ("X_train.head(", "SyntaxError"),
        ("X_train[['a']]", "it lacks the columns b, c"),
        ("X_train.head().to_numpy()[:, :2]", "it has 2 columns, the model was fitted with 3"),
        ("X_train.head().astype(str) + 'x'", "raised ValueError"),
        ("X_train.head(0)", "has no rows"),
        ("3", "raised"),
    ],
)
def test_a_given_example_that_does_not_fit(expression: str, said: str) -> None:
    with pytest.raises(ExampleError) as caught:
        Book(MODEL).example("model.predict", expression)
    assert said in str(caught.value)
    assert caught.value.hint


def test_a_given_example_may_hold_more_columns_in_another_order() -> None:
    example = Book(MODEL).example("model.predict", "X_train.assign(z=1)[['z', 'c', 'a', 'b']]")
    assert list(example.value.columns) == ["a", "b", "c"]


# --- what happens to the rows


def test_rows_with_missing_values_are_among_those_taken() -> None:
    book = Book(
        "X = pd.DataFrame({'a': [1.0] * 50, 'b': ['x'] * 50})\n"
        "X.loc[40, 'a'] = np.nan\nX.loc[45, 'b'] = None",
        "def predict(df):\n    return df['a']",
        "predict(X)",
    )
    example = book.example()
    assert len(example.value) == 20
    assert example.value.isna().sum().to_dict() == {"a": 1, "b": 1}
    assert example.origin == "20 rows of X"


def test_the_index_does_not_travel() -> None:
    rows = "X = pd.DataFrame({'a': [1.0, 2.0]}, index=[7, 8])"
    harmless = Book(rows, "def predict(df):\n    return df['a'] * 2", "predict(X)").example()
    assert list(harmless.value.index) == [0, 1]
    read = Book(rows, "def predict(df):\n    return df.index.tolist()", "predict(X)")
    with pytest.raises(ContractError, match="depends on the index of X"):
        read.example()


def test_a_tagged_example_that_does_not_fit_is_named() -> None:
    book = Book(
        "def area(width, height):\n    return width * height",
        "# nb2service: example\n{'radius': 2.0}",
    )
    with pytest.raises(ExampleError, match=r"\(the example of cell \[2\] does not fit: "):
        book.example("area")


def test_what_only_has_the_right_width_comes_after_what_the_model_learnt() -> None:
    fit = (
        "from sklearn.neighbors import KNeighborsClassifier\n"
        "X_train = pd.DataFrame({'a': np.arange(40.0), 'b': 1.0})\n"
        "knn = KNeighborsClassifier().fit(X_train, X_train['a'] > 20)\n"
        "chances = knn.predict_proba(X_train)\nX_train = pd.DataFrame({'q': [1.0]})"
    )
    lesson = Book(fit).learn("knn.predict")
    assert lesson.example.expression == "knn._fit_X"
    assert list(lesson.example.value) == ["a", "b"]


def test_sparse_rows_become_dense_and_say_so() -> None:
    lesson = Book(
        "X = pd.DataFrame({'a': pd.arrays.SparseArray([0, 1, 0])})",
        "def predict(df):\n    return df['a'] * 2",
        "predict(X)",
    ).learn()
    assert lesson.entry.input.fields[0].dtype == "int64"
    assert "sparse columns" in lesson.warnings


def test_arguments_left_at_another_value_are_named() -> None:
    lesson = Book(
        "def predict(df, limit=0.5):\n    return df['a'] > limit",
        "X = pd.DataFrame({'a': [0.4, 0.6]})\npredict(X, 0.3)",
    ).learn()
    assert lesson.entry.parameter == "df"
    assert "the notebook passes limit=0.3; the service uses the default 0.5" in lesson.warnings
    assert lesson.replay().differences == ()


def test_a_row_read_by_position_is_refused() -> None:
    book = Book(
        "def predict(row):\n    return row.sum() * 1.0",
        "df = pd.DataFrame({'a': [1.5], 'b': [2.0]})\npredict(df.iloc[0])",
    )
    with pytest.raises(ContractError, match="a row as a Series") as caught:
        book.example()
    assert "take a dict" in caught.value.hint


def test_foreign_tables_are_refused_with_the_mend() -> None:
    book = Book(
        "class Tensor:\n    shape, ndim = (2, 3), 2\n",
        "def predict(t):\n    return [1, 2]",
        "t = Tensor()",
    )
    with pytest.raises(ContractError, match="Tensor") as caught:
        book.example("predict", "t")
    assert "def predict(rows)" in caught.value.hint


def test_a_table_of_the_models_own_library_is_refused_with_the_line_to_write() -> None:
    book = Book(
        "class DMatrix:\n    def __deepcopy__(self, memo): raise ValueError('pointers')\n"
        "DMatrix.__module__ = 'xgboost.core'\n"
        "class Booster:\n    feature_names = None\n    def predict(self, data): return [1.0]\n",
        "bst, dval = Booster(), DMatrix()\nbst.predict(dval)",
    )
    with pytest.raises(ContractError, match="DMatrix, which has no form") as caught:
        book.example("bst")
    assert "return bst.predict(xgboost.DMatrix(rows))" in caught.value.hint
    book.namespace["xgb"] = ModuleType("xgboost")
    book.namespace["bst"].feature_names = ["a"]
    with pytest.raises(ContractError, match="DMatrix, which has no form") as caught:
        book.example("bst")
    line = "return bst.predict(xgb.DMatrix(rows, feature_names=bst.feature_names))"
    assert line in caught.value.hint


TEXTS = "texts = ['a b', 'b c', 'c d', 'a d'] * 2\nlabels = [0, 1, 1, 0] * 2"
SPAM = """
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
vect = CountVectorizer(token_pattern=r"\\w")
nb = MultinomialNB().fit(vect.fit_transform(texts), labels)
"""
PREPARED = """
from sklearn.feature_extraction import DictVectorizer
from sklearn.linear_model import LinearRegression
records = [{"job": job, "age": age} for job in "abc" for age in (30, 40)]
dv = DictVectorizer(sparse=False)
coded = dv.fit_transform(records)
model = LinearRegression().fit(coded, np.arange(6.0))
"""


@pytest.mark.parametrize(
    ("cells", "kind", "first", "origin"),
    [
        (
            (PREPARED, "def predict(rows):\n    return model.predict(dv.transform(rows))"),
            "list",
            {"job": "a", "age": 30},
            "records, cell [1]",
        ),
        (
            (PREPARED, "def predict(rows, dv):\n    return model.predict(dv.transform(rows))"),
            "list",
            {"job": "a", "age": 30},
            "records, cell [1]",
        ),
        (
            (
                PREPARED,
                "dv.transform(records[5:])",
                "def predict(rows):\n    return model.predict(dv.transform(rows))",
            ),
            "list",
            {"job": "a", "age": 30},
            "records, cell [2]",
        ),
        (
            (
                PREPARED,
                "one = records[5]\ndv.transform([one])",
                "def predict(rows):\n    return model.predict(dv.transform(rows))",
            ),
            "list",
            {"job": "a", "age": 30},
            "records, cell [1]",
        ),
        (
            (PREPARED, "def predict(X):\n    return model.predict(X) + 1"),
            "array",
            [30.0, 1.0, 0.0, 0.0],
            "coded, cell [1]",
        ),
        (
            (TEXTS, SPAM, "def is_spam(text):\n    return nb.predict(vect.transform([text]))[0]"),
            "arguments",
            {"text": "a b"},
            "texts, cell [2]",
        ),
        (
            (
                "emails = pd.DataFrame({'text': ['a', 'b', 'c']})",
                "def is_spam(text):\n    return text == 'a'",
                "emails['spam'] = emails['text'].apply(is_spam)",
            ),
            "arguments",
            {"text": "a"},
            "emails['text'].apply(is_spam), cell [3]",
        ),
        (
            ("def is_spam(text):\n    return text == 'a'", "list(map(is_spam, ['a', 'b']))"),
            "arguments",
            {"text": "a"},
            "map(is_spam, ['a', 'b']), cell [2]",
        ),
        (
            (
                "def is_spam(text):\n    return text == 'a'",
                "texts = ['a', 'b']\n[is_spam(text) for text in texts]",
            ),
            "arguments",
            {"text": "a"},
            "is_spam(text), cell [2]",
        ),
        (
            (
                "class Forecast:\n    def fit(self): ...\n    def predict(self): ...\n"
                "    def forecast(self, steps):\n        return [1.0] * steps",
                "trend = Forecast()\ntrend.forecast(3)",
                "def predict(steps: int): return trend.forecast(steps)",
            ),
            "arguments",
            {"steps": 3},
            "3, cell [2]",
        ),
    ],
)
def test_a_function_that_is_never_called_takes_what_its_steps_are_given(
    cells: tuple[str, ...], kind: str, first: object, origin: str
) -> None:
    book = Book(*cells)
    lesson = book.learn(next(n for n in ("predict", "is_spam") if n in book.namespace))
    assert (lesson.example.kind, lesson.case["instances"][0]) == (kind, first)
    assert lesson.case["origin"] == origin
    assert lesson.replay().differences == ()


def test_what_a_function_of_a_library_is_given_elsewhere_is_no_example() -> None:
    book = Book("np.sqrt(16)", "def predict(x):\n    return np.sqrt(x)")
    with pytest.raises(ExampleError, match="no example input"):
        book.example("predict")


def test_a_function_that_makes_the_models_rows_is_offered_where_there_are_none() -> None:
    book = Book(
        UNNAMED,
        "def predict(texts):\n    return model.predict([[len(t)] * 3 for t in texts])",
        "del rows",
    )
    with pytest.raises(ExampleError, match="wants rows of 3 numbers") as caught:
        book.example("model.predict")
    assert "%deploy predict" in caught.value.hint


def test_the_example_to_give_names_the_arguments_that_it_takes() -> None:
    with pytest.raises(ExampleError) as caught:
        Book("def predict(age, city, k=3):\n    return age").example()
    assert '--example "dict(age=…, city=…)"' in caught.value.hint


def test_all_steps_before_the_model_stand_in_the_line_to_write() -> None:
    book = Book(
        "from sklearn.linear_model import LogisticRegression\n"
        "from sklearn.preprocessing import PolynomialFeatures, StandardScaler\n"
        "raw = np.arange(20.0).reshape(10, 2)\n"
        "scaler, poly = StandardScaler(), PolynomialFeatures()\n"
        "scaled = scaler.fit_transform(raw)\nrows = poly.fit_transform(scaled)\n"
        "model = LogisticRegression().fit(rows, raw[:, 0] > 9)",
        "model.predict(rows)",
    )
    [warning] = book.example("model.predict").warnings
    assert book.example("model.predict_proba").warnings == (warning,)
    assert "model.predict(poly.transform(scaler.transform(rows)))" in str(warning)


@pytest.mark.parametrize(
    ("cells", "wanted", "said"),
    [
        ((MODEL + "del X_train",), "model.predict", "it wants rows with the columns a, b, c"),
        ((UNNAMED + DROP,), "model.predict", "it wants rows of 3 numbers"),
        (("def predict(a, b=2):\n    return a",), "predict", "it takes a, b"),
        (
            ("def predict(a):\n    return 1 / a", "z = 1\npredict(z)", "z = 0"),
            "predict",
            "ZeroDivisionError",
        ),
    ],
)
def test_nothing_found_says_what_is_wanted(cells: tuple[str, ...], wanted: str, said: str) -> None:
    with pytest.raises(ExampleError) as caught:
        Book(*cells).example(wanted)
    assert said in caught.value.message
    assert '--example "' in caught.value.hint
    assert "service-example" in caught.value.hint
