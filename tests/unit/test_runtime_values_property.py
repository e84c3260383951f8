"""What a frame or an array holds comes back from every wire: values, dtypes, order, gaps."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
from decimal import Decimal

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nb2service.capture.learning.sending import to_rows
from nb2service.runtime.codec import typed, wire, writing
from nb2service.runtime.contract import Field, Input, Output

JSON = "application/json"
LINES = "application/x-ndjson"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"
TEXT = str(pd.Series(["a"]).dtype)
UNITS = ("ns", "us", "ms", "s") if int(pd.__version__.split(".")[0]) >= 2 else ("ns",)
bounded = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)

# CSV has one form for the empty text and for none.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


def is_plain(name: str) -> bool:
    """Whether a column so called cannot be taken for the envelope of the rows."""
    return name not in ("instances", "dataframe_records", "dataframe_split", "inputs")


def whole(dtype: str):
    limits = np.iinfo(dtype.lower())
    return st.integers(int(limits.min), int(limits.max))


def counts(unit: str, kind: str = "datetime64"):
    """Moments or durations of a unit, some of them whole seconds."""
    second = {"ns": 10**9, "us": 10**6, "ms": 10**3, "s": 1}[unit]
    reach = st.integers(-(4 * 10**9), 4 * 10**9)
    every = st.integers(-(4 * 10**9) * second, 4 * 10**9 * second)
    return (reach.map(lambda n: n * second) | every).map(lambda n: getattr(np, kind)(n, unit))


def zoned(zone: str):
    return st.integers(0, 4 * 10**9).map(
        lambda n: pd.Timestamp(n, unit="s", tz="UTC").tz_convert(zone)
    )


whole_types = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
# dtype → (values that are not missing, whether it has missing ones, type and more of its field)
DTYPES = {
    **{dtype: (whole(dtype), False, {"type": "integer"}) for dtype in whole_types},
    **{dtype: (whole(dtype), True, {"type": "integer"}) for dtype in ("Int8", "Int64", "UInt8")},
    "int64[pyarrow]": (whole("int64"), True, {"type": "integer"}),
    **{
        f"float{width}": (st.floats(width=width, allow_nan=False), True, {"type": "number"})
        for width in (16, 32, 64)
    },
    "Float32": (st.floats(width=32, allow_nan=False), True, {"type": "number"}),
    "Float64": (st.floats(allow_nan=False), True, {"type": "number"}),
    "double[pyarrow]": (st.floats(allow_nan=False), True, {"type": "number"}),
    "bool": (st.booleans(), False, {"type": "boolean"}),
    "boolean": (st.booleans(), True, {"type": "boolean"}),
    TEXT: (texts, True, {"type": "string"}),
    "string": (texts, True, {"type": "string"}),
    "string[pyarrow]": (texts, True, {"type": "string"}),
    **{f"datetime64[{unit}]": (counts(unit), True, {"type": "datetime"}) for unit in UNITS},
    "datetime64[ns, UTC]": (zoned("UTC"), True, {"type": "datetime"}),
    "datetime64[ns, Europe/Paris]": (zoned("Europe/Paris"), True, {"type": "datetime"}),
    **{
        f"timedelta64[{unit}]": (counts(unit, "timedelta64"), True, {"type": "duration"})
        for unit in UNITS
    },
}
DTYPES.pop("object", None)  # what older versions call text is among these:
# the same for columns of Python objects, whose missing values are None
OBJECTS = {
    "string": texts,
    "boolean": st.booleans(),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "date": st.dates(),
    "time": st.times().map(lambda value: value.replace(fold=0)),
    "datetime": st.datetimes().map(lambda value: value.replace(fold=0)),
    "duration": st.timedeltas(min_value=dt.timedelta(-(10**6)), max_value=dt.timedelta(10**6)),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False),
    "bytes": st.binary(min_size=1),
    "list": st.lists(st.integers(-(2**63), 2**63 - 1)),
    "any": st.integers(-(2**63), 2**63 - 1) | st.booleans() | texts | st.floats(-1e9, 1e9),
}
CATEGORIES = {"string": ["b", "", "ü"], "integer": [3, 1, -(2**40)], "number": [0.5, 1.25]}


@st.composite
def columns(draw, count):
    """A column of some dtype with ``count`` values, and what its field is but for the name."""
    one_of = st.sampled_from([*DTYPES, *(f"object {name}" for name in OBJECTS), "category"])
    kind, more = draw(one_of), {}
    if kind == "category":
        type_ = draw(st.sampled_from(list(CATEGORIES)))
        known, ordered = CATEGORIES[type_], draw(st.booleans())
        dtype = pd.CategoricalDtype(known, ordered=ordered)
        values, gaps = st.sampled_from([value for value in known if value != ""]), True
        more = {"type": type_, "categories": tuple(known), "ordered": ordered}
    elif kind.startswith("object "):
        dtype, gaps, type_ = "object", True, kind[7:]
        values, more = OBJECTS[type_], {"type": type_, "missing": "none"}
        if type_ == "list":
            more["items"] = Field("", "integer")
    else:
        dtype, (values, gaps, more) = kind, DTYPES[kind]
    gaps = gaps and draw(st.booleans())
    items = draw(st.lists(st.none() | values if gaps else values, min_size=count, max_size=count))
    column = pd.Series(items, dtype=dtype)
    # A frame's own name of a dtype that has two.
    name = kind if kind == "string[pyarrow]" else str(column.dtype)
    return column, {"dtype": name, "nullable": bool(column.isna().any()), **more}


@st.composite
def frames(draw):
    """A frame of columns of any dtypes, and the input that describes it."""
    # Many rows now and then: quick ways are taken for many values only.
    count = draw(st.sampled_from([0, 1, 2, 3, 20]))
    names = draw(st.lists(texts.filter(is_plain), unique=True, min_size=1, max_size=3))
    made = {name: draw(columns(count)) for name in names}
    fields = tuple(Field(name=name, **more) for name, (_, more) in made.items())
    frame = pd.DataFrame({name: column for name, (column, _) in made.items()})
    frame.columns = pd.Index(names)
    return frame, Input("frame", fields)


def assert_same(got, want):
    pd.testing.assert_frame_equal(got, want, check_exact=True, check_index_type=False)
    for name in want:
        assert list(map(repr, got[name])) == list(map(repr, want[name]))


def as_json(document):
    return json.dumps(document, allow_nan=False).encode()


@given(frames())
@bounded
def test_a_frame_comes_back_from_json(made):
    frame, input_ = made
    rows = to_rows(frame, input_)
    names = [field.name for field in input_.fields]
    for document in (
        {"instances": rows},
        {"dataframe_records": rows},
        {"inputs": rows},
        rows,
        {"dataframe_split": {"columns": names, "data": [list(row.values()) for row in rows]}},
        {"inputs": {name: [row[name] for row in rows] for name in names}},
    ):
        assert_same(typed.read(as_json(document), JSON, input_).live(), frame)
    lines = b"\n".join(map(as_json, rows))
    assert_same(typed.read(lines, LINES, input_).live(), frame)


@given(frames())
@bounded
def test_a_row_alone_is_the_row_of_the_batch(made):
    frame, input_ = made
    rows = to_rows(frame, input_)
    alone = [typed.read(as_json(row), JSON, input_) for row in rows]
    for number, one in enumerate(alone):
        assert_same(one.live(), frame.iloc[number : number + 1].reset_index(drop=True))
    if alone:
        assert len({one.key for one in alone}) == 1
        assert_same(typed.join(alone).live(), frame)
        again = [typed.read(as_json(rows), JSON, input_), *alone]
        assert_same(typed.join(again).live(), pd.concat([frame, frame], ignore_index=True))


@given(frames())
@bounded
def test_what_is_answered_can_be_asked_about(made):
    frame, input_ = made
    predictions = wire.to_predictions(frame, Output("frame", input_.fields), len(frame))
    types = {field.type for field in input_.fields}
    wires = [LINES]
    if "any" not in types:  # texts and numbers look the same in an answer's CSV
        wires.append(CSV)
    if not types & {"list", "any"}:  # JSON text in an answer's Arrow
        wires.append(ARROW)
    for content_type in wires:
        body = writing.write(predictions, Output("frame", input_.fields), content_type)
        assert_same(typed.read(body, content_type, input_).live(), frame)


def in_arrow(field):
    """Whether pandas' own Arrow form of the column says the same as the contract."""
    return field.dtype != "object" or field.type in ("string", "boolean", "integer")


