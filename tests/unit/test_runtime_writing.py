"""Predictions as the bytes that clients read."""

from __future__ import annotations

import csv
import io
import json

import pyarrow as pa
import pytest

from nb2service.runtime.codec.writing import write
from nb2service.runtime.contract import Field, Output

LIST = Output("list", (Field("", "any"),))
FRAME = Output("frame", (Field("a", "number", "float64"), Field("b", "string", "object")))
PAIR = Output("array", (Field("", "number", "float64"),), (2,), ("no", "yes"))


@pytest.mark.parametrize(
    ("predictions", "output", "text"),
    [
        ([1, 2.5, 1e22, 1e-7, -0.0], LIST, "prediction\n1\n2.5\n1e22\n1e-7\n-0.0\n"),
        ([True, None], LIST, 'prediction\ntrue\n""\n'),
        (["a", "b c"], LIST, "prediction\na\nb c\n"),
        (["a,b", 'c"d', "e\nf", "g\rh", ""], LIST, None),
        ([[0.25, 0.75], [1.0, None]], PAIR, "no,yes\n0.25,0.75\n1.0,\n"),
        ([{"a": 1.5, "b": "x"}, {"a": "Infinity", "b": None}], FRAME, "a,b\n1.5,x\nInfinity,\n"),
        ([{"a": 1.5, "b": "x,y"}], FRAME, 'a,b\n1.5,"x,y"\n'),
        ([], FRAME, "a,b\n"),
        ([], PAIR, "no,yes\n"),
        ([[1], {"k": 2}], LIST, 'prediction\n[1]\n"{""k"": 2}"\n'),
    ],
)
def test_csv(predictions, output, text):
    body = write(predictions, output, "text/csv").decode()
    if text is None:
        assert [cell for (cell,) in csv.reader(io.StringIO(body, newline=""))][1:] == predictions
    else:
        assert body == text


@pytest.mark.parametrize("predictions", [[], [1, None, "a"], [{"a": [1.5]}, "é"]])
def test_json_and_its_lines(predictions):
    assert json.loads(write(predictions, LIST, "application/json")) == {"predictions": predictions}
    lines = write(predictions, LIST, "application/x-ndjson").decode()
    assert [json.loads(line) for line in lines.splitlines()] == predictions
    assert lines.count("\n") == len(predictions)


@pytest.mark.parametrize(
    ("predictions", "output", "columns"),
    [
        ([1, 2], LIST, {"prediction": [1, 2]}),
        ([[0.25, 0.75], [1.0, None]], PAIR, {"no": [0.25, 1.0], "yes": [0.75, None]}),
        ([{"a": 1.5, "b": "x"}], FRAME, {"a": [1.5], "b": ["x"]}),
        ([2**70, None], LIST, {"prediction": [str(2**70), None]}),
        ([1, "a"], LIST, {"prediction": ["1", '"a"']}),
        ([[1, 2], [3]], LIST, {"prediction": ["[1, 2]", "[3]"]}),
    ],
)
def test_arrow(predictions, output, columns):
    body = write(predictions, output, "application/vnd.apache.arrow.stream")
    assert pa.ipc.open_stream(body).read_all().to_pydict() == columns
