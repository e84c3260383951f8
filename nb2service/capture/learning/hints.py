"""The field that a type hint describes."""

from __future__ import annotations

import collections.abc as abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

from ...errors import ContractError
from ...runtime.codec.values import encode
from ...runtime.contract import Field
from ...runtime.problems import MissingForm
from ..values import is_named_tuple, is_pydantic
from .fields import Namer, value_field, zone_of

_PLAIN: dict[Any, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    bytes: "bytes",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "duration",
    Decimal: "decimal",
}
_TEXTS: dict[Any, str] = {UUID: "uuid", Path: "pathlib", PurePath: "pathlib"}
# Of these JSON itself tells which one a value is.
_TOLD_APART = frozenset((bool, int, float, str, list, dict))
_LISTS: dict[Any, str] = {
    list: "",
    abc.Sequence: "",
    abc.Iterable: "",
    abc.Collection: "",
    tuple: "tuple",
    set: "set",
    frozenset: "frozenset",
}
_DICTS = (dict, abc.Mapping, abc.MutableMapping)
_NO_DEFAULT = object()
_DEEP = 8  # a class that refers to itself has no end; its inner levels are free-form


def class_namer(namespace: Mapping[str, Any], where: str) -> Namer:
    """Gives the name under which the notebook holds a class that the wire must build again."""

    def name(kind: type) -> str:
        own: str = kind.__name__
        if namespace.get(own) is kind:
            return own
        for known, value in namespace.items():
            if value is kind and not known.startswith("_"):
                return known
        raise ContractError(
            f"{where} takes a {kind.__qualname__}, a class to which the notebook gives no name",
            f"from {kind.__module__} import {kind.__name__}",
        )

    return name


def read_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The evaluated annotations of a function's parameters (and ``return``).

    Annotations that cannot be evaluated are left out: they are no more than documentation.
    """
    function = inspect.unwrap(getattr(function, "func", function))
    if not inspect.isroutine(function):
        function = type(function).__call__
    return _evaluated(function)


def _evaluated(holder: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(holder)
    except Exception:  # a hint is the user's own code: whatever it raises, it tells nothing
        raw = getattr(holder, "__annotations__", {})
        return {name: hint for name, hint in raw.items() if not isinstance(hint, str)}


def hint_field(name: str, hint: Any, names: Namer, where: str, depth: int = 0) -> Field | None:
    """The field that a type hint describes; None where it says nothing that the wire can use.

    Raises:
        ContractError: a class that the notebook does not bind.
    """
    hint = getattr(hint, "__supertype__", hint)  # NewType
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return hint_field(name, args[0], names, where, depth)
    if origin in (typing.Union, types.UnionType):
        return _union_field(name, args, names, where, depth)
    if origin is typing.Literal:
        field = value_field(name, args, where)
        return replace(field, categories=tuple(arg for arg in args if arg is not None), missing="")
    if depth > _DEEP:
        return None
    kind = origin or hint
    if kind in _PLAIN:
        return Field(name, _PLAIN[kind])
    if kind in _TEXTS:
        return Field(name, "string", python=_TEXTS[kind])
    if kind in _LISTS:
        alike = [arg for arg in args if arg is not ...]
        item = hint_field("", alike[0], names, where, depth + 1) if len(set(alike)) == 1 else None
        return Field(name, "list", items=item, python=_LISTS[kind])
    if kind in _DICTS:
        named = len(args) == 2 and args[0] is str and args[1] is not Any
        item = hint_field("", args[1], names, where, depth + 1) if named else None
        return Field(name, "object", items=item)
    return _class_field(name, kind, names, where, depth) if isinstance(kind, type) else None


def _union_field(
    name: str, args: tuple[Any, ...], names: Namer, where: str, depth: int
) -> Field | None:
    others = [arg for arg in args if arg is not type(None)]
    nullable = len(others) < len(args)
    if set(others) == {int, float}:
        return Field(name, "number", nullable=nullable)
    if len(others) > 1:
        told = all((typing.get_origin(other) or other) in _TOLD_APART for other in others)
        return Field(name, "any", nullable=nullable) if told else None
    field = hint_field(name, others[0], names, where, depth)
    return replace(field, nullable=nullable or field.nullable) if field else None


def _class_field(name: str, kind: type, names: Namer, where: str, depth: int) -> Field | None:
    if issubclass(kind, enum.Enum):
        return value_field(name, list(kind), where, names)
    if kind.__name__ in ("Timestamp", "Timedelta") and kind.__module__.startswith("pandas"):
        word = "datetime" if kind.__name__ == "Timestamp" else "duration"
        return Field(name, word, python=kind.__name__)
    optional = _optional_members(kind)
    if optional is None:
        return None
    hints = _evaluated(kind)
    fields = []
    for member, (required, default) in optional.items():
        inner = hint_field(member, hints.get(member), names, where, depth + 1)
        inner = inner or Field(member, "any")
        if default is not _NO_DEFAULT:
            inner = with_default(inner, default)
        fields.append(replace(inner, required=required))
    python = "" if typing.is_typeddict(kind) else names(kind)
    return Field(name, "object", fields=tuple(fields), python=python)


def _optional_members(kind: Any) -> dict[str, tuple[bool, Any]] | None:
    """Member → (required, default) of a class that is a record; None for any other class."""
    if typing.is_typeddict(kind):
        return {
            member: (member in kind.__required_keys__, _NO_DEFAULT)
            for member in kind.__annotations__
        }
    if dataclasses.is_dataclass(kind):
        return {
            item.name: _dataclass_default(item) for item in dataclasses.fields(kind) if item.init
        }
    if is_named_tuple(kind):
        defaults = kind._field_defaults
        return {
            member: (member not in defaults, defaults.get(member, _NO_DEFAULT))
            for member in kind._fields
        }
    if is_pydantic(kind):
        known = getattr(kind, "model_fields", None)
        if known is not None:
            return {
                member: (True, _NO_DEFAULT) if info.is_required() else (False, _made_default(info))
                for member, info in known.items()
            }
        return {
            member: (True, _NO_DEFAULT) if info.required else (False, info.get_default())
            for member, info in kind.__fields__.items()
        }
    return None


def _dataclass_default(item: dataclasses.Field[Any]) -> tuple[bool, Any]:
    if item.default_factory is not dataclasses.MISSING:
        return False, item.default_factory()
    if item.default is dataclasses.MISSING:
        return True, _NO_DEFAULT
    return False, item.default


def _made_default(info: Any) -> Any:
    """The default of a pydantic field; none is shown where only a whole instance tells it."""
    try:
        return info.get_default(call_default_factory=True)
    except TypeError:  # a factory that takes the data of the other fields
        return _NO_DEFAULT


def with_default(field: Field, default: Any) -> Field:
    """The field as one that may be absent; the default is shown where JSON can hold it."""
    try:
        wire = encode(default)
    except MissingForm:
        wire = None
    nullable = field.nullable or default is None
    moment = field.type == "datetime" and isinstance(default, datetime)
    zone = field.zone or (zone_of([default]) if moment else "")
    return replace(field, required=False, default=wire, nullable=nullable, zone=zone)
