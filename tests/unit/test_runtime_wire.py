"""What goes out comes back: every dtype through JSON, and every breach by row and field."""

from __future__ import annotations

import datetime as dt
import enum
import json
import math
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from zoneinfo import ZoneInfo

import hypothesis.extra.numpy as hnp
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nb2service.capture.learning.sending import to_rows
from nb2service.runtime.codec.wire import (
    Misaligned,
    expected_dtype,
    from_columns,
    from_rows,
    prediction_dtype,
    to_predictions,
)
from nb2service.runtime.contract import (
    Contract,
    Entry,
    Field,
    Input,
    Output,
    dump_contract,
    load_contract,
)
from nb2service.runtime.problems import MAX_VIOLATIONS, MissingForm, Violations


def through_json(rows):
    return json.loads(json.dumps(rows, allow_nan=False))


def field_of(name: str, column: pd.Series, type_: str, **more) -> Field:
    if column.dtype == object and any(item is None for item in column):
        more["missing"] = "none"
    dtype = more.pop("dtype", str(column.dtype))
    return Field(name, type_, dtype, nullable=bool(column.isna().any()), **more)


COLUMNS = [
    *(
        (pd.Series([0, 1, 100], dtype=t), "integer", {})
        for t in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    ),
    (pd.Series([2**63 - 1, -(2**63), 0]), "integer", {}),
    (pd.Series([2**64 - 1, 0, 1], dtype="uint64"), "integer", {}),
    *(
        (pd.Series([0.1, -1.5, np.nan, np.inf, -np.inf], dtype=t), "number", {})
        for t in ("float16", "float32", "float64")
    ),
    (pd.Series([True, False]), "boolean", {}),
    (pd.Series(["001", "", "ü", None], dtype="str"), "string", {}),
    (pd.Series(["001", "", None], dtype="string"), "string", {}),
    (
        pd.Series(["001", None], dtype="string[pyarrow]"),
        "string",
        {"dtype": "string[pyarrow]"},
    ),
    (pd.Series(["001", "a"], dtype=object), "string", {}),
    (pd.Series(["a", None], dtype=object), "string", {}),
    (pd.Series(["a", np.nan], dtype=object), "string", {"missing": "nan"}),
    (pd.Series([True, None], dtype=object), "boolean", {}),
    (pd.Series([1, "a", 2.5, True, None], dtype=object), "any", {}),
    (pd.Series([[1, 2], [], [3]], dtype=object), "list", {"items": Field("", "integer")}),
    (pd.Series([[1, 2], [3, 4]], dtype=object), "list", {"items": Field("", "integer")}),
    (pd.Series([2**70, 1], dtype=object), "integer", {}),
    (pd.Series([1, None, 2**62], dtype="Int64"), "integer", {}),
    (pd.Series([1, None], dtype="UInt8"), "integer", {}),
    (pd.Series([1.5, None], dtype="Float64"), "number", {}),
    (pd.Series([0.1, None], dtype="Float32"), "number", {}),
    (pd.Series([True, None], dtype="boolean"), "boolean", {}),
    (pd.Series(["2024-01-01T00:00:00.000000001", None], dtype="datetime64[ns]"), "datetime", {}),
    (pd.Series(["1700-01-01", "2024-05-31T13:45:00.25"], dtype="datetime64[us]"), "datetime", {}),
    (pd.Series(["2024-05-31T13:45:01"], dtype="datetime64[s]"), "datetime", {}),
    (
        pd.to_datetime(pd.Series(["2024-10-27T00:30", "2024-10-27T01:30", None]))
        .dt.tz_localize("UTC")
        .dt.tz_convert("Europe/Paris"),
        "datetime",
        {},
    ),
    (pd.Series(["2024-01-01"], dtype="datetime64[ns]").dt.tz_localize("UTC"), "datetime", {}),
    (
        pd.Series([pd.Timedelta(1), pd.Timedelta(-1, "D"), pd.NaT], dtype="timedelta64[ns]"),
        "duration",
        {},
    ),
    (pd.Series([pd.Timedelta("1D 2h 3m 4.5s")], dtype="timedelta64[us]"), "duration", {}),
    (pd.Series(["a", "b", None, "a"], dtype="category"), "string", {"categories": ("a", "b")}),
    (
        pd.Series(pd.Categorical(["lo", "hi"], ["lo", "mid", "hi"], ordered=True)),
        "string",
        {"categories": ("lo", "mid", "hi"), "ordered": True},
    ),
    (pd.Series([3, 1], dtype="category"), "integer", {"categories": (1, 3)}),
    (
        pd.Series([3, 1], dtype="int8").astype("category"),
        "integer",
        {"categories": (1, 3), "items": Field("", "integer", "int8")},
    ),
    (
        pd.Series(["a"]).astype(pd.CategoricalDtype(pd.Index(["a"], dtype=object))),
        "string",
        {"categories": ("a",), "items": Field("", "string", "object")},
    ),
    (
        pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"])).astype("category"),
        "datetime",
        {
            "categories": ("2024-01-01T00:00:00", "2024-01-02T00:00:00"),
            "items": Field("", "datetime", str(pd.to_datetime(["2024-01-01"]).dtype)),
        },
    ),
    (pd.Series([dt.date(2024, 5, 31), None], dtype=object), "date", {}),
    (pd.Series([dt.time(13, 45, 0, 500), dt.time(1)], dtype=object), "time", {}),
    (pd.Series([dt.datetime(2024, 5, 31, 1, 2, 3, 4)], dtype=object), "datetime", {}),
    (pd.Series([dt.timedelta(days=-1, microseconds=5)], dtype=object), "duration", {}),
    (pd.Series([Decimal("12.50"), Decimal("-0.1")], dtype=object), "decimal", {}),
    (pd.Series([b"\x00\xff", b""], dtype=object), "bytes", {}),
    (pd.Series([1, None], dtype="int64[pyarrow]"), "integer", {}),
    (pd.Series([1.5, None], dtype="double[pyarrow]"), "number", {}),
    (pd.Series([pd.Timestamp("2024-01-01")], dtype="timestamp[ns][pyarrow]"), "datetime", {}),
]


