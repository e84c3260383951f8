"""What schemathesis must know of the wire to make requests from the service's document."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import json
import re

import schemathesis
from hypothesis import strategies as st
from schemathesis import GenerationMode

from nb2service.runtime.codec.csv_cells import format_cell

LINES = ("text/csv", "application/x-ndjson")
ANSWERS = itertools.cycle(
    ("*/*", "application/json", *LINES, "application/vnd.apache.arrow.stream")
)

# Longer than a timedelta can be, which no schema can say.
LONG = re.compile(r"P[0-9A-Z.]*[0-9]{7}")
# What datetime64[ns] can hold, and some more than a century of margin.
moments = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2100, 1, 1))
schemathesis.openapi.format("date-time-local", moments.map(dt.datetime.isoformat))
schemathesis.openapi.format("date-time", moments.map(lambda moment: f"{moment.isoformat()}Z"))
schemathesis.openapi.format("time-local", st.times().map(dt.time.isoformat))


@schemathesis.serializer("application/x-ndjson")
def as_lines(context, value):
    return b"".join(json.dumps(row).encode() + b"\n" for row in value)


@schemathesis.deserializer("application/x-ndjson")
def from_lines(context, response):
    return [json.loads(line) for line in response.content.splitlines()]


@schemathesis.serializer("text/csv")
def as_csv(context, value):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if isinstance(value[0], dict):
        names = sorted({name for row in value for name in row})
        writer.writerow(names)
        value = [[row.get(name) for name in names] for row in value]
    elif not isinstance(value[0], list):
        writer.writerow(["value"])
        value = [[cell] for cell in value]
    for row in value:
        writer.writerow([format_cell(cell) for cell in row])
    return text.getvalue().encode()


@schemathesis.hook
def filter_case(context, case):
    """Lines cannot hold something else than a list of rows, nor CSV cells of a wrong type."""
    if LONG.search(json.dumps(case.body, default=str)):
        return False
    if case.media_type not in LINES:
        return True
    positive = case.meta.generation.mode is GenerationMode.POSITIVE
    if case.media_type == "text/csv":
        return positive and bool(case.body) and "\\u0000" not in json.dumps(case.body)
    return isinstance(case.body, list)


@schemathesis.hook
def before_call(context, case, kwargs):
    case.headers = {**(case.headers or {}), "Accept": next(ANSWERS)}
