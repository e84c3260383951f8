"""Arrays of other dtypes than the contract's: made into those, where no value changes by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contract import Field, Input
from .columns import numpy_dtype, pandas_dtype
from .tabular import Unsure

_KINDS = {"integer": "iu", "number": "f", "boolean": "b"}
# Seconds of the years 1 to 9999, which dates on the wire can have.
_FIRST, _LAST = -62_135_596_800, 253_402_300_799


def is_numeric(field: Field) -> bool:
    """Whether the field has numbers or truth values, of a numpy dtype that fits them."""
    dtype = numpy_dtype(field.dtype)
    fitting = field.dtype and dtype is not None and dtype.kind in _KINDS.get(field.type, "")
    return bool(fitting and dtype.itemsize <= 8)


def cast(array: Any, field: Field) -> Any:
    """A numeric array of any shape as a new one of ``field.dtype``.

    Raises:
        Unsure: a value would change, is missing, or is of another type than the field.
    """
    if not is_numeric(field):
        raise Unsure
    dtype = np.dtype(field.dtype)
    if array.dtype.kind == dtype.kind == "b":
        return np.array(array, order="C")
    if array.dtype.kind not in "iuf" or array.dtype.itemsize > 8 or dtype.kind == "b":
        raise Unsure
    if dtype.kind == "f":
        return _floats(array, dtype, field.nullable)
    if array.dtype.kind == "f":
        exact = array.astype(np.float64)
        if not ((np.abs(exact) <= 2**53) & (np.trunc(exact) == exact)).all():
            raise Unsure
        array = exact.astype(np.int64)
    limits = np.iinfo(dtype)
    if array.size and not limits.min <= int(array.min()) <= int(array.max()) <= limits.max:
        raise Unsure
    return np.array(array, dtype=dtype, order="C")


def _floats(array: Any, dtype: Any, nullable: bool) -> Any:
    exact = np.array(array, dtype=np.float64, order="C")
    if not nullable and np.isnan(exact).any():
        raise Unsure
    if dtype == np.float64:
        return exact
    with np.errstate(over="ignore"):
        made = exact.astype(dtype)
    if (np.isinf(made) & ~np.isinf(exact)).any():
        raise Unsure
    return made


def cast_moments(array: Any, zoned: bool, gaps: int, field: Field) -> Any:
    """datetime64 (UTC if ``zoned``) or timedelta64 as ``field.dtype``.

    Raises:
        Unsure: it is of another type, or a moment is finer or farther than that dtype holds.
    """
    dtype, zone = numpy_dtype(field.dtype), None
    if dtype is None and zoned:
        made = pandas_dtype(field.dtype)
        zone = getattr(made, "tz", None)
        dtype = None if zone is None else np.dtype(f"datetime64[{made.unit}]")
    if dtype is None or dtype.kind != array.dtype.kind or zoned != (zone is not None):
        raise Unsure
    seconds = array.astype(f"{array.dtype.kind}8[s]").view(np.int64)[~np.isnat(array)]
    cast = array.astype(dtype)
    exact = (cast.astype(array.dtype) == array).sum() == len(seconds) == len(array) - gaps
    if not exact or not ((seconds >= _FIRST) & (seconds <= _LAST)).all():
        raise Unsure
    if zone is None:
        return cast
    import pandas as pd

    return pd.DatetimeIndex(cast).tz_localize("UTC").tz_convert(zone).array


def stack(columns: Sequence[Any], input_: Input) -> list[Any]:
    """The columns of a frame; those of an array as the one that they are."""
    if input_.kind != "array" or not input_.shape:
        return list(columns)
    if not is_numeric(input_.fields[0]):
        raise Unsure
    return [np.column_stack(columns)]
