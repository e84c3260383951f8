from __future__ import annotations

from decimal import Decimal

import pytest
from sklearn.linear_model import LogisticRegression

from nb2service.capture.values import type_name


class Mine:
    pass


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ([], "list"),
        (Decimal(1), "decimal.Decimal"),
        (LogisticRegression(), "sklearn.linear_model.LogisticRegression"),
        (Mine(), f"{__name__}.Mine"),
    ],
)
def test_types_are_called_as_one_imports_them(value: object, name: str) -> None:
    assert type_name(value) == name
