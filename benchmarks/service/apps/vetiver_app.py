"""vetiver: the application that its ``write_app`` writes, with the model from the file."""

import json
import os
from pathlib import Path

import joblib
import pandas as pd
from vetiver import VetiverAPI, VetiverModel

folder = Path(os.environ["MODEL"])
rows = json.loads((folder / "rows.json").read_text())
on_frame = isinstance(rows[0], dict)
model = VetiverModel(
    joblib.load(folder / "model.joblib"),
    "model",
    prototype_data=pd.DataFrame(rows) if on_frame else None,
)
app = VetiverAPI(model, check_prototype=on_frame).app
