"""What rows went through on their way to a model, and what became of those steps since."""

from __future__ import annotations

import pytest
from capture_book import Book

from nb2service.errors import EntryError

SETUP = """
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import LabelEncoder, MinMaxScaler, StandardScaler
rng = np.random.default_rng(0)
X, y = rng.normal(2, 3, size=(40, 3)), rng.normal(size=40)
other = rng.normal(50, 9, size=(30, 3))
"""
JOBS = (
    SETUP
    + """
df = pd.DataFrame({"job": ["a", "b"] * 20, "town": ["x", "y", "z", "x"] * 10, "age": range(40)})
cols = ["job", "town"]
"""
)
SCALED = "scaler = StandardScaler()\nZ = scaler.fit_transform(X)"
FIT = "m = LinearRegression().fit(Z, y)"
FUNCTION = "def predict(rows):\n    return m.predict(scaler.transform(rows))\npredict(X)"
JOB_FIT = "m = LinearRegression().fit(df, y)"

# cells → words of each warning about the model itself
MODELS = {
    "nothing outside of the model": ((SETUP, "m = LinearRegression().fit(X, y)"), []),
    "a step of the same name for another model": (
        (SETUP, SCALED, FIT, "new = StandardScaler().fit(other)"),
        [("prepares the rows of m with scaler", "return m.predict(scaler.transform(rows))")],
    ),
    "fitted again on other rows": (
        (SETUP, SCALED, FIT, "scaler.fit(other)"),
        [("with scaler, no part",), ("cell [4]: scaler was fitted or bound again", "in cell [2]")],
    ),
    "fitted again on the same rows": (
        (SETUP, SCALED, FIT, "Y = scaler.fit_transform(X)"),
        [("with scaler, no part",)],
    ),
    "the cell ran twice": ((SETUP, SCALED, FIT, SCALED), [("with scaler, no part",)]),
    "the cell ran twice, on other rows": (
        (SETUP, SCALED, FIT, "X = other", SCALED),
        [("with scaler, no part",), ("cell [5]: scaler was fitted",)],
    ),
    "its name stands for another class": (
        (SETUP, SCALED, FIT, "scaler = MinMaxScaler().fit(X)"),
        [("with scaler, no part",), ("cell [4]: scaler was fitted or bound again",)],
    ),
    "its name stands for no step any more": (
        (SETUP, SCALED, FIT, "scaler = 3"),
        [("with scaler, no part",), ("cell [4]: scaler was fitted or bound again",)],
    ),
    "one encoder for column after column, by hand": (
        (JOBS, "le = LabelEncoder()\ndf['job'] = le.fit_transform(df['job'])\n"
         "df['town'] = le.fit_transform(df['town'])", JOB_FIT),
        [("encodes the columns 'job', 'town'", "with le, no part"),
         ("cell [2]: le was fitted for each of the columns 'job', 'town' in turn",)],
    ),
    "one encoder in a loop": (
        (JOBS, "le = LabelEncoder()\nfor c in cols:\n    df[c] = le.fit_transform(df[c])", JOB_FIT),
        [("encodes the columns 'job', 'town'",), ("le was fitted for each of the columns",)],
    ),
    "one encoder in a loop over a literal, fitted before": (
        (JOBS, "le = LabelEncoder()\nfor c in ['job', 'town']:\n    le.fit(df[c])\n"
         "    df[c] = le.transform(df[c])", JOB_FIT),
        [("encodes the columns 'job', 'town'",), ("le was fitted for each of the columns",)],
    ),
    "each round of a loop has a step and a model of its own": (
        (SETUP, "for a in (1, 2):\n    scaler = StandardScaler()\n    Z = scaler.fit_transform(X)\n"
         "    m = LinearRegression().fit(Z, y)"),
        [("with scaler, no part",)],
    ),
    "each round of a loop fits the model and its step": (
        (SETUP, "scaler, m = StandardScaler(), LinearRegression()\nfor a in (1, 2):\n"
         "    Z = scaler.fit_transform(X)\n    m.fit(Z, y)"),
        [("with scaler, no part",)],
    ),
    "an encoder that no name holds": (
        (JOBS, "for c in cols:\n    df[c] = LabelEncoder().fit_transform(df[c])", JOB_FIT),
        [("with LabelEncoder(), no part",), ("LabelEncoder() was fitted", "none of its fits")],
    ),
    "an encoder that is applied": (
        (JOBS, "le = LabelEncoder()\ndf[cols] = df[cols].apply(le.fit_transform)", JOB_FIT),
        [("encodes the columns 'job', 'town'",), ("le was fitted for each of the columns",)],
    ),
    "encoders that a loop keeps": (
        (JOBS, "encoders = {}\nfor c in cols:\n    le = LabelEncoder()\n"
         "    df[c] = le.fit_transform(df[c])\n    encoders[c] = le", JOB_FIT),
        [("encodes the columns 'job', 'town'",)],
    ),
    "an encoder for each column": (
        (JOBS, "a, b = LabelEncoder(), LabelEncoder()\ndf['job'] = a.fit_transform(df['job'])\n"
         "df['town'] = b.fit_transform(df['town'])", JOB_FIT),
        [("the columns 'town', 'job'", "with b and a",
          'rows["town"] = b.transform(rows["town"])')],
    ),
    "one scaler for single columns": (
        (JOBS, "df = df[['age']].assign(fee=1.0)\ns = StandardScaler()\n"
         "s.fit(df[['age']])\ndf['age'] = s.transform(df[['age']]).ravel()\n"
         "s.fit(df[['fee']])\ndf['fee'] = s.transform(df[['fee']]).ravel()", JOB_FIT),
        [("the columns 'fee', 'age'", "with s"), ("s was fitted for each of the columns",)],
    ),
    "columns made by get_dummies": (
        (JOBS, "D = pd.get_dummies(df)", "m = LinearRegression().fit(D, y)"),
        [("makes columns of m's rows with get_dummies",
          "m.predict(pd.get_dummies(rows).reindex(columns=m.feature_names_in_, fill_value=0))")],
    ),
    "columns made by get_dummies that drops one": (
        (JOBS, "D = pd.get_dummies(df, drop_first=True)", "m = LinearRegression().fit(D, y)"),
        [("with get_dummies", "put a OneHotEncoder into a pipeline")],
    ),
    "a function that prepares": (
        (SETUP, "scaler = StandardScaler().fit(X)\ndef prepare(a): return scaler.transform(a)",
         "m = LinearRegression().fit(prepare(X), y)"),
        [("prepares the rows of m with scaler",)],
    ),
    "steps within a with-block": (
        (SETUP, "scaler = StandardScaler()\nwith np.errstate(all='ignore'):\n"
         "    Z = scaler.fit_transform(X)\n    m = LinearRegression().fit(Z, y)"),
        [("prepares the rows of m with scaler",)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", MODELS)
def test_what_callers_of_a_model_are_told(what: str) -> None:
    cells, expected = MODELS[what]
    warnings = [str(warning) for warning in Book(*cells).example("m").warnings]
    assert len(warnings) == len(expected), warnings
    for warning, words in zip(warnings, expected, strict=True):
        assert [word for word in words if word not in warning] == [], warning


# cells → words of the one warning; none: it is silent; "refused" first: it is refused
FUNCTIONS = {
    "the steps of the training": ((SETUP, SCALED, FIT, FUNCTION), ()),
    "a step fitted again on the same rows": (
        (SETUP, SCALED, FIT, "scaler.fit(X)", FUNCTION), ()
    ),
    "a step certainly not that of the training": (
        (SETUP, SCALED, FIT, "scaler.fit(other)", FUNCTION),
        ("refused", "Cell [5]: predict uses scaler, which cell [4] fitted or bound again after "
         "cell [2] had prepared the data that m was fitted with", "run cell [2] again"),
    ),
    "a step of another class": (
        (SETUP, SCALED, FIT, "scaler = MinMaxScaler().fit(X)", FUNCTION), ("refused", "cell [4]")
    ),
    "a step fitted on the test set too": (
        (SETUP, "train, test = X[:30], X[30:]\nscaler = StandardScaler()\n"
         "train = scaler.fit_transform(train)\ntest = scaler.fit_transform(test)",
         "m = LinearRegression().fit(train, y[:30])", FUNCTION),
        ("cell [2] fitted or bound again after cell [2]", "may not be those of the training"),
    ),
    "a step fitted again, its rows gone": (
        (SETUP, SCALED, FIT, "X = X * 2\nscaler.fit(X)", FUNCTION),
        ("may not be those of the training",),
    ),
    "an encoder of the target fitted again": (
        (SETUP, "le = LabelEncoder()\ncodes = le.fit_transform(['no', 'yes'] * 20)",
         "m = LogisticRegression().fit(X, codes)", "le.fit(['a', 'b', 'c'])",
         "def predict(rows):\n    return le.inverse_transform(m.predict(rows))\npredict(X)"),
        ("le", "cell [4]"),
    ),
    "an encoder for column after column": (
        (JOBS, "le = LabelEncoder()\nfor c in cols:\n    df[c] = le.fit_transform(df[c])", JOB_FIT,
         "def predict(rows):\n    rows = rows.copy()\n    for c in cols:\n"
         "        rows[c] = le.transform(rows[c])\n    return m.predict(rows)\n"
         "new = pd.DataFrame({'job': ['x', 'y'], 'town': ['x', 'y'], 'age': [1, 2]})\n"
         "predict(new)"),
        ("predict uses le, which cell [2] fitted for 'job', 'town' in turn",),
    ),
    "a step that is an argument": (
        (SETUP, SCALED, FIT, "scaler.fit(other)",
         "def predict(rows, s): return m.predict(s.transform(rows))\npredict(X, scaler)"),
        ("refused", "predict uses scaler, which cell [4]"),
    ),
    "the step of another model": (
        (SETUP, SCALED, FIT, "s2 = StandardScaler().fit(other)\nk = LinearRegression()\n"
         "k.fit(s2.transform(other), y[:30])\ns2.fit(X)", FUNCTION), ()
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FUNCTIONS)
def test_what_is_said_of_a_function_with_steps_of_its_own(what: str) -> None:
    cells, words = FUNCTIONS[what]
    book = Book(*cells)
    if words[:1] == ("refused",):
        with pytest.raises(EntryError) as caught:
            book.example("predict")
        said = [str(caught.value)]
    else:
        said = [str(warning) for warning in book.example("predict").warnings]
    assert len(said) == (1 if words else 0), said
    assert [word for word in words[words[:1] == ("refused",) :] if word not in said[0]] == [], said
