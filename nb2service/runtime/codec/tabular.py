"""Tables in request bodies: CSV, Arrow, Parquet and npy to wire rows or columns."""

from __future__ import annotations

import csv
import importlib.util
import io
import math
import operator
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any

from ..contract import Field, Input
from ..problems import BrokenRow, Problem
from . import bounds, values
from .csv_cells import parse_cell


@dataclass(frozen=True)
class Rows:
    """Wire rows, as ``wire.from_rows`` takes them."""

    rows: list[Any]

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True)
class Columns:
    """Wire values by column, as ``wire.from_columns`` takes them, and how many rows there are."""

    columns: dict[str, list[Any]]
    count: int

    def __len__(self) -> int:
        return self.count


class Unsure(Exception):  # noqa: N818 - says what it is
    """A quick reader leaves the body to the complete rules."""


def has_pyarrow() -> bool:
    """Whether Arrow and Parquet can be read and written here."""
    return importlib.util.find_spec("pyarrow") is not None


def decode_text(body: bytes, parameters: dict[str, str]) -> str:
    """The body as text, by the content type's charset (UTF-8 by default)."""
    charset = parameters.get("charset", "utf-8")
    try:
        if charset in ("utf-8", "utf8"):
            return body.decode("utf-8-sig")
        text = body.decode(charset)
        text.encode()  # some charsets can hold halves of characters
        return text
    except UnicodeError as error:
        where = f": byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
        raise Problem(400, f"the body is not {charset}{where}") from None
    except (LookupError, ValueError):
        raise Problem(415, f"the charset {charset!r} is unknown") from None


def read_csv(body: bytes, parameters: dict[str, str], input_: Input) -> Rows | Columns:
    """CSV by its header; by position where it has none (``header=absent``, or all numbers)."""
    if len(input_.shape) > 1:
        raise Problem(415, "rows of this entry are nested lists, which CSV cannot hold; send JSON")
    lines = _csv_lines(decode_text(body, parameters))
    if not lines:
        raise Problem(400, "the CSV is empty; it needs a header line with the columns' names")
    if parameters.get("header") == "absent" or lacks_header(lines[0], input_):
        header = positional_names(input_, len(lines[0]))
    else:
        header, *lines = lines
    for number, line in enumerate(lines, 1):
        if len(line) != len(header):
            fault = f"has {len(line)} cells, the header {len(header)}"
            raise BrokenRow("CSV row", number, fault)
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise Problem(400, f"the CSV has more than one column {min(twice)!r}")
    cells = zip(*lines, strict=True) if lines else ([] for _ in header)
    columns = {
        name: _parse_cells(column, _field_of(name, input_))
        for name, column in zip(header, cells, strict=True)
    }
    return Columns(columns, len(lines))


def _csv_lines(text: str) -> list[list[str]]:
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Problem(400, f"the body is not CSV: {error}") from None
    header = next(filter(None, lines), [])
    if len(header) != 1:
        return [line for line in lines if line]
    # In a file with one column, an empty line is a row whose value is missing.
    while lines[-1] == [] and text.endswith("\n\n"):
        lines.pop()
    return [line or [""] for line in dropwhile(operator.not_, lines)]


def lacks_header(first: list[str], input_: Input) -> bool:
    """Whether the first line of a CSV of numbers already is data, as some platforms send it."""
    if input_.kind != "array" or input_.fields[0].type not in ("integer", "number"):
        return False
    known = {str(name) for name in input_.names}
    return not known & set(first) and all(map(_is_number, first))


def _is_number(cell: str) -> bool:
    value = parse_cell(cell, "number", True)
    return not isinstance(value, str) or value in ("Infinity", "-Infinity")


def positional_names(input_: Input, count: int) -> list[str]:
    """Column names of a table without header: those of the contract, then ``x0``, ``x1``, …"""
    if input_.kind in ("frame", "arguments"):
        names = [field.name for field in input_.fields]
    elif input_.kind == "array":
        names = [str(name) for name in input_.names]
    else:
        names = [input_.fields[0].name or "value"]
    return names if len(names) == count else [f"x{i}" for i in range(count)]


def _field_of(name: str, input_: Input) -> Field | None:
    if input_.kind in ("frame", "arguments"):
        return next((field for field in input_.fields if field.name == name), None)
    return input_.fields[0]


def _parse_cells(cells: Any, field: Field | None) -> list[Any]:
    if field is None:  # unknown column: reported by the contract's check
        return list(cells)
    return [parse_cell(cell, field.type, field.nullable) for cell in cells]


# --- Arrow, Parquet, npy ------------------------------------------------------------------------


def read_arrow(body: bytes, parameters: dict[str, str], input_: Input) -> Columns:
    """An Arrow IPC stream or file."""
    return _arrow_columns(binary_table(body))


def read_parquet(body: bytes, parameters: dict[str, str], input_: Input) -> Columns:
    """A Parquet file."""
    return _arrow_columns(binary_table(body, parquet=True))


