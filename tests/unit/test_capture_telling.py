"""The rows of an example show what the head of a table does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from nb2service.capture.learning.telling import telling_rows

N = 1000
SORTED = np.repeat([0, 1, 2], [700, 200, 100])


def table(**special: Any) -> pd.DataFrame:
    """A thousand rows, of which row 777 alone has these values."""
    frame = pd.DataFrame({"n": np.arange(N) % 7 + 0.5, "c": ["a"] * N, "g": SORTED})
    frame = frame.astype({"c": object})
    for name, value in special.items():
        frame.loc[777, name] = value
    return frame


LISTS = table(n=1e6).assign(c=[[]] * N)
SPECIAL = {
    "a missing number": (table(n=np.nan), 777),
    "the largest": (table(n=1e6), 777),
    "the smallest": (table(n=-1e6), 777),
    "missing text beside an infinite number": (table(n=np.inf, c=None), 777),
    "a rare text": (table(c="rare"), 777),
    "a rare category": (table(c="rare").astype({"c": "category"}), 777),
    "a rare text of a series": (table(c="rare")["c"], 777),
    "digits behind a zero": (
        table().assign(c=[f"{i + 1}" for i in range(777)] + ["007"] + ["9"] * 222),
        777,
    ),
    "the largest beside lists": (LISTS, 777),
    "a missing number of an array": (table(n=np.nan)[["n"]].to_numpy(), 777),
    "the largest of an array": (table(n=1e6)["n"].to_numpy(), 777),
    "rows of a list": ([{"a": 1}] * N, 950),
    "images": (np.zeros((N, 2, 2)), 950),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_a_row_that_is_special_is_shown(case: str) -> None:
    value, shown = SPECIAL[case]
    rows = telling_rows(value, 20)
    assert len(set(rows)) == len(rows) == 20
    assert rows[0] == 0
    assert shown in rows


def test_each_class_of_a_sorted_table_and_no_row_twice() -> None:
    rows = telling_rows(table(), 20)
    assert set(SORTED[rows]) == {0, 1, 2}
    assert telling_rows(table().head(21), 20)[:10] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
