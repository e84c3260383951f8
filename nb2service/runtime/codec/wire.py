"""Rows of JSON-able wire values ↔ what an entry receives and answers.

Single values follow ``values``, columns follow ``columns``; neither numpy nor pandas is imported
unless an entry's contract has arrays or frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ..contract import Input, Output
from ..problems import MissingForm, Report
from . import tables, values
from .decoding import Decoder, Make

# --- wire → live input --------------------------------------------------------------------------


def from_rows(rows: Sequence[Any], input_: Input, make: Make | None = None) -> Any:
    """What the entry receives for these wire rows.

    A DataFrame with the contract's columns, order and dtypes and a fresh index; an array of
    shape (rows, *shape); a Series; a list; for ``arguments`` a list of keyword dictionaries,
    one a call (an absent argument that is not required is left out).

    Args:
        make: builds an instance of a notebook class from its name and keyword arguments.

    Raises:
        Violations: every breach of the contract, with row and field.
    """
    report = Report()
    decoder = Decoder(report, make)
    if input_.kind == "frame":
        columns = tables.transpose(rows, input_.fields, report)
        return tables.frame(columns, len(rows), input_.fields, report, decoder.decode)
    made: Any
    if input_.kind == "arguments":
        made = [decoder.arguments(row, input_.fields, number) for number, row in enumerate(rows)]
    elif input_.kind == "list":
        made = [
            decoder.decode(value, input_.fields[0], number, "") for number, value in enumerate(rows)
        ]
    elif input_.kind == "series":
        made = tables.series(rows, input_.fields[0], report, decoder.decode)
    else:
        made = tables.array(rows, input_, report, decoder.decode)
    report.raise_any()
    return made


def from_columns(
    wire: dict[str, list[Any]], count: int, input_: Input, make: Make | None = None
) -> Any:
    """``from_rows`` for a frame whose wire values come by column (CSV, Arrow, Parquet).

    Raises:
        Violations: as ``from_rows``; unknown and missing columns are reported for row 0.
    """
    report = Report()
    decoder = Decoder(report, make)
    columns = tables.complete(wire, count, input_.fields, report)
    return tables.frame(columns, count, input_.fields, report, decoder.decode)


# --- live answer → wire -------------------------------------------------------------------------


class Misaligned(ValueError):  # noqa: N818 - says what it is
    """An answer that has not one item for each row."""


def to_predictions(answer: Any, output: Output, count: int | None) -> list[Any]:
    """An entry's live answer as a list of wire predictions.

    Args:
        answer: what the entry returned.
        output: only its kind counts; the values go out by their own types and dtypes.
        count: the rows asked about: one prediction for each is returned. None where the whole
            answer is one prediction (entries with ``aligned=False``, one call of an
            ``arguments`` entry): a list of one.

    Raises:
        Misaligned: the answer has not ``count`` items.
        MissingForm: a value that JSON cannot hold.
    """
    answer = answer.toarray() if hasattr(answer, "toarray") else answer
    if count is None:
        return [values.encode(answer)]
    if hasattr(answer, "iloc") and not hasattr(answer, "columns"):
        from . import arrays

        # A Series of answers, whatever its index; inside an answer its labels would count.
        wire: Any = arrays.encode_column(answer)
    else:
        wire = values.encode(answer)
    if not isinstance(wire, list):
        raise Misaligned(f"one answer of type {type(answer).__qualname__} for {count} rows")
    if len(wire) != count:
        raise Misaligned(f"{len(wire)} answers for {count} rows")
    return wire


def prediction_dtype(answer: Any) -> str:
    """The dtype(s) of a live answer: of an array, a Series or a numpy scalar, or a frame's
    by column, comma separated; "" for plain Python values."""
    if hasattr(answer, "dtypes") and hasattr(answer, "columns"):
        return ",".join(_dtype_name(dtype) for dtype in answer.dtypes)
    return _dtype_name(answer.dtype) if hasattr(answer, "dtype") else ""


def expected_dtype(output: Output) -> str:
    """What ``prediction_dtype`` gives for answers that keep to the contract."""
    return ",".join(_dtype_name(field.dtype) for field in output.fields if field.dtype)


@lru_cache(maxsize=256)
def _dtype_name(dtype: Any) -> str:
    # The width of a text array varies with its values, the storage of pandas' text by the machine.
    return re.sub(r"^(string)\[.*\]$", r"\1", re.sub(r"^[<>=|]?([US])\d+$", r"<\1", str(dtype)))


__all__ = [
    "Make",
    "Misaligned",
    "MissingForm",
    "expected_dtype",
    "from_columns",
    "from_rows",
    "prediction_dtype",
    "to_predictions",
]
