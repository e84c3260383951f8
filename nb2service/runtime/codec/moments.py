"""Columns of dates and times that are all written alike, parsed together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..contract import Field
from . import parsing
from .casting import cast_moments
from .tabular import Unsure

_DATE = "(?:1[7-9]|2[01])[0-9]{2}-[0-9]{2}-[0-9]{2}"  # years that nanoseconds can count
_CLOCK = "T[0-9]{2}:[0-9]{2}:[0-9]{2}"
_ZONE = "(?:Z|[+-][0-9]{2}:[0-9]{2})"
_ALIKE = re.compile(rf"{_DATE}({_CLOCK}(\.[0-9]{{1,9}})?({_ZONE})?)?")


def parse(wire: Sequence[Any], field: Field) -> Any:
    """ISO 8601 texts, all with the same parts, as a column of ``field.dtype``.

    Raises:
        Unsure: they are not, or one is no moment that the field can hold.
    """
    texts = [text for text in wire if text is not None]
    if not {str}.issuperset(map(type, texts)) or (len(texts) < len(wire) and not field.nullable):
        raise Unsure
    alike = _ALIKE.fullmatch(texts[0]) if texts else None
    if alike is None:
        raise Unsure
    clock, fraction, zone = alike.groups()
    digits = f"[.][0-9]{{{len(fraction) - 1}}}" if fraction else ""
    form = _DATE + (_CLOCK if clock else "") + digits + (_ZONE if zone else "")
    if not re.fullmatch(f"(?:{form}\n)*", "\n".join([*texts, ""])):
        raise Unsure
    end = alike.end() - len(zone or "")
    unit = "ns" if fraction else "s" if clock else "D"
    try:
        made = np.array([text and text[:end] for text in wire], dtype=f"datetime64[{unit}]")
    except ValueError as error:  # 30 February
        raise Unsure from error
    if zone:
        tails = [text and text[end:] for text in wire]
        seconds = {
            tail: parsing.parse_datetime(texts[0][:end] + tail)[1] for tail in {*tails} - {None}
        }
        made -= np.array([seconds.get(tail, 0) for tail in tails], dtype="timedelta64[s]")
    return cast_moments(made, bool(zone), len(wire) - len(texts), field)
