"""One rule for each kind of single value: how it looks in JSON and how it is read back.

| value | on the wire |
|---|---|
| missing (None, NaN, NaT, NA) | ``null`` |
| integer | number without fraction, exact at any size; ``3.0`` is read as 3, ``true`` is not |
| number | number; ±Infinity as ``"Infinity"`` and ``"-Infinity"`` |
| datetime, date, time | ISO 8601, fraction as needed, zone as offset |
| duration | ISO 8601 (``"P1DT2H0.5S"``, negative with a leading ``-``) |
| decimal | text of its digits |
| bytes | base64 |
| category | the category's own value |
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import enum
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ..problems import MissingForm

NANO = 10**9
# Types of which every value is its own wire form.
PLAIN = frozenset((type(None), bool, int, str))
_EPOCH = dt.datetime(1970, 1, 1)
_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d(?::?\d\d)?)?)?"
)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?")
_DURATION = re.compile(
    r"([+-])?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?"
)


# --- live value → wire ------------------------------------------------------------------------


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
    # A dtype alone says nothing: a vectorizer has one as a setting.
    if hasattr(value, "__array__") or (hasattr(value, "dtype") and hasattr(value, "shape")):
        from .arrays import encode_any

        return encode_any(value)
    if (names := _member_names(value)) is not None:
        return {name: encode(getattr(value, name)) for name in names}
    for base, rule in _ENCODERS:
        if isinstance(value, base):
            return rule(value)
    if hasattr(value, "__next__"):
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
    return sorted(items, key=lambda item: (type(item).__name__, item))


def _encode_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(encode(key)): encode(item) for key, item in value.items()}


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
    ((bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
    (Mapping, _encode_mapping),
    ((set, frozenset), _encode_set),
    ((list, tuple, range), lambda value: [encode(item) for item in value]),
)


# --- wire → live value --------------------------------------------------------------------------


def parse(value: Any, type_: str) -> Any:
    """The plain Python value of one non-null wire value of a scalar type.

    ``datetime`` gives a ``datetime`` (finer than a microsecond is refused; columns and
    ``Timestamp`` go through ``parse_datetime`` instead); ``any`` gives the value as it is.

    Raises:
        ValueError: not a value of that type; the message says what was expected and what came.
    """
    return _PARSERS[type_](value)


def describe(value: Any) -> str:
    """A wire value in the words of an error message."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value!r}" if len(repr(value)) <= 40 else "a very long number"
    if isinstance(value, str):
        return f"the text {value if len(value) <= 40 else value[:37] + '…'!r}"
    return "a list" if isinstance(value, list) else "an object"


def parse_datetime(value: Any) -> tuple[int, int | None]:
    """An ISO 8601 text as (nanoseconds since 1970 on its own clock, offset in seconds or None).

    Raises:
        ValueError: not a date and time.
    """
    match = _DATETIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise _expected('a date and time such as "2024-05-31T13:45:00"', value)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
        )
    except ValueError:
        raise _expected("a date and time that exists", value) from None
    since = moment - _EPOCH
    nano = (since.days * 86_400 + since.seconds) * NANO + int((fraction or "0").ljust(9, "0"))
    return nano, None if zone is None else _offset(zone)


def parse_duration(value: Any) -> int:
    """An ISO 8601 duration in nanoseconds.

    Raises:
        ValueError: not a duration.
    """
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if not match or not any(match.groups()[1:]):
        raise _expected('a duration such as "P1DT2H30M"', value)
    sign, weeks, days, hours, minutes, seconds, fraction = match.groups()
    days_ = int(weeks or 0) * 7 + int(days or 0)
    clock = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    nano = (days_ * 86_400 + clock) * NANO + int((fraction or "0").ljust(9, "0"))
    return -nano if sign == "-" else nano


def _offset(zone: str) -> int:
    if zone == "Z":
        return 0
    digits = zone[1:].replace(":", "").ljust(6, "0")
    seconds = int(digits[:2]) * 3600 + int(digits[2:4]) * 60 + int(digits[4:])
    return -seconds if zone[0] == "-" else seconds


def _expected(what: str, value: Any) -> ValueError:
    return ValueError(f"must be {what}, not {describe(value)}")


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    # JavaScript and pandas write whole numbers as 3.0 at times.
    if type(value) is float and value.is_integer():
        return int(value)
    raise _expected("an integer", value)


def _number(value: Any) -> int | float:
    if type(value) in (int, float):
        return value  # type: ignore[no-any-return]
    if value in ("Infinity", "-Infinity"):
        return float(value)
    raise _expected("a number", value)


def _exactly(kind: type, what: str) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise _expected(what, value)
        return value

    return check


def _datetime(value: Any) -> dt.datetime:
    nano, offset = parse_datetime(value)
    micro, rest = divmod(nano, 1000)
    if rest:
        raise ValueError(f"must not be finer than a microsecond: {describe(value)}")
    moment = _EPOCH + dt.timedelta(microseconds=micro)
    if offset is None:
        return moment
    zone = dt.timezone.utc if offset == 0 else dt.timezone(dt.timedelta(seconds=offset))
    return moment.replace(tzinfo=zone)


def _date(value: Any) -> dt.date:
    try:
        # Newer versions of Python read other forms of ISO 8601 too; older ones do not.
        if not isinstance(value, str) or len(value) != 10 or value[4] != "-":
            raise ValueError
        return dt.date.fromisoformat(value)
    except ValueError:
        raise _expected('a date such as "2024-05-31"', value) from None


def _time(value: Any) -> dt.time:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    try:
        if not match:
            raise ValueError
        hour, minute, second, fraction, zone = match.groups()
        micro = int((fraction or "0").ljust(6, "0"))
        tz = dt.timezone(dt.timedelta(seconds=_offset(zone))) if zone else None
        return dt.time(int(hour), int(minute), int(second or 0), micro, tz)
    except ValueError:
        raise _expected('a time such as "13:45:00"', value) from None


def _duration(value: Any) -> dt.timedelta:
    micro, rest = divmod(parse_duration(value), 1000)
    if rest:
        raise ValueError(f"must not be finer than a microsecond: {describe(value)}")
    try:
        return dt.timedelta(microseconds=micro)
    except OverflowError:
        raise ValueError(f"is too long a duration: {describe(value)}") from None


def _decimal(value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise InvalidOperation
        return Decimal(value if isinstance(value, str) else repr(value))
    except InvalidOperation:
        raise _expected('a decimal such as "12.50"', value) from None


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _expected("base64 text", value) from None


_PARSERS: dict[str, Callable[[Any], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _exactly(bool, "true or false"),
    "string": _exactly(str, "text"),
    "datetime": _datetime,
    "date": _date,
    "time": _time,
    "duration": _duration,
    "decimal": _decimal,
    "bytes": _bytes,
    "list": _exactly(list, "a list"),
    "object": _exactly(dict, "an object"),
    "any": lambda value: value,
}
