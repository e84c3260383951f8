"""Which values the contract says that an encoder inside a model knows."""

from __future__ import annotations

import pytest
from capture_book import CUSTOMERS, Book

STEPS = """
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
"""


@pytest.mark.parametrize(
    ("steps", "known"),
    [
        pytest.param(
            "make_column_transformer((OneHotEncoder(), ['plan']), remainder='passthrough')",
            {"plan": ("basic", "plus")},
            id="by name",
        ),
        pytest.param(
            "make_column_transformer((OneHotEncoder(), [2]), remainder='passthrough')",
            {"plan": ("basic", "plus")},
            id="by position",
        ),
        # The first step brings the columns into another order: [plan, age, fee].
        pytest.param(
            "make_column_transformer((SimpleImputer(strategy='most_frequent'), [2]), "
            "remainder='passthrough'), "
            "make_column_transformer((OrdinalEncoder(), [0]), remainder='passthrough')",
            {},
            id="by position after a step that moves columns",
        ),
    ],
)
def test_known_values_belong_to_their_own_column(
    steps: str, known: dict[str, tuple[str, ...]]
) -> None:
    X = CUSTOMERS + "X = X[['age', 'fee', 'plan']].fillna(50)\n"
    fit = f"model = make_pipeline({steps}, LogisticRegression()).fit(X, y)"
    fields = Book(X + STEPS + fit).learn("model.predict").entry.input.fields
    assert {field.name: field.categories for field in fields if field.categories} == known
