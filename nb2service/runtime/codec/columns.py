"""Columns of wire values to arrays of the contract's dtypes, and the dtypes' single values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from ..contract import Field
from ..problems import MissingForm, Report
from . import parsing, values
from .arrays import unit_of
from .tabular import Unsure

# JSON types of which a column may be made without looking at each value.
_PLAIN: dict[str, set[type]] = {
    "integer": {int},
    "number": {int, float},
    "boolean": {bool},
    "string": {str},
}

TEXT = ("str", "string")

# Of fewer moments each is parsed alone: that is quicker.
_MANY = 16

# position in a column → (row, field path), for messages
Locate = Callable[[int], tuple[int, str]]


def decode_column(
    wire: Sequence[Any],
    field: Field,
    report: Report,
    locate: Locate,
    decode: Callable[[Any, Field, int, str], Any],
) -> Any:
    """A column of wire values as an array of ``field.dtype``.

    Args:
        wire: one wire value a row.
        field: type, dtype and nullability of the column.
        report: takes the violations; the result is None where there is any in this column.
        locate: names row and field of a position in the messages.
        decode: reads one value of an object column (``decoding.Decoder.decode``).
    """
    before = report.count
    if field.dtype in ("", "object"):
        return _objects(wire, field, locate, decode) if wire else np.empty(0, object)
    if field.type == "datetime" and field.dtype != "category" and len(wire) >= _MANY:
        from .moments import parse

        with suppress(Unsure):
            return parse(wire, field)
    parsed = _parse_column(wire, field, report, locate)
    if report.count > before:
        return None
    try:
        return build(parsed, field)
    except OutOfRangeError as error:
        report.add(*locate(error.position), error.message)
        return None


class OutOfRangeError(Exception):
    """A value that its dtype cannot hold, at a position of the column."""

    def __init__(self, position: int, message: str) -> None:
        super().__init__(position, message)
        self.position = position
        self.message = message


def _parse_column(wire: Sequence[Any], field: Field, report: Report, locate: Locate) -> Any:
    """The column with null as None; moments and durations in nanoseconds."""
    kinds = set(map(type, wire))
    if type(None) in kinds and not field.nullable:
        for position, value in enumerate(wire):
            if value is None:
                report.add(*locate(position), "must not be null")
    if kinds - {type(None)} <= _PLAIN.get(field.type, set()):
        return wire
    rule = _column_rule(field)
    parsed = []
    for position, value in enumerate(wire):
        try:
            parsed.append(None if value is None else rule(value))
        except ValueError as error:
            report.add(*locate(position), str(error))
            parsed.append(None)
    return parsed


def _column_rule(field: Field) -> Callable[[Any], Any]:
    if field.type == "datetime" and field.dtype != "category":
        zoned = "," in field.dtype or "tz=" in field.dtype

        def moment(value: Any) -> int:
            nano, offset = parsing.parse_datetime(value)
            if zoned and offset is None:
                raise ValueError(f'must carry a zone, such as "Z": {parsing.describe(value)}')
            if not zoned and offset is not None:
                raise ValueError(f"must not carry a zone: {parsing.describe(value)}")
            return nano - (offset or 0) * values.NANO

        return moment
    if field.type == "duration" and field.dtype != "category":
        return parsing.parse_duration
    if field.dtype == "category":
        return lambda value: value
    return lambda value: parsing.parse(value, field.type)


def build(parsed: Sequence[Any], field: Field) -> Any:
    """A column of ``field.dtype`` (not ``object``) of values that are of the field's type.

    Args:
        parsed: plain values, moments and durations in nanoseconds, missing ones as None.
    """
    if field.dtype == "category":
        from .categories import categorical

        return categorical(parsed, field)
    dtype = numpy_dtype(field.dtype)
    if dtype is None:
        return _extension(parsed, field)
    if dtype.kind in "Mm":
        return _moments(parsed, dtype)
    if dtype.kind in "iu":
        return _integers(parsed, dtype)
    if dtype.kind == "f":
        return _floats(parsed, dtype)
    if dtype.kind == "b":
        if None in parsed:  # as pandas itself holds truth values with gaps
            return object_array([missing_in(field) if v is None else v for v in parsed])
        return np.array(parsed, dtype=bool)
    if dtype.kind in "US":
        # The notebook's width is a width at least: a longer text must not be cut.
        made = np.array(parsed, dtype=dtype.kind) if len(parsed) else np.empty(0, dtype)
        return made if made.dtype.itemsize > dtype.itemsize else made.astype(dtype)
    raise MissingForm(f"the dtype {field.dtype} has no form in JSON")


@lru_cache(maxsize=1024)
def pandas_dtype(name: str) -> Any:
    """The dtype of pandas of that name; ``string[arrow]`` is Arrow's own."""
    import pandas as pd

    if name == "string[arrow]":  # which pandas calls as another of its dtypes
        import pyarrow as pa

        return pd.ArrowDtype(pa.string())
    return pd.api.types.pandas_dtype(name)


def text_from_arrow(texts: Any, name: str) -> Any:
    """An Arrow column of text with the dtype of pandas of that name.

    As objects where pandas has none: ``str`` is one from pandas 3 on.
    """
    dtype = pandas_dtype(name)
    if hasattr(dtype, "__from_arrow__"):
        return dtype.__from_arrow__(texts)
    return np.array(texts.to_pylist(), dtype=object)


