"""JSON bodies straight to checked rows, by a type that msgspec makes from the contract.

What is read here keeps to the contract for certain; anything else is left to the complete rules
(``reading``, ``wire``), which read the body anew and make the messages.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property, lru_cache
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from ..contract import Field, Input
from .tabular import Unsure

# With more members, the search for each by its name is quick only in the contract's order.
MANY_MEMBERS = 128
MAX_LITERALS = 256
_ENVELOPES = ("instances", "dataframe_records", "dataframe_split", "inputs")
_INTEGER = re.compile(r"(u?)int(8|16|32|64)")
_LARGEST = {"float16": 65504.0, "float32": 3.4028234663852886e38, "float64": None}
_ANY = (Any, False)

# Rows, and whether they came by column: then one sequence of values a field.
Decoded = tuple[Sequence[Any], bool]


class RowReader:
    """Reads the JSON rows of one input.

    Args:
        input_: a frame, array, series or list.

    Raises:
        ValueError: no type can be made of it.

    Attributes:
        unsure: positions of the fields whose values only a build of their column can check.
    """

    def __init__(self, input_: Input) -> None:
        self.input = input_
        fields = input_.fields
        if any(field.name in _ENVELOPES for field in fields) or input_.kind == "arguments":
            raise ValueError("a member called as an envelope; or single calls")
        found = [wire_type(field) for field in fields]
        if input_.kind == "list" and (fields[0].type, fields[0].dtype) == ("any", ""):
            found = [(Any, not fields[0].python)]
        self.unsure = [i for i, (_, sure) in enumerate(found) if not sure]
        if any(_is_filled_with_null(fields[i]) for i in self.unsure):
            raise ValueError("null is refused where it is sent, and put in where it is not")
        self._types = [type_ for type_, _ in found]
        if input_.kind == "frame":
            row = self._row_type()
            self._split = lru_cache(maxsize=8)(self._split_decoder)
        else:
            row = self._types[0]
            if self.unsure or (input_.kind == "list" and fields[0].dtype not in ("", "object")):
                raise ValueError("values that only the complete rules can check")
            for size in reversed(input_.shape):
                row = Annotated[list[row], Meta(min_length=size, max_length=size)]  # type: ignore
        envelope = msgspec.defstruct(
            "Envelope",
            [
                ("instances", list[row], None),  # type: ignore[valid-type]
                ("dataframe_records", list[row], None),  # type: ignore[valid-type]
                ("dataframe_split", msgspec.Raw, None),
                ("inputs", msgspec.Raw, None),
            ],
        )
        self._envelope = msgspec.json.Decoder(envelope)
        self._row = msgspec.json.Decoder(row)
        self._rows = msgspec.json.Decoder(list[row])  # type: ignore[valid-type]

    def _row_type(self) -> Any:
        fields = self.input.fields
        if not fields:
            raise ValueError("no members")
        members: list[Any] = []
        for i, (field, type_) in enumerate(zip(fields, self._types, strict=True)):
            if field.required:
                members.append((f"f{i}", type_))
            elif field.default is None:
                members.append((f"f{i}", type_, None))
            else:
                members.append((f"f{i}", type_, msgspec.convert(field.default, type_)))
        return msgspec.defstruct(
            "Row",
            members,
            rename={f"f{i}": field.name for i, field in enumerate(fields)},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )

    def decode(self, body: bytes) -> Decoded:
        """The rows of a JSON body in any of its forms.

        Raises:
            Unsure: the complete rules must read it.
        """
        if len(self.input.fields) > MANY_MEMBERS and not self._is_in_order(body):
            raise Unsure
        try:
            return self._unwrap(body) if body.lstrip()[:1] == b"{" else self._bare(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Unsure from error

    def _is_in_order(self, body: bytes) -> bool:
        """Whether the first row names its members in the contract's order."""
        end = body.find(b"}")
        at = body.rfind(b"{", 0, end)
        for key in self._keys:
            at = body.find(key, at, end)
            if at < 0:
                return False
        return True

    @cached_property
    def _keys(self) -> list[bytes]:
        return [msgspec.json.encode(field.name) for field in self.input.fields]

    def decode_lines(self, body: bytes) -> Decoded:
        """The rows of JSON lines; raises as ``decode``."""
        if len(self.input.fields) > MANY_MEMBERS and not self._is_in_order(body):
            raise Unsure
        try:
            return [self._row.decode(line) for line in body.split(b"\n") if line.strip()], False
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise Unsure from error

    def _unwrap(self, body: bytes) -> Decoded:
        envelope: Any = self._envelope.decode(body)
        if envelope.instances is not None:
            return envelope.instances, False
        if envelope.dataframe_records is not None:
            return envelope.dataframe_records, False
        if envelope.dataframe_split is not None:
            return self._read_split(envelope.dataframe_split)
        if envelope.inputs is not None:
            inputs = bytes(envelope.inputs)
            if inputs[:1] != b"[":
                return self._read_columns(inputs)
            return self._rows.decode(inputs), False
        if self.input.kind != "frame":
            raise Unsure
        return [self._row.decode(body)], False

    def _bare(self, body: bytes) -> Decoded:
        try:
            return self._rows.decode(body), False
        except msgspec.ValidationError:
            return [self._row.decode(body)], False

    def _read_split(self, raw: Any) -> Decoded:
        if self.input.kind != "frame":
            raise Unsure
        split = _split.decode(raw)
        names = tuple(split.columns)
        order = {field.name: i for i, field in enumerate(self.input.fields)}
        if len(names) != len(order) or set(names) != order.keys():
            raise Unsure
        rows = self._split(names).decode(split.data)
        if not rows:
            raise Unsure
        by_name = dict(zip(names, zip(*rows, strict=True), strict=True))
        return [by_name[name] for name in order], True

    def _split_decoder(self, names: tuple[str, ...]) -> Any:
        types = {f.name: t for f, t in zip(self.input.fields, self._types, strict=True)}
        row: Any = tuple[tuple(types[name] for name in names)]  # type: ignore[misc]
        return msgspec.json.Decoder(list[row])

    def _read_columns(self, inputs: bytes) -> Decoded:
        if self.input.kind != "frame":
            raise Unsure
        table = self._columns.decode(inputs)
        columns = msgspec.structs.astuple(table)
        if len(set(map(len, columns))) > 1:
            raise Unsure
        return columns, True

    @cached_property
    def _columns(self) -> Any:
        names = [field.name for field in self.input.fields]
        table = msgspec.defstruct(
            "Table",
            [(f"f{i}", list[type_]) for i, type_ in enumerate(self._types)],  # type: ignore
            rename={f"f{i}": name for i, name in enumerate(names)},
            forbid_unknown_fields=True,
        )
        return msgspec.json.Decoder(table)

    def values_of(self, rows: Sequence[Any]) -> list[Sequence[Any]]:
        """Rows of a frame, as ``decode`` gave them, by column."""
        if len(rows) == 1:
            return [(value,) for value in msgspec.structs.astuple(rows[0])]
        return list(zip(*map(msgspec.structs.astuple, rows), strict=True))

    def getter(self, position: int) -> Callable[[Any], Any]:
        """What takes the value of the field at ``position`` out of a row of a frame."""
        return attrgetter(f"f{position}")


