"""BentoML: one batchable API, as its guide to adaptive batching shows it."""

import json
import os
from pathlib import Path
from typing import Annotated, Any

import bentoml
import joblib
import numpy as np
import pandas as pd
from bentoml.validators import DType

FOLDER = Path(os.environ["MODEL"])
ON_FRAME = isinstance(json.loads((FOLDER / "rows.json").read_text())[0], dict)
# Not a DataFrame: its dispatcher fails to count a frame's rows.
Table = list[dict[str, Any]] if ON_FRAME else Annotated[np.ndarray, DType("float64")]


@bentoml.service(
    workers=int(os.environ["WORKERS"]),
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
)
class Predictor:
    def __init__(self) -> None:
        self.model = joblib.load(FOLDER / "model.joblib")

    @bentoml.api(batchable=True, max_batch_size=10_000)
    def predict(self, rows: Table) -> np.ndarray:
        return self.model.predict(pd.DataFrame(rows) if ON_FRAME else rows)
