"""Live arrays, columns and frames to wire values: what goes out follows the live dtype."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from ..problems import MissingForm
from . import values

# Nanoseconds in each unit of numpy's datetime64 and timedelta64.
_UNITS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86_400 * 10**9,
}


def encode_any(value: Any) -> Any:
    """Wire form of a numpy scalar, an array, a Series, an Index or a DataFrame.

    A Series whose labels are all text (one row of a frame) or dates is an object, any other a list.
    """
    if hasattr(value, "columns") and hasattr(value, "iloc"):
        return encode_frame(value)
    if hasattr(value, "iloc") and (names := label_texts(value.index)) is not None:
        return dict(zip(names, encode_column(value), strict=True))
    if getattr(value, "ndim", None) == 0:
        return encode_array(np.asarray(value))
    if hasattr(getattr(value, "dtype", None), "na_value"):  # an extension dtype of pandas
        return encode_column(value)
    return encode_array(np.asarray(value))


def label_texts(index: Any) -> list[str] | None:
    """The labels of a Series that is an object by label; None where it is a list."""
    if not len(index) or not index.is_unique:
        return None
    if type(index).__name__ == "PeriodIndex":
        return [str(period) for period in index]
    if getattr(index.dtype, "kind", "") == "M":
        texts = encode_column(index)
        return None if None in texts else texts
    return list(index) if all(isinstance(name, str) for name in index) else None


def encode_frame(frame: Any) -> list[dict[str, Any]]:
    """A DataFrame as one object a row, by column label as text.

    Raises:
        MissingForm: two columns with one name, or a dtype that JSON cannot hold.
    """
    names = list(map(values.key_text, frame.columns))
    if len(set(names)) < len(names):
        raise MissingForm("a frame with two columns of one name has no form in JSON")
    columns = [encode_column(frame.iloc[:, i]) for i in range(len(names))]
    if not columns:
        return [{} for _ in range(len(frame))]
    return [dict(zip(names, row)) for row in zip(*columns, strict=True)]  # noqa: B905 - of one width


def encode_array(array: Any) -> Any:
    """A numpy array of any rank as nested lists; rank 0 as a single value."""
    if array.dtype.kind in "iubU":
        return array.tolist()
    if array.dtype.kind == "f" and array.dtype.itemsize <= 8:
        return _encode_floats(array.astype(np.float64))
    flat = _encode_numpy(array.reshape(-1))
    return _nest(flat, array.shape) if array.ndim != 1 else flat


def _encode_floats(array: Any) -> Any:
    if np.isfinite(array).all():
        return array.tolist()
    boxed = array.astype(object)
    boxed[np.isnan(array)] = None
    boxed[array == np.inf] = values.encode(math.inf)
    boxed[array == -np.inf] = values.encode(-math.inf)
    return boxed.tolist()


def encode_column(column: Any) -> list[Any]:
    """A one-dimensional array, Series or Index as a list of wire values.

    Raises:
        MissingForm: a dtype that JSON cannot hold exactly (complex, long double, period, …).
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        encoded: list[Any] = encode_array(np.asarray(column))
        return encoded
    if dtype.name == "category":
        codes = np.asarray(getattr(column, "cat", column).codes)
        table = [*encode_column(dtype.categories), None]
        return [table[code] for code in codes.tolist()]
    if any(word in str(dtype).lower() for word in ("period", "interval", "complex")):
        raise MissingForm(f"the dtype {dtype} has no form in JSON")
    if dtype.name in ("str", "string"):
        texts: list[Any] = getattr(column, "array", column).to_numpy(object, na_value=None).tolist()
        return texts
    return _encode_objects(list(column.astype(object)))


def _encode_objects(items: list[Any]) -> list[Any]:
    return items if values.PLAIN.issuperset(map(type, items)) else [*map(values.encode, items)]


def _encode_numpy(array: Any) -> list[Any]:
    kind = array.dtype.kind
    if kind == "M":
        seconds = array.astype("M8[s]")
        if ((seconds == array) | np.isnat(array)).all() and unit_of(array.dtype) < values.NANO:
            array = seconds  # no fraction, so none to trim
        texts = np.datetime_as_string(array).tolist()
        return [None if text == "NaT" else values.trim_fraction(text) for text in texts]
    if kind == "m":
        factor = unit_of(array.dtype)
        mask = np.isnat(array).tolist()
        counts = array.astype(np.int64).tolist()
        return [
            None if gone else values.format_duration(count * factor)
            for gone, count in zip(mask, counts, strict=True)
        ]
    if kind == "S":
        return [base64.b64encode(item).decode() for item in array.tolist()]
    if kind == "O":
        return _encode_objects(array.tolist())
    raise MissingForm(f"the dtype {array.dtype} has no form in JSON")


def _nest(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    for size in reversed(shape[1:]):
        count = math.prod(shape) // size if size else 0
        flat = [
            flat[i * size : (i + 1) * size] for i in range(min(count, len(flat) // (size or 1)))
        ]
    return flat


def unit_of(dtype: Any) -> int:
    """Nanoseconds in one count of a datetime64 or timedelta64 dtype."""
    unit, count = np.datetime_data(dtype)
    if unit not in _UNITS:
        raise MissingForm(f"the dtype {dtype} has no form in JSON")
    return _UNITS[unit] * int(count)
