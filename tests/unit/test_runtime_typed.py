"""Rows read by the quick way are those of the complete rules, and joined ones those of each."""

from __future__ import annotations

import csv
import io
import json
import math
import subprocess
import sys
from decimal import Decimal
from unittest import mock

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb2service.runtime.codec import csv_columns, typed
from nb2service.runtime.codec.columns import numpy_dtype
from nb2service.runtime.codec.csv_cells import format_cell
from nb2service.runtime.contract import Field, Input
from nb2service.runtime.problems import Problem

JSON = "application/json"
LINES = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"
TEXT = str(pd.Series(["a"]).dtype)
UNITS = int(pd.__version__.split(".")[0]) >= 2  # before, all moments were in nanoseconds
bounded = settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)

FIELDS = {
    **{
        dtype: Field("", "integer", dtype)
        for dtype in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    },
    **{dtype: Field("", "number", dtype) for dtype in ("float16", "float32", "float64")},
    "bool": Field("", "boolean", "bool"),
    "text": Field("", "string", TEXT),
    "string": Field("", "string", "string"),
    "object": Field("", "string", "object"),
    "object numbers": Field("", "number", "object"),
    "object integers": Field("", "integer", "object"),
    "object none": Field("", "boolean", "object", missing="none"),
    "any": Field("", "any", "object"),
    "category": Field("", "string", "category", categories=("a", "", "ü")),
    "integer category": Field("", "integer", "category", categories=(3, 1)),
    "number category": Field("", "number", "category", categories=(0.5, 1)),
    "ordered": Field("", "string", "category", categories=("b", "a"), ordered=True),
    "Int64": Field("", "integer", "Int64"),
    "UInt8": Field("", "integer", "UInt8"),
    "Float64": Field("", "number", "Float64"),
    "boolean": Field("", "boolean", "boolean"),
    "moment": Field("", "datetime", "datetime64[ns]"),
    **({"seconds": Field("", "datetime", "datetime64[s]")} if UNITS else {}),
    "zoned": Field("", "datetime", "datetime64[ns, UTC]"),
    "lag": Field("", "duration", "timedelta64[ns]"),
    "date": Field("", "date", "object"),
    "list": Field("", "list", "object", items=Field("", "integer")),
    "typed arrow": Field("", "string", "string[pyarrow]"),
}

ARRAYS = [name for name, field in FIELDS.items() if numpy_dtype(field.dtype) is not None]
VALUES = st.one_of(
    st.sampled_from(
        [0, 1, 3, -1, 127, 128, 255, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63)]
    )
    | st.integers(),
    st.sampled_from([0.5, 1.0, 3.0, -0.0, 65504.0, 65519.9, 65520.0, 1e39, 1e308, 5e-324])
    | st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "a", "b", "ü", "Infinity", "-Infinity", "NaN", "001", "null"]),
    st.sampled_from(
        [
            "2024-05-31T13:45:00",
            "2024-05-31",
            "2024-02-30",
            "2024-05-31T13:45:00Z",
            "2024-05-31T13:45:00.000000001",
            "2024-05-31T13:45:00+02:00",
            "2024-05-31T25:45:00",
            "1700-01-01T00:00:00",
            "1500-01-01T00:00:00",
            "0000-01-01T00:00:00",
            "PT1S",
            "P1D",
        ]
    ),
    st.booleans(),
    st.none(),
    st.sampled_from([[], [1], {}, {"a": 1}]),
)


def fitting(field: Field):
    """Values that mostly keep to the field."""
    if field.categories:
        return st.sampled_from(field.categories)
    if field.type == "integer":
        return st.integers(0, 127)
    plain = {
        "number": st.floats(-1000, 1000, width=16) | st.integers(-100, 100),
        "boolean": st.booleans(),
        "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        "datetime": st.datetimes(
            pd.Timestamp("1970-01-01").to_pydatetime(), pd.Timestamp("2100-01-01").to_pydatetime()
        ).map(lambda m: m.isoformat(timespec="seconds") + ("Z" if "UTC" in field.dtype else "")),
        "duration": st.integers(0, 59).map("PT{}S".format),
        "date": st.dates().map(str),
        "list": st.lists(st.integers(), max_size=3),
    }
    return plain.get(field.type, VALUES)


