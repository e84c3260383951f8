"""What live values hold: a bounded look into containers and objects, at any depth."""

from __future__ import annotations

import itertools
import types
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..values import kind_of, numpy_is

# A forest of 1,000 trees holds nothing in its last one that its first hundred do not.
_NODES = 10_000
_ITEMS = 100
_TEXTS = 200
_CLOSED = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.CodeType)
_PLAIN = (bool, int, float, complex, type(None), range, slice)
# Their insides are numbers and caches; the texts of their columns are looked at.
_TABLES = ("numpy", "pandas", "pyarrow", "scipy")


@dataclass(frozen=True)
class Held:
    """A value inside a value that travels.

    Attributes:
        value: the value.
        path: how one would write it: ``model.steps[0]``.
        key: the name, attribute or key that it is held under; "" for the items of a list.
        owner: what holds it; None for the travelling value itself.
    """

    value: Any
    path: str
    key: str
    owner: Any


def holdings(name: str, value: Any) -> Iterator[Held]:
    """The value called ``name`` and what it holds, the outermost first."""
    todo: deque[Held] = deque([Held(value, name, name, None)])
    seen: set[int] = set()
    for _ in range(_NODES):
        if not todo:
            return
        held = todo.popleft()
        if isinstance(held.value, _PLAIN) or id(held.value) in seen:
            continue
        if not isinstance(held.value, (str, bytes)):
            seen.add(id(held.value))
        yield held
        todo.extend(_inside(held))


def _inside(held: Held) -> Iterator[Held]:
    value, path = held.value, held.path
    if isinstance(value, (str, bytes, *_CLOSED)):
        return
    kind: type = type(value)  # a proxy of another object's class is not of that class
    if kind_of(value) == "frame":
        for position, label in enumerate(itertools.islice(value.columns, _ITEMS)):
            yield from _texts(value.iloc[:, position], f"{path}[{label!r}]", str(label), value)
    elif kind_of(value) == "series" or numpy_is(value, "ndarray"):
        yield from _texts(value, path, "", value)
    elif issubclass(kind, dict):
        # A subclass may do anything when it is asked for its items, or refuse to give them.
        for key, item in itertools.islice(dict.items(value), _ITEMS):
            yield Held(item, f"{path}[{key!r}]", key if isinstance(key, str) else "", value)
    elif issubclass(kind, tuple) and hasattr(kind, "_fields"):
        for field, item in zip(value._fields, value, strict=True):
            yield Held(item, f"{path}.{field}", field, value)
    elif issubclass(kind, (list, tuple, set, frozenset, deque)):
        for number, item in enumerate(itertools.islice(value, _ITEMS)):
            yield Held(item, f"{path}[{number}]", "", value)
    if kind.__module__.partition(".")[0] not in _TABLES:
        for attribute, item in itertools.islice(_attributes(value), _ITEMS):
            yield Held(item, f"{path}.{attribute}", attribute, value)


def _texts(column: Any, path: str, key: str, owner: Any) -> Iterator[Held]:
    """The first texts, or objects, of a column or an array."""
    if getattr(column.dtype, "kind", "O") not in "OUS" or "category" in str(column.dtype):
        return
    items = column.ravel() if hasattr(column, "ravel") and kind_of(column) == "array" else column
    for item in itertools.islice(items, _TEXTS):
        yield Held(item, path, key, owner)


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.MethodType):
        yield "__self__", value.__self__
        return
    if type(value).__name__ == "partial" and hasattr(value, "keywords"):
        yield from _arguments(value)
    kind: type = type(value)
    with suppress(AttributeError):  # it has slots only, or nothing
        yield from list(object.__getattribute__(value, "__dict__").items())
    for name, slot in _slots(kind).items():
        try:
            yield name, slot.__get__(value)
        except AttributeError:  # nothing is in it yet
            continue


@lru_cache(maxsize=1000)
def _slots(kind: type) -> dict[str, Any]:
    members = ((n, m) for owner in kind.__mro__ for n, m in vars(owner).items())
    return {n: m for n, m in members if isinstance(m, types.MemberDescriptorType)}


def _arguments(value: Any) -> Iterator[tuple[str, Any]]:
    yield from ((f"args[{number}]", item) for number, item in enumerate(value.args))
    yield from value.keywords.items()
