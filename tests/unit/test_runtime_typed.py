"""Rows read by the quick way are those of the complete rules, and joined ones those of each."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2service.runtime import typed
from nb2service.runtime.columns import numpy_dtype
from nb2service.runtime.contract import Field, Input
from nb2service.runtime.problems import Problem

JSON = "application/json"
LINES = "application/x-ndjson"
TEXT = str(pd.Series(["a"]).dtype)
bounded = settings(max_examples=120, deadline=None, derandomize=True)

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
    "seconds": Field("", "datetime", "datetime64[s]"),
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
    return input_, rows


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
