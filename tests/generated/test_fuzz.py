"""A generated service against its own OpenAPI document: what it says is what it does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import captures
import nbformat
import pytest

from nb2service.project.render import render
from nb2service.project.write import written

BIN, HERE = Path(sys.executable).parent, Path(__file__).parent
LIMIT = 120.0
# Frames, an array, a series, texts, and arguments with a dataclass and a pydantic model. None of
# them fails on input that keeps to its contract, so that every 5xx is the service's own.
CELLS = (
    """
import datetime as dt
import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, Optional
import numpy as np
import pandas as pd
from pydantic import BaseModel
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
""",
    """
people = pd.DataFrame({
    "age": [25, 40, 61, 33],
    "spend": [10.5, None, 3.25, 40.0],
    "member": [True, False, True, True],
    "city": ["Berlin", "Oslo", None, "Oslo"],
    "plan": pd.Categorical(["basic", "pro", "basic", "pro"]),
    "since": pd.to_datetime(["2020-01-01", "2021-05-04", "2022-01-01", "2023-01-01"]),
})
def score(df):
    years = (pd.Timestamp("2024-01-01") - df["since"]).dt.days / 365
    return df["age"] * 0.1 + df["spend"].fillna(0.0) + years + df["member"]
score(people)
""",
    """
X = people[["age", "plan", "member"]]
encoder = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["plan"]), remainder="passthrough"
)
model = make_pipeline(encoder, LogisticRegression()).fit(X, [0, 1, 0, 1])
model.predict(X)
""",
    """
points = np.array([[1.0, 2.0, 3.0], [0.5, 0.25, 0.125]])
def norms(points):
    return np.sqrt((points ** 2).sum(axis=1))
norms(points)
""",
    """
texts = ["good film", "bad film", "very good"]
def lengths(texts):
    return [len(text) for text in texts]
lengths(texts)
""",
    """
@dataclass
class Point:
    x: float
    y: float = 0.0
def distance(point: Point, power: int = 2) -> float:
    return math.hypot(point.x, point.y) * (1 if power > 0 else -1)
distance(Point(3.0, 4.0), power=2)
""",
    """
class Order(BaseModel):
    item: str
    count: int
    express: bool = False
    note: Optional[str] = None
def price(order: Order, currency: Literal["EUR", "USD"] = "EUR") -> dict:
    return {"total": order.count * 5 + 5 * order.express, "currency": currency}
price(Order(item="book", count=3), currency="USD")
""",
    """
def plan(when: dt.date, wait: dt.timedelta, amount: Decimal, tags: list[str],
         at: Optional[dt.time] = None, moment: Optional[dt.datetime] = None):
    return {"when": when, "wait": wait, "amount": amount, "tags": tags[:2], "at": at}
plan(dt.date(2024, 5, 31), dt.timedelta(hours=2), Decimal("1.50"), ["a", "b"])
plan(dt.date(2024, 5, 31), dt.timedelta(hours=2), Decimal("1.50"), ["a", "b"],
     dt.time(12, 30), dt.datetime(2024, 1, 1, 12))
""",
    """
hours = pd.Series(pd.to_datetime(["2024-01-01T00:00:00Z", "2024-06-01T12:00:00Z"]), name="hour")
def daytime(hours):
    return hours.dt.hour.between(8, 20)
daytime(hours)
""",
)
ENTRIES = ("score", "model", "norms", "lengths", "distance", "price", "plan", "daytime")


def built(folder):
    """The project of the notebook, by the command that a person types."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c.strip()) for c in CELLS])
    nbformat.write(notebook, folder / "many.ipynb")
    wanted = [word for name in ENTRIES for word in ("--entry", name)]
    run(
        folder, "nb2service", "build", "many.ipynb", "-o", "many-service", "--name", "many", *wanted
    )
    return folder / "many-service", "many_service"


def rendered(folder):
    """A project with one entry, which answers ``/predict`` too."""
    with written(render(captures.shout(), None), folder / "shout-service") as done:
        return done.folder, "shout_service"


def run(folder, *words, **environment):
    done = subprocess.run(
        [BIN / words[0], *words[1:]],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def serving(folder, package, log):
    """The base of the running service's URLs."""
    with socket.create_server(("127.0.0.1", 0)) as listener, log.open("w") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", package, "serve", "--fd", str(listener.fileno())],
            cwd=folder,
            stderr=errors,
            pass_fds=[listener.fileno()],
        )
        try:
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            wait(f"{base}/readyz")
            yield base
        finally:
            process.terminate()
            process.wait(LIMIT)


def wait(url):
    """Until it answers 200; before, the service loads (the socket listens already) or warms up."""
    end = time.monotonic() + LIMIT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=LIMIT):
                return
        except urllib.error.HTTPError as error:
            error.close()
            assert time.monotonic() < end
            time.sleep(0.1)


@pytest.mark.parametrize("make", [built, rendered])
def test_the_service_does_what_its_document_says(tmp_path, make):
    folder, package = make(tmp_path)
    log = tmp_path / "log"
    with serving(folder, package, log) as base:
        said = run(
            tmp_path,
            *("schemathesis", "run", f"{base}/openapi.json", "--checks", "all"),
            *("--max-examples", "20", "--seed", "1", "--continue-on-failure", "--no-color"),
            PYTHONPATH=str(HERE),
            SCHEMATHESIS_HOOKS="fuzz_hooks",
        )
    assert "No issues found" in said
    assert '"event"' not in log.read_text().replace('"event": "listening"', "")
