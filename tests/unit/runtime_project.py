"""A small project as it would be generated: the runtime copied, a notebook, a contract."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path

from nb2service import runtime
from nb2service.capture.closure.audit import audit
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output, dump_contract

NOTEBOOK = '''
"""A notebook's code."""

# --- cell [1] ---
import asyncio
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .store import load

weights = load("weights")


# --- cell [2] ---
@dataclass
class Point:
    x: float
    y: float = 0.0

    def __post_init__(self):
        if self.x < 0:
            raise ValueError("x must not be negative")


def predict(df, scale):
    if (df["age"] == 13).any():
        raise RuntimeError("secret words")
    return (df["age"] * weights["age"] + df["score"].fillna(0.0)) * scale


def describe(X):
    return pd.DataFrame({"total": X.sum(axis=1), "label": np.where(X[:, 0] > 1, "big", "small")})


async def distance(point, *, power=1):
    await asyncio.sleep(0)
    return {"distance": (point.x ** 2 + point.y ** 2) ** 0.5 * power}


def summary(values):
    return {"mean": values.mean()}


def shout(texts):
    return [text.upper() for text in texts]


def broken(texts):
    return texts[:-1]


scale = 2.0
'''

FLOAT = Field("", "number", "float64")
ENTRIES = (
    Entry(
        "predict",
        "predict",
        Input(
            "frame",
            (
                Field("age", "integer", "int64", example=41),
                Field("score", "number", "float64", nullable=True, example=0.5),
                Field("name", "string", "str", nullable=True, example="001"),
                Field("when", "datetime", "datetime64[ns]", example="2024-01-01T00:00:00"),
            ),
        ),
        Output("series", (FLOAT,)),
        bind={"scale": "scale"},
        parameter="df",
        doc="Scores customers.",
    ),
    Entry(
        "describe",
        "describe",
        Input("array", (Field("", "number", "float64", example=1.5),), (2,), ("a", "b")),
        Output(
            "frame",
            (Field("total", "number", "float64"), Field("label", "string", "str")),
        ),
    ),
    Entry(
        "distance",
        "distance",
        Input(
            "arguments",
            (
                Field(
                    "point",
                    "object",
                    python="Point",
                    fields=(Field("x", "number"), Field("y", "number", required=False)),
                    example={"x": 3.0, "y": 4.0},
                ),
                Field("power", "integer", required=False, default=1),
            ),
        ),
        Output("value", (Field("", "object", fields=(Field("distance", "number"),)),)),
        is_async=True,
    ),
    Entry(
        "summary",
        "summary",
        Input("series", (Field("v", "number", "float64", nullable=True, example=1.0),)),
        Output("value", (Field("", "object"),)),
        row_wise=False,
        aligned=False,
    ),
    Entry(
        "shout",
        "shout",
        Input("list", (Field("", "string", example="a"),)),
        Output("list", (Field("", "string"),)),
    ),
    Entry(
        "broken",
        "broken",
        Input("list", (Field("", "string", nullable=True),)),
        Output("list", (Field("", "string"),)),
    ),
)
ROW = {"age": 41, "score": 0.5, "name": "001", "when": "2024-01-01T00:00:00"}


def build(
    folder: Path,
    package: str,
    entries: tuple[Entry, ...] = ENTRIES[:5],
    notebook: str = NOTEBOOK,
) -> Path:
    """Write the project into ``folder`` and return its package's folder."""
    made = folder / package
    source = Path(runtime.__file__).parent
    shutil.copytree(source, made, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "notebook.py").write_text(notebook, encoding="utf-8")
    metadata = {"notebook": "demo.ipynb", "versions": {"flask": "0"}}
    contract = Contract("demo", "Demo", "A demonstration.", entries, metadata)
    (made / "contract.json").write_text(dump_contract(contract), encoding="utf-8")
    (made / "artifacts").mkdir()
    add_artifact(made, "weights", {"age": 0.25})
    return made


def add_artifact(package: Path, name: str, value: object, format_: str = "pickle") -> Path:
    """Save ``value`` as the generator would and list it in the manifest."""
    path = package / "artifacts" / f"{name}.{format_}"
    path.write_bytes(pickle.dumps(value))
    listed = package / "artifacts" / "manifest.json"
    manifest = json.loads(listed.read_text()) if listed.exists() else {}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest[name] = {
        "file": path.name,
        "format": format_,
        "sha256": digest,
        "size": path.stat().st_size,
        "globals": audit(path.read_bytes()).globals,
        "type": type(value).__name__,
        "cell": 1,
    }
    listed.write_text(json.dumps(manifest))
    return path
