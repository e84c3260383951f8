"""Arrays by column, as ``Typed.columns`` shows them, and what the entry receives of them.

A numpy dtype is an array of it, ``object`` an object array, text (``str``, ``string``) an object
array of str and None, any other dtype of pandas its extension array. A column of whole numbers or
truth values with gaps is float64 or object, as in the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..contract import Field, Input
from . import columns, tables
from .columns import TEXT


def maker(field: Field) -> Callable[[Sequence[Any]], Any]:
    """What makes a column of wire values that ``json_rows.wire_type`` is sure of."""
    gaps = field.nullable or (not field.required and field.default is None)
    dtype = columns.numpy_dtype(field.dtype) if field.dtype not in ("", "object") else None
    if field.dtype in TEXT or (field.dtype in ("", "object") and not gaps):
        return partial(np.array, dtype=object)
    if field.dtype in ("", "object"):
        return partial(_objects, gap=columns.missing_in(field))
    if dtype is not None and dtype == np.float64 and field.type == "number":
        return partial(np.array, dtype=np.float64)  # null becomes NaN
    if dtype is not None and dtype.kind in "iub" and not gaps:
        return partial(np.array, dtype=dtype)
    return partial(columns.build, field=field)


def _objects(values: Sequence[Any], gap: Any) -> Any:
    return np.array([gap if value is None else value for value in values], dtype=object)


def from_live(live: Any, input_: Input) -> list[Any]:
    """The columns of what an entry receives."""
    if input_.kind == "list":
        return [live]
    if input_.kind == "array":
        return [live]
    if input_.kind == "series":
        return [_neutral(live, input_.fields[0])]
    return [_neutral(live.iloc[:, i], field) for i, field in enumerate(input_.fields)]


def _neutral(column: Any, field: Field) -> Any:
    if field.dtype in TEXT:
        return _plain(column.array)
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def plain_texts(made: Sequence[Any], input_: Input) -> list[Any]:
    """Columns of which those of text may be as a frame holds them."""
    fields = input_.fields if input_.kind != "array" else ()
    texts = [field.dtype in TEXT for field in fields] or [False]
    return [_plain(c) if text else c for c, text in zip(made, texts, strict=True)]


def _plain(text: Any) -> Any:
    plain = isinstance(text, np.ndarray)
    return text if plain else text.to_numpy(dtype=object, na_value=None)


def to_live(made: Sequence[Any], count: int, input_: Input) -> Any:
    """What the entry receives of columns, of which those of text may be as a frame holds them."""
    if input_.kind in ("list", "array"):
        return made[0]
    native = [_native(column, field) for column, field in zip(made, input_.fields, strict=True)]
    if input_.kind == "series":
        return tables.named(native[0], input_.fields[0])
    return tables.assemble(native, [tables.label(field) for field in input_.fields], count)


def _native(column: Any, field: Field) -> Any:
    text = field.dtype in TEXT and isinstance(column, np.ndarray)
    return columns.build(column, field) if text else column


def concatenate(parts: Sequence[Any]) -> Any:
    """Columns of equal dtypes as one."""
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    import pandas as pd

    return pd.concat([pd.Series(part) for part in parts], ignore_index=True).array