@st.composite
def fields(draw, names=("a b", "ü", "n0"), kinds=tuple(FIELDS)):
    made = []
    for name in draw(st.lists(st.sampled_from(names), unique=True, min_size=1)):
        base = FIELDS[draw(st.sampled_from(kinds))]
        more = {"name": name, "nullable": draw(st.booleans())}
        if draw(st.integers(0, 4)) == 0:
            more |= {"required": False, "default": draw(st.none() | fitting(base))}
        made.append(Field(**{**vars(base), **more}))
    return tuple(made)


@st.composite
def requests(draw, breaches=True):
    """An input, and rows of it of which some may break the contract."""
    input_ = Input("frame", draw(fields()))
    rows = []
    for _ in range(draw(st.integers(0, 5))):
        row = {}
        for field in input_.fields:
            if not field.required and draw(st.booleans()):
                continue
            row[field.name] = draw(st.none() | fitting(field) if field.nullable else fitting(field))
        rows.append(row)
    if breaches and rows and draw(st.booleans()):
        row = draw(st.sampled_from(rows))
        if draw(st.booleans()):
            row[draw(st.sampled_from([f.name for f in input_.fields]))] = draw(VALUES)
        elif draw(st.booleans()):
            row[draw(st.text(max_size=3))] = draw(VALUES)
        elif row:
            row.popitem()
    return input_, rows * draw(st.sampled_from([1, 1, 1, 16]))  # many moments are parsed together


def outcome(read, body, content_type, input_):
    """What a request comes to: rows, or the words in which it is refused."""
    try:
        return read(body, content_type, input_)
    except Problem as problem:
        return problem.status, problem.detail, problem.members


def assert_same(got, want):
    """The same values with the same types, or the same refusal."""
    if isinstance(want, tuple):
        assert got == want
        return
    assert isinstance(got, typed.Typed), got
    assert got.count == want.count
    assert got.key == want.key
    assert_same_live(got.live(), want.live())
    for one, other in zip(got.columns(), want.columns(), strict=True):
        assert type(one) is type(other)
        if isinstance(one, list):
            assert_same_live(one, other)
            continue
        assert one.dtype == other.dtype
        assert_same_live(list(one), list(other))


def assert_same_live(got, want):
    if isinstance(want, pd.DataFrame):
        pd.testing.assert_frame_equal(got, want, check_exact=True)
        for i in range(want.shape[1]):
            assert_same_live(list(got.iloc[:, i]), list(want.iloc[:, i]))
    elif isinstance(want, pd.Series):
        pd.testing.assert_series_equal(got, want, check_exact=True)
    elif isinstance(want, np.ndarray):
        assert got.dtype == want.dtype
        assert got.shape == want.shape
        assert list(map(repr, got.ravel())) == list(map(repr, want.ravel()))
    else:
        assert [(type(v), repr(v)) for v in got] == [(type(v), repr(v)) for v in want]


def bodies(input_, rows):
    """The rows in every form that JSON has here."""
    names = [field.name for field in input_.fields]
    yield JSON, {"instances": rows, "other": 1}
    yield JSON, {"dataframe_records": rows}
    yield JSON, {"inputs": rows}
    yield JSON, rows
    if len(rows) == 1:
        yield JSON, rows[0]
    if input_.kind == "frame" and all(row.keys() == set(names) for row in rows):
        split = {"columns": names[::-1], "data": [[row[n] for n in names[::-1]] for row in rows]}
        yield JSON, {"dataframe_split": split}
        yield JSON, {"inputs": {n: [row[n] for row in rows] for n in names}}


