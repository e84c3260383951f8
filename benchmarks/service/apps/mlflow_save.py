"""Saves the model in MLflow's format, with its signature: ``mlflow_save.py MODEL TARGET``."""

import json
import sys
from pathlib import Path

import joblib
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

folder, target = Path(sys.argv[1]), sys.argv[2]
model = joblib.load(folder / "model.joblib")
rows = json.loads((folder / "rows.json").read_text())
table = pd.DataFrame(rows) if isinstance(rows[0], dict) else np.array(rows)
mlflow.sklearn.save_model(
    model,
    target,
    signature=infer_signature(table, model.predict(table)),
    serialization_format="cloudpickle",
    pip_requirements=[],
)
