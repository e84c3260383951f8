"""Arrow, Parquet and npy straight to columns, where no value needs to be looked at alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..contract import Field, Input
from .casting import cast, cast_moments, is_numeric, stack
from .columns import TEXT, text_from_arrow
from .csv_columns import Decode
from .tabular import Unsure, arrow_values, binary_table, npy_array, positions


def read_arrow(body: bytes, input_: Input, decode: Decode) -> list[Any]:
    """The columns of an Arrow IPC stream or file.

    Raises:
        Unsure: the complete rules must read it.
        Problem: 400, it is none.
    """
    return _columns(binary_table(body), input_, decode)


def read_parquet(body: bytes, input_: Input, decode: Decode) -> list[Any]:
    """The columns of a Parquet file; raises as ``read_arrow``."""
    return _columns(binary_table(body, parquet=True), input_, decode)


def _columns(table: Any, input_: Input, decode: Decode) -> list[Any]:
    order = positions(table.column_names, input_)
    if not table.num_rows:
        raise Unsure
    fields = input_.fields if input_.kind == "frame" else input_.fields * len(order)
    made = [_column(table.column(at), f, decode) for at, f in zip(order, fields, strict=True)]
    return stack(made, input_)


def _column(column: Any, field: Field, decode: Decode) -> Any:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind, gaps, types = column.type, column.null_count, pa.types
    if gaps and not field.nullable:
        raise Unsure
    if types.is_floating(kind) or (not gaps and (types.is_integer(kind) or types.is_boolean(kind))):
        if is_numeric(field):
            return cast(column.to_numpy(), field)
    elif types.is_timestamp(kind) or types.is_duration(kind):
        zoned = types.is_timestamp(kind) and kind.tz is not None
        try:
            moments = column.to_numpy()
        except pa.ArrowInvalid as error:  # older versions make nanoseconds of them
            raise Unsure from error
        return cast_moments(moments, zoned, gaps, field)
    elif str(kind) in ("string", "large_string") and field.dtype in TEXT and field.type == "string":
        return text_from_arrow(column, field.dtype)
    return decode(arrow_values(column), field)


def read_npy(body: bytes, input_: Input, decode: Decode) -> list[Any]:
    """The array of an npy file.

    Raises:
        Unsure: the complete rules must read it.
        Problem: it is none, or the entry takes no array.
    """
    array = npy_array(body, input_)
    array = array[np.newaxis] if array.ndim == len(input_.shape) else array
    if array.shape[1:] != input_.shape:
        raise Unsure
    return [cast(array, input_.fields[0])]