@pytest.mark.parametrize(
    ("column", "type_", "more"),
    COLUMNS,
    ids=[f"{i}-{c.dtype}" for i, (c, *_) in enumerate(COLUMNS)],
)
def test_a_column_comes_back_as_it_was(column, type_, more):
    frame = pd.DataFrame({"z": column, "a": range(len(column))})
    kind = Input("frame", (field_of("z", column, type_, **more), Field("a", "integer", "int64")))
    rows = to_rows(frame, kind)
    back = from_rows(through_json(rows), kind)
    pd.testing.assert_frame_equal(back, frame, check_exact=True, check_column_type=True)
    assert [type(v) for v in back["z"]] == [type(v) for v in frame["z"]]
    assert to_rows(back, kind) == rows
    columns = {name: [row[name] for row in rows] for name in ("a", "z")}
    pd.testing.assert_frame_equal(from_columns(columns, len(frame), kind), back)
    series = Input("series", (kind.fields[0],))
    pd.testing.assert_series_equal(
        from_rows(through_json(to_rows(column.rename("z"), series)), series), column.rename("z")
    )


NUMERIC = st.sampled_from(
    [
        "int8",
        "int64",
        "uint64",
        "float16",
        "float32",
        "float64",
        "bool",
        "datetime64[ns]",
        "timedelta64[ns]",
        "datetime64[s]",
        "<U5",
    ]
)
TYPES = {
    "i": "integer",
    "u": "integer",
    "f": "number",
    "b": "boolean",
    "M": "datetime",
    "m": "duration",
    "U": "string",
}


def _elements(dtype):
    if dtype.kind == "M":
        low, high = (-(2**62), 2**62) if dtype.str.endswith("[ns]") else (-(10**10), 10**11)
        return st.integers(low, high).map(lambda n: np.datetime64(n, np.datetime_data(dtype)[0]))
    if dtype.kind == "m":
        return st.integers(-(2**62), 2**62).map(lambda n: np.timedelta64(n, "ns"))
    if dtype.kind == "U":
        return st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5
        )
    return None


