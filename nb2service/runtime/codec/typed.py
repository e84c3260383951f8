"""Rows that keep to the contract, by column: what lies between a request's bytes and an entry."""

from __future__ import annotations

import importlib
import importlib.util
import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from ..contract import Field, Input
from ..problems import Report
from . import reading, wire
from .decoding import Decoder, Make
from .json_rows import RowReader
from .tabular import Columns, Unsure
from .values import missing_value

# values of a column, its field → the column, by the complete rules
Decode = Callable[[Sequence[Any], Field], Any]


class Typed:
    """Valid rows of one request, or of several together.

    They are held as they were read and become columns, or what the entry receives, when asked
    for: a joined call builds its columns once for all requests.

    Attributes:
        input: what the entry takes.
        count: how many rows.
    """

    __slots__ = ("_columns", "_live", "_plain", "_rows", "count", "input")

    def __init__(
        self,
        input_: Input,
        count: int,
        rows: Sequence[Any] | None = None,
        columns: list[Any] | None = None,
        live: Any = None,
    ) -> None:
        self.input = input_
        self.count = count
        self._rows = rows
        self._columns = columns
        self._live = live
        self._plain = columns is None

    @property
    def key(self) -> Any:
        """Rows of requests with equal keys may be joined: no dtype would change by it."""
        plan = _plan(self.input)
        if not plan.shifting:
            return ()
        if self._rows is None or self.input.kind != "frame":
            columns = self.columns()
            return tuple(str(columns[i].dtype) for i in plan.shifting)
        return tuple(plan.dtype(i, self._rows) for i in plan.shifting)

    def columns(self) -> list[Any]:
        """One array a field of a frame, in the contract's order; one for the other kinds.

        Arrays of the contract's numpy dtype, shape (rows,) or (rows, *shape); pandas' extension
        arrays where the dtype is one; text (``str``, ``string``) as objects, missing as None.
        A column of whole numbers with gaps is float64, one of truth values with gaps object.
        """
        if self._columns is None and self._rows is not None:
            self._columns = _plan(self.input).columns(self._rows)
        elif self._columns is None or not self._plain:
            from . import neutral

            if self._columns is None:
                self._columns = neutral.from_live(self._live, self.input)
            else:
                self._columns = neutral.plain_texts(self._columns, self.input)
        self._plain = True
        return self._columns

    def live(self) -> Any:
        """What the entry receives: a frame, an array, a Series, a list, or keyword arguments."""
        if self._live is None:
            if self.input.kind == "list":
                self._live = self.columns()[0]
            else:
                from . import neutral

                columns = self._columns or self.columns()
                self._live = neutral.to_live(columns, self.count, self.input)
        return self._live


class _Plan:
    """What the rows of one input take to be read and built, worked out once."""

    def __init__(self, input_: Input) -> None:
        self.input = input_
        try:
            self.reader: RowReader | None = RowReader(input_)
        except (ValueError, TypeError, msgspec.MsgspecError):
            self.reader = None
        fields = input_.fields if input_.kind in ("frame", "series", "array") else ()
        self.shifting = [i for i, field in enumerate(fields) if _shifts(field)]

    @cached_property
    def _makers(self) -> list[Callable[[Sequence[Any]], Any]]:
        from .neutral import maker

        return [maker(field) for field in self.input.fields]

    def columns(self, rows: Sequence[Any]) -> list[Any]:
        """The columns of decoded rows."""
        kind = self.input.kind
        if kind == "list":
            gap = missing_value(self.input.fields[0].missing)
            return [[gap if value is None else value for value in rows]]
        if kind == "frame":
            values = self.reader.values_of(rows) if rows else [()] * len(self._makers)  # type: ignore
            return [make(column) for make, column in zip(self._makers, values, strict=True)]
        flat: Any = rows
        for _ in self.input.shape:
            flat = [value for part in flat for value in part]
        made = self._makers[0](flat)
        return [made.reshape(len(rows), *self.input.shape)]

    def checked(self, values: Sequence[Sequence[Any]], decode: Decode) -> list[Any]:
        """The columns of decoded values by column; those not yet checked follow ``decode``."""
        unsure = self.reader.unsure if self.reader else ()
        return [
            decode(values[i], field) if i in unsure else self._makers[i](values[i])
            for i, field in enumerate(self.input.fields)
        ]

    def dtype(self, position: int, rows: Sequence[Any]) -> str:
        """The dtype that the column of a frame will have."""
        field = self.input.fields[position]
        take = self.reader.getter(position)  # type: ignore[union-attr]
        if all(take(row) is not None for row in rows):
            return field.dtype
        return "object" if field.dtype == "bool" else "float64"


