"""Wire rows and columns to DataFrames, Series and arrays."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ..contract import Field, Input
from ..problems import Report
from . import parsing

# decode(wire value, field, row, path) → live value of one cell of an object column
Decode = Callable[[Any, Field, int, str], Any]

_ABSENT = object()
ROW = "an object by column name"


def transpose(rows: Sequence[Any], fields: Sequence[Field], report: Report) -> dict[str, Any]:
    """Rows by column, for ``frame``; what is no object, unknown and missing members reported."""
    names = [field.name for field in fields]
    keys = set(names)
    if rows and type(rows[0]) is dict and rows[0].keys() == keys:
        order = list(rows[0])
        if all(type(row) is dict and list(row) == order for row in rows):
            by_column = zip(*[row.values() for row in rows], strict=True)
            return dict(zip(order, by_column, strict=True))
    if all(type(row) is dict and row.keys() == keys for row in rows):
        return {name: [row[name] for row in rows] for name in names}
    columns_: dict[str, Any] = {name: [] for name in names}
    for number, row in enumerate(rows):
        row = checked_object(row, fields, number, "", report, ROW)
        for name in names:
            columns_[name].append(row.get(name, _ABSENT))
    return columns_


def complete(
    wire: dict[str, list[Any]], count: int, fields: Sequence[Field], report: Report
) -> dict[str, Any]:
    """Columns for ``frame``; unknown and missing ones are reported for row 0."""
    known = {field.name for field in fields}
    for name in wire:
        if name not in known:
            report.add(0, name, _unknown(name, known))
    made: dict[str, Any] = {}
    for field in fields:
        if field.name in wire:
            made[field.name] = wire[field.name]
        elif field.required:
            report.add(0, field.name, "is missing")
        else:
            made[field.name] = [_ABSENT] * count
    return made


def checked_object(
    row: Any, fields: Sequence[Field], number: int, path: str, report: Report, what: str
) -> dict[str, Any]:
    """The object, empty if it is none; unknown and missing members reported."""
    if not isinstance(row, dict):
        report.add(number, path, f"must be {what}, not {parsing.describe(row)}")
        return {}
    known = {field.name for field in fields}
    for name in row:
        if name not in known:
            report.add(number, join(path, name), _unknown(name, known))
    for field in fields:
        if field.required and field.name not in row:
            report.add(number, join(path, field.name), "is missing")
    return row


def _unknown(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return "is unknown" + (f"; did you mean {close[0]!r}?" if close else "")


def join(path: str, name: str) -> str:
    """The path of a member."""
    return f"{path}.{name}" if path else name


def frame(
    wire: dict[str, Any], count: int, fields: Sequence[Field], report: Report, decode: Decode
) -> Any:
    """A DataFrame with the fields' dtypes and order and a fresh index, from wire columns.

    Raises:
        Violations: everything that the report holds.
    """
    from . import columns

    made: dict[Any, Any] = {}
    for field in fields:
        column = wire.get(field.name)
        if column is None:
            continue
        locate = _in_column(field.name)
        if _ABSENT in column and field.required:  # reported by row already; check the others
            present = [row for row, value in enumerate(column) if value is not _ABSENT]
            column = [column[row] for row in present]
            locate = _in_column(field.name, present)
        elif _ABSENT in column:
            column = [field.default if value is _ABSENT else value for value in column]
            field = replace(field, nullable=field.nullable or field.default is None)
        made[label(field)] = columns.decode_column(column, field, report, locate, decode)
    report.raise_any()
    return assemble(list(made.values()), list(made), count)


def assemble(columns: Sequence[Any], labels: list[Any], count: int) -> Any:
    """A DataFrame of these columns, their dtypes kept, with a fresh index of ``count`` rows."""
    import pandas as pd

    if not columns:
        return pd.DataFrame(index=pd.RangeIndex(count))
    table = pd.DataFrame({i: _as_column(column) for i, column in enumerate(columns)})
    table.columns = _column_index(labels)
    return table


def _in_column(name: str, rows: Sequence[int] | None = None) -> Callable[[int], tuple[int, str]]:
    return lambda position: (rows[position] if rows else position, name)


def _as_column(column: Any) -> Any:
    import pandas as pd

    # Without the dtype, pandas would guess text in an object array to be its own text dtype.
    return pd.Series(column, dtype=object) if column.dtype == object else column


def label(field: Field) -> Any:
    """The label of a field's column in the frame."""
    return field.name if field.label is None else field.label


def _column_index(labels: list[Any]) -> Any:
    import pandas as pd

    if labels and all(isinstance(label, tuple) for label in labels):
        return pd.MultiIndex.from_tuples(labels)
    return pd.Index(labels)


def series(rows: Sequence[Any], field: Field, report: Report, decode: Decode) -> Any:
    """A Series of the field's dtype.

    Raises:
        Violations: everything that the report holds.
    """
    from . import columns

    made = columns.decode_column(rows, field, report, _in_column(field.name), decode)
    report.raise_any()
    return named(made, field)


def named(column: Any, field: Field) -> Any:
    """A column as a Series with the name that the field gives it."""
    import pandas as pd

    name = field.label if field.label is not None else field.name or None
    return pd.Series(_as_column(column), name=name)


def array(rows: Sequence[Any], input_: Input, report: Report, decode: Decode) -> Any:
    """An array of shape (rows, *shape) from nested lists.

    Raises:
        Violations: everything that the report holds.
    """
    from . import columns

    flat: list[Any] = []
    for number, row in enumerate(rows):
        _flatten(row, input_.shape, number, "", report, flat)
    report.raise_any()
    size = math.prod(input_.shape)

    def locate(position: int) -> tuple[int, str]:
        row, rest = divmod(position, size)
        if len(input_.shape) == 1 and input_.names:
            return row, str(input_.names[rest])
        return row, _position(rest, input_.shape)

    made = columns.decode_column(flat, input_.fields[0], report, locate, decode)
    report.raise_any()
    return made.reshape(len(rows), *input_.shape)


def _position(rest: int, shape: tuple[int, ...]) -> str:
    indices: list[int] = []
    for length in reversed(shape):
        rest, index = divmod(rest, length)
        indices.insert(0, index)
    return "".join(f"[{index}]" for index in indices)


def _flatten(
    value: Any, shape: tuple[int, ...], row: int, path: str, report: Report, flat: list[Any]
) -> None:
    if not shape:
        flat.append(value)
    elif not isinstance(value, list):
        report.add(row, path, f"must be a list of {shape[0]}, not {parsing.describe(value)}")
    elif len(value) != shape[0]:
        report.add(row, path, f"must hold {shape[0]} values, not {len(value)}")
    elif len(shape) == 1:
        flat.extend(value)
    else:
        for index, item in enumerate(value):
            _flatten(item, shape[1:], row, f"{path}[{index}]", report, flat)
