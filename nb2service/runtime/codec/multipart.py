"""Uploads: a part of ``multipart/form-data`` is an argument or a column, a file is its bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.formparser import MultiPartParser

from ..contract import Input
from ..problems import Problem
from .csv_cells import parse_cell
from .tabular import Columns

_MOST_PARTS = 10_000


def read_multipart(body: bytes, parameters: dict[str, str], input_: Input) -> Columns:
    """The parts by name; several of one name are rows, and a single one counts for all of them."""
    parts: dict[str, list[Any]] = {}
    for name, value in _parts(body, parameters.get("boundary", "")):
        name = name or ""
        field = next((f for f in input_.fields if f.name == name), None)
        if field is None and input_.kind in ("list", "series"):
            field = input_.fields[0]
        if isinstance(value, str) and field is not None:
            value = parse_cell(value, field.type, field.nullable)
        parts.setdefault(name, []).append(value)
    parts |= {f.name: [parts[f.name]] for f in input_.fields if f.name in parts and f.holds_files}
    count = max(map(len, parts.values()), default=0)
    if not count:
        raise Problem(400, "the body has no parts; send one for each argument: -F image=@cat.png")
    for name, values in parts.items():
        if len(values) not in (1, count):
            raise Problem(400, f"{len(values)} parts called {name!r}, of others {count}")
    whole = {name: v if len(v) == count else v * count for name, v in parts.items()}
    return Columns(whole, count)


def _parts(body: bytes, boundary: str) -> Iterator[tuple[str, str | bytes]]:
    mark = boundary.encode("latin-1", "replace")
    if not mark:
        raise Problem(400, "the content type has no boundary, which curl -F and forms give it")
    if body.count(b"--" + mark) > _MOST_PARTS + 1:
        raise Problem(413, f"more than {_MOST_PARTS} parts in one request")
    parser = MultiPartParser(stream_factory=lambda *_, **__: io.BytesIO())
    try:
        form, files = parser.parse(io.BytesIO(body), mark, len(body))
    except (ValueError, HTTPException) as error:
        raise Problem(400, f"the body is not multipart/form-data: {error}") from None
    yield from form.items(multi=True)
    for name, file in files.items(multi=True):
        if file.filename:  # a form where no file was chosen sends one without a name
            yield name, file.stream.read()
