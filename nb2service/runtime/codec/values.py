"""One rule for each kind of single value: how it looks in JSON (``parsing`` reads it back).

| value | on the wire |
|---|---|
| missing (None, NaN, NaT, NA) | ``null`` |
| integer | number without fraction, exact at any size; ``3.0`` is read as 3, ``true`` is not |
| number | number; ±Infinity as ``"Infinity"`` and ``"-Infinity"`` |
| datetime, date, time | ISO 8601, fraction as needed, zone as offset |
| duration | ISO 8601 (``"P1DT2H0.5S"``, negative with a leading ``-``) |
| decimal | text of its digits |
| bytes, images (as PNG), files | base64 |
| UUID, path | text |
| category | the category's own value |
| key of a mapping, label of a column | text (``1``, ``true``); a tuple's parts joined by ``_`` |
"""

from __future__ import annotations

import base64
import datetime as dt
import enum
import io
import json
import math
import os
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, MappingView, Sequence, Set
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from decimal import Decimal
from typing import Any

from ..problems import MissingForm

NANO = 10**9
# Types of which every value is its own wire form.
PLAIN = frozenset((type(None), bool, int, str))


def encode(value: Any) -> Any:
    """The JSON-able form of one live value (a scalar, a list, an object, an array).

    Raises:
        MissingForm: a value that JSON cannot hold.
    """
    kind = type(value)
    if kind in PLAIN:
        return value
    if kind is float:
        return value if math.isfinite(value) else None if value != value else _infinity(value)
    if kind is list or kind is tuple:
        return [encode(item) for item in value]
    if kind is dict:
        return _encode_mapping(value)
    if is_missing(value):
        return None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else _infinity(value)
    if kind.__module__.startswith("PIL."):
        return encode_bytes(png(value))
    # A dtype alone says nothing: a vectorizer has one as a setting.
    if hasattr(value, "__array__") or (hasattr(value, "dtype") and hasattr(value, "shape")):
        from .arrays import encode_any

        return encode_any(value)
    if (names := _member_names(value)) is not None:
        return {name: encode(getattr(value, name)) for name in names}
    for base, rule in _ENCODERS:
        if isinstance(value, base):
            return rule(value)
    if hasattr(value, "__next__") and not hasattr(value, "read"):
        return [encode(item) for item in value]
    raise MissingForm(f"a value of type {kind.__qualname__} has no form in JSON")


def is_missing(value: Any) -> bool:
    """Whether a scalar stands for "no value": None, NaN, NaT or NA."""
    if value is None:
        return True
    if isinstance(value, float):
        return value != value
    if isinstance(value, Decimal):
        return value.is_nan()
    if type(value).__name__ in ("NaTType", "NAType"):
        return True
    # numpy's own scalars (float32, datetime64) without importing numpy
    return getattr(value, "ndim", None) == 0 and bool(value != value)


def missing_value(name: str) -> Any:
    """The live value that ``Field.missing`` names."""
    if name in ("", "none"):
        return None
    if name == "nan":
        return math.nan
    import pandas as pd

    return {"nat": pd.NaT, "na": pd.NA}[name]


def _infinity(value: float) -> str:
    return "Infinity" if value > 0 else "-Infinity"


def _member_names(value: Any) -> Iterable[str] | None:
    """Names of the members of a dataclass, named tuple or pydantic model; else None."""
    kind = type(value)
    if is_dataclass(kind):
        return [item.name for item in dataclass_fields(kind)]
    if isinstance(value, tuple):
        return getattr(kind, "_fields", None)
    return getattr(kind, "model_fields", None) or getattr(kind, "__fields__", None)


def _encode_set(value: Any) -> list[Any]:
    items = [encode(item) for item in value]
    try:
        return sorted(items, key=lambda item: (type(item).__name__, item))
    except TypeError:  # objects, or lists of unlike items
        return sorted(items, key=json.dumps)


def _encode_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    made = {k if type(k) is str else key_text(k): encode(item) for k, item in value.items()}
    if len(made) < len(value):
        raise MissingForm("a dict with keys that are equal as text has no form in JSON")
    return made


def key_text(key: Any) -> str:
    """The text of a mapping's key or a column's label: ``1`` as ``"1"``, a tuple's parts joined.

    Raises:
        MissingForm: a key that JSON cannot hold.
    """
    if isinstance(key, tuple):
        return "_".join(map(key_text, key))
    wire = encode(key)
    return wire if isinstance(wire, str) else json.dumps(wire)


def encode_bytes(value: Any) -> str:
    """Bytes as base64."""
    return base64.b64encode(value).decode()


def png(image: Any) -> bytes:
    """An image of Pillow as a PNG file, which keeps every pixel.

    Raises:
        MissingForm: its mode has no form in PNG.
    """
    stream = io.BytesIO()
    try:
        image.save(stream, "PNG")
    except (OSError, AttributeError) as error:
        raise MissingForm(f"an image that cannot be a PNG: {error}") from None
    return stream.getvalue()


def format_datetime(value: dt.datetime | dt.time) -> str:
    """ISO 8601 with only the digits of the fraction that are needed."""
    return trim_fraction(value.isoformat())


def trim_fraction(text: str) -> str:
    """An ISO 8601 text without the trailing zeros of its fraction."""
    head, dot, tail = text.partition(".")
    if not dot:
        return text
    digits = re.match(r"\d+", tail)
    fraction = digits[0].rstrip("0") if digits else ""
    return head + ("." + fraction if fraction else "") + tail[len(digits[0]) if digits else 0 :]


def nanoseconds(value: dt.timedelta) -> int:
    """A ``timedelta`` or ``pandas.Timedelta`` in nanoseconds."""
    micro = (value.days * 86_400 + value.seconds) * 10**6 + value.microseconds
    return micro * 1000 + int(getattr(value, "nanoseconds", 0))


def format_duration(nano: int) -> str:
    """Nanoseconds as an ISO 8601 duration."""
    sign, nano = ("-" if nano < 0 else ""), abs(nano)
    seconds, fraction = divmod(nano, NANO)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{seconds}.{fraction:09d}".rstrip("0") if fraction else str(seconds)
    parts = [(hours, f"{hours}H"), (minutes, f"{minutes}M"), (seconds or fraction, f"{text}S")]
    clock = "".join(word for amount, word in parts if amount)
    date = f"{days}D" if days else ""
    return f"{sign}P{date}" + (f"T{clock}" if clock else "" if date else "T0S")


_ENCODERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (enum.Enum, lambda value: encode(value.value)),
    (str, str),
    (bool, bool),
    (int, int),
    (dt.datetime, format_datetime),
    (dt.date, lambda value: value.isoformat()),
    (dt.time, format_datetime),
    (dt.timedelta, lambda value: format_duration(nanoseconds(value))),
    (Decimal, str),
    (uuid.UUID, str),
    (os.PathLike, os.fspath),
    ((bytes, bytearray, memoryview), encode_bytes),
    (io.BytesIO, lambda value: encode_bytes(value.getvalue())),
    (Mapping, _encode_mapping),
    ((MappingView, Sequence), lambda value: [encode(item) for item in value]),
    (Set, _encode_set),
)
