"""Hostile bytes and headers: whatever comes, the answer is predictions or a problem document."""

from __future__ import annotations

import csv
import encodings.aliases
import importlib
import io
import json
import logging
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from runtime_project import build

from nb2service.runtime.contract import Entry, Field, Input, Output

NOTEBOOK = '''
"""Entries that give back what they get, so that reading and writing alone can fail."""

from dataclasses import dataclass


@dataclass
class Point:
    x: float
    name: str = ""


def frame(df):
    return df


def array(values):
    return values


def series(values):
    return values


def texts(texts):
    return texts


def count(count):
    return {"count": count}


def call(point, when, amount, many):
    return {"x": point.x, "when": when, "amount": amount, "many": many}
'''
COLUMNS = (
    Field("i", "integer", "int64"),
    Field("I", "integer", "Int64", nullable=True),
    Field("u", "integer", "uint8"),
    Field("f", "number", "float32", nullable=True),
    Field("b", "boolean", "bool"),
    Field("B", "boolean", "boolean", nullable=True),
    Field("s", "string", "str", nullable=True),
    Field("c", "string", "category", nullable=True, categories=("a", "b")),
    Field("t", "datetime", "datetime64[ns]", nullable=True),
    Field("z", "datetime", "datetime64[ns, UTC]"),
    Field("d", "duration", "timedelta64[ns]"),
    Field("o", "any", "object", nullable=True),
)
POINT = Field(
    "point",
    "object",
    python="Point",
    fields=(Field("x", "number"), Field("name", "string", required=False)),
)
ARGUMENTS = (
    POINT,
    Field("when", "datetime"),
    Field("amount", "decimal"),
    Field("many", "list", items=Field("", "duration")),
)
FLOAT, TEXT = Field("", "number", "float64"), Field("", "string")
ENTRIES = (
    Entry("frame", "frame", Input("frame", COLUMNS), Output("frame", COLUMNS)),
    Entry("array", "array", Input("array", (FLOAT,), (2,)), Output("array", (FLOAT,), (2,))),
    Entry("series", "series", Input("series", (FLOAT,)), Output("series", (FLOAT,))),
    Entry("texts", "texts", Input("list", (TEXT,)), Output("list", (TEXT,))),
    Entry(
        "count",
        "count",
        Input("arguments", (Field("count", "integer"),)),
        Output("value", (Field("", "object", fields=(Field("count", "integer"),)),)),
    ),
    Entry("call", "call", Input("arguments", ARGUMENTS), Output("value", (Field("", "object"),))),
)
ROW = {
    "i": -1, "I": None, "u": 255, "f": 0.5, "b": True, "B": False, "s": "001", "c": "a",
    "t": "2024-01-01T00:00:00", "z": "2024-01-01T00:00:00Z", "d": "PT1S", "o": {"x": [1]},
}  # fmt: skip
ROWS = {
    "frame": [ROW, ROW],
    "array": [[1.0, 2.0], [3.0, 4.0]],
    "series": [1.0, 2.0],
    "texts": ["a", "ü"],
    "call": [
        {"point": {"x": 1.0}, "when": "2024-01-01T00:00:00", "amount": "1.5", "many": ["P1D"]}
    ],
}
JSON, LINES, CSV, NPY = "application/json", "application/x-ndjson", "text/csv", "application/x-npy"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"
TYPES = (JSON, LINES, CSV, ARROW, PARQUET, NPY)
ANSWERS = (JSON, LINES, CSV, ARROW)
STEADY = settings(
    max_examples=100,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    build(folder, "fuzzed_service", ENTRIES, NOTEBOOK)
    sys.path.insert(0, str(folder))
    app = importlib.import_module("fuzzed_service.app").create_app()
    logging.getLogger("fuzzed_service").setLevel("ERROR")
    yield app.test_client()
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.split(".")[0] == "fuzzed_service"]:
        del sys.modules[name]


