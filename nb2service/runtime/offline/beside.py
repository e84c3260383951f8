"""Predictions beside the columns of the input, for ``--with-input``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from ..answers import Answer
from ..codec import reading, writing
from ..codec.tabular import Columns, positional_names
from ..contract import Field, Input, Output
from ..endpoint import Endpoint
from ..problems import Problem
from .pieces import Piece


def answer_beside(endpoint: Endpoint, piece: Piece, media_type: str) -> Answer:
    """The answer to a piece, each row's columns before its prediction.

    Columns that the entry does not take are kept too, and it does not see them.

    Raises:
        Problem, NotebookCodeError: as of ``Endpoint.answer``.
    """
    entry = endpoint.entry
    rows = _rows(piece, entry.input)
    names = {field.name for field in entry.input.fields}
    objects = entry.input.kind in ("frame", "arguments")
    asked = [_only(row, names) for row in rows] if objects else rows
    answer = endpoint.answer(writing.json_bytes(asked), writing.JSON, writing.JSON)
    predictions = msgspec.json.decode(answer.body)["predictions"]
    given = rows if objects else _named(rows, entry.input)
    columns = writing.by_column(predictions, entry.output)
    if twice := columns.keys() & {name for row in given for name in row}:
        raise Problem(422, f"input and predictions both have a column {min(twice)!r}")
    answers = zip(*columns.values(), strict=True)
    both = [
        {**row, **dict(zip(columns, values, strict=True))}
        for row, values in zip(given, answers, strict=True)
    ]
    fields = {field.name: field for field in entry.output.fields}
    own = [replace(fields.get(name, entry.output.fields[0]), name=name) for name in columns]
    taken = {field.name: field for field in entry.input.fields}
    every = [taken.get(name, Field(name, "any")) for name in (given[0] if given else taken)]
    body = writing.write(both, Output("frame", (*every, *own)), media_type)
    return replace(answer, body=body, content_type=media_type)


def _rows(piece: Piece, input_: Input) -> list[Any]:
    table = reading.read(piece.body, piece.content_type, input_)
    if not isinstance(table, Columns):
        return table.rows
    names = list(table.columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*table.columns.values(), strict=True)]


def _only(row: Any, names: set[str]) -> Any:
    return {k: v for k, v in row.items() if k in names} if isinstance(row, dict) else row


def _named(rows: list[Any], input_: Input) -> list[dict[str, Any]]:
    """Rows of arrays by what their positions are called; all others under the one name."""
    if len(input_.shape) == 1:
        names = positional_names(input_, input_.shape[0])
        return [dict(zip(names, row, strict=True)) for row in rows]
    return [{input_.fields[0].name or "value": row} for row in rows]