def _shifts(field: Field) -> bool:
    """Whether the dtype of a column varies with its values."""
    gaps = field.nullable or (not field.required and field.default is None)
    width_of_text = re.fullmatch(r"[<>=|]?[US]\d+", field.dtype)
    return bool(width_of_text or (gaps and re.fullmatch(r"u?int\d+|bool", field.dtype)))


def _plan(input_: Input) -> _Plan:
    # Kept on the contract's own object: a look-up by its value would hash every field.
    kept = vars(input_)
    plan: _Plan | None = kept.get("_plan")
    if plan is None:
        plan = kept["_plan"] = _Plan(input_)
    return plan


@lru_cache(maxsize=256)
def _format(content_type: str) -> str:
    """The media type, if its parameters ask for nothing unusual; else ""."""
    media_type, parameters = reading.parse_media_type(content_type)
    usual = parameters.get("charset", "utf-8") in ("utf-8", "utf8") and "header" not in parameters
    return (media_type or "application/json") if usual else ""


def read(body: bytes, content_type: str, input_: Input, make: Make | None = None) -> Typed:
    """The rows of a request.

    Raises:
        Problem: 400, 415, or 422 with every breach of the contract.
    """
    try:
        return _read_quickly(body, _format(content_type), _plan(input_), make)
    except Unsure:
        return read_slowly(body, content_type, input_, make)


def _read_quickly(body: bytes, format_: str, plan: _Plan, make: Make | None) -> Typed:
    """``read`` where no more than the types of the values needs to be looked at."""
    input_, reader = plan.input, plan.reader
    if format_ in _TABLES and input_.kind in ("frame", "array", "series"):
        columns = _TABLES[format_](body, input_, _decoder(make))
        return Typed(input_, len(columns[0]), columns=columns)
    if reader is None:
        raise Unsure
    if format_ == "application/json":
        rows, by_column = reader.decode(body)
    elif format_ in reading.JSON_LINES:
        rows, by_column = reader.decode_lines(body)
    else:
        raise Unsure
    if not by_column and not reader.unsure:
        return Typed(input_, len(rows), rows=rows)
    if not rows:
        raise Unsure
    values = rows if by_column else reader.values_of(rows)
    return Typed(input_, len(values[0]), columns=plan.checked(values, _decoder(make)))


def _decoder(make: Make | None) -> Decode:
    """Reads one column by the complete rules."""
    report = Report()
    one = Decoder(report, make).decode

    def decode(values: Sequence[Any], field: Field) -> Any:
        from .columns import decode_column

        made = decode_column(values, field, report, lambda n: (n, ""), one)
        if report.errors:
            raise Unsure  # row and field of the message are found from the begin
        return made

    return decode


def _read_csv(body: bytes, input_: Input, decode: Decode) -> list[Any]:
    if importlib.util.find_spec("pandas") is None:
        raise Unsure
    from .csv_columns import read

    made: list[Any] = read(body, input_, decode)
    return made


def _read_binary(name: str) -> Callable[[bytes, Input, Decode], list[Any]]:
    def read(body: bytes, input_: Input, decode: Decode) -> list[Any]:
        columns = importlib.import_module(".binary_columns", __package__)
        made: list[Any] = getattr(columns, name)(body, input_, decode)
        return made

    return read


# content type → what reads its columns; numpy, pandas and pyarrow are imported on first use
_TABLES: dict[str, Callable[[bytes, Input, Decode], list[Any]]] = {
    **dict.fromkeys(("text/csv", "application/csv"), _read_csv),
    reading.ARROW: _read_binary("read_arrow"),
    **dict.fromkeys((reading.PARQUET, "application/x-parquet"), _read_binary("read_parquet")),
    reading.NPY: _read_binary("read_npy"),
}


def read_slowly(body: bytes, content_type: str, input_: Input, make: Make | None = None) -> Typed:
    """``read`` by the complete rules alone."""
    table = reading.read(body, content_type, input_)
    if isinstance(table, Columns):
        live = wire.from_columns(table.columns, table.count, input_, make)
    else:
        live = wire.from_rows(table.rows, input_, make)
    return Typed(input_, len(table), live=live)


def join(parts: Sequence[Typed]) -> Typed:
    """The rows of several requests of one entry as one; their keys are equal."""
    input_, count = parts[0].input, sum([part.count for part in parts])
    held = [part._rows for part in parts]
    if None not in held:
        return Typed(input_, count, rows=[row for rows in held for row in rows])  # type: ignore
    if input_.kind in ("arguments", "list"):
        return Typed(input_, count, live=[item for part in parts for item in part.live()])
    from .neutral import concatenate

    by_field = zip(*[part.columns() for part in parts], strict=True)
    return Typed(input_, count, columns=[concatenate(column) for column in by_field])