def check(input_, rows):
    for content_type, document in bodies(input_, rows):
        body = json.dumps(document).encode()
        assert_same(
            outcome(typed.read, body, content_type, input_),
            outcome(typed.read_slowly, body, content_type, input_),
        )
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    assert_same(
        outcome(typed.read, lines, LINES, input_), outcome(typed.read_slowly, lines, LINES, input_)
    )


@given(requests())
@bounded
def test_frames_are_read_as_the_complete_rules_read_them(request):
    check(*request)


@pytest.mark.filterwarnings("ignore:.*object-dtype columns with all-bool:FutureWarning")
@given(requests(breaches=False))
@bounded
def test_joined_frames_are_the_frames_one_after_the_other(request):
    input_, rows = request
    parts = [typed.read(json.dumps([row]).encode(), JSON, input_) for row in rows]
    parts += [typed.read_slowly(json.dumps([row]).encode(), JSON, input_) for row in rows]
    for key in {part.key for part in parts}:
        same = [part for part in parts if part.key == key]
        joined = typed.join(same)
        want = pd.concat([part.live() for part in same], ignore_index=True)
        assert joined.count == len(want)
        pd.testing.assert_frame_equal(joined.live(), want, check_exact=True)
        assert joined.key == key
        for i, column in enumerate(joined.columns()):
            assert list(map(repr, column)) == [repr(v) for part in same for v in part.columns()[i]]


@st.composite
def plain_requests(draw):
    """An input of another kind than a frame, and rows of it."""
    kind = draw(st.sampled_from(["array", "series", "list"]))
    field = FIELDS[draw(st.sampled_from(ARRAYS if kind == "array" else list(FIELDS)))]
    shape = draw(st.sampled_from([(), (2,), (2, 1), (0,)])) if kind == "array" else ()
    more = {"nullable": draw(st.booleans()), "name": "n"}
    if kind == "list":
        more["dtype"] = draw(st.sampled_from(["", field.dtype]))
        more["missing"] = draw(st.sampled_from(["", "nan", "none"]))
    field = Field(**{**vars(field), **more})
    one = st.none() | fitting(field) if field.nullable else fitting(field)
    if draw(st.booleans()):
        one = one | VALUES
    for size in reversed(shape):
        one = st.lists(one, min_size=size, max_size=size + draw(st.sampled_from([0, 0, 0, 1])))
    return Input(kind, (field,), shape), draw(st.lists(one, max_size=4))


@given(plain_requests())
@bounded
def test_arrays_series_and_lists_are_read_as_the_complete_rules_read_them(request):
    check(*request)


CELLS = st.sampled_from(
    [
        *("", "0", "-0", "+3", " 3", "3 ", "3.0", "3.5", "1e3", "1E-5", ".5", "5.", "001", "1_0"),
        *("-0.0", "nan", "NaN", "-nan", "NA", "null", "inf", "-Infinity", "1e400", "0x10", "１"),
        *(
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854775808.0",
            "-1",
            "300",
            "9007199254740993",
        ),
        *("true", "True", "TRUE", "tRue", "false", "1.0", "yes", "t", "\xa01", "1\x0b", "\t1"),
        *("a", "b", "ü", "a b", '"', 'a"b', "a,b", "a\nb", "a\r\nb", "a\rb", "#", "\ufeffa"),
        *("2024-05-31T13:45:00", "2024-05-31T13:45:00Z", "PT1S", "[1]", "{}", "1,5", "\0"),
    ]
)