@st.composite
def arrays(draw):
    dtype = np.dtype(draw(NUMERIC))
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=4))
    return draw(hnp.arrays(dtype, shape, elements=_elements(dtype)))


@given(arrays())
@settings(deadline=None)
def test_an_array_of_any_shape_comes_back(array):
    field = Field("", TYPES[array.dtype.kind], str(array.dtype), nullable=True)
    kind = Input("array", (field,), array.shape[1:])
    back = from_rows(through_json(to_rows(array, kind)), kind)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


@given(
    st.lists(
        st.one_of(
            st.text(),
            st.integers(),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            st.none(),
        )
    )
)
@settings(deadline=None)
def test_a_list_comes_back(items):
    kind = Input("list", (Field("", "any", nullable=True),))
    back = from_rows(through_json(to_rows(items, kind)), kind)
    assert back == items
    assert list(map(type, back)) == list(map(type, items))


@given(st.timedeltas(), st.datetimes(), st.times(), st.decimals(allow_nan=False))
@settings(deadline=None)
def test_a_plain_value_comes_back(duration, moment, clock, amount):
    call = {"duration": duration, "datetime": moment, "time": clock, "decimal": amount}
    kind = Input("arguments", tuple(Field(name, name) for name in call))
    assert from_rows(through_json(to_rows([call], kind)), kind) == [call]


def test_column_labels_that_are_not_text_come_back():
    for labels in ([3, 0], [("a", 1), ("b", 2)]):
        columns = pd.MultiIndex.from_tuples(labels) if isinstance(labels[0], tuple) else labels
        frame = pd.DataFrame([[1, 2.0]], columns=columns)
        fields = tuple(
            Field(str(label), kind, dtype, label=label)
            for label, kind, dtype in zip(
                labels, ("integer", "number"), ("int64", "float64"), strict=True
            )
        )
        entry = Entry("p", "p", Input("frame", fields), Output("value", (Field("", "any"),)))
        kind = load_contract(dump_contract(Contract("c", "", "", (entry,)))).entries[0].input
        pd.testing.assert_frame_equal(from_rows(to_rows(frame, kind), kind), frame)


@dataclass
class Point:
    x: float
    tags: tuple[str, ...]


class Colour(enum.Enum):
    RED = "red"


Pair = namedtuple("Pair", "left right")
CLASSES = {"Point": Point, "Colour": Colour, "Pair": Pair}


def test_arguments_of_every_sort_come_back():
    call = {
        "point": Point(1.5, ("a", "b")),
        "colour": Colour.RED,
        "pair": Pair(1, None),
        "seen": {1, 2},
        "grid": np.array([[1.0, np.nan], [3.0, 4.0]], dtype="float32"),
        "empty": np.empty((0, 2)),
        "days": pd.Series([1, 2], dtype="int8"),
        "row": pd.Series({"a": 1.0, "b": 2.0}),
        "table": pd.DataFrame({"k": ["x", "y"], "n": [1, 2]}),
        "when": pd.Timestamp("2024-01-01T00:00:00.000000001+02:00"),
        "lag": pd.Timedelta(5),
        "scalar": np.float32(0.1),
        "moment": np.datetime64("2024-01-01T00:00:00.000000001"),
        "free": {"a": [1, {"b": None}]},
        "inf": math.inf,
        "none": None,
        "nan": math.nan,
    }
    number = Field("", "number", "float32", nullable=True)
    kind = Input(
        "arguments",
        (
            Field(
                "point",
                "object",
                python="Point",
                fields=(
                    Field("x", "number"),
                    Field("tags", "list", items=Field("", "string"), python="tuple"),
                ),
            ),
            Field("colour", "string", python="Colour"),
            Field(
                "pair",
                "object",
                python="Pair",
                fields=(Field("left", "integer"), Field("right", "integer", nullable=True)),
            ),
            Field("seen", "list", items=Field("", "integer"), python="set"),
            Field("grid", "list", "float32", items=number, python="ndarray", shape=(2,)),
            Field(
                "empty", "list", items=Field("", "number", "float64"), python="ndarray", shape=(2,)
            ),
            Field("days", "list", "int8", items=Field("", "integer", "int8"), python="series"),
            Field(
                "row",
                "object",
                "float64",
                python="series",
                fields=(Field("a", "number"), Field("b", "number")),
            ),
            Field(
                "table",
                "list",
                python="frame",
                items=Field(
                    "",
                    "object",
                    fields=(
                        Field("k", "string", str(call["table"]["k"].dtype)),
                        Field("n", "integer", "int64"),
                    ),
                ),
            ),
            Field("when", "datetime", python="Timestamp"),
            Field("lag", "duration", python="Timedelta"),
            Field("scalar", "number", "float32"),
            Field("moment", "datetime", "datetime64[ns]"),
            Field("free", "object"),
            Field("inf", "number"),
            Field("none", "string", nullable=True),
            Field("nan", "number", nullable=True, missing="nan"),
            Field("option", "integer", required=False),
        ),
    )
    (back,) = from_rows(through_json(to_rows([call], kind)), kind, lambda n, k: CLASSES[n](**k))
    assert list(back) == list(call)
    pd.testing.assert_series_equal(back.pop("days"), call.pop("days"))
    pd.testing.assert_series_equal(back.pop("row"), call.pop("row"))
    pd.testing.assert_frame_equal(back.pop("table"), call.pop("table"))
    for name in ("grid", "empty"):
        want = call.pop(name)
        assert back[name].dtype == want.dtype
        np.testing.assert_array_equal(back.pop(name), want)
    assert math.isnan(back.pop("nan"))
    assert math.isnan(call.pop("nan"))
    assert back == call
    assert {name: type(v) for name, v in back.items()} == {
        name: type(v) for name, v in call.items()
    }


