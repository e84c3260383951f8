"""Single wire values to plain Python values, and what is said of those that are none.

The rule of each kind is in ``values``.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from .values import NANO

_EPOCH = dt.datetime(1970, 1, 1)
_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d(?::?\d\d)?)?)?"
)
# Decimals of longer exponents overflow, or take gigabytes when they are computed with.
DECIMAL = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,6})?|-?Infinity"
_DECIMAL = re.compile(DECIMAL)
_TIME = re.compile(r"(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?(Z|[+-]\d\d:?\d\d)?")
_DURATION = re.compile(
    r"([+-])?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.(\d{1,9}))?S)?)?"
)


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
    if isinstance(value, bytes):
        return "a file"
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
    text = repr(value) if type(value) in (int, float) else value
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise _expected('a decimal such as "12.50"', value)
    return Decimal(text)


def _bytes(value: Any) -> bytes:
    if type(value) is bytes:  # an uploaded file
        return value
    try:
        if isinstance(value, str) and value.startswith("data:"):  # as browsers write a file
            value = value.partition(";base64,")[2]
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _expected("base64 text, or a file", value) from None


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