@st.composite
def csv_files(draw):
    """An input and a CSV body, mostly one of its rows."""
    kind = draw(st.sampled_from(["frame", "frame", "array", "series"]))
    if kind == "frame":
        input_ = Input("frame", draw(fields()))
        columns = list(input_.fields)
    else:
        names = ARRAYS if kind == "array" else list(FIELDS)
        field = Field(**{**vars(FIELDS[draw(st.sampled_from(names))]), "name": "n"})
        shape = draw(st.sampled_from([(), (2,), (3,)])) if kind == "array" else ()
        named = ("a", "b", "c")[: shape[0]] if shape and draw(st.booleans()) else ()
        input_ = Input(kind, (field,), shape, named)
        columns = [
            Field(**{**vars(field), "name": name})
            for name in (named or ("x0", "x1", "x2"))[: math.prod(shape)]
        ]
    columns = draw(st.permutations(columns))
    wild = draw(st.sampled_from([False, False, True]))
    rows = [
        [
            draw(CELLS)
            if wild and draw(st.integers(0, 3)) == 0
            else format_cell(draw(st.none() | fitting(f) if f.nullable else fitting(f)), f.type)
            for f in columns
        ]
        for _ in range(draw(st.integers(0, 4)))
    ]
    header = [field.name for field in columns]
    if draw(st.integers(0, 9)) == 0:
        header = draw(st.sampled_from([header[:-1], [*header, "more"], [*header[:-1], "é"], []]))
    text = io.StringIO()
    writer = csv.writer(
        text,
        lineterminator=draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    )
    writer.writerows([header, *rows])
    return input_, damaged(draw, text.getvalue())


def damaged(draw, text):
    """The text as bytes, now and then with something put in or taken away."""
    body = text.encode(draw(st.sampled_from(["utf-8"] * 5 + ["utf-8-sig", "latin-1"])), "replace")
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(body)))
        piece = draw(st.sampled_from([b"\n", b"\n\n", b",", b'"', b" ", b"\r", b"x", b"\0", b"#"]))
        body = body[:at] + piece + body[at + draw(st.integers(0, 2)) :]
    return body if draw(st.booleans()) else body.rstrip(b"\r\n")


@pytest.mark.parametrize("reader", ["arrow", "pandas"])
@given(csv_files())
@bounded
def test_csv_is_read_as_the_complete_rules_read_it(reader, request_):
    input_, body = request_
    with mock.patch.object(csv_columns, "has_pyarrow", return_value=reader == "arrow"):
        got = outcome(typed.read, body, CSV, input_)
    assert_same(got, outcome(typed.read_slowly, body, CSV, input_))


def test_the_first_of_two_problems_is_told():
    input_ = Input("array", (Field("", "number", "float64"),), (2,), ("a", "b"))
    with pytest.raises(Problem, match="CSV row 1 has 1 cells, the header 2"):
        typed.read(b"a,x\n1\n", CSV, input_)


CHURN = Input(
    "frame",
    (
        Field("age", "integer", "int8"),
        Field("monthly", "number", "float64"),
        Field("total", "number", "float32", nullable=True),
        Field("plan", "string", TEXT, nullable=True),
        Field("kind", "string", "category", categories=("a", "b")),
        Field("since", "datetime", "datetime64[ns]"),
        Field("active", "boolean", "bool"),
    ),
)
CHURN_ROW = {
    "age": 3,
    "monthly": 1.5,
    "total": None,
    "plan": "a, b",
    "kind": "b",
    "since": "2024-05-31T13:45:00",
    "active": True,
}
PLAIN = Input("array", (Field("", "number", "float32"),), (2,))


def ordinary_bodies():
    rows = [CHURN_ROW] * 20
    for content_type, document in bodies(CHURN, rows):
        yield content_type, CHURN, json.dumps(document).encode()
    yield LINES, CHURN, b"\n".join(json.dumps(row).encode() for row in rows)
    frame = typed.read(json.dumps(rows).encode(), JSON, CHURN).live()
    for line_end in ("\n", "\r\n"):
        text = frame.assign(plan="p").to_csv(index=False, lineterminator=line_end)
        yield CSV, CHURN, text.replace(" 13:45:00", "T13:45:00").encode()
    table = pa.Table.from_pandas(frame)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    yield ARROW, CHURN, stream.getvalue()
    stream = io.BytesIO()
    frame.to_parquet(stream)
    yield PARQUET, CHURN, stream.getvalue()
    yield JSON, PLAIN, b'{"instances": [[1, 2.5], [3, 4]]}'
    yield CSV, PLAIN, b"1,2.5\n3,4\n"
    stream = io.BytesIO()
    np.save(stream, np.ones((3, 2)))
    yield NPY, PLAIN, stream.getvalue()


