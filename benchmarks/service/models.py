"""Makes the models and their rows: ``python models.py FOLDER NAME...``, in the bare environment.

Each model gets a folder with ``model.joblib``, ``rows.json`` (500 rows that are sent one by one)
and ``bulk.json`` (5,000 rows), and what ``model.predict`` answers to both, ``answers.json`` and
``bulk_answers.json``. Rows are objects by column name for frames, lists for arrays.

Beside the three models of the comparison there are ``wide_<columns>`` and ``big_<megabytes>``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

SINGLE, BULK = 500, 5_000
NUMBERS = ["age", "tenure", "income", "balance"]
TEXTS = ["country", "plan", "channel"]
# A tree fully grown on labels that are noise takes about so much a row.
TREES, BYTES_PER_ROW = 32, 103


def main(folder: Path, names: list[str]) -> None:
    """Makes those models that the folder does not hold yet."""
    for name in names:
        if not (folder / name / "bulk_answers.json").exists():
            model, rows = make(name)
            save(folder / name, model, rows)


def make(name: str) -> tuple[Any, Any]:
    """A fitted model and ``BULK`` rows of its input: a frame, or an array of floats."""
    kind, _, size = name.partition("_")
    if kind == "churn":
        return churn(LogisticRegression() if size == "lr" else RandomForestClassifier(100))
    if kind == "iris":
        return iris()
    return wide(int(size)) if kind == "wide" else big(int(size))


def churn(last: Any) -> tuple[Any, pd.DataFrame]:
    """Four numbers, imputed and scaled, and three texts, one-hot, before the estimator."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "age": random.integers(18, 80, 10_000),
            "tenure": random.integers(0, 120, 10_000),
            "income": random.normal(50_000, 15_000, 10_000).round(2),
            "balance": random.exponential(1_000, 10_000).round(2),
            "country": random.choice(["DE", "FR", "IT", "ES", "PL", "US"], 10_000),
            "plan": random.choice(["basic", "plus", "pro"], 10_000),
            "channel": random.choice(["web", "shop", "phone"], 10_000),
        }
    )
    score = table["age"] / 40 - table["tenure"] / 60 + (table["plan"] == "basic")
    churned = (score + random.normal(0, 0.5, 10_000) > 0.8).astype(int)
    learnt = table[:BULK].astype(dict.fromkeys(NUMBERS, float))
    learnt = learnt.mask(random.random(learnt.shape) < [0.02] * 4 + [0.0] * 3)
    steps = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), NUMBERS),
        (OneHotEncoder(handle_unknown="ignore"), TEXTS),
    )
    last.set_params(random_state=0)
    return make_pipeline(steps, last).fit(learnt, churned[:BULK]), table[BULK:]


def iris() -> tuple[Any, np.ndarray]:
    """A forest on an array of four columns."""
    values, species = load_iris(return_X_y=True)
    random = np.random.default_rng(0)
    rows = values[random.integers(0, len(values), BULK)] + random.normal(0, 0.2, (BULK, 4))
    return RandomForestClassifier(100, random_state=0).fit(values, species), rows.round(2)


def wide(columns: int) -> tuple[Any, pd.DataFrame]:
    """Scaler and logistic regression on that many columns of numbers."""
    random = np.random.default_rng(0)
    values = random.normal(size=(BULK + 1_000, columns)).round(4)
    table = pd.DataFrame(values, columns=[f"column_{number}" for number in range(columns)])
    answers = (values[:, :5].sum(axis=1) > 0).astype(int)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return model.fit(table[BULK:], answers[BULK:]), table[:BULK]


def big(megabytes: int) -> tuple[Any, np.ndarray]:
    """A forest of always as many trees, grown until it takes that much memory."""
    random = np.random.default_rng(0)
    rows = max(100, megabytes * 1_000_000 // (TREES * BYTES_PER_ROW))
    values = random.normal(size=(max(rows, BULK), 4)).round(6)
    model = ExtraTreesClassifier(TREES, random_state=0, n_jobs=2)
    model.fit(values[:rows], random.integers(0, 2, rows))
    return model.set_params(n_jobs=None), values[:BULK]


def save(folder: Path, model: Any, rows: Any) -> None:
    """Writes a model, its rows, and what it answers to them."""
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "model.joblib")
    for name, part in (("", rows[:SINGLE]), ("bulk_", rows)):
        sent = part.to_dict("records") if isinstance(part, pd.DataFrame) else part.tolist()
        (folder / f"{name.strip('_') or 'rows'}.json").write_text(json.dumps(sent))
        (folder / f"{name}answers.json").write_text(json.dumps(model.predict(part).tolist()))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
