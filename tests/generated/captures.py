"""Captures made by hand, small but real: what a kernel would have handed over."""

import pickle
import sys
from dataclasses import replace
from importlib.metadata import version

import pandas as pd
from sklearn.linear_model import LogisticRegression

from nb2service.capture.closure.audit import audit
from nb2service.capture.model import (
    Artifact,
    Capture,
    CaptureWarning,
    Part,
    Provenance,
    ShipItem,
    ShippedFile,
)
from nb2service.capture.pins import Pin
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output

PYTHON = ".".join(map(str, sys.version_info[:3]))


def pins(*names, web=False, direct=True):
    why = "the web layer" if web else "imported by cell [2]" if direct else "via pandas"
    return tuple(Pin(name, version(name), why, direct, web) for name in names)


WEB = pins(
    *("flask", "flask-swagger-ui", "gunicorn", "httptools", "msgspec", "prometheus-client"),
    "pyrate-limiter",
    web=True,
)


def churn():
    """A classifier on a frame, with a helper, a local module, a data file and a test cell."""
    frame = pd.DataFrame({"age": [25, 40, 61, 33], "spend": [10.5, 99.0, 3.25, 40.0]})
    model = LogisticRegression().fit(frame, [0, 1, 0, 1])
    fields = (
        Field("age", "integer", "int64", minimum=25.0, maximum=61.0, example=25),
        Field("spend", "number", "float64", minimum=3.25, maximum=99.0, example=10.5),
    )
    rows = frame.to_dict("records")
    risk = Entry(
        "risk",
        "risk",
        Input("frame", fields),
        Output("array", (Field("", "number", "float64"),)),
        doc="The risk that a customer leaves, from 0 to 1.",
    )
    predict = Entry(
        "predict",
        "model.predict",
        Input("frame", fields),
        Output("array", (Field("", "integer", "int64"),)),
    )
    risks = model.predict_proba(frame)[:, 1].tolist()
    labels = model.predict(frame).tolist()
    origin = "X.head(4), cell [4]"
    cases = {
        "risk": {"entry": "risk", "instances": rows, "batch": risks, "origin": origin},
        "predict": {"entry": "predict", "instances": rows, "batch": labels, "origin": origin},
    }
    alone = [model.predict_proba(frame.iloc[[i]])[:, 1].tolist()[0] for i in range(4)]
    if alone != risks:
        cases["risk"]["rows"] = alone
    parts = (
        Part("import", ("np",), "import numpy as np", 2),
        Part("import", ("Path",), "from pathlib import Path", 2),
        Part("import", ("clip",), "from rounding import clip", 2),
        Part("artifact", ("model",), 'model = load("model")', 4, "fitted in cell [4]"),
        Part("code", ("GROUPS",), 'GROUPS = Path("groups.txt").read_text().split()', 5),
        Part(
            "code",
            ("risk",),
            "# the second column is the class that leaves\n"
            "def risk(X):\n"
            '    """The risk that a customer leaves, from 0 to 1."""\n'
            "    assert GROUPS\n"
            "    return clip(np.asarray(model.predict_proba(X)[:, 1]))",
            5,
        ),
    )
    test = (
        'text = """two\nlines"""\n'
        "model = model\n"
        "assert model.classes_.tolist() == [0, 1], text\n"
        "assert GROUPS == ['a', 'b']"
    )
    return Capture(
        name="churn",
        package="churn_service",
        contract=Contract("churn", "Customer churn", "Who leaves.", (risk, predict)),
        parts=parts,
        artifacts=(
            Artifact(
                "model",
                "model.pkl",
                "pickle",
                pickle.dumps(model),
                "sklearn.linear_model._logistic.LogisticRegression",
                4,
                ("sklearn",),
                audit=audit(pickle.dumps(model)),
            ),
        ),
        files=(
            ShippedFile("groups.txt", "data", b"a b\n"),
            ShippedFile("rounding/__init__.py", "module", b"from .clipping import clip\n"),
            ShippedFile(
                "rounding/clipping.py", "module", b"def clip(x):\n    return x.clip(0, 1)\n"
            ),
        ),
        cases=cases,
        tests=(Part("code", ("text", "model"), test, 9),),
        requirements=tuple(
            sorted(
                (
                    *pins("numpy", "pandas", "scikit-learn"),
                    *pins("scipy", "joblib", "python-dateutil", direct=False),
                    *WEB,
                ),
                key=lambda pin: pin.name,
            )
        ),
        ship_list=(
            ShipItem("risk", "entry", 5, 180, "", ("risk",)),
            ShipItem(
                "model",
                "artifact",
                4,
                len(pickle.dumps(model)),
                "sklearn.linear_model._logistic.LogisticRegression",
                ("risk", "model"),
            ),
            ShipItem("groups.txt", "data", None, 4, "", ("risk", "GROUPS")),
        ),
        warnings=(
            CaptureWarning("risk was edited after it was run", "run the cell again", 5),
        ),
        provenance=Provenance(
            "work/churn.ipynb", "Customer churn", "Who leaves.", "ab" * 32, "12" * 20, PYTHON,
            (("pandas", version("pandas")), ("scikit-learn", version("scikit-learn"))),
        ),
    )  # fmt: skip