@pytest.mark.parametrize(("content_type", "input_", "body"), list(ordinary_bodies()))
def test_ordinary_requests_are_read_quickly(content_type, input_, body):
    with mock.patch.object(typed, "read_slowly", side_effect=AssertionError("read slowly")):
        typed.read(body, content_type, input_)


@pytest.mark.parametrize("rows", [[{}], [{"a": None}], [{}, {"a": None}], [{"a": 1}]])
@pytest.mark.parametrize("kind", ["any", "date", "moment", "int8", "object"])
def test_null_that_is_put_in_is_not_null_that_is_sent(kind, rows):
    field = Field(**{**vars(FIELDS[kind]), "name": "a", "required": False})
    check(Input("frame", (field,)), rows)


@pytest.mark.parametrize("order", ["the contract's", "another", "any", "one is missing"])
def test_rows_of_many_columns(order):
    input_ = Input("frame", tuple(Field(f"c{i}", "number", "float64") for i in range(300)))
    row = {f"c{i}": float(i) for i in range(300)}
    rows = [row, row]
    if order == "another":
        rows = [dict(sorted(row.items()))] * 2
    elif order == "any":
        rows = [row, dict(sorted(row.items())), dict(reversed(row.items()))]
    elif order == "one is missing":
        rows = [row, {name: value for name, value in row.items() if name != "c7"}]
    check(input_, rows)


