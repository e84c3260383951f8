"""Columns of categories: by position among those that the contract lists."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ..contract import Field
from ..problems import Report
from . import parsing
from .columns import OutOfRangeError, decode_column
from .values import NANO


def categorical(parsed: Sequence[Any], field: Field) -> Any:
    """A ``pandas.Categorical`` of wire values, missing ones as None.

    Raises:
        OutOfRangeError: a value that is none of the categories.
    """
    known = field.categories or ()
    kinds = tuple(map(type, known))
    item = field.items.dtype if field.items else ""
    dtype = _category_dtype(known, kinds, field.type, item, field.ordered)
    return pd.Categorical.from_codes(_codes(parsed, known, field.type), dtype=dtype)


def _codes(parsed: Sequence[Any], known: tuple[Any, ...], type_: str) -> Any:
    """The position of each value among the categories, -1 where it is missing."""
    if {str}.issuperset(map(type, known)):
        texts: dict[Any, int] = {value: code for code, value in enumerate(known)}
        texts[None] = -1
        try:
            return np.array([texts[value] for value in parsed], dtype=np.int64)
        except (KeyError, TypeError):
            pass  # which one is not known, is said below
    codes = {_key(value, type_): code for code, value in enumerate(known)}
    made: Any = np.empty(len(parsed), dtype=np.int64)
    for position, value in enumerate(parsed):
        scalar = not isinstance(value, (list, dict))
        code = codes.get(_key(value, type_)) if scalar else None
        if code is None and value is not None:
            listed = ", ".join(map(repr, known[:10])) + (", …" if len(known) > 10 else "")
            raise OutOfRangeError(
                position, f"must be one of {listed}, not {parsing.describe(value)}"
            )
        made[position] = -1 if code is None else code
    return made


def _key(value: Any, type_: str) -> Any:
    """What is equal for values that are one category, however they are written.

    1, 1.0 and true are equal in Python; true is another category, 1.0 is sent for 1 at times.
    """
    if type_ == "datetime" and isinstance(value, str):
        with suppress(ValueError):
            moment, offset = parsing.parse_datetime(value)
            return moment - (offset or 0) * NANO, offset is None
    return int if type(value) is float else type(value), value


@lru_cache(maxsize=1024)
def _category_dtype(
    known: tuple[Any, ...], kinds: tuple[type, ...], type_: str, dtype: str, ordered: bool
) -> Any:
    """The dtype of a category; ``kinds`` keeps apart what is equal in Python (1, 1.0, true)."""
    if dtype:
        item = Field("", type_, dtype)
        column = decode_column(known, item, Report(), lambda i: (i, "categories"), _plain_value)
        index = pd.Index(column, dtype=object if dtype == "object" else None)
    else:
        index = pd.Index([parsing.parse(value, type_) for value in known])
    return pd.CategoricalDtype(index, ordered=ordered)


def _plain_value(value: Any, field: Field, row: int, path: str) -> Any:
    return parsing.parse(value, field.type)
