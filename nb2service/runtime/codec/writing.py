"""Predictions to the bytes that the client asked for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import Any

import msgspec
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from ..contract import Field, Output
from ..problems import Problem, Report
from .csv_cells import csv_text, format_cell
from .parsing import parse
from .reading import ARROW
from .tabular import has_pyarrow

JSON = "application/json"
JSON_LINES = "application/x-ndjson"
CSV = "text/csv"
BYTES = "application/octet-stream"
# How files of some media types begin.
_BEGINNINGS = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/gif": b"GIF8",
    "application/pdf": b"%PDF-",
}

NoneType = type(None)
_encoder = msgspec.json.Encoder()


@lru_cache(maxsize=256)
def negotiate(accept: str, raw: bool = False) -> str:
    """The content type of the answer for an ``Accept`` header; JSON if it leaves the choice.

    Args:
        accept: the header's value.
        raw: whether the answer may be a file itself.

    Raises:
        Problem: 406, none of the offered types is acceptable.
    """
    offered = answer_types() + ([BYTES, *_BEGINNINGS] if raw else [])
    if not accept.strip():
        return JSON
    best: str | None = parse_accept_header(accept, MIMEAccept).best_match(offered)
    if best is None:
        raise Problem(406, f"{accept!r} is not offered; accept one of: {', '.join(offered)}")
    return best


def answer_types(arrow: bool | None = None) -> list[str]:
    """The content types in which predictions can be had, the preferred one first.

    Args:
        arrow: whether Arrow counts; by default, whether pyarrow is installed here.
    """
    arrow = has_pyarrow() if arrow is None else arrow
    return [JSON, CSV, JSON_LINES] + ([ARROW] if arrow else [])


def write(predictions: list[Any], output: Output, media_type: str) -> bytes:
    """Wire predictions as a body of ``media_type`` (one that ``negotiate`` gave)."""
    return WRITERS[media_type](predictions, output)


def is_raw(output: Output) -> bool:
    """Whether a prediction is a file, which can be had as it is."""
    return len(output.fields) == 1 and output.fields[0].type == "bytes" and not output.shape


def write_raw(predictions: list[Any], media_type: str) -> tuple[bytes, str]:
    """The one prediction, a file, and its content type by how it begins.

    Raises:
        Problem: 406, there are several, or it is of another type than the one asked for.
    """
    if len(predictions) != 1 or not isinstance(predictions[0], str):
        raise Problem(406, f"{len(predictions)} predictions are no single file; accept {JSON}")
    body = base64.b64decode(predictions[0])
    kinds = (kind for kind, begin in _BEGINNINGS.items() if body.startswith(begin))
    kind = next(kinds, BYTES)
    if media_type not in (kind, BYTES):
        raise Problem(406, f"the prediction is {kind}, not {media_type}")
    return body, kind


def json_bytes(value: Any) -> bytes:
    """Wire values as JSON."""
    return _encoder.encode(value)


def _write_json(predictions: list[Any], output: Output) -> bytes:
    return _encoder.encode({"predictions": predictions})


def _write_json_lines(predictions: list[Any], output: Output) -> bytes:
    return _encoder.encode_lines(predictions)


def _write_csv(predictions: list[Any], output: Output) -> bytes:
    columns = by_column(predictions, output)
    cells = [_cells(column) for column in columns.values()]
    table = "\n".join(map(",".join, zip(*cells, strict=True)))
    if _needs_no_quotes(table, cells):
        return (csv_text([columns]) + table + "\n").encode()
    return csv_text([columns, *zip(*cells, strict=True)]).encode()


def _needs_no_quotes(table: str, cells: list[list[str]]) -> bool:
    """Whether the table has no comma, quote or line end but those between its cells."""
    rows = len(cells[0]) if cells else 0
    commas, ends = (len(cells) - 1) * rows, rows - 1
    plain = rows and table.count(",") == commas and table.count("\n") == ends
    return bool(plain and '"' not in table and "\r" not in table and (commas or "" not in cells[0]))


def _cells(column: list[Any]) -> list[str]:
    """``format_cell`` of each value."""
    kinds = set(map(type, column))
    if kinds == {str}:
        return column
    if column and kinds <= {int, float, bool, NoneType}:
        return _encoder.encode(column)[1:-1].decode().replace("null", "").split(",")
    return [format_cell(value) for value in column]


def _write_arrow(predictions: list[Any], output: Output) -> bytes:
    import pyarrow as pa

    columns = by_column(predictions, output)
    fields = {field.name: field for field in output.fields}
    only = output.fields[0] if len(output.fields) == 1 else None
    arrays = {
        name: _arrow_array(pa, column, fields.get(name, only)) for name, column in columns.items()
    }
    table = pa.table(arrays)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return sink.getvalue().to_pybytes()  # type: ignore[no-any-return]


def _arrow_array(pa: Any, column: list[Any], field: Field | None) -> Any:
    """The column with the contract's dtype; as JSON has it, where the answers differ from that."""
    kinds = set(map(type, column)) - {NoneType}
    if kinds & {list, dict}:
        return pa.array([None if v is None else json.dumps(v) for v in column])
    if field and field.dtype not in ("", "object"):
        from .columns import decode_column

        report = Report()
        nullable = replace(field, nullable=True)
        made = decode_column(
            column,
            nullable,
            report,
            lambda i: (i, ""),
            lambda value, f, row, path: parse(value, f.type),
        )
        if not report.errors:
            return pa.array(made, from_pandas=True)
    if len(kinds - {int, float}) <= 1:
        try:
            return pa.array(column)
        except (OverflowError, pa.ArrowException):  # an integer of more than 64 bits, say
            pass
    return pa.array([None if v is None else json.dumps(v) for v in column])


def by_column(predictions: list[Any], output: Output) -> dict[str, list[Any]]:
    """Predictions by column: of objects their members, of lists their positions."""
    kinds = set(map(type, predictions))
    if kinds == {dict} or (not predictions and output.kind == "frame"):
        known = [field.name for field in output.fields if field.name]
        keys = dict.fromkeys(chain(known, chain.from_iterable(predictions)))
        return {name: [item.get(name) for item in predictions] for name in keys}
    widths = set(map(len, predictions)) if kinds == {list} else set()
    if not predictions and len(output.shape) == 1:
        widths = set(output.shape)
    if len(widths) != 1 or len(output.shape) > 1:
        return {"prediction": predictions}
    width = widths.pop()
    names = [str(name) for name in output.names]
    names = names if len(names) == width else [f"prediction_{i}" for i in range(width)]
    if not predictions:
        return {name: [] for name in names}
    return dict(zip(names, map(list, zip(*predictions, strict=True)), strict=True))


WRITERS: dict[str, Callable[[list[Any], Output], bytes]] = {
    JSON: _write_json,
    CSV: _write_csv,
    JSON_LINES: _write_json_lines,
    ARROW: _write_arrow,
}