FRAME = Input(
    "frame",
    (
        Field("age", "integer", "int8"),
        Field("name", "string", "object"),
        Field("plan", "string", "category", categories=("a", "b"), nullable=True),
        Field("when", "datetime", "datetime64[ns]", nullable=True),
        Field("zoned", "datetime", "datetime64[ns, UTC]", nullable=True),
        Field("score", "number", "float32", required=False, default=0.5),
    ),
)
GOOD = {"age": 3, "name": "n", "plan": "a", "when": None, "zoned": None, "score": 1.0}


@pytest.mark.parametrize(
    ("change", "field", "message"),
    [
        ({"age": "3"}, "age", "must be an integer, not the text '3'"),
        ({"age": 3.5}, "age", "must be an integer, not the number 3.5"),
        ({"age": True}, "age", "must be an integer, not true"),
        ({"age": None}, "age", "must not be null"),
        ({"age": 300}, "age", "must be between -128 and 127 (int8)"),
        ({"name": 1}, "name", "must be text, not the number 1"),
        ({"name": ["a"]}, "name", "must be text, not a list"),
        ({"plan": ["a"]}, "plan", "must be one of 'a', 'b', not a list"),
        ({"plan": "c"}, "plan", "must be one of 'a', 'b', not the text 'c'"),
        (
            {"when": "soon"},
            "when",
            "must be a date and time such as \"2024-05-31T13:45:00\", not the text 'soon'",
        ),
        (
            {"when": "2024-02-30"},
            "when",
            "must be a date and time that exists, not the text '2024-02-30'",
        ),
        (
            {"when": "2024-02-01T00:00:00Z"},
            "when",
            "must not carry a zone: the text '2024-02-01T00:00:00Z'",
        ),
        ({"when": "1500-01-01"}, "when", "is out of the range of datetime64[ns]"),
        (
            {"zoned": "2024-02-01T00:00:00"},
            "zoned",
            "must carry a zone, such as \"Z\": the text '2024-02-01T00:00:00'",
        ),
        ({"score": 1e300}, "score", "is too large for float32"),
        ({"score": "NaN"}, "score", "must be a number, not the text 'NaN'"),
        ({"agee": 1}, "agee", "is unknown; did you mean 'age'?"),
    ],
)
def test_a_breach_is_named(change, field, message):
    with pytest.raises(Violations) as caught:
        from_rows([GOOD, {**GOOD, **change}], FRAME)
    assert [(e.row, e.field, e.message) for e in caught.value.errors] == [(1, field, message)]