def _is_filled_with_null(field: Field) -> bool:
    return not (field.required or field.nullable) and field.default is None


class _Split(msgspec.Struct):
    columns: list[str]
    data: msgspec.Raw


_split = msgspec.json.Decoder(_Split)


def wire_type(field: Field) -> tuple[Any, bool]:
    """The type of a field's wire values, and whether any value of it keeps to the contract."""
    found, sure = _category_type(field) if field.dtype == "category" else _plain_type(field)
    if field.python and field.type != "any":
        found, sure = _ANY
    if found is Any:
        return _ANY
    return (found | None if field.nullable else found), sure


def _plain_type(field: Field) -> tuple[Any, bool]:
    dtype, type_ = field.dtype, field.type
    if type_ == "string":
        return str, dtype in ("", "object", "str", "string")
    if type_ == "boolean" and dtype in ("", "object", "bool", "boolean"):
        return bool, True
    if dtype in ("", "object"):
        return {"integer": (int, True), "number": (int | float, True)}.get(type_, _ANY)
    if type_ == "integer" and (bits := _INTEGER.fullmatch(dtype.lower())):
        size = int(bits[2]) - (0 if bits[1] else 1)
        low, high = (0 if bits[1] else -(2**size)), 2 ** min(size, 63) - 1
        return Annotated[int, Meta(ge=low, le=high)], True
    if type_ == "number" and dtype in _LARGEST:
        most = _LARGEST[dtype]
        number = float if most is None else Annotated[float, Meta(ge=-most, le=most)]
        return number | Literal["Infinity", "-Infinity"], True
    return _ANY


def _category_type(field: Field) -> tuple[Any, bool]:
    known = field.categories or ()
    kind = {"string": str, "integer": int}.get(field.type)
    literal = 0 < len(known) <= MAX_LITERALS and all(type(value) is kind for value in known)
    if literal and (kind is str or all(-(2**63) <= value < 2**63 for value in known)):
        return Literal[tuple(known)], True
    return _ANY
