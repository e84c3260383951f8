"""The field that describes what was observed: a column, an array, or plain Python values."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ...errors import ContractError
from ...runtime.codec.uploads import Uploaded, UploadedPath
from ...runtime.codec.values import encode, is_missing, key_text
from ...runtime.contract import Field
from ...runtime.problems import MissingForm
from ..values import is_content, is_record, kind_of, members, numpy_is, pandas_is, type_name
from .dtypes import (
    REFUSED_DTYPES,
    dtype_name,
    is_label,
    kind_of_dtype,
    label_text,
    named_by_text,
    plain_label,
)

Namer = Callable[[type], str]

# Documentation, not a wall: more than this many known values help nobody.
MANY_CATEGORIES = 100

# bool before int, datetime before date: the first class that holds for every value wins.
_PLAIN: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (bytes, "bytes"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
    (timedelta, "duration"),
    (Decimal, "decimal"),
)
_TEXTS = ((UUID, "uuid"), (PurePath, "pathlib"))
_SEQUENCES = ((list, ""), (tuple, "tuple"), (set, "set"), (frozenset, "frozenset"))
_NUMPY_KINDS = {
    "b": "boolean",
    "i": "integer",
    "u": "integer",
    "f": "number",
    "U": "string",
    "S": "bytes",
    "M": "datetime",
    "m": "duration",
}


def frame_fields(frame: Any, where: str) -> tuple[Field, ...]:
    """One field for each column.

    Args:
        frame: a pandas DataFrame.
        where: what the frame is, for messages: ``entry 'predict': the input``.

    Raises:
        ContractError: columns that have no name of their own, or no form on the wire.
    """
    labels = list(frame.columns)
    names = [label_text(label) for label in labels]
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ContractError(
            f"{where} has more than one column called {', '.join(map(repr, twice))}",
            "rename them, or keep the first: X = X.loc[:, ~X.columns.duplicated()]",
        )
    odd = [label for label in labels if not is_label(label)]
    if odd:
        raise ContractError(
            f"{where} has columns whose names are neither text nor whole numbers: "
            + ", ".join(map(repr, odd[:5])),
            "X.columns = X.columns.astype(str), then fit the model again",
        )
    return tuple(
        replace(
            column_field(name, frame[label], f"{where}, column {name!r}"),
            label=None if isinstance(label, str) else plain_label(label),
        )
        for name, label in zip(names, labels, strict=True)
    )


def column_field(name: str, column: Any, where: str) -> Field:
    """The field of a pandas Series.

    Raises:
        ContractError: the dtype, or a value of an ``object`` column, has no form on the wire.
    """
    import pandas as pd

    dtype = column.dtype
    refused = REFUSED_DTYPES.get(type(dtype).__name__)
    if refused or getattr(dtype, "kind", "") == "c":
        raise ContractError(
            f"{where}: the dtype {dtype} has no form in JSON",
            refused or "split it into real and imaginary part, or take its magnitude",
        )
    if not (text := dtype_name(dtype)):
        zoned = hasattr(dtype, "tz")
        raise ContractError(
            f"{where}: the dtype {dtype} cannot be made again from its name",
            ".dt.tz_convert('Europe/Berlin')" if zoned else ".astype(object)",
        )
    missing = bool(column.isna().any())
    if isinstance(dtype, pd.CategoricalDtype):
        known = dtype.categories
        # Its own dtype again: pandas would guess text among objects to be its own.
        inner = column_field("", known.to_series().astype(known.dtype), where)
        return replace(
            inner,
            name=name,
            dtype="category",
            nullable=missing,
            categories=tuple(encode(value) for value in known.tolist()),
            ordered=bool(dtype.ordered),
            items=Field("", inner.type, inner.dtype),
        )
    if text == "object":
        field = value_field(name, column.tolist(), where)
        return replace(field, dtype="object")
    kind = kind_of_dtype(dtype, where)
    return _ranged(Field(name, kind, text, nullable=missing), column.dropna())


def array_field(name: str, array: Any, where: str) -> Field:
    """The field of one item of a numpy array, whatever its shape.

    Raises:
        ContractError: the dtype has no form on the wire.
    """
    if hasattr(array, "mask"):
        raise ContractError(f"{where} is a masked array", "fill it: .filled(numpy.nan)")
    text = str(array.dtype)
    if text == "object":
        return replace(value_field(name, array.ravel().tolist(), where), dtype="object")
    kind = _NUMPY_KINDS.get(array.dtype.kind)
    if kind is None:
        raise ContractError(
            f"{where}: the dtype {text} has no form in JSON",
            "split it into real and imaginary part, or take its magnitude"
            if array.dtype.kind == "c"
            else "convert it to a frame or to numbers",
        )
    values = array.ravel()
    missing = values != values
    field = Field(name, kind, text, nullable=bool(missing.any()))
    return _ranged(field, values[~missing])


def value_field(name: str, values: Iterable[Any], where: str, names: Namer | None = None) -> Field:
    """The field that describes plain Python values observed in one place.

    Args:
        name: of the field.
        values: what was observed there, missing values included.
        where: the place, for messages.
        names: gives the notebook's name for a class that must be built again from the wire;
            None where values only go out.

    Raises:
        ContractError: a value has no form on the wire.
    """
    seen = list(values)
    present = [value for value in seen if not is_missing(value)]
    if not present:
        marker = missing_marker(seen[0]) if seen else ""
        return Field(name, "any", nullable=True, missing=marker)
    field = _present_field(name, present, where, names)
    absent = next((value for value in seen if is_missing(value)), present)
    if absent is present:
        return field
    return replace(field, nullable=True, missing=missing_marker(absent))


def missing_marker(value: Any) -> str:
    """What ``Field.missing`` calls a missing value: ``none``, ``nan``, ``nat`` or ``na``."""
    if value is None:
        return "none"
    if isinstance(value, float):
        return "nan"
    return {"NAType": "na", "NaTType": "nat"}.get(type(value).__name__, "nan")


def _present_field(name: str, values: list[Any], where: str, names: Namer | None) -> Field:
    first = values[0]
    if isinstance(first, enum.Enum) and all(type(value) is type(first) for value in values):
        inner = value_field(name, [value.value for value in values], where)
        known = tuple(plain(member.value) for member in type(first))
        alone = not isinstance(first, enum.Flag)  # flags can be combined
        return replace(
            inner, categories=known if alone else None, python=names(type(first)) if names else ""
        )
    if all(numpy_is(value, "generic") for value in values):
        return _scalar_field(name, values, where)
    if all(map(is_content, values)):
        return _content_field(name, values)
    for text, python in _TEXTS:
        if all(isinstance(value, text) for value in values):
            return Field(name, "string", python=python)
    truths = sum(isinstance(value, bool) for value in values)
    for kind, word in _PLAIN if truths in (0, len(values)) else ():
        if all(isinstance(value, kind) for value in values) and not any(map(is_record, values)):
            python = type(first).__name__ if pandas_is(first, "Timestamp", "Timedelta") else ""
            zone = zone_of(values) if word == "datetime" else ""
            return _ranged(Field(name, word, python=python, zone=zone), values)
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return _ranged(Field(name, "number"), values)
    if all(isinstance(value, Mapping) or is_record(value) for value in values):
        return _object_field(name, values, where, names)
    if all(kind_of(value) == "array" for value in values):
        return _array_value_field(name, values, where)
    if all(kind_of(value) in ("series", "frame") for value in values):
        return _table_value_field(name, values, where, names)
    for sequence, python in _SEQUENCES:
        if all(isinstance(value, sequence) for value in values):
            members_seen = [item for value in values for item in value]
            items = value_field("", members_seen, f"{where}, item", names)
            return Field(name, "list", items=items, python=python)
    for value in values:
        try:
            encode(value)
        except MissingForm:
            raise ContractError(
                f"{where}: a value of type {type_name(value)} has no form in JSON",
                "turn it into text, numbers, a list, a dict or a dataclass",
            ) from None
    return Field(name, "any")


def zone_of(moments: Sequence[Any]) -> str:
    """The one zone of all moments by name, ``naive`` if none has any; "" if they differ."""
    zones = {"naive" if moment.tzinfo is None else str(moment.tzinfo) for moment in moments}
    zone = zones.pop() if len(zones) == 1 else ""
    if zone in ("", "naive"):
        return zone
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return ""  # an offset, which travels with each moment
    return zone


def _content_field(name: str, values: list[Any]) -> Field:
    """The field of images, of files in memory, or of paths of uploaded files."""
    first = values[0]
    if isinstance(first, (Uploaded, UploadedPath)):
        python = "path" if isinstance(first, str) else "pathlib"
        return Field(name, "bytes", python=python, label=PurePath(first).suffix)
    if hasattr(first, "mode"):
        modes = {value.mode for value in values}
        return Field(name, "bytes", modes.pop() if len(modes) == 1 else "", python="image")
    return Field(name, "bytes", python="file")


def _scalar_field(name: str, values: list[Any], where: str) -> Field:
    kinds = {_NUMPY_KINDS.get(value.dtype.kind, "") for value in values}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    if len(kinds) > 1 or "" in kinds:
        raise ContractError(
            f"{where}: a value of type {type_name(values[0])} has no form in JSON",
            "turn it into a plain number or text",
        )
    dtypes = {str(value.dtype) for value in values}
    dtype = dtypes.pop() if len(dtypes) == 1 else ""
    return _ranged(Field(name, kinds.pop(), dtype), values)


def _object_field(name: str, values: list[Any], where: str, names: Namer | None) -> Field:
    rows = [members(value) if is_record(value) else value for value in values]
    keys = list(dict.fromkeys(key for row in rows for key in row))
    odd = [key for key in keys if not isinstance(key, str)]
    if odd and names is None:  # an answer: the wire turns keys into text
        rows = [{key_text(key): item for key, item in row.items()} for row in rows]
        keys = list(dict.fromkeys(map(key_text, keys)))
    elif odd:
        raise ContractError(
            f"{where}: a dict has keys that are not text: {', '.join(map(repr, odd[:5]))}",
            "use text as keys",
        )
    fields = tuple(
        replace(
            value_field(key, [row[key] for row in rows if key in row], f"{where}, {key!r}", names),
            required=all(key in row for row in rows),
        )
        for key in keys
    )
    record = is_record(values[0]) and len({type(value) for value in values}) == 1
    python = names(type(values[0])) if record and names else ""
    return Field(name, "object", fields=fields, python=python)


def _array_value_field(name: str, values: list[Any], where: str) -> Field:
    import numpy as np

    items = array_field("", np.concatenate([value.ravel() for value in values]), where)
    if len({(value.ndim, value.dtype) for value in values}) > 1:
        raise ContractError(
            f"{where}: arrays of several ranks or dtypes in one list or tuple",
            'give each a name, as in a dict: {"labels": …, "centers": …}',
        )
    shape = tuple(
        sizes[0] if len(set(sizes)) == 1 else -1
        for sizes in zip(*(value.shape[1:] for value in values), strict=True)
    )
    if items.dtype == "uint8" and shape:  # an image, whose size is its own
        shape = (-1, *shape[1:])
    return Field(name, "list", items.dtype, items=items, python="ndarray", shape=shape)


def _table_value_field(name: str, values: list[Any], where: str, names: Namer | None) -> Field:
    first = values[0]
    if kind_of(first) == "series":
        items = column_field("", first, where)
        if not names and isinstance(encode(first), dict):
            return Field(name, "object", items.dtype, items=items)
        return Field(name, "list", items.dtype, items=items, python="series", label=first.name)
    table = first if names else named_by_text(first)
    items = Field("", "object", fields=frame_fields(table, where))
    return Field(name, "list", items=items, python="frame")


def plain(value: Any) -> Any:
    """A single value as the wire holds it, for documentation; text where it has no form."""
    try:
        return encode(value)
    except MissingForm:
        return str(value)


def _ranged(field: Field, values: Sequence[Any]) -> Field:
    """The field with the range of ``values``, none of which is missing."""
    if field.type not in ("integer", "number") or not len(values):
        return field
    low, high = plain(min(values)), plain(max(values))
    if isinstance(low, str) or isinstance(high, str):
        return field
    return replace(field, minimum=low, maximum=high)
