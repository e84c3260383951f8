from __future__ import annotations

import time

import pytest

from nb2service.runtime.contract import Field, Input
from nb2service.runtime.problems import Problem
from nb2service.runtime.tabular import read_csv

WIDE = 30_000
ARRAY = Input("array", (Field("", "integer"),), (WIDE,))


def test_a_wide_csv_is_read_in_the_time_of_its_length():
    header = ",".join(f"x{i}" for i in range(WIDE))
    body = f"{header}\n{','.join(['1'] * WIDE)}\n".encode()
    began = time.perf_counter()
    assert len(read_csv(body, {}, ARRAY)) == 1
    assert time.perf_counter() - began < 8  # 0.2 s on an idle machine; quadratic took 28 s


def test_a_column_that_the_header_has_twice_is_named():
    with pytest.raises(Problem, match="more than one column 'a'"):
        read_csv(b"b,a,a\n1,2,3\n", {}, Input("frame", (Field("a", "integer"),)))