def test_a_small_request_is_read_without_numpy():
    code = """
import sys
from nb2service.runtime.codec import typed
from nb2service.runtime.contract import Field, Input
fields = (Field("n", "number", "float32"), Field("t", "string", "str", nullable=True))
one = typed.read(b'{"instances": [{"n": 1, "t": null}]}', "", Input("frame", fields))
assert (one.count, one.key) == (1, ())
assert not {"numpy", "pandas", "pyarrow"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


ARROW_TYPES = (
    *(pa.int8(), pa.int64(), pa.uint8(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.bool_(), pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string()), pa.null()),
    *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
    *(pa.timestamp("us", "UTC"), pa.timestamp("ns", "Europe/Paris"), pa.duration("ns")),
    *(pa.duration("s"), pa.date32(), pa.list_(pa.int64()), pa.decimal128(5, 2)),
)


@st.composite
def arrow_values(draw, type_, count):
    """Values that an Arrow column of that type can hold."""
    kind = str(type_)
    if kind.startswith(("timestamp", "duration")):
        one = st.sampled_from([0, 10**9, 86_400 * 10**6, 2**62, -(2**62)]) | st.integers(0, 10**9)
    elif kind.startswith("float") or kind in ("double", "halffloat"):
        one = st.sampled_from([0.5, 3.0, -0.0, math.nan, math.inf, 300.0]) | st.integers(0, 100)
        one = one.map(np.float16) if "half" in kind else one.map(float)
    elif kind.startswith(("int", "uint")):
        one = st.integers(0, 127) | st.just(0 if "8" in kind else 2**62 + 1)
    else:
        one = {
            "bool": st.booleans(),
            "null": st.none(),
            "date32[day]": st.dates(),
            "list<item: int64>": st.lists(st.integers(0, 9), max_size=2),
            "decimal128(5, 2)": st.just(Decimal("1.50")),
        }.get(kind, st.sampled_from(["a", "", "ü", "c"]))
    gaps = draw(st.booleans())
    return draw(st.lists(st.none() | one if gaps else one, min_size=count, max_size=count))


@st.composite
def arrow_tables(draw):
    """An input and a table, of which the types may not be those of the contract."""
    count = draw(st.integers(0, 4))
    if draw(st.booleans()):
        input_ = Input("frame", draw(fields()))
        names = [field.name for field in input_.fields]
    else:
        field = FIELDS[draw(st.sampled_from(ARRAYS))]
        field = Field(**{**vars(field), "nullable": draw(st.booleans())})
        input_ = Input("array", (field,), (2,), draw(st.sampled_from([(), ("a", "b")])))
        names = list(input_.names or ("x0", "x1"))
    fields_ = input_.fields if input_.kind == "frame" else input_.fields * 2
    table = {}
    for name, field in zip(names, fields_, strict=True):
        near = [t for t in ARROW_TYPES if _near(str(t), field)]
        type_ = draw(st.sampled_from(near if near and draw(st.booleans()) else ARROW_TYPES))
        table[name] = pa.array(draw(arrow_values(type_, count)), type_)
    chosen = draw(st.permutations(names))
    table = pa.table({name: table[name] for name in chosen})
    return input_, pa.concat_tables([table, table]) if draw(st.booleans()) else table


def _near(kind, field):
    starts = {
        "integer": ("int", "uint"),
        "number": ("float", "double", "half", "int"),
        "boolean": ("bool",),
        "string": ("string", "large_string", "dictionary"),
        "datetime": ("timestamp",),
        "duration": ("duration",),
    }
    return kind.startswith(starts.get(field.type, ()))


@given(arrow_tables())
@bounded
def test_arrow_and_parquet_are_read_as_the_complete_rules_read_them(request):
    input_, table = request
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    assert_same(
        outcome(typed.read, stream.getvalue(), ARROW, input_),
        outcome(typed.read_slowly, stream.getvalue(), ARROW, input_),
    )
    stream = io.BytesIO()
    try:
        pq.write_table(table, stream)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return  # Parquet has no such values
    assert_same(
        outcome(typed.read, stream.getvalue(), PARQUET, input_),
        outcome(typed.read_slowly, stream.getvalue(), PARQUET, input_),
    )


@st.composite
def npy_files(draw):
    """An input and an array, of which dtype and shape may not be those of the contract."""
    field = FIELDS[draw(st.sampled_from(ARRAYS))]
    field = Field(**{**vars(field), "nullable": draw(st.booleans())})
    shape = draw(st.sampled_from([(), (2,), (2, 1)]))
    given = draw(st.sampled_from([shape, (3, *shape), (3, *shape), (0, *shape), (3,), (3, 3)]))
    if draw(st.booleans()):
        array = np.array(
            draw(
                st.lists(
                    st.sampled_from([0.0, -0.0, 1.0, 2.5, 300.0, np.nan, np.inf]),
                    min_size=math.prod(given),
                    max_size=math.prod(given),
                )
            )
        ).reshape(given)
    else:
        array = np.arange(math.prod(given)).reshape(given) - draw(st.sampled_from([0, 0, 1]))
        array = array * draw(st.sampled_from([1, 1, 100, 2**60]))
    dtype = draw(
        st.sampled_from(["<f8", ">f8", "<f4", "<f2", "<i8", ">i4", "u1", "?", "<M8[ns]", "<U3"])
    )
    with np.errstate(all="ignore"):
        if not (array.dtype.kind == "f" and dtype == "<M8[ns]"):
            array = array.astype(dtype)
    if array.ndim == 2 and draw(st.booleans()):
        array = np.asfortranarray(array)
    return Input("array", (field,), shape), array


@given(npy_files())
@bounded
def test_npy_is_read_as_the_complete_rules_read_it(request):
    input_, array = request
    body = io.BytesIO()
    np.save(body, array)
    got = outcome(typed.read, body.getvalue(), NPY, input_)
    assert_same(got, outcome(typed.read_slowly, body.getvalue(), NPY, input_))
    if isinstance(got, typed.Typed):
        assert got.live().flags.c_contiguous
        assert got.live().flags.writeable
