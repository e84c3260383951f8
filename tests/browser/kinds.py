"""A service with an entry of every kind, as ``nb2service`` would have made it."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

from PIL import Image

from nb2service import runtime
from nb2service.runtime.contract import Contract, Entry, Field, Input, Output, dump_contract

PACKAGE = "kinds_service"

NOTEBOOK = """
import io
from dataclasses import dataclass

import numpy as np


def mood(texts):
    return [{"mood": "good" if "good" in text else "bad", "letters": len(text)} for text in texts]


def species(X):
    both = np.stack([X.sum(axis=1), X.max(axis=1)], axis=1)
    return both / both.sum(axis=1, keepdims=True)


def strokes(X):
    return X.reshape(len(X), -1).sum(axis=1)


@dataclass
class Address:
    street: str
    number: int = 1


def quote(address, when, day, moment, level="low", rebate=None, express=False, weights=None, id=0):
    return {"address": f"{address.street} {address.number}", "when": when.isoformat(),
            "day": day.isoformat(), "moment": moment.isoformat(), "level": level,
            "rebate": rebate, "express": express, "weights": weights, "id": id}


def grey(image, times=1):
    out = io.BytesIO()
    image.convert("L").resize((8 * times, 8)).save(out, "PNG")
    return out.getvalue()


def ranks(df):
    return df["points"].rank()


def total(df):
    return float(df["points"].sum())


def forecast(steps=6):
    return [100.0 + step ** 2 for step in range(steps)]


def sensors(df):
    return df.sum(axis=1)


def city(df):
    return df["city"].str.upper()


def ids(values):
    return [value + 1 for value in values]
"""


def png() -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", (16, 8), "teal").save(out, "PNG")
    return out.getvalue()


FLOAT = Field("", "number", "float64")
HALF = Field("", "number", "float64", example=0.5)
POINTS = Input("frame", (Field("points", "number", "float64", example=3.0),))
ADDRESS = (
    Field("street", "string", example="Main"),
    Field("number", "integer", required=False, default=1),
)
QUOTE = (
    Field("address", "object", fields=ADDRESS, python="Address"),
    Field("when", "datetime", zone="UTC", example="2024-01-02T03:04:05+01:00"),
    Field("day", "date", example="2024-02-29"),
    Field("moment", "time", example="09:30:00"),
    Field("level", "string", required=False, default="low", categories=("low", "middle", "high")),
    Field("rebate", "number", required=False, nullable=True, minimum=0.0, maximum=0.5),
    Field("express", "boolean", required=False, default=False),
    Field("weights", "list", required=False, items=Field("", "number")),
    Field("id", "integer", required=False, default=0),
)
DOC = "Good or bad?\n\nParameters\n----------\ntexts"
PICTURE = base64.b64encode(png()).decode()
CITIES = tuple(f"City {number}" for number in range(200))
CITY = Field("city", "string", "str", categories=CITIES, example="City 7")
ENTRIES = (
    Entry("mood", "mood", Input("list", (Field("", "string", example="all good"),)),
          Output("list", (Field("", "object"),)), doc=DOC),
    Entry("species", "species", Input("array", (HALF,), (3,), ("petal length", "width", "x")),
          Output("array", (FLOAT,), (2,), ("setosa", "virginica"))),
    Entry("strokes", "strokes", Input("array", (HALF,), (2, 2)), Output("array", (FLOAT,))),
    Entry("quote", "quote", Input("arguments", QUOTE), Output("value", (Field("", "object"),))),
    Entry("grey", "grey",
          Input("arguments", (
              Field("image", "bytes", "RGB", python="image", example=PICTURE),
              Field("times", "integer", required=False, default=1))),
          Output("value", (Field("", "bytes"),))),
    Entry("ranks", "ranks", POINTS, Output("series", (FLOAT,)), row_wise=False),
    Entry("total", "total", POINTS, Output("value", (FLOAT,)), row_wise=False, aligned=False),
    Entry("forecast", "forecast",
          Input("arguments", (Field("steps", "integer", required=False, default=6, example=6),)),
          Output("value", (Field("", "list", items=FLOAT),))),
    Entry("sensors", "sensors",
          Input("frame", tuple(Field(f"sensor_{at:03d}", "number", "float64", example=at / 4,
                                     minimum=0.0, maximum=99.0) for at in range(120))),
          Output("series", (FLOAT,))),
    Entry("city", "city", Input("frame", (CITY,)),
          Output("series", (Field("", "string", "str"),))),
    Entry("ids", "ids", Input("list", (Field("", "integer", example=1),)),
          Output("list", (Field("", "integer"),))),
)  # fmt: skip


def build(folder: Path) -> Path:
    """Write the project and return its folder."""
    made = folder / PACKAGE
    source = Path(runtime.__file__).parent
    shutil.copytree(source, made, ignore=shutil.ignore_patterns("__pycache__"))
    (made / "notebook.py").write_text(NOTEBOOK, encoding="utf-8")
    contract = Contract("kinds", "One of each", "Entries of every kind.", ENTRIES, {"versions": {}})
    (made / "contract.json").write_text(dump_contract(contract), encoding="utf-8")
    (made / "artifacts").mkdir()
    (made / "artifacts" / "manifest.json").write_text(json.dumps({}), encoding="utf-8")
    return folder
