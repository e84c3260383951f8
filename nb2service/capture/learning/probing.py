"""Which fields of a fitted model may be missing: found by leaving them out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ...errors import ExampleError
from ...runtime.contract import Field, Input
from .stopwatch import Stopwatch

# Calls and seconds spent on finding out; columns beyond that stay as they were observed.
MOST_CALLS = 60
PATIENCE = 2.0

_NEVER_MISSING = re.compile(r"u?int\d+|bool|[<>|=]?[US]\d+")

Ask = Callable[[list[Any], Input], Any]


def probe_missing(input_: Input, rows: Sequence[Any], ask: Ask) -> Input:
    """The input with those fields nullable that the model accepts as missing.

    All at once first; if the model refuses that, one by one.

    Args:
        input_: what was observed.
        rows: wire rows that the model accepts.
        ask: calls the model with wire rows of such an input; raises ExampleError if it refuses.
    """
    open_fields = [f for f in input_.fields if not f.nullable and _can_be_missing(f)]

    def accepts(fields: Sequence[Field]) -> bool:
        names = {field.name for field in fields}
        try:
            ask(_without(rows[:2], input_, names), _nullable(input_, names))
        except ExampleError:
            return False
        return True

    watch = Stopwatch()
    if not open_fields or not accepts(open_fields):
        several = open_fields[:MOST_CALLS] if len(open_fields) > 1 else []
        open_fields = [f for f in several if watch.seconds < PATIENCE and accepts([f])]
    return _nullable(input_, {field.name for field in open_fields})


def _can_be_missing(field: Field) -> bool:
    """Whether the dtype has a missing value; numpy's integers, truth values and text have none."""
    return not _NEVER_MISSING.fullmatch(field.dtype)


def _nullable(input_: Input, names: set[str]) -> Input:
    fields = tuple(
        replace(field, nullable=True) if field.name in names else field for field in input_.fields
    )
    return replace(input_, fields=fields)


def _without(rows: Sequence[Any], input_: Input, names: set[str]) -> list[Any]:
    """The rows, the first of them with the named fields null."""
    first, *others = rows
    if input_.kind == "frame":
        return [{key: None if key in names else item for key, item in first.items()}, *others]
    return [_first_null(first, len(input_.shape)), *others]


def _first_null(value: Any, depth: int) -> Any:
    return [_first_null(value[0], depth - 1), *value[1:]] if depth else None