@lru_cache(maxsize=1024)
def numpy_dtype(name: str) -> Any:
    """The numpy dtype of that name; None for one of pandas (``str`` is pandas' own)."""
    if name in ("str", "string"):
        return None
    try:
        return np.dtype(name)
    except (TypeError, ValueError):
        return None


def _integers(parsed: Sequence[Any], dtype: Any) -> Any:
    limits = np.iinfo(dtype)
    try:
        made = np.array(parsed, dtype=np.int64)
    except (TypeError, OverflowError):  # a gap, or a very large number
        if None in parsed:
            # As pandas itself reads whole numbers with gaps.
            return _floats(parsed, np.dtype(np.float64))
        _check_range(parsed, limits.min, limits.max, dtype)
        return np.array(parsed, dtype=dtype)
    if len(made) and not limits.min <= made.min() <= made.max() <= limits.max:
        _check_range(parsed, limits.min, limits.max, dtype)
    return made.astype(dtype, copy=False)


def _floats(parsed: Sequence[Any], dtype: Any) -> Any:
    try:
        exact = np.array(parsed, dtype=np.float64)  # null becomes NaN
    except OverflowError:
        largest = np.finfo(np.float64).max
        _check_range(parsed, -int(largest), int(largest), dtype)
        raise
    with np.errstate(over="ignore"):
        made = exact.astype(dtype)
    lost = np.isinf(made) & ~np.isinf(exact)
    if lost.any():
        raise OutOfRangeError(int(lost.argmax()), f"is too large for {dtype}")
    return made


def _check_range(parsed: Sequence[Any], low: int, high: int, dtype: Any) -> None:
    for position, value in enumerate(parsed):
        if value is not None and not low <= value <= high:
            raise OutOfRangeError(position, f"must be between {low} and {high} ({dtype})")


def _moments(parsed: Sequence[Any], dtype: Any) -> Any:
    factor = unit_of(dtype)
    counts: Any = np.empty(len(parsed), dtype=np.int64)
    for position, nano in enumerate(parsed):
        if nano is None:
            counts[position] = np.iinfo(np.int64).min
            continue
        count, rest = divmod(nano, factor)
        if rest:
            raise OutOfRangeError(position, f"is finer than {dtype} holds")
        if not -(2**63) < count < 2**63:
            raise OutOfRangeError(position, f"is out of the range of {dtype}")
        counts[position] = count
    return counts.view(np.dtype(dtype))


def _extension(parsed: Sequence[Any], field: Field) -> Any:
    import pandas as pd

    dtype = pandas_dtype(field.dtype)
    if isinstance(dtype, pd.DatetimeTZDtype):
        utc = _moments(parsed, np.dtype(f"datetime64[{dtype.unit}]"))
        return pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(dtype.tz).array
    kind = getattr(dtype, "kind", "O")
    if kind in "iu" and hasattr(dtype, "numpy_dtype"):
        limits = np.iinfo(dtype.numpy_dtype)
        _check_range(parsed, limits.min, limits.max, dtype)
    if field.type == "datetime":
        parsed = [None if v is None else pd.Timestamp(v) for v in parsed]
        if getattr(dtype, "pyarrow_dtype", None) is not None and dtype.pyarrow_dtype.tz:
            parsed = [v and v.tz_localize("UTC") for v in parsed]
    elif field.type == "duration":
        parsed = [None if v is None else pd.Timedelta(v) for v in parsed]
    return pd.array(list(parsed), dtype=dtype)


def _objects(
    wire: Sequence[Any],
    field: Field,
    locate: Locate,
    decode: Callable[[Any, Field, int, str], Any],
) -> Any:
    gap = missing_in(field)
    kinds = set(map(type, wire))
    made: Any = np.empty(len(wire), dtype=object)
    if not field.python and kinds <= _PLAIN.get(field.type, set()):
        made[:] = wire
        return made
    for position, value in enumerate(wire):
        if value is None and field.nullable:
            made[position] = gap
        else:
            made[position] = decode(value, field, *locate(position))
    return made


def missing_in(field: Field) -> Any:
    """What null becomes in an object column."""
    return values.missing_value(field.missing or "nan")


def object_array(items: list[Any]) -> Any:
    """A one-dimensional object array, also of lists of equal length."""
    made: Any = np.empty(len(items), dtype=object)
    for position, item in enumerate(items):
        made[position] = item
    return made


def timestamp(value: Any) -> Any:
    """A wire datetime as ``pandas.Timestamp``, nanoseconds and offset kept."""
    import pandas as pd

    nano, offset = parsing.parse_datetime(value)
    if offset is None:
        return pd.Timestamp(nano)
    zone = dt.timezone.utc if offset == 0 else dt.timezone(dt.timedelta(seconds=offset))
    return pd.Timestamp(nano - offset * values.NANO, tz="UTC").tz_convert(zone)


def timedelta(value: Any) -> Any:
    """A wire duration as ``pandas.Timedelta``."""
    import pandas as pd

    return pd.Timedelta(parsing.parse_duration(value), unit="ns")
