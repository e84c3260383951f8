from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nb2service.capture.closure.tables import table_warnings
from nb2service.capture.model import Artifact, ShipItem


@pytest.mark.parametrize(
    ("value", "size", "said"),
    [
        (pd.DataFrame({"a": range(1000)}), 9_000, "all 1,000 rows of X (0.0 MB)"),
        (np.zeros((10, 20_000)), 1_600_000, "all 10 rows of X (1.6 MB)"),
        (pd.Series(range(2000)), 9_000, "all 2,000 rows of X"),
        (pd.DataFrame({"city": ["Ulm"]}), 900, None),
        ({"a": 1}, 5_000_000, None),
    ],
)
def test_large_tables_that_travel_are_named(value, size, said):
    artifact = Artifact("X", "X.mapped", "mapped", bytes(size), "", 3, ())
    shipped = ShipItem("X", "artifact", 3, size, "", ("predict", "one_hot", "X"))
    warnings = [str(w) for w in table_warnings([artifact], [shipped], {"X": value})]
    assert len(warnings) == (said is not None)
    for warning in warnings:
        assert said in warning
        assert "as one_hot reads it" in warning
        assert warning.startswith("cell [3]")
