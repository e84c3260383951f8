"""The limit: ``model.predict`` in a process of its own, without any service.

``python inprocess.py MODEL_FOLDER SECONDS COUNT...`` prints one JSON object: for each count of
rows the median and the 99th percentile of a call in milliseconds, over that many seconds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd

BATCHES = 50


def main(folder: Path, seconds: float, counts: list[int]) -> None:
    model = joblib.load(folder / "model.joblib")
    rows = json.loads((folder / "bulk.json").read_text())
    timed = {}
    for count in counts:
        repeated = rows * (count // len(rows) + 1)
        starts = range(0, max(1, min(BATCHES, len(repeated) - count)))
        times = call_times(model, [table(repeated[at : at + count]) for at in starts], seconds)
        timed[count] = {
            "p50": float(np.percentile(times, 50)),
            "p99": float(np.percentile(times, 99)),
        }
    print(json.dumps(timed))


def table(rows: list[Any]) -> Any:
    """What the notebook would hand to ``predict``: a frame, or an array."""
    return pd.DataFrame(rows) if isinstance(rows[0], dict) else np.array(rows)


def call_times(model: Any, batches: list[Any], seconds: float) -> list[float]:
    """Milliseconds of each call, after one that does not count; three calls at least."""
    model.predict(batches[0])
    times: list[float] = []
    until = time.perf_counter() + seconds
    while time.perf_counter() < until or len(times) < 3:
        batch = batches[len(times) % len(batches)]
        began = time.perf_counter()
        model.predict(batch)
        times.append((time.perf_counter() - began) * 1_000)
    return times


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), [int(count) for count in sys.argv[3:]])