def ask(client, entry, body, content_type=JSON, **headers):
    """The status; what is no prediction must be a problem document that blames the client."""
    answer = client.post(f"/{entry}", data=body, content_type=content_type, headers=headers)
    if answer.status_code != 200:
        assert answer.content_type == "application/problem+json"
        document = json.loads(answer.data)
        assert document["status"] == answer.status_code
        assert 400 <= answer.status_code < 500, (document, body[:1000])
    return answer.status_code


def valid(entry, content_type):
    """A body that the entry accepts; None where the content type cannot hold its rows."""
    rows = ROWS[entry]
    if content_type == JSON:
        return json.dumps({"instances": rows}).encode()
    if content_type == LINES:
        return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    if content_type == NPY:
        sink = io.BytesIO()
        np.save(sink, np.array(rows))
        return sink.getvalue() if entry == "array" else None
    if entry == "call":
        rows = [{**row, "point": json.dumps(row["point"]), "many": '["P1D"]'} for row in rows]
    frame = (
        pd.DataFrame(rows, columns=["v"]) if entry in ("series", "texts") else pd.DataFrame(rows)
    )
    if content_type == CSV:
        frame = frame.assign(o="{}") if "o" in frame else frame
        return frame.to_csv(index=False).encode()
    frame.columns = frame.columns.map(str)
    frame = frame.assign(I=frame["I"].astype("Int64")) if "I" in frame else frame
    table = pa.Table.from_pandas(frame)
    if content_type == PARQUET:
        sink = io.BytesIO()
        pyarrow.parquet.write_table(table, sink)
        return sink.getvalue()
    stream = pa.BufferOutputStream()
    with pa.ipc.new_stream(stream, table.schema) as writer:
        writer.write_table(table)
    return stream.getvalue().to_pybytes()


VALID = {
    (entry, type_): body
    for entry in ROWS
    for type_ in TYPES
    if (body := valid(entry, type_)) is not None
}


@pytest.mark.parametrize(("entry", "content_type"), VALID)
def test_what_is_spoilt_below_is_sound(client, entry, content_type):
    nested = entry == "call" and content_type in (ARROW, PARQUET)
    assert ask(client, entry, VALID[entry, content_type], content_type) == (422 if nested else 200)


@pytest.mark.parametrize("content_type", TYPES)
@given(data=st.data())
@STEADY
def test_spoilt_bodies(client, content_type, data):
    entry, type_ = data.draw(st.sampled_from([key for key in VALID if key[1] == content_type]))
    body = bytearray(VALID[entry, type_])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        end = at + data.draw(st.integers(0, 8))
        how = data.draw(st.sampled_from(["cut", "replace", "insert", "repeat"]))
        if how == "cut":
            del body[at:]
        elif how == "repeat":
            body[at:at] = body[at : at + 200]
        else:
            body[at : end if how == "replace" else at] = data.draw(st.binary(max_size=8))
    ask(client, entry, bytes(body), type_, Accept=data.draw(st.sampled_from(ANSWERS)))


@given(
    st.sampled_from(list(ROWS)),
    st.sampled_from(TYPES),
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")),
)
@STEADY
def test_random_bodies(client, entry, content_type, body):
    ask(client, entry, body, content_type)


NUMBERS = (
    st.integers()
    | st.sampled_from([2**31, -(2**31) - 1, 2**63, 2**64, -(2**63) - 1, 10**400, -0.0])
    | st.floats(allow_nan=False)
)
WORDS = (
    st.text(max_size=8)
    | st.sampled_from(
        ["Infinity", "a", "2024-01-01T00:00:00", "9999-12-31", "0001-01-01T00:00:00Z"]
    )
    | st.sampled_from(["2024-01-01T00:00:00+99:99", "PT1S", "P999999999D", "P106752D", "1E+999999"])
    | st.sampled_from(["9" * 5000, "P" + "9" * 5000 + "D", "\U0001f600", "\x00", "٣"])
)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def requests(draw):
    """Rows that are sound but for some values, in any of the forms of JSON."""
    entry = draw(st.sampled_from(list(ROWS)))
    rows = json.loads(json.dumps(ROWS[entry]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(rows) - 1))
        if isinstance(rows[at], (dict, list)) and rows[at] and draw(st.integers(0, 9)):
            keys = list(rows[at]) if isinstance(rows[at], dict) else range(len(rows[at]))
            rows[at][draw(st.sampled_from(keys))] = draw(VALUES)
        else:
            rows[at] = draw(VALUES)
    forms = [{"instances": rows}, rows, rows[0], {"dataframe_records": rows}, {"inputs": rows}]
    forms += [
        {"dataframe_split": {"columns": draw(VALUES), "data": rows}},
        {"inputs": draw(VALUES)},
    ]
    return entry, draw(st.sampled_from(forms))