@given(frames())
@bounded
def test_a_frame_comes_back_from_arrow_and_parquet(made):
    frame, input_ = made
    fields = tuple(field for field in input_.fields if in_arrow(field))
    frame, input_ = frame[[field.name for field in fields]], Input("frame", fields)
    if not fields:
        return
    table = pa.Table.from_pandas(frame)
    stream = io.BytesIO()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    assert_same(typed.read(stream.getvalue(), ARROW, input_).live(), frame)
    stream = io.BytesIO()
    try:
        pq.write_table(table, stream)
    except pa.ArrowNotImplementedError as error:
        assert "halffloat" in str(error)  # noqa: PT017 - older versions of Arrow
        return
    assert_same(typed.read(stream.getvalue(), PARQUET, input_).live(), frame)


ARRAY_TYPES = {"i": "integer", "u": "integer", "f": "number", "b": "boolean"}


@st.composite
def arrays(draw):
    dtypes = st.sampled_from(["int8", "int64", "uint64", "float16", "float32", "float64", "bool"])
    shape = (draw(st.sampled_from([0, 1, 2, 20])), *draw(st.sampled_from([(), (1,), (3,), (2, 2)])))
    array = draw(hnp.arrays(draw(dtypes), shape))
    gaps = array.dtype.kind == "f" and bool(np.isnan(array).any())
    type_ = ARRAY_TYPES[array.dtype.kind]
    field = Field("", type_, str(array.dtype), nullable=gaps)
    return array, Input("array", (field,), shape[1:])


