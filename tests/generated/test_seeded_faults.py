"""A proof that cannot see faults is no proof: each one planted into a sound project is caught.

The faults are those of careless edits and of wrong captures. Each must be named where it shows: the
entry, and the row, the field or the file. The same projects without a fault are proven equal.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import captures
import pytest
from cells import PACKAGE, make_project, proven

from nb2service.capture.closure.audit import audit
from nb2service.errors import ProofError
from nb2service.project.render import render
from nb2service.project.write import written

BOOKS = {
    # steps around the model, in a function; answers that are text, and numbers
    "loan": (
        """
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
rng = np.random.default_rng(0)
X = pd.DataFrame({"income": rng.normal(3000, 900, 90).round(2), "debts": rng.integers(0, 9, 90)})
y = np.repeat([0, 1, 2], 30)
X["income"] += y * 900
scaler = StandardScaler().fit(X)
model = LogisticRegression().fit(scaler.transform(X), y)
CUT = 0.4
NAMES = {0: "no", 1: "ask", 2: "yes"}
---
def scale(rows):
    return scaler.transform(rows[["income", "debts"]])
def risk(rows, power=1.0):
    return model.predict_proba(scale(rows))[:, 0] ** power
def decide(rows):
    codes = model.predict(scale(rows))
    codes = np.where(risk(rows) > CUT, 0, codes)
    return [NAMES[code] for code in codes]
---
decide(X), risk(X)
""",
        "decide risk",
    ),
    # a pipeline as it is: gaps, categories, the lean path
    "pipe": (
        """
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
rng = np.random.default_rng(0)
n = 300
X = pd.DataFrame({
    "age": rng.integers(18, 90, n),
    "fee": rng.normal(50, 10, n),
    "tax": rng.normal(70, 10, n),
    "plan": np.where(np.arange(n) == 200, "rare", rng.choice(["basic", "plus"], n)),
})
X.loc[[150, 160], "fee"] = np.nan
y = np.where(X["age"] > 50, "stay", "leave")
y[X["plan"] == "rare"] = "ask"
model = make_pipeline(
    make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "fee", "tax"]),
        (OneHotEncoder(), ["plan"]),
    ),
    LogisticRegression(),
).fit(X, y)
""",
        "model",
    ),
    # what columns are on the wire
    "columns": (
        """
import pandas as pd
df = pd.DataFrame({
    "id": [2**40 + 1, 2**53 + 1, -3],
    "zip": ["00123", "99", "7"],
    "at": pd.to_datetime(["2024-01-01 23:30", "2024-07-01 01:00", None]).tz_localize("Asia/Tokyo"),
    "size": pd.Categorical(["S", "L", "M"], categories=["S", "M", "L"], ordered=True),
    "seats": pd.array([3, None, 5], dtype="Int64"),
    "price": [0.1, 2.5, float("nan")],
})
---
def describe(rows):
    return pd.DataFrame({
        "id": rows["id"] - 1,
        "where": "D-" + rows["zip"],
        "hour": rows["at"].dt.hour.astype("Int64"),
        "code": rows["size"].cat.codes.astype("int64"),
        "big": rows["size"] > "S",
        "seats": rows["seats"],
        "price": rows["price"],
        "gap": rows["price"].isna(),
    })
---
describe(df)
""",
        "describe",
    ),
    # plain parameters
    "quote": (
        """
RATES = {"Bonn": 1.25, "Ulm": 2.5}
def quote(city: str, days: int = 3, note: str | None = None) -> dict:
    price = RATES[city] * days
    return {"price": price, "note": "none" if note is None else note}
---
quote("Bonn", 2), quote("Ulm", days=4, note="late")
""",
        "quote",
    ),
    # columns that are read by position
    "rows": (
        """
import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsRegressor
X = pd.DataFrame(np.arange(120.0).reshape(40, 3) ** 1.5, columns=["a", "b", "c"])
model = KNeighborsRegressor(2).fit(X, X.sum(axis=1))
WEIGHTS = [0.2, 0.3, 0.5]
def mix(rows):
    return rows.to_numpy() @ np.array(WEIGHTS) + model.predict(rows)