def test_all_breaches_are_collected_up_to_a_bound():
    with pytest.raises(Violations) as caught:
        from_rows([{"age": "x"}, [1]], FRAME)
    named = {(e.row, e.field, e.message) for e in caught.value.errors}
    assert named >= {
        (0, "name", "is missing"),
        (0, "age", "must be an integer, not the text 'x'"),
        (1, "", "must be an object by column name, not a list"),
    }
    assert (1, "age", "is missing") not in named
    with pytest.raises(Violations) as caught:
        from_rows([{**GOOD, "age": "x"}] * 1000, FRAME)
    assert len(caught.value.errors) == MAX_VIOLATIONS
    assert "999 more" in str(caught.value)


def test_whole_numbers_written_as_fractions_defaults_and_order():
    row = {"name": "n", "age": 3.0, "zoned": None, "plan": None, "when": "2024-01-01 10:00"}
    frame = from_rows([row], FRAME)
    assert list(frame) == [field.name for field in FRAME.fields]
    assert frame["age"].tolist() == [3]
    assert frame["score"].tolist() == [0.5]


def test_a_null_in_a_nullable_integer_column_becomes_nan_as_pandas_reads_it():
    kind = Input("frame", (Field("n", "integer", "int64", nullable=True),))
    assert from_rows([{"n": 1}, {"n": 2}], kind)["n"].dtype == "int64"
    assert from_rows([{"n": 1}, {"n": None}], kind)["n"].dtype == "float64"


@pytest.mark.parametrize(
    ("rows", "errors"),
    [
        ([[1, 2]], [(0, "", "must hold 3 values, not 2")]),
        ([[1, 2, 3], 5], [(1, "", "must be a list of 3, not the number 5")]),
        ([[1, "x", 3]], [(0, "b", "must be a number, not the text 'x'")]),
        ([[1, None, 3]], [(0, "b", "must not be null")]),
    ],
)
def test_breaches_of_an_array(rows, errors):
    kind = Input("array", (Field("", "number", "float64"),), (3,), ("a", "b", "c"))
    with pytest.raises(Violations) as caught:
        from_rows(rows, kind)
    assert [(e.row, e.field, e.message) for e in caught.value.errors] == errors


def test_breaches_inside_arguments_carry_their_path():
    kind = Input(
        "arguments",
        (
            Field("point", "object", python="Point", fields=(Field("x", "number"),)),
            Field(
                "grid", "list", python="ndarray", shape=(2,), items=Field("", "number", "float64")
            ),
        ),
    )
    with pytest.raises(Violations) as caught:
        from_rows([{"point": {"x": "?", "y": 1}, "grid": [[1, 2], [3, "4"]]}], kind)
    assert {e.field for e in caught.value.errors} == {"point.x", "point.y", "grid[1][1]"}


@pytest.mark.parametrize(
    ("answer", "wire", "dtype"),
    [
        (np.array([1, 0]), [1, 0], "int64"),
        (np.array([[0.5, np.nan], [np.inf, 1.0]]), [[0.5, None], ["Infinity", 1.0]], "float64"),
        (np.array(["no", "yes"]), ["no", "yes"], "<U"),
        (pd.Series([1, 2], index=["p", "q"], dtype="Int64"), [1, 2], "Int64"),
        (
            pd.DataFrame({"a": [1, 2], 0: ["x", None]}),
            [{"a": 1, "0": "x"}, {"a": 2, "0": None}],
            None,
        ),
        (["a", "b"], ["a", "b"], ""),
        ((np.float32(0.5), 1), [0.5, 1], ""),
        ([{"p": np.int8(1)}, Point(1.0, ())], [{"p": 1}, {"x": 1.0, "tags": []}], ""),
        (iter([1, 2]), [1, 2], ""),
    ],
)
def test_answers_on_the_wire(answer, wire, dtype):
    if dtype is not None:
        assert prediction_dtype(answer) == dtype
    assert to_predictions(answer, Output("array", (Field("", "any"),)), 2) == wire