@given(arrays())
@bounded
def test_an_array_comes_back_from_every_wire(made):
    array, input_ = made
    rows = to_rows(array, input_)
    output = Output("array", input_.fields, input_.shape, tuple("abc"[: math.prod(input_.shape)]))
    stream = io.BytesIO()
    np.save(stream, array)
    bodies = [(JSON, as_json({"instances": rows})), (NPY, stream.getvalue())]
    bodies += [(LINES, b"\n".join(map(as_json, rows)))]
    if len(input_.shape) < 2:
        bodies += [(kind, writing.write(rows, output, kind)) for kind in (CSV, ARROW)]
    for content_type, body in bodies:
        back = typed.read(body, content_type, input_).live()
        assert back.dtype == array.dtype
        assert back.shape == array.shape
        assert list(map(repr, back.ravel())) == list(map(repr, array.ravel()))


@pytest.mark.parametrize("kind", ["series", "list"])
@given(st.data())
@bounded
def test_single_values_come_back(kind, data):
    column, more = data.draw(columns(data.draw(st.sampled_from([0, 1, 3, 20]))))
    if kind == "list":
        more = {**more, "dtype": "", "missing": ""}
        items = data.draw(st.lists(st.none() | texts | st.booleans()))
        input_, live = Input("list", (Field("", "any", nullable=True),)), items
    else:
        input_, live = Input("series", (Field(name="n", **more),)), column.rename("n")
    body = as_json({"instances": to_rows(live, input_)})
    back = typed.read(body, JSON, input_).live()
    if kind == "list":
        assert [(type(v), v) for v in back] == [(type(v), v) for v in live]
    else:
        pd.testing.assert_series_equal(back, live, check_exact=True)


def test_decimals_keep_their_digits():
    input_ = Input("frame", (Field("d", "decimal", "object"),))
    frame = typed.read(b'[{"d": "1.50"}]', JSON, input_).live()
    assert frame["d"].map(repr).tolist() == [repr(Decimal("1.50"))]
