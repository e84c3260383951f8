"""LitServe with batching; a request may hold several rows."""

import os
from itertools import accumulate, pairwise
from pathlib import Path

import joblib
import litserve
import numpy as np
import pandas as pd


class Predictor(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(Path(os.environ["MODEL"]) / "model.joblib")

    def decode_request(self, request):
        return request["instances"]

    def batch(self, inputs):
        return [row for rows in inputs for row in rows], [len(rows) for rows in inputs]

    def predict(self, batched):
        rows, lengths = batched
        table = pd.DataFrame(rows) if isinstance(rows[0], dict) else np.array(rows)
        return self.model.predict(table).tolist(), lengths

    def unbatch(self, output):
        answers, lengths = output
        return [answers[start:end] for start, end in pairwise(accumulate(lengths, initial=0))]

    def encode_response(self, output):
        return {"predictions": output}


if __name__ == "__main__":
    server = litserve.LitServer(
        Predictor(max_batch_size=64, batch_timeout=0.005),
        accelerator="cpu",
        workers_per_device=int(os.environ["WORKERS"]),
        fast_queue=True,
    )
    server.run(
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        log_level="warning",
        generate_client_file=False,
        access_log=False,
    )
