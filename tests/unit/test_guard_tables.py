"""Rows that travel: lookup tables pass, large ones are said, those of a training are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from capture_book import parsed

from nb2service.capture.guard.holdings import holdings
from nb2service.capture.guard.tables import kept_rows, large_table, trained_on


@pytest.mark.parametrize(
    ("value", "size", "said"),
    [
        (pd.DataFrame({"a": range(1000)}), 9_000, "all its 1,000 rows (0.0 MB)"),
        (np.zeros((10, 20_000)), 1_600_000, "all its 10 rows (1.6 MB)"),
        (pd.Series(range(2000)), 9_000, "all its 2,000 rows (0.0 MB)"),
        (pd.DataFrame({"city": ["Ulm"]}), 900, ""),
        ({"a": 1}, 5_000_000, ""),
    ],
    ids=["frame", "array", "series", "lookup table", "dict"],
)
def test_large_tables_are_told_from_lookup_tables(value: object, size: int, said: str) -> None:
    assert large_table(value, size) == said


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("model.fit(X, y)", {"X", "y"}),
        ("model = make_pipeline(StandardScaler(), SVC()).fit(X_train, y)", {"X_train", "y"}),
        ("a, b = train_test_split(df[cols], test_size=0.2)", {"df", "cols"}),
        ("xgb.fit(X=data.drop(columns='y'), y=data.y)", {"data"}),
        ("def f():\n    model.fit(inner)", {"inner"}),
        ("print(df.head()); fitting(df)", set()),
    ],
)
def test_what_the_notebook_trains_with(source: str, names: set[str]) -> None:
    assert trained_on(parsed(source)) == names


def models() -> list[tuple[object, str]]:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    X, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    return [
        (KNeighborsClassifier().fit(X, y), "20 training rows"),
        (
            {"a": [make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y)]},
            "20 training rows",
        ),
        (GaussianProcessRegressor().fit(X, y), "20 training rows"),
        (SVC().fit(X, y), "20 training rows as support vectors"),
        (LinearRegression().fit(X, y), ""),
    ]


def test_models_that_keep_their_training_rows_are_known() -> None:
    for model, said in models():
        assert kept_rows(holdings("model", model)) == said
