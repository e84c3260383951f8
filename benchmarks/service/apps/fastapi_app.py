"""FastAPI as its tutorial has it: the rows are a pydantic model, the route a plain function."""

import json
import os
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

folder = Path(os.environ["MODEL"])
first = json.loads((folder / "rows.json").read_text())[0]
model = joblib.load(folder / "model.joblib")
app = FastAPI()

if isinstance(first, dict):
    Row: Any = create_model("Row", **{name: (type(value), ...) for name, value in first.items()})
else:
    Row = list[float]


class Request(BaseModel):
    instances: list[Row]


class Answer(BaseModel):
    predictions: list[int]


@app.post("/predict")
def predict(request: Request) -> Answer:
    if isinstance(first, dict):
        table = pd.DataFrame([row.model_dump() for row in request.instances])
    else:
        table = np.array(request.instances)
    return Answer(predictions=model.predict(table).tolist())