@given(requests(), st.sampled_from(ANSWERS))
@settings(STEADY, max_examples=300)
def test_wrong_values(client, request_, accept):
    entry, document = request_
    body = json.dumps(document).encode()
    ask(client, entry, body, JSON, Accept=accept)


@pytest.mark.parametrize("entry", ROWS)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 200_000,
        b'{"instances":' * 100_000,
        b"[" * 5000 + b"]" * 5000,
        b'{"instances":[' + b"[" * 900 + b"]" * 900 + b"]}",
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"9" * 100_000,
        b"[1e999]",
        b"[-1e999]",
        b'["\\ud800"]',
        b'["\\ud83d\\ude00"]',
        b'{"instances":[],"instances":[1]}',
        b"\xff\xfe[\x00]\x00",
        b"\xef\xbb\xbf[]",
        b"[NaN]",
        b"[\xc3\x28]",
        b"\x00",
    ],
    ids=range(16),
)
def test_strange_json(client, entry, body):
    ask(client, entry, body)
    ask(client, entry, body, LINES)
    ask(client, entry, body, CSV)


def charsets():
    return sorted(
        {*encodings.aliases.aliases.values(), "idna", "punycode", "undefined", "\x00", "x" * 999}
    )


@pytest.mark.parametrize("charset", charsets())
@pytest.mark.filterwarnings("ignore:invalid escape sequence:DeprecationWarning")
def test_every_charset(client, charset):
    for body in (b'["a"]', b"\\ud800", b"\xff+2AA-\x1b$B", VALID["texts", CSV]):
        for content_type in (JSON, CSV, LINES):
            ask(client, "texts", body, f"{content_type}; charset={charset}")


HEADER = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60)
PIECES = st.lists(
    st.sampled_from(["text/csv", "*/*", "application/json", ";", ",", "=", "q=", "0.5", "nan"])
    | st.sampled_from(["-1", "*", "/"])
    | st.sampled_from(["charset", "header=absent", "utf-16", '"', " ", "\t", "1e9", "a"])
    | HEADER,
    max_size=8,
).map("".join)  # fmt: skip


@given(PIECES, PIECES, HEADER, HEADER, HEADER)
@settings(STEADY, max_examples=150)
def test_strange_headers(client, content_type, accept, id_, parent, state):
    headers = {
        "Accept": accept,
        "X-Request-Id": id_,
        "traceparent": parent,
        "tracestate": state,
    }
    ask(client, "texts", b'["a"]', content_type, **headers)


# --- what fuzzing found once --------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a\rb", "a\nb", "\r\n", 'a"b', "", " a "])
def test_texts_in_a_csv_answer_are_read_as_they_were(client, text):
    answer = client.post("/texts", json=[text, "z"], headers={"Accept": CSV})
    assert list(csv.reader(io.StringIO(answer.text, newline=""))) == [["prediction"], [text], ["z"]]


@pytest.mark.parametrize("count", [2**63 - 1, 2**63, 10**400])
def test_integers_of_any_size_in_an_arrow_answer(client, count):
    answer = client.post("/count", json={"count": count}, headers={"Accept": ARROW})
    (value,) = pa.ipc.open_stream(answer.data).read_all()["count"].to_pylist()
    assert int(value) == count


@pytest.mark.parametrize("cell", ["Infinity", "-inf"])
def test_a_first_line_of_infinite_numbers_is_no_header(client, cell):
    answer = client.post("/array", data=f"{cell},{cell}\n1,2\n", content_type=CSV)
    assert len(answer.json["predictions"]) == 2
