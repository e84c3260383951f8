from __future__ import annotations

import io
import time

import pyarrow as pa
import pytest

from nb2service.runtime.codec import typed
from nb2service.runtime.codec.reading import ARROW
from nb2service.runtime.codec.tabular import read_csv
from nb2service.runtime.contract import Field, Input
from nb2service.runtime.problems import Problem

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


FRAME = Input("frame", (Field("t", "datetime", "datetime64[us]"), Field("s", "string", "object")))


def arrow_stream(table):
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue()


def test_moments_that_no_date_can_hold_are_refused():
    moments = pa.array([2**62], pa.timestamp("us"))
    body = arrow_stream(pa.table({"t": moments, "s": pa.array(["a"])}))
    with pytest.raises(Problem, match="outside of the years 1 to 9999") as caught:
        typed.read(body, ARROW, FRAME)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("offsets", "data"),
    [([0, 1, 2], b"\xff\xfe"), ([0, 10**6, 2], b"ab"), ([0, -1, 2], b"ab")],
    ids=["not UTF-8", "an offset beyond the data", "an offset before it"],
)
def test_broken_arrow_text_is_refused(offsets, data):
    starts = pa.array(offsets, pa.int32()).buffers()[1]
    text = pa.StringArray.from_buffers(2, starts, pa.py_buffer(data))
    table = pa.table({"t": pa.array([0, 0], pa.timestamp("us")), "s": text})
    with pytest.raises(Problem) as caught:
        typed.read(arrow_stream(table), ARROW, FRAME)
    assert caught.value.status == 400