def binary_table(body: bytes, parquet: bool = False) -> Any:
    """The ``pyarrow.Table`` of an Arrow IPC stream or file or a Parquet file, without row labels.

    Raises:
        Problem: 400 for other bytes, 415 where pyarrow is not installed.
    """
    arrow = _pyarrow()
    try:
        return _checked_table(bounds.read_parquet(body) if parquet else bounds.read_arrow(body))
    except (arrow.ArrowException, OSError) as error:
        name = "Parquet" if parquet else "an Arrow IPC stream"
        raise Problem(400, f"the body is not {name}: {_first_line(error)}") from None


def _checked_table(table: Any) -> Any:
    # pandas writes its row labels as a column; they are no part of the rows.
    names = [name for name in table.column_names if not name.startswith("__index_level_")]
    if len(set(names)) < len(names):
        raise Problem(400, "the table has more than one column of the same name")
    return table if len(names) == table.num_columns else table.select(names)


def _pyarrow() -> Any:
    if not has_pyarrow():
        raise Problem(415, "Arrow and Parquet need pyarrow, which is not installed here; send CSV")
    import pyarrow

    return pyarrow


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0]


def _arrow_columns(table: Any) -> Columns:
    columns = {name: arrow_values(table.column(name)) for name in table.column_names}
    return Columns(columns, table.num_rows)


def arrow_values(column: Any) -> list[Any]:
    """An Arrow column as wire values."""
    kind = str(column.type)
    try:
        items: list[Any] = column.to_pylist()
    except (OverflowError, ValueError):
        raise Problem(400, f"the table has a {kind} outside of the years 1 to 9999") from None
    if kind.startswith(("int", "uint", "bool", "string", "large_string")):
        return items
    return [values.encode(item) for item in items]


def read_npy(body: bytes, parameters: dict[str, str], input_: Input) -> Rows:
    """A numpy array as ``numpy.save`` writes it; one row where it has no row axis."""
    array = npy_array(body, input_)
    from .arrays import encode_array

    try:
        rows = encode_array(array)
    except TypeError as error:
        raise Problem(400, f"the body is not an npy array: {_first_line(error)}") from None
    return Rows(rows if array.ndim > len(input_.shape) else [rows])


def npy_array(body: bytes, input_: Input) -> Any:
    """The array of an npy file.

    Raises:
        Problem: 400 for other bytes, 415 where the entry takes no array.
    """
    if input_.kind != "array":
        raise Problem(415, "npy is accepted by entries that take arrays only; send JSON or CSV")
    try:
        return bounds.read_npy(body)
    except ValueError as error:
        raise Problem(400, f"the body is not an npy array: {_first_line(error)}") from None


def as_rows(table: Columns, input_: Input) -> Rows:
    """Rows of a table for an entry that takes no frame."""
    if input_.kind == "arguments":
        optional = {f.name for f in input_.fields if not f.required and not f.nullable}
        names = list(table.columns)
        return Rows(
            [
                {
                    n: v
                    for n, v in zip(names, row, strict=True)
                    if v is not None or n not in optional
                }
                for row in zip(*table.columns.values(), strict=True)
            ]
        )
    if not input_.shape and len(table.columns) != 1:
        raise Problem(400, f"the table must have one column, not {len(table.columns)}")
    if not input_.shape:
        return Rows(next(iter(table.columns.values())))
    names = list(table.columns)
    columns = [table.columns[names[at]] for at in in_order(names, input_)]
    return Rows([list(row) for row in zip(*columns, strict=True)])


def in_order(names: list[str], input_: Input) -> list[int]:
    """Where the columns of an array's rows are in a table, by name; as they come if unnamed."""
    known = [str(name) for name in input_.names] or [f"x{i}" for i in range(input_.shape[0])]
    found = {name: at for at, name in enumerate(names)}
    if set(known) == found.keys():
        return [found[name] for name in known]
    if input_.names and set(known) & found.keys():
        missing = sorted(set(known) - found.keys()) or sorted(found.keys() - set(known))
        raise Problem(400, f"the columns are not those of the contract: {missing[0]!r}")
    return list(range(len(names)))


def positions(names: list[str], input_: Input) -> list[int]:
    """Where each column of the contract is in a table that has them all and no other.

    Raises:
        Unsure: it has not.
    """
    found = {name: at for at, name in enumerate(names)}
    if len(found) < len(names):
        raise Unsure
    if input_.kind == "frame" and found.keys() == {field.name for field in input_.fields}:
        return [found[field.name] for field in input_.fields]
    if input_.kind == "series" and len(names) == 1:
        return [0]
    if input_.kind == "array" and len(names) == math.prod(input_.shape) and len(input_.shape) < 2:
        with suppress(Problem):  # there may be another before it
            return in_order(names, input_) if input_.shape else [0]
    raise Unsure
