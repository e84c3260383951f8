"""Rows that keep to the contract, by column: what lies between a request's bytes and an entry."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from typing import Any

import msgspec

from . import reading, wire
from .contract import Field, Input
from .decoding import Decoder, Make
from .json_rows import RowReader
from .problems import Report
from .tabular import Columns
from .values import missing_value


class Typed:
    """Valid rows of one request, or of several together.

    They are held as they were read and become columns, or what the entry receives, when asked
    for: a joined call builds its columns once for all requests.

    Attributes:
        input: what the entry takes.
        count: how many rows.
    """

    __slots__ = ("_columns", "_live", "_rows", "count", "input")

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
        if self._columns is None:
            if self._rows is not None:
                self._columns = _plan(self.input).columns(self._rows)
            else:
                from . import neutral

                self._columns = neutral.from_live(self._live, self.input)
        return self._columns

    def live(self) -> Any:
        """What the entry receives: a frame, an array, a Series, a list, or keyword arguments."""
        if self._live is None:
            if self.input.kind == "list":
                self._live = self.columns()[0]
            else:
                from . import neutral

                self._live = neutral.to_live(self.columns(), self.count, self.input)
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

    def checked(self, values: Sequence[Sequence[Any]], make: Make | None) -> list[Any] | None:
        """The columns of decoded values; None if one that was unsure breaks the contract."""
        from .columns import decode_column

        report = Report()
        decode = Decoder(report, make).decode
        made = []
        for i, field in enumerate(self.input.fields):
            if i in self.reader.unsure:  # type: ignore[union-attr]
                made.append(decode_column(values[i], field, report, lambda n: (n, ""), decode))
            else:
                made.append(self._makers[i](values[i]))
        return None if report.errors else made

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
    plan = _plan(input_)
    if plan.reader is not None:
        made = _read_fast(body, _format(content_type), plan, make)
        if made is not None:
            return made
    return read_slowly(body, content_type, input_, make)


def _read_fast(body: bytes, format_: str, plan: _Plan, make: Make | None) -> Typed | None:
    reader = plan.reader
    if reader is None:
        return None
    if format_ == "application/json":
        decoded = reader.decode(body)
    elif format_ in reading.JSON_LINES:
        decoded = reader.decode_lines(body)
    else:
        return None
    if decoded is None:
        return None
    rows, by_column = decoded
    if not by_column and not reader.unsure:
        return Typed(plan.input, len(rows), rows=rows)
    if not rows:
        return None
    values = rows if by_column else reader.values_of(rows)
    columns = plan.checked(values, make)
    return None if columns is None else Typed(plan.input, len(values[0]), columns=columns)


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
    if input_.kind == "arguments":
        return Typed(input_, count, live=[call for part in parts for call in part.live()])
    from .neutral import concatenate

    by_field = zip(*[part.columns() for part in parts], strict=True)
    return Typed(input_, count, columns=[concatenate(column) for column in by_field])
