"""Single wire values to what the notebook's code receives, nested ones included."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from ..contract import Field, Input
from ..problems import Report, Violations
from . import parsing, tables, values

# make(class name, keyword arguments) → an instance of a class that notebook.py binds
Make = Callable[[str, dict[str, Any]], Any]

_ITERABLES: dict[str, Callable[[list[Any]], Any]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
}


class Decoder:
    """Reads single wire values, nested ones included."""

    def __init__(self, report: Report, make: Make | None) -> None:
        self.report = report
        self.make = make

    def decode(self, value: Any, field: Field, row: int, path: str) -> Any:
        """The live value; None, and a violation in the report, where it breaks the contract."""
        if value is None:
            if not field.nullable and field.type != "any":
                self.report.add(row, path, "must not be null")
            return values.missing_value(field.missing)
        if _is_numpy_scalar(field):
            from .columns import decode_column

            one = decode_column([value], field, self.report, lambda _: (row, path), self.decode)
            return None if one is None else one[0]
        try:
            if field.python and (read := _reader(field, value)):
                return read(value, field)
            parsed = parsing.parse(value, field.type)
            if field.zone:
                return _in_zone(parsed, field.zone, value)
            if field.categories and not (field.dtype or field.python):
                _check_literal(parsed, field.categories)
        except ValueError as error:
            self.report.add(row, path, str(error))
            return None
        if field.type == "list":
            return self._list(parsed, field, row, path)
        if field.type == "object" and field.fields:
            parsed = self._object(parsed, field.fields, row, path, "an object")
        elif field.type == "object" and field.items:
            item = field.items
            parsed = {k: self.decode(v, item, row, tables.join(path, k)) for k, v in parsed.items()}
        if field.python == "series":
            import pandas as pd

            return pd.Series(parsed, dtype=field.dtype or None)
        if field.python:
            arguments = parsed if isinstance(parsed, dict) else {"value": parsed}
            return self._make(field, arguments, row, path)
        return parsed

    def arguments(self, row: Any, fields: Sequence[Field], number: int) -> dict[str, Any]:
        """Keyword arguments of one call from one wire row."""
        return self._object(row, fields, number, "", "an object by argument name")

    def _object(
        self, value: Any, fields: Sequence[Field], row: int, path: str, what: str
    ) -> dict[str, Any]:
        value = tables.checked_object(value, fields, row, path, self.report, what)
        return {
            member.name: self.decode(
                value[member.name], member, row, tables.join(path, member.name)
            )
            for member in fields
            if member.name in value
        }

    def _make(self, field: Field, arguments: dict[str, Any], row: int, path: str) -> Any:
        if self.report.errors:
            return None
        if self.make is None:
            raise TypeError(f"{path}: nothing to make a {field.python} with")
        try:
            return self.make(field.python, arguments)
        except (TypeError, ValueError) as error:
            # The class's own validation speaks: pydantic by member, others in one sentence.
            errors = getattr(error, "errors", None)
            for part in errors() if callable(errors) else [{"loc": (), "msg": str(error)}]:
                where = ".".join([path, *map(str, part["loc"])])
                self.report.add(row, where, str(part["msg"]))
            return None

    def _list(self, value: list[Any], field: Field, row: int, path: str) -> Any:
        item = field.items or Field("", "any", nullable=True)
        column = replace(item, dtype=item.dtype or field.dtype, label=field.label)

        def build(inner: Report) -> Any:
            decode = Decoder(inner, self.make).decode
            if field.python == "ndarray":
                shape = _sizes(value, field.shape)
                return tables.array(value, Input("array", (column,), shape), inner, decode)
            if field.python == "series":
                return tables.series(value, column, inner, decode)
            by_column = tables.transpose(value, item.fields, inner)
            return tables.frame(by_column, len(value), item.fields, inner, decode)

        if field.python in ("ndarray", "series", "frame"):
            return self._nested(build, row, path)
        made = [self.decode(part, item, row, f"{path}[{i}]") for i, part in enumerate(value)]
        return _ITERABLES[field.python](made) if field.python in _ITERABLES else made

    def _nested(self, build: Callable[[Report], Any], row: int, path: str) -> Any:
        """Build an array or frame inside an argument; its rows become part of the field's path."""
        inner = Report()
        try:
            return build(inner)
        except Violations as problem:
            for error in problem.errors:
                dot = "." if error.field and error.field[0] != "[" else ""
                self.report.add(row, f"{path}[{error.row}]{dot}{error.field}", error.message)
            return None