def test_answers_that_do_not_fit():
    output = Output("list", (Field("", "any"),))
    with pytest.raises(Misaligned, match="1 answers for 2 rows"):
        to_predictions([1], output, 2)
    with pytest.raises(Misaligned, match="one answer of type float"):
        to_predictions(1.0, output, 2)
    with pytest.raises(MissingForm, match="object has no form"):
        to_predictions([object()], output, 1)
    vectorizer = type("Vectorizer", (), {"dtype": float})()  # a setting, it holds no values
    with pytest.raises(MissingForm, match="Vectorizer has no form"):
        to_predictions([vectorizer], output, 1)
    assert to_predictions(np.array([1, 2]), output, None) == [[1, 2]]


def test_the_expected_dtype_is_that_of_the_contract():
    fields = (Field("a", "integer", "int64"), Field("b", "string", "<U7"))
    assert expected_dtype(Output("frame", fields)) == "int64,<U"


@pytest.mark.parametrize("value", [np.array([1j]), np.array([1.0], dtype=np.longdouble)])
def test_a_dtype_without_a_form_is_refused(value):
    with pytest.raises(MissingForm, match="has no form in JSON"):
        to_rows(value, Input("array", (Field("", "any"),)))


def test_zone_names_are_kept_by_the_dtype():
    moment = pd.Series([dt.datetime(2024, 7, 1, tzinfo=ZoneInfo("Europe/Paris"))])
    kind = Input("frame", (Field("t", "datetime", str(moment.dtype)),))
    assert to_rows(pd.DataFrame({"t": moment}), kind) == [{"t": "2024-07-01T00:00:00+02:00"}]
    assert from_rows([{"t": "2024-06-30T22:00:00Z"}], kind)["t"].iloc[0] == moment[0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (Field("n", "integer", "uint8"), 300, "must be between 0 and 255 (uint8)"),
        (Field("n", "number", "float32"), 1e300, "is too large for float32"),
        (Field("n", "number", "float64"), "x", "must be a number, not the text 'x'"),
        (Field("n", "date"), "20240531", "must be a date such as"),
        (Field("n", "date"), 20240531, "must be a date such as"),
        (Field("n", "time"), "25:00", "must be a time such as"),
        (Field("n", "duration"), "P", "must be a duration such as"),
        (Field("n", "duration"), "P999999999999D", "is too long a duration"),
        (Field("n", "duration"), "PT0.000000001S", "must not be finer than a microsecond"),
        (Field("n", "datetime"), "2024-01-01T00:00:00.000000001", "must not be finer than"),
        (Field("n", "decimal"), "1,5", "must be a decimal such as"),
        (Field("n", "decimal"), True, "must be a decimal such as"),
        (Field("n", "decimal"), ".4e6243753125016938829", "must be a decimal such as"),
        (Field("n", "bytes"), "é", "must be base64 text"),
        (Field("n", "boolean"), 1, "must be true or false, not the number 1"),
        (Field("n", "object"), [], "must be an object, not a list"),
        (Field("n", "integer", categories=(1, 2)), 3, "must be one of 1, 2, not the number 3"),
        (Field("n", "any", categories=(1, "a")), True, "must be one of 1, 'a', not true"),
        (Field("n", "datetime", zone="naive"), "2024-01-01T00:00:00Z", "must not carry a zone"),
        (Field("n", "datetime", zone="UTC"), "2024-01-01", "must carry a zone, such as"),
        (
            Field("n", "datetime", python="Timestamp", zone="UTC"),
            "2024-01-01",
            "must carry a zone, such as",
        ),
        (Field("n", "string", python="uuid"), "abc", "must be a UUID, not the text 'abc'"),
        (Field("n", "string", python="uuid"), 7, "must be a UUID, not the number 7"),
        (Field("n", "object", items=Field("", "integer")), {"a": "x"}, "must be an integer"),
        (Field("n", "list", items=Field("", "integer")), [1, None], "must not be null"),
    ],
)
def test_a_single_value_that_is_not_of_its_type(field, value, message):
    with pytest.raises(Violations) as caught:
        from_rows([{"n": value}], Input("arguments", (field,)))
    assert message in caught.value.errors[0].message
