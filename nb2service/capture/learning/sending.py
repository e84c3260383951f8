"""An example as callers send it: live input to wire rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...runtime.codec import tables, values
from ...runtime.codec.uploads import Uploaded, UploadedPath
from ...runtime.contract import Field, Input


def to_rows(value: Any, input_: Input) -> list[Any]:
    """Wire rows, which ``wire.from_rows`` makes into the value again.

    Objects for frames and arguments, lists or single values else.

    Args:
        value: a DataFrame, array, Series or list, as ``input_.kind`` says; for ``arguments`` a
            list of keyword dictionaries, one a call.

    Raises:
        MissingForm: a value or dtype that JSON cannot hold.
    """
    if input_.kind == "frame":
        return _frame_rows(value, input_.fields)
    if input_.kind == "arguments":
        return [{name: _sent(item) for name, item in call.items()} for call in value]
    if input_.kind == "list":
        return [_sent(item) for item in value]
    from ...runtime.codec import arrays

    if input_.kind == "series":
        return arrays.encode_column(value)
    rows: list[Any] = arrays.encode_array(_dense(value))
    return rows


def _sent(value: Any) -> Any:
    """An argument as callers send it: of the path of a file what the file holds."""
    if isinstance(value, (Uploaded, UploadedPath)):
        return values.encode(value.content())
    if isinstance(value, list) and any(isinstance(v, (Uploaded, UploadedPath)) for v in value):
        return [_sent(item) for item in value]
    return values.encode(value)


def _frame_rows(frame: Any, fields: Sequence[Field]) -> list[Any]:
    from ...runtime.codec import arrays

    if not fields:
        return [{} for _ in range(len(frame))]
    encoded = [arrays.encode_column(frame[tables.label(field)]) for field in fields]
    names = [field.name for field in fields]
    return [dict(zip(names, row, strict=True)) for row in zip(*encoded, strict=True)]


def _dense(value: Any) -> Any:
    import numpy as np

    return np.asarray(value.toarray() if hasattr(value, "toarray") else value)
