"""Made-up values that keep what an entry may rely on, and show nothing of the notebook's own.

Type and dtype, the observed range, the known categories and a text's shape stay: letters become
letters, digits digits. The same notebook gives the same values.
"""

from __future__ import annotations

import enum
import random
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, cast

from ...errors import ContractError
from ...runtime.codec.values import is_missing
from ..values import numpy_is, type_name

_TRIES = 50
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxz"
_EMAIL = re.compile(r"([\w.+%-]+)@[\w.-]+\.[A-Za-z]{2,}")


class Maker:
    """Makes values up for one column: equal ones for equal ones, missing ones stay missing.

    Args:
        column: its name; the made-up values depend on it and on the order of the values.
        values: its own values.
        known: the values that may stand in it, if that is known.
    """

    def __init__(self, column: str, values: Sequence[Any], known: Sequence[Any] = ()) -> None:
        self.column = column
        present = [value for value in values if not is_missing(value)]
        self._values = [v.item() if numpy_is(v, "generic") else v for v in present]
        self._known = list(known)
        self._random = random.Random(f"nb2service {column}")
        self._made: dict[tuple[type, Any], Any] = {}

    def __call__(self, value: Any) -> Any:
        """A made-up value in place of ``value``."""
        if is_missing(value):
            return value
        key = (type(value), repr(value))
        if key not in self._made:
            self._made[key] = self._other(value)
        return self._made[key]

    def originals(self) -> Iterator[str]:
        """The texts by which a value of the column would be recognised elsewhere."""
        if self._known:
            return
        for value in self._values:
            text = str(value)
            least = {str: 4, float: 6}.get(type(value))
            if least and len(text.strip()) >= least:
                yield text

    def _other(self, value: Any) -> Any:
        taken = {(type(item), repr(item)) for item in self._values}
        made = value
        for attempt in range(_TRIES):
            made = self._one(value)
            # Where all there is was seen, another than its own is enough.
            own = (type(made), repr(made))
            if own not in taken or (attempt > _TRIES // 2 and repr(made) != repr(value)):
                break
        return made

    def _one(self, value: Any) -> Any:
        draw = self._random
        if self._known and not isinstance(value, enum.Enum):
            return draw.choice(self._known)
        if isinstance(value, enum.Enum):
            return draw.choice(list(type(value)))
        if isinstance(value, bool):
            return draw.random() < 0.5
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, bytes):
            return draw.randbytes(len(value))
        if isinstance(value, uuid.UUID):
            return uuid.UUID(int=draw.getrandbits(128), version=4)
        if numpy_is(value, "generic"):
            return type(value)(self._one(value.item()))
        for kinds, make in self._ranged():
            if isinstance(value, kinds):
                return make(value)
        raise ContractError(
            f"{self.column}: no value of type {type_name(value)} can be made up",
            "give made-up rows yourself: --example EXPR",
        )

    def _ranged(self) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
        draw = self._random
        day = timedelta(days=1)
        yield int, lambda value: draw.randint(*self._span(int, max(1, abs(value) // 4)))
        yield (float, Decimal), self._fraction
        # datetime is a date too: it comes first, and keeps what its values leave at zero.
        yield datetime, lambda value: self._moment(value, 365 * day)
        yield date, lambda value: self._between(date, 365 * day, lambda gap: day * (gap // day))
        yield timedelta, lambda value: self._between(timedelta, abs(value) / 4)
        yield time, lambda value: value.replace(hour=draw.randrange(24), minute=draw.randrange(60))

    def _span(self, kind: Any, widening: Any) -> tuple[Any, Any]:
        """The observed range; a single value is widened, without a change of its sign."""
        values = [v for v in self._values if isinstance(v, kind) and not isinstance(v, bool)]
        low, high = min(values), max(values)
        if low != high:
            return low, high
        zero = type(widening)()
        is_count = isinstance(low, (int, float, Decimal, timedelta)) and low >= zero
        return (max(low - widening, zero) if is_count else low - widening), high + widening

    def _between(self, kind: Any, widening: Any, rounded: Any = lambda gap: gap) -> Any:
        low, high = self._span(kind, widening)
        return low + rounded((high - low) * self._random.random())

    def _moment(self, value: datetime, widening: timedelta) -> datetime:
        moments = [v for v in self._values if isinstance(v, datetime)]
        made = self._between(datetime, widening)
        for unit in ("microsecond", "second", "minute", "hour"):
            if all(getattr(moment, unit) == 0 for moment in moments):
                made = made.replace(**{unit: 0})
        return cast(datetime, made.replace(nanosecond=0) if hasattr(made, "nanosecond") else made)

    def _fraction(self, value: Any) -> Any:
        low, high = self._span((float, Decimal), abs(value) / 4 or type(value)(1))
        drawn = float(low) + (float(high) - float(low)) * self._random.random()
        seen = [v for v in self._values if isinstance(v, type(value))]
        digits = max(_decimals(v) for v in seen)
        if isinstance(value, Decimal):
            return Decimal(f"{drawn:.{digits}f}")
        return min(max(round(drawn, digits), float(low)), float(high))

    def _text(self, value: str) -> str:
        if address := _EMAIL.fullmatch(value):
            return f"{self._shaped(address[1])}@example.com"
        return self._shaped(value)

    def _shaped(self, value: str) -> str:
        return "".join(self._letter(char) for char in value)

    def _letter(self, char: str) -> str:
        draw = self._random
        if char.isdigit():
            return str(draw.randrange(10))
        if not char.isalpha():
            return char
        if char.lower() == char.upper():  # a script without cases
            near = (chr(ord(char) + draw.randint(-30, 30)) for _ in range(_TRIES))
            return next((other for other in near if other.isalpha()), char)
        other = draw.choice(_VOWELS if char.lower() in _VOWELS else _CONSONANTS)
        return other.upper() if char.isupper() else other


def _decimals(value: Any) -> int:
    """Digits behind the point."""
    if isinstance(value, Decimal):
        return max(0, -int(value.as_tuple().exponent))
    mantissa, _, exponent = repr(value).partition("e")
    digits = len(mantissa.partition(".")[2].rstrip("0"))
    return max(0, digits - int(exponent or 0))
