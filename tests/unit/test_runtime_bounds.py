"""Binary tables of strangers: what they claim is held against them before memory is spent."""

from __future__ import annotations

import io
import resource
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from nb2service.runtime.codec import bounds
from nb2service.runtime.problems import Problem

ROWS = 100_000


def ipc(table, compression=None, new=pa.ipc.new_stream):
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with new(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def parquet(table, **options):
    sink = io.BytesIO()
    pyarrow.parquet.write_table(table, sink, **options)
    return sink.getvalue()


def npy(shape, descr="<f8", data=b"", by_column=False):
    sink = io.BytesIO()
    header = {"descr": descr, "fortran_order": by_column, "shape": shape}
    np.lib.format.write_array_header_1_0(sink, header)
    return sink.getvalue() + data


def table(**columns):
    return pa.table(columns)


def one_text(kind):
    """A megabyte of text, said to be in every row."""
    text = b"x" * 1_000_000
    if kind == "dictionary":
        codes = pa.array(np.zeros(ROWS, np.int32))
        return table(a=pa.DictionaryArray.from_arrays(codes, pa.array([text.decode()])))
    views = np.tile(np.array([len(text), 0x78787878, 0, 0], "<i4"), ROWS)
    buffers = [None, pa.py_buffer(views.tobytes()), pa.py_buffer(text)]
    return table(a=pa.Array.from_buffers(pa.string_view(), ROWS, buffers))


def nulls_in_one_row():
    offsets = pa.array([0, 100_000_000], pa.int32())
    buffers = [None, offsets.buffers()[1]]
    inner = pa.Array.from_buffers(pa.null(), 100_000_000, [None])
    return table(a=pa.Array.from_buffers(pa.list_(pa.null()), 1, buffers, children=[inner]))


ZEROS = table(a=np.zeros(16_000_000))
WIDE = table(**{f"c{i}": np.zeros(ROWS) for i in range(130)})


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (bounds.read_arrow, ipc(ZEROS, "zstd")),
        (bounds.read_arrow, ipc(ZEROS, "lz4")),
        (bounds.read_arrow, ipc(ZEROS, "zstd", pa.ipc.new_file)),
        (bounds.read_arrow, ipc(table(a=pa.nulls(ROWS + 1)))),
        (bounds.read_arrow, ipc(one_text("dictionary"))),
        (bounds.read_arrow, ipc(one_text("view"))),
        (bounds.read_arrow, ipc(nulls_in_one_row())),
        (bounds.read_parquet, parquet(ZEROS, compression="zstd")),
        (bounds.read_parquet, parquet(WIDE)),
        (bounds.read_parquet, parquet(one_text("dictionary"))),
    ],
)
def test_a_small_body_does_not_become_a_large_table(read, body):
    assert len(body) < 5_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Problem) as caught:
        read(body)
    assert caught.value.status == 413
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (npy((10**10,)), "takes another number of bytes"),
        (npy((10**300, 10**300)), "takes another number of bytes"),
        (npy((3,), data=bytes(16)), "takes another number of bytes"),
        (npy((1,), data=bytes(16)), "takes another number of bytes"),
        (npy((3,), data=bytes(24)).replace(b"(3,)", b"(-3,)"), "not read here"),
        (npy((1,), "|O", data=bytes(8)), "not read here"),
        (npy((10**10,), "|V0"), "not read here"),
        (npy((1,)).replace(b"\x01\x00", b"\x03\x00", 1), "version 3.0 is not read"),
        (b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{", "EOF"),
        (npy((1,)).replace(b"'descr'", b"[[[[[[["), "header"),
        (b"PK\x03\x04", "magic string"),
        (b"", "EOF"),
    ],
)
def test_an_npy_file_must_hold_what_its_header_claims(body, message):
    with pytest.raises(ValueError, match=message):
        bounds.read_npy(body)


@pytest.mark.parametrize("by_column", [True, False])
def test_an_npy_array_is_read_as_it_was_written(by_column):
    array = np.arange(6.0).reshape(2, 3)
    made = bounds.read_npy(
        npy((2, 3), data=array.tobytes("F" if by_column else "C"), by_column=by_column)
    )
    assert made.tolist() == array.tolist()
    made[0, 0] = 7.0  # it belongs to the entry, which may write to it


EVERY = table(
    i=[1, 2, None],
    s=["a", None, "ü"],
    b=[True, None, False],
    c=pa.array(["x", "y", None]).dictionary_encode(),
    n=pa.array([1, 2, 1]).dictionary_encode(),
    t=pa.array([1, 2, 3], pa.timestamp("ns", "UTC")),
    l=[[1, 2], [], None],
    f=pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.int8(), 2)),
    o=[{"x": 1, "y": "a"}, {"x": 2, "y": None}, None],
    z=pa.nulls(3),
    d=pa.array([b"x", b"", None]),
)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (bounds.read_arrow, ipc(EVERY)),
        (bounds.read_arrow, ipc(EVERY, "zstd")),
        (bounds.read_arrow, ipc(EVERY, "lz4", pa.ipc.new_file)),
        (bounds.read_arrow, ipc(EVERY.slice(1, 2))),
        (bounds.read_parquet, parquet(EVERY)),
        (bounds.read_parquet, parquet(EVERY, use_dictionary=False, compression="gzip")),
    ],
)
def test_honest_tables_are_read(read, body):
    expected = EVERY.to_pylist()
    assert read(body).to_pylist() in (expected, expected[1:])


def test_long_texts_that_repeat_are_read_from_parquet():
    texts = ["x" * 100_000, "y" * 100_000] * 250
    made = bounds.read_parquet(parquet(table(a=texts)))
    assert made.column("a").to_pylist() == texts


def test_offsets_beyond_the_data_are_noticed():
    honest = ipc(table(a=["abc"]))
    at = honest.rindex(struct.pack("<ii", 0, 3))
    wild = honest[:at] + struct.pack("<ii", 0, 1_000_000_000) + honest[at + 8 :]
    with pytest.raises(pa.ArrowInvalid):
        bounds.read_arrow(wild)


def test_the_settings_count(monkeypatch):
    monkeypatch.setattr(bounds, "_rows", bounds._rows)
    monkeypatch.setattr(bounds, "_bytes", bounds._bytes)
    small = ipc(table(a=[1.0, 2.0, 3.0]))
    bounds.allow(3, 24)
    assert bounds.read_arrow(small).num_rows == 3
    for rows, size in ((2, 24), (3, 23)):
        bounds.allow(rows, size)
        with pytest.raises(Problem):
            bounds.read_arrow(small)
