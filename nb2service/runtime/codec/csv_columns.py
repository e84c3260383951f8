"""CSV straight to columns, by Arrow's reader or pandas', where these read as the complete rules do.

The structure is proved first: every line has as many cells as the header, every quote opens or
closes a cell. Numbers, truth values and text are then read by Arrow or pandas; cells of any other
type are read as text and follow the rules of ``csv_cells`` and ``columns``, column by column.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..contract import Field, Input
from .casting import cast, is_numeric, stack
from .columns import TEXT, text_from_arrow
from .csv_cells import parse_cell
from .tabular import Unsure, has_pyarrow, lacks_header, positional_names, positions

_LEAST = -(2**63)
COMMA, NEWLINE, QUOTE = b',\n"'

# values of a column, its field → the column, by the complete rules
Decode = Callable[[Sequence[Any], Field], Any]


def read(body: bytes, input_: Input, decode: Decode) -> list[Any]:
    """The columns of a CSV with a header (or of numbers without), in the contract's order.

    Raises:
        Unsure: the complete rules must read it.
    """
    body = _plain_lines(body)
    header, begin = _header(body)
    if lacks_header(header, input_):
        header, begin = positional_names(input_, len(header)), 0
    order = positions(header, input_)
    prove_regular(body, len(header))
    if begin == len(body):
        raise Unsure
    fields = input_.fields if input_.kind == "frame" else input_.fields * len(order)
    kinds = {at: _read_as(field) for at, field in zip(order, fields, strict=True)}
    split = _by_arrow if has_pyarrow() else _by_pandas
    cells = split(body[begin:], [kinds[at] for at in range(len(header))])
    made = [_column(cells[at], f, decode) for at, f in zip(order, fields, strict=True)]
    return stack(made, input_)


def _by_pandas(body: bytes, kinds: list[str]) -> list[Any]:
    """The cells by column, as these dtypes; text as it is, other gaps as NaN."""
    import pandas as pd

    names: Any = range(len(kinds))
    dtypes: Any = dict(enumerate(kinds))
    gaps: Any = {at: [""] for at, kind in enumerate(kinds) if kind == "float64"}
    try:
        with np.errstate(invalid="ignore"):  # of "1e400" as a whole number: refused then
            table = pd.read_csv(
                io.BytesIO(body),
                header=None,
                names=names,
                index_col=False,
                dtype=dtypes,
                na_values=gaps,
                keep_default_na=False,
                **_exact_floats(pd.__version__),
                skip_blank_lines=False,
                low_memory=False,
                encoding="utf-8",
            )
    except (ValueError, TypeError, OverflowError) as error:
        raise Unsure from error
    return [table[at].to_numpy() for at in names]


def _by_arrow(body: bytes, kinds: list[str]) -> list[Any]:
    """As ``_by_pandas``, in half the time; text as Arrow's columns."""
    import pyarrow as pa
    from pyarrow import csv as arrow

    if any(x in body and b"0" + x in body for x in (b"x", b"X")):
        raise Unsure  # Arrow reads hexadecimal numbers too
    types = {"float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
    names = list(map(str, range(len(kinds))))
    try:
        table = arrow.read_csv(
            pa.BufferReader(body),
            arrow.ReadOptions(use_threads=False, block_size=len(body) + 1, column_names=names),
            arrow.ParseOptions(newlines_in_values=b'"' in body, ignore_empty_lines=False),
            arrow.ConvertOptions(
                column_types={
                    n: types.get(k, pa.large_string()) for n, k in zip(names, kinds, strict=True)
                },
                null_values=[""],
                true_values=["true", "True", "TRUE"],
                false_values=["false", "False", "FALSE"],
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise Unsure from error
    for column, kind in zip(table.columns, kinds, strict=True):
        gaps = column.null_count
        if gaps and kind != "float64":
            raise Unsure
        # "nan(1)" is a number to Arrow alone.
        if kind == "float64" and b"(" in body and np.isnan(column.to_numpy()).sum() > gaps:
            raise Unsure
    columns = zip(table.columns, kinds, strict=True)
    return [column if kind == "object" else column.to_numpy() for column, kind in columns]


@lru_cache(maxsize=1)
def _exact_floats(version: str) -> dict[str, Any]:
    """What makes pandas read each number as the nearest float; from 3.1 on it always does."""
    major, minor = map(int, version.split(".")[:2])
    return {} if (major, minor) >= (3, 1) else {"float_precision": "round_trip"}


def _plain_lines(body: bytes) -> bytes:
    """The body with a newline at the end of each line, and no mark at its begin."""
    body = body[3:] if body[:3] == b"\xef\xbb\xbf" else body
    if b"\r" in body:
        if b'"' in body or body.count(b"\r") != body.count(b"\r\n"):
            raise Unsure
        body = body.replace(b"\r\n", b"\n")
    if not body or b"\0" in body or body[:3] == b"\xef\xbb\xbf":
        raise Unsure
    return body if body[-1] == NEWLINE else body + b"\n"


def _header(body: bytes) -> tuple[list[str], int]:
    """The cells of the first line, and where the next one begins."""
    end = body.index(b"\n")
    try:
        header = next(csv.reader([body[:end].decode()], strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise Unsure from error
    return header, end + 1


def prove_regular(body: bytes, width: int) -> None:
    """Make sure that all readers of CSV see the same cells, ``width`` a line.

    Raises:
        Unsure: they may not.
    """
    codes = np.frombuffer(body, np.uint8)
    separators = (codes == COMMA) | (codes == NEWLINE)
    if b'"' in body:
        quotes = codes == QUOTE
        _prove_quotes(codes, np.flatnonzero(quotes))
        separators &= ~np.logical_xor.accumulate(quotes)
    ends = np.flatnonzero(separators)
    lengths = np.diff(ends, prepend=-1)
    # What is too long for Python's own reader is refused there.
    if len(ends) % width or lengths.max() > csv.field_size_limit():
        raise Unsure
    lines = codes[ends].reshape(-1, width)
    if not ((lines[:, -1] == NEWLINE).all() and (lines[:, :-1] == COMMA).all()):
        raise Unsure
    if width == 1 and (lengths == 1).any():
        raise Unsure  # an empty line is a row here, and none to others


def _prove_quotes(codes: Any, quotes: Any) -> None:
    if len(quotes) % 2:
        raise Unsure
    opening, closing = quotes[::2], quotes[1::2]
    before = np.where(opening == 0, COMMA, codes[opening - 1])
    if not np.isin(before, (COMMA, NEWLINE, QUOTE)).all():
        raise Unsure
    if not np.isin(codes[closing + 1], (COMMA, NEWLINE, QUOTE)).all():
        raise Unsure


def _read_as(field: Field) -> str:
    """The dtype in which pandas reads a column; "object": as text."""
    if is_numeric(field):
        kind = np.dtype(field.dtype).kind
        if kind == "f":
            return "float64"
        if not field.nullable and field.dtype != "uint64":
            return "bool" if kind == "b" else "int64"
    return "object"


def _column(cells: Any, field: Field, decode: Decode) -> Any:
    if isinstance(cells, np.ndarray) and cells.dtype != object:
        # At an end of its range, "9223372036854775808.0" may have been cut.
        if cells.dtype == np.int64 and not _LEAST < cells.min() <= cells.max() < -_LEAST - 1:
            raise Unsure
        # Too large for a float; or "-0", which is a whole number to the complete rules.
        if cells.dtype == float and (np.isinf(cells) | (np.signbit(cells) & (cells == 0))).any():
            raise Unsure
        return cast(cells, field)
    if field.type == "string" and field.dtype in TEXT:
        return _text(cells, field)
    texts = cells.tolist() if isinstance(cells, np.ndarray) else cells.to_pylist()
    return decode([parse_cell(text, field.type, field.nullable) for text in texts], field)


def _text(cells: Any, field: Field) -> Any:
    """A column of text as objects, or as a frame holds it where Arrow read it."""
    if isinstance(cells, np.ndarray):
        return np.where(cells == "", None, cells) if field.nullable else cells
    if field.nullable:
        import pyarrow.compute as pc

        cells = pc.if_else(pc.equal(cells, ""), None, cells)
    return text_from_arrow(cells, field.dtype)