def churn_with_photos():
    """The classifier, and a function that takes a file and answers with one."""
    made = churn()
    fields = (
        Field("image", "bytes", example="aGk="),
        Field("times", "integer", required=False, default=1),
    )
    entry = Entry(
        "photo", "photo", Input("arguments", fields), Output("value", (Field("", "bytes"),))
    )
    source = "def photo(image: bytes, times: int = 1) -> bytes:\n    return image * times"
    case = {"entry": "photo", "instances": [{"image": "aGk="}], "batch": ["aGk="], "origin": "[5]"}
    return replace(
        made,
        contract=replace(made.contract, entries=(*made.contract.entries, entry)),
        parts=(*made.parts, Part("code", ("photo",), source, 5)),
        cases={**made.cases, "photo": case},
    )


def shout():
    """A function on texts, with nothing but plain Python."""
    entry = Entry(
        "shout",
        "shout",
        Input("arguments", (Field("text", "string", example="hi"),)),
        Output("value", (Field("", "string"),)),
        doc="The text, louder.",
    )
    source = 'def shout(text: str) -> str:\n    """The text, louder."""\n    return text.upper()'
    case = {
        "entry": "shout",
        "instances": [{"text": "hi"}, {"text": "it's | `so` -->\n$(touch x) ü"}],
        "batch": ["HI", "IT'S | `SO` -->\n$(TOUCH X) Ü"],
        "origin": "the call in cell [3]",
    }
    return Capture(
        name="shout",
        package="shout_service",
        contract=Contract("shout", "Shouting", "", (entry,)),
        parts=(Part("code", ("shout",), source, 2),),
        artifacts=(),
        files=(),
        cases={"shout": case},
        tests=(),
        requirements=WEB,
        ship_list=(ShipItem("shout", "entry", 2, len(source), "", ("shout",)),),
        warnings=(),
        provenance=Provenance(None, "", "", "cd" * 32, None, PYTHON, ()),
    )


def hostile(text):
    """The text function, with ``text`` wherever a person's words reach a file."""
    made = shout()
    entry = made.contract.entries[0]
    return replace(
        made,
        contract=Contract("shout", text, text, (replace(entry, doc=text, tolerance_reason=text),)),
        parts=tuple(replace(part, note=text) for part in made.parts),
        ship_list=(ShipItem(text, "entry", 2, 1, text, (text, text)),),
        warnings=(CaptureWarning(text, text, 2),),
        requirements=tuple(replace(pin, why=text) for pin in made.requirements),
        provenance=replace(
            made.provenance, notebook=text, title=text, purpose=text, git_commit=text
        ),
    )
