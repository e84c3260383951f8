"""Which way a service takes to its answers, and that the answers are the same."""

from __future__ import annotations

import importlib
import itertools
import json
from importlib.metadata import version

import numpy as np
import pytest
from runtime_project import add_artifact, build
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from nb2service.runtime.contract import Entry, Field, Input, Output

NOTEBOOK = "from .store import load\n\nmodel = load('model')\n"
X = np.random.default_rng(0).normal(size=(60, 3))
MODEL = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, X[:, 0] > 0)
ENTRY = Entry(
    "predict_proba",
    "model.predict_proba",
    Input("array", (Field("", "number", "float64", example=0.5),), (3,)),
    Output("array", (Field("", "number", "float64"),), (2,)),
    lean=True,
)
_numbers = itertools.count()


@pytest.mark.parametrize(
    ("changed", "lean"),
    [
        ({}, True),
        ({"setting": False}, False),
        ({"build": False}, False),
        ({"versions": {"scikit-learn": "0.1"}}, False),
        ({"python": "2.7.1"}, False),
    ],
    ids=["found", "turned off", "not found by the build", "another scikit-learn", "another Python"],
)
def test_the_lean_path(tmp_path, monkeypatch, changed, lean):
    name = f"lean_service_{next(_numbers)}"
    entry = ENTRY if changed.get("build", True) else Entry(**{**vars(ENTRY), "lean": False})
    package = build(tmp_path, name, (entry,), NOTEBOOK)
    add_artifact(package, "model", MODEL)
    contract = json.loads((package / "contract.json").read_text())
    contract["metadata"] = {"versions": {"scikit-learn": version("scikit-learn")}} | {
        key: changed[key] for key in ("versions", "python") if key in changed
    }
    (package / "contract.json").write_text(json.dumps(contract))
    monkeypatch.syspath_prepend(tmp_path)
    settings = importlib.import_module(f"{name}.settings").Settings(
        lean=changed.get("setting", True), log_level="ERROR"
    )
    client = importlib.import_module(f"{name}.app").create_app(settings).test_client()
    answer = client.post("/predict_proba", json={"instances": X.tolist()}).json
    assert answer == {"predictions": MODEL.predict_proba(X).tolist()}
    assert client.get("/metadata").json["entries"][0]["lean"] is lean
    path = "lean" if lean else "ordinary"
    assert f'service_calls_total{{entry="predict_proba",path="{path}"}}' in (
        client.get("/metrics").text
    )
