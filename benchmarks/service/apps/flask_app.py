"""Flask, in a dozen lines."""

import os
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from flask import Flask, request

model = joblib.load(Path(os.environ["MODEL"]) / "model.joblib")
app = Flask(__name__)


@app.post("/predict")
def predict():
    rows = request.get_json()["instances"]
    table = pd.DataFrame(rows) if isinstance(rows[0], dict) else np.array(rows)
    return {"predictions": model.predict(table).tolist()}