def _timestamp(value: Any, field: Field) -> Any:
    from .columns import timestamp

    return _in_zone(timestamp(value), field.zone, value)


def _timedelta(value: Any, field: Field) -> Any:
    from .columns import timedelta

    return timedelta(value)


def _uuid(value: Any, field: Field) -> Any:
    try:
        return UUID(parsing.parse(value, "string"))
    except ValueError:
        raise ValueError(f"must be a UUID, not {parsing.describe(value)}") from None


def _bytes(value: Any, field: Field) -> Any:
    from .uploads import from_bytes

    return from_bytes(parsing.parse(value, "bytes"), field)


def _reader(field: Field, value: Any) -> Callable[[Any, Field], Any] | None:
    """What reads a value of no plain Python class; None where the usual rules do."""
    if field.type == "bytes":
        return _bytes
    if field.python == "ndarray" and type(value) is bytes:
        return _npy
    return _READERS.get(field.python)


_READERS: dict[str, Callable[[Any, Field], Any]] = {
    "Timestamp": _timestamp,
    "Timedelta": _timedelta,
    "uuid": _uuid,
    "pathlib": lambda value, field: Path(parsing.parse(value, "string")),
}


def _in_zone(moment: Any, zone: str, value: Any) -> Any:
    if zone in ("", "naive"):
        if zone and moment.tzinfo is not None:
            raise ValueError(f"must not carry a zone: {parsing.describe(value)}")
        return moment
    if moment.tzinfo is None:
        raise ValueError(f'must carry a zone, such as "Z": {parsing.describe(value)}')
    # By its name pandas takes the class of zones that it takes by itself.
    convert = getattr(moment, "tz_convert", None)
    return convert(zone) if convert else moment.astimezone(ZoneInfo(zone))


def _check_literal(value: Any, known: tuple[Any, ...]) -> None:
    if not any(type(value) is type(item) and value == item for item in known):
        listed = ", ".join(map(repr, known))
        raise ValueError(f"must be one of {listed}, not {parsing.describe(value)}")


def _sizes(value: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape, its axes of any length as the nested lists have them."""
    sizes = []
    for size in shape:
        value = value[0] if isinstance(value, list) and value else []
        sizes.append(len(value) if size < 0 and isinstance(value, list) else size)
    return tuple(sizes)


def _npy(data: bytes, field: Field) -> Any:
    """The array of an uploaded ``.npy`` file."""
    from .bounds import read_npy
    from .casting import cast
    from .tabular import Unsure

    try:
        array = read_npy(data)
    except ValueError as error:
        raise ValueError(f"must be an .npy file: {error}") from None
    fitting = array.ndim == len(field.shape) + 1 and all(
        want in (-1, have) for want, have in zip(field.shape, array.shape[1:], strict=True)
    )
    if not fitting:
        sizes = ", ".join(["n", *("any" if size < 0 else str(size) for size in field.shape)])
        raise ValueError(f"must have {len(field.shape) + 1} axes, ({sizes}), not {array.shape}")
    item = replace(field.items or Field("", "any"), dtype=field.dtype)
    try:
        return cast(array, item)
    except Unsure:
        raise ValueError(f"must hold values of {field.dtype}, not {array.dtype}") from None


def _is_numpy_scalar(field: Field) -> bool:
    """Whether the notebook's code receives one value with a dtype (``numpy.float32(0.5)``)."""
    plain = field.dtype in ("", "object") or field.type in ("list", "object", "any")
    return not plain and not field.python
