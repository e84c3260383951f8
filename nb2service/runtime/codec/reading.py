"""Request bodies: bytes of any accepted content type to wire rows or columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from ..contract import Input
from ..problems import BrokenRow, Problem
from . import parsing
from .tabular import (
    Columns,
    Rows,
    as_rows,
    decode_text,
    has_pyarrow,
    read_arrow,
    read_csv,
    read_npy,
    read_parquet,
)


def read(body: bytes, content_type: str, input_: Input) -> Rows | Columns:
    """The rows of a request.

    Args:
        body: as received.
        content_type: the header's value; "" is read as JSON.
        input_: what the entry takes; frames may come by column, all others come by row.

    Raises:
        Problem: 400 for bytes that are not what the content type says, 415 for a content type
            that is not accepted here.
    """
    media_type, parameters = parse_media_type(content_type)
    reader = _READERS.get(media_type or "application/json")
    if reader is None:
        raise Problem(
            415, f"{media_type!r} is not accepted; send one of: {', '.join(media_types(input_))}"
        )
    made = reader(body, parameters, input_)
    if isinstance(made, Columns) and input_.kind != "frame":
        return as_rows(made, input_)
    return made


def media_types(input_: Input, arrow: bool | None = None) -> list[str]:
    """The content types that an entry with this input accepts, the preferred one first.

    Args:
        arrow: whether Arrow and Parquet count; by default, whether pyarrow is installed here.
    """
    names = ["application/json", "application/x-ndjson"]
    if len(input_.shape) <= 1:
        names.append("text/csv")
        if has_pyarrow() if arrow is None else arrow:
            names += [ARROW, PARQUET]
    if input_.kind == "array":
        names.append(NPY)
    if input_.takes_files:
        names.append(MULTIPART)
    return names


def parse_media_type(header: str) -> tuple[str, dict[str, str]]:
    """``text/csv; charset=UTF-8`` as ``("text/csv", {"charset": "utf-8"})``."""
    media_type, *rest = header.split(";")
    pairs = (part.partition("=") for part in rest)
    found = {name.strip().lower(): value.strip().strip('"') for name, _, value in pairs}
    parameters = {name: v if name == "boundary" else v.lower() for name, v in found.items()}
    return media_type.strip().lower(), parameters


# --- JSON ---------------------------------------------------------------------------------------


def _read_json(body: bytes, parameters: dict[str, str], input_: Input) -> Rows | Columns:
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8") or body[:1] == b"\xef":
        body = decode_text(body, parameters).encode()
    if not body.strip():
        raise Problem(400, 'the body is empty; send {"instances": [...]}')
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise Problem(400, f"the body is not JSON: {error}") from None
    return _unwrap(document, input_)


def _unwrap(document: Any, input_: Input) -> Rows | Columns:
    """Rows from the forms in which clients wrap them."""
    if isinstance(document, dict):
        for name in ("instances", "dataframe_records"):
            if name in document and _is_envelope(name, input_):
                return Rows(_list(document[name], name))
        if "dataframe_split" in document and _is_envelope("dataframe_split", input_):
            return _split(document["dataframe_split"])
        if "inputs" in document and _is_envelope("inputs", input_):
            inputs = document["inputs"]
            return _by_column(inputs) if isinstance(inputs, dict) else Rows(_list(inputs, "inputs"))
        if input_.kind not in ("frame", "arguments", "list"):
            raise Problem(400, 'expected {"instances": [...]}, got another object')
        return Rows([document])
    if isinstance(document, list) and (not document or _depth(document) > len(input_.shape)):
        return Rows(document)
    return Rows([document])


def _is_envelope(name: str, input_: Input) -> bool:
    """Not so where a column or an argument itself is called ``inputs``."""
    return all(field.name != name for field in input_.fields)


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise Problem(400, f"{name!r} must be a list of rows, not {parsing.describe(value)}")
    return value


def _depth(value: Any) -> int:
    depth = 0
    while isinstance(value, list):
        depth, value = depth + 1, value[0] if value else None
    return depth


def _split(table: Any) -> Columns:
    try:
        names, data = table["columns"], table["data"]
        if any(len(row) != len(names) for row in data):
            raise ValueError
        return Columns({str(n): [row[i] for row in data] for i, n in enumerate(names)}, len(data))
    except (TypeError, KeyError, ValueError):
        raise Problem(
            400, "'dataframe_split' must hold 'columns' and 'data' with one value a column"
        ) from None


def _by_column(table: dict[str, Any]) -> Columns:
    lists = {name: _list(column, name) for name, column in table.items()}
    lengths = {len(column) for column in lists.values()}
    if len(lengths) > 1:
        raise Problem(400, "the columns in 'inputs' differ in length")
    return Columns(lists, lengths.pop() if lengths else 0)


def _read_json_lines(body: bytes, parameters: dict[str, str], input_: Input) -> Rows:
    rows = []
    for number, line in enumerate(decode_text(body, parameters).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(msgspec.json.decode(line))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise BrokenRow("line", number, f"is not JSON: {error}") from None
    return Rows(rows)


def _read_multipart(body: bytes, parameters: dict[str, str], input_: Input) -> Columns:
    if not input_.takes_files:
        raise Problem(415, "this entry takes no files; send JSON or CSV")
    from .multipart import read_multipart

    made: Columns = read_multipart(body, parameters, input_)
    return made


JSON_LINES = (
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonlines",
    "application/jsonl",
)
ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"
NPY = "application/x-npy"
MULTIPART = "multipart/form-data"

_READERS: dict[str, Callable[[bytes, dict[str, str], Input], Rows | Columns]] = {
    "application/json": _read_json,
    "text/csv": read_csv,
    "application/csv": read_csv,
    **dict.fromkeys(JSON_LINES, _read_json_lines),
    ARROW: read_arrow,
    PARQUET: read_parquet,
    "application/x-parquet": read_parquet,
    NPY: read_npy,
    MULTIPART: _read_multipart,
}