---
mix(X)
""",
        "mix",
    ),
}

Edit = Callable[[Path], None]


def code(old: str, new: str, file: str = "notebook.py") -> Edit:
    """An edit of a Python file of the package."""

    def edit(project: Path) -> None:
        path = project / PACKAGE / file
        text = path.read_text("utf-8")
        assert old in text, text
        path.write_text(text.replace(old, new), "utf-8")

    return edit


def entry(change: Callable[[dict[str, Any]], Any], number: int = 0) -> Edit:
    """A contract that says something else of an entry."""

    def edit(project: Path) -> None:
        path = project / PACKAGE / "contract.json"
        contract = json.loads(path.read_text("utf-8"))
        change(contract["entries"][number])
        path.write_text(json.dumps(contract), "utf-8")

    return edit


def field(name: str, number: int = 0, **changes: Any) -> Edit:
    """A contract that says something else of a field of an entry."""

    def change(made: dict[str, Any]) -> None:
        [found] = [item for item in made["input"]["fields"] if item["name"] == name]
        found.update(changes)

    return entry(change, number)


def artifact(name: str, change: Callable[[Any], Any]) -> Edit:
    """Another value than the notebook's, saved and listed as if it were right."""

    def edit(project: Path) -> None:
        folder = project / PACKAGE / "artifacts"
        manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
        path = folder / manifest[name]["file"]
        value = pickle.loads(path.read_bytes())
        path.write_bytes(pickle.dumps(change(value) or value))
        data = path.read_bytes()
        manifest[name] |= {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        manifest[name]["globals"] = audit(data).globals
        (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")

    return edit


def truncated(project: Path) -> None:
    path = project / PACKAGE / "artifacts" / "model.pkl"
    path.write_bytes(path.read_bytes()[:-20])


def swap(name: str, other: str) -> Callable[[dict[str, Any]], None]:
    """Two fields of a contract in each other's place."""

    def change(made: dict[str, Any]) -> None:
        fields = made["input"]["fields"]
        names = [item["name"] for item in fields]
        one, two = names.index(name), names.index(other)
        fields[one], fields[two] = fields[two], fields[one]

    return change


def without(name: str) -> Callable[[dict[str, Any]], None]:
    def change(made: dict[str, Any]) -> None:
        made["input"]["fields"] = [f for f in made["input"]["fields"] if f["name"] != name]

    return change


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, what was done, and words of the proof or of the refusal."""

    book: str
    edit: Edit
    says: tuple[str, ...]


FAULTS = {
    # --- the notebook's code, as a careless edit leaves it
    "scaler dropped": Fault("loan", code("scaler.transform(rows[", "(rows["), ("risk: different",)),
    "columns in another order for the scaler": Fault(
        "loan", code('["income", "debts"]', '["debts", "income"]'), ("decide: different",)
    ),
    "an older threshold": Fault("loan", code("CUT = 0.4", "CUT = 0.5"), ("decide: different",)),
    "label decoder missing": Fault(
        "loan", code("NAMES[code] for", "int(code) for"), ("decide: different", '"ask"')
    ),
    "labels in another order": Fault(
        "loan", code('0: "no", 1: "ask"', '1: "no", 0: "ask"'), ("decide: different",)
    ),
    "probability of another class": Fault(
        "loan", code("[:, 0]", "[:, 1]"), ("risk: different", "every answer differs")
    ),
    "rounded answers": Fault("loan", code("[:, 0]", "[:, 0].round(6)"), ("risk: different",)),
    "answers in single precision": Fault(
        "loan", code("[:, 0]", "[:, 0].astype('float32')"), ("risk: different",)
    ),
    "single precision before the model": Fault(
        "loan", code("return scaler", "rows = rows.astype('float32')\n    return scaler"), ("risk",)
    ),
    "another default": Fault("loan", code("power=1.0", "power=2.0"), ("risk: different",)),
    "answers shuffled": Fault(
        "loan",
        code("[NAMES[code] for code in codes]", "[NAMES[code] for code in codes][::-1]"),
        ("decide: different", "json, batch"),
    ),
    "answers off by one row": Fault(
        "rows",
        code("model.predict(rows)", "np.roll(model.predict(rows), 1)"),
        ("mix: different", "json, batch"),
    ),
    "an unseeded draw": Fault(
        "rows",
        code("np.array(WEIGHTS)", "np.random.default_rng().permutation(WEIGHTS)"),
        ("mix: different", "random numbers"),
    ),
    "statistics of the batch": Fault(
        "rows",
        code(
            "return rows.to_numpy() @", "rows = rows - rows.mean(0)\n    return rows.to_numpy() @"
        ),
        ("mix",),
    ),
    "another figure": Fault(
        "rows", code("0.2, 0.3", "0.3, 0.2"), ("mix: different", "every answer")
    ),
    "another default of a parameter": Fault(
        "quote", field("days", default=7), ("quote: different", "price")
    ),
    "a figure of a table": Fault("quote", code("2.5", "2.25"), ("quote: different", "price")),
    "the wrong branch for what is not given": Fault(
        "quote", code('"none" if note is None', '"" if note is None'), ("quote", "note")
    ),
    # --- the contract, as a wrong capture has it
    "columns swapped in the contract": Fault(
        "rows", entry(swap("a", "b")), ("mix: different", "fails in the service")
    ),
    "a column dropped from the contract": Fault("pipe", entry(without("tax")), ("predict", "tax")),
    "a column as single precision": Fault(
        "pipe", field("fee", 1, dtype="float32"), ("predict_proba: different",)
    ),
    "missing values refused": Fault(
        "pipe", field("fee", nullable=False), ("predict: different", "fee")
    ),
    "a whole number too wide for its type": Fault(
        "columns", field("id", dtype="int32"), ("describe: different", "id")
    ),
    "a text of digits as a number": Fault(
        "columns", field("zip", type="integer", dtype="int64"), ("describe", "zip")
    ),
    "the time zone dropped": Fault(
        "columns", field("at", dtype="datetime64[us]"), ("describe: different", "zone")
    ),
    "another time zone": Fault(
        "columns", field("at", dtype="datetime64[us, UTC]"), ("describe: different", "hour")
    ),
    "categories in another order": Fault(
        "columns", field("size", categories=["L", "M", "S"]), ("describe: different", "code")
    ),
    "a category unknown": Fault(
        "columns", field("size", categories=["S", "M"]), ("describe: different", "size")
    ),
    "an entry routed to another": Fault(
        "loan", entry(lambda made: made.update(call="decide"), 1), ("risk: different",)
    ),
    # --- artifacts
    "a truncated artifact": Fault("pipe", truncated, ("model.pkl", "altered")),
    "a model fitted again": Fault(
        "loan",
        artifact("model", lambda model: setattr(model, "coef_", model.coef_ * 1.001)),
        ("risk: different",),
    ),
    "classes of the model in another order": Fault(
        "pipe",
        artifact("model", lambda m: setattr(m[-1], "classes_", m[-1].classes_[::-1])),
        ("predict: different",),
    ),
    "categories of the encoder in another order": Fault(
        "pipe",
        artifact(
            "model",
            lambda m: setattr(
                m[0].named_transformers_["onehotencoder"],
                "categories_",
                [c[::-1] for c in m[0].named_transformers_["onehotencoder"].categories_],
            ),
        ),
        ("predict_proba: different", "plan"),
    ),
    "gaps filled with another value": Fault(
        "pipe",
        artifact("model", lambda m: m[0].transformers_[0][1][0].statistics_.fill(0.0)),
        ("predict_proba: different", "null"),
    ),
    "a scaler of other rows": Fault(
        "loan", artifact("scaler", lambda s: setattr(s, "mean_", s.mean_ + 1e-3)), ("risk",)
    ),
    # --- gaps and the lean path
    "null as zero": Fault(
        "columns",
        code('rows["seats"],', 'rows["seats"].fillna(0),'),
        ("describe: different", "seats  json, row"),
    ),
    "NaN as None": Fault(
        "columns",
        code('rows["price"],', 'rows["price"].astype(object).where(rows["price"].notna(), None),'),
        ("describe: different", "types"),
    ),
    "a gap unseen": Fault("columns", code(".isna(),", ".isna() & False,"), ("gap    json, row",)),
    "a lean path that computes otherwise": Fault(
        "pipe",
        code("@ coef + intercept", "@ coef", "lean/linear.py"),
        ("decision_function: different",),
    ),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The project of each notebook, made when it is first asked for."""
    made: dict[str, Path] = {}

    def project(name: str) -> Path:
        if name not in made:
            made[name] = make_project(tmp_path_factory.mktemp(name), *BOOKS[name])
        return made[name]

    return project


@pytest.mark.parametrize("name", FAULTS)
def test_the_fault_is_caught_where_it_is(
    name: str, sound: Callable[[str], Path], tmp_path: Path
) -> None:
    fault = FAULTS[name]
    project = shutil.copytree(sound(fault.book), tmp_path / "project")
    fault.edit(project)
    said = verdict(project)
    assert said != "equal"
    assert [words for words in fault.says if words not in said] == [], said


@pytest.mark.parametrize("book", BOOKS)
def test_what_has_no_fault_is_proven(book: str, sound: Callable[[str], Path]) -> None:
    assert verdict(sound(book)) == "equal"


@pytest.mark.parametrize("name", ["churn", "shout"])
def test_a_capture_made_by_hand_is_proven(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # services of notebooks that read files change the folder
    made = {"churn": captures.churn, "shout": captures.shout}[name]()
    with written(render(made), tmp_path / "project") as done:
        assert verdict(done.folder, made.package) == "equal"


def verdict(project: Path, package: str = PACKAGE) -> str:
    """``equal``, or what is said instead."""
    try:
        run = proven(project, package)
    except ProofError as error:
        return str(error)
    return run.verdict if run.verdict == "equal" else run.text
