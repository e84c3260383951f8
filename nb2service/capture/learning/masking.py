"""Made-up values in place of an example's own, before anything is learnt from it.

The entry then answers the made-up rows, so that every recorded answer is a true one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..values import is_record, kind_of, members
from .dtypes import label_text
from .fitting import Example
from .inputs import input_of
from .made_up import Maker

NAMELESS = "rows"
"""What the values of an input without columns are called: a list of texts."""


@dataclass(frozen=True)
class Masked:
    """An example with made-up values.

    Attributes:
        example: as it is to be learnt from.
        columns: all of its columns, parameters, and members of nested values.
        made_up: those of them whose values are made up.
        used: the wanted names that stand for one of those.
        originals: texts of the values that were replaced, as far as they are telling.
    """

    example: Example
    columns: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()
    used: frozenset[str] = frozenset()
    originals: frozenset[str] = frozenset()


def mask(
    example: Example, wanted: Sequence[str], request: EntryRequest, namespace: Mapping[str, Any]
) -> Masked:
    """The example with made-up values in the wanted columns, as far as it has them.

    Args:
        example: input that the entry accepts.
        wanted: columns, parameters, or members of nested values (``customer.email``, ``email``).
        request: the entry.
        namespace: the live namespace.

    Raises:
        ContractError: a value is of a type of which none can be made up.
    """
    if not wanted:
        return Masked(example)
    columns = _columns(example, request)
    if not any(is_wanted(path, wanted) for path in columns):
        return Masked(example, tuple(columns))
    fields = input_of(example.kind, example.value, request, namespace)[0].fields
    known = {field.name: field.categories for field in fields if field.categories}
    makers = {
        path: Maker(path, values, known.get(path, ()))
        for path, values in columns.items()
        if is_wanted(path, wanted)
    }
    made = _rewritten(example, makers, request)
    originals = frozenset(text for maker in makers.values() for text in maker.originals())
    origin = f"{_origin(example, originals)}, with made-up values of {', '.join(makers)}"
    made = replace(example, value=made, origin=origin.lstrip(", "))
    used = frozenset(name for name in wanted if any(is_wanted(path, [name]) for path in makers))
    return Masked(made, tuple(columns), tuple(makers), used, originals)


def is_wanted(path: str, wanted: Sequence[str]) -> bool:
    """Whether a column is wanted by its name, by that of a member, or of what holds it."""
    parts = path.split(".")
    starts = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return bool((starts | set(parts[1:])) & set(wanted))


def _origin(example: Example, originals: frozenset[str]) -> str:
    """Where the rows come from, unless that shows the very values."""
    literal = example.kind == "arguments" and re.search(r"['\"]|\b\d", example.origin)
    told = literal or any(text in example.origin for text in originals)
    return "" if told else example.origin


# --- the columns of an example


def _columns(example: Example, request: EntryRequest) -> dict[str, list[Any]]:
    """The values of an example by column; members of nested values under dotted paths."""
    value = example.value
    if example.kind == "frame":
        each = ((label, value.iloc[:, at]) for at, label in enumerate(value.columns))
        return {label_text(label): column.tolist() for label, column in each}
    if example.kind == "array" and value.ndim == 2:
        names = _names_of(value, request)
        return {name: value[:, i].tolist() for i, name in enumerate(names)}
    columns: dict[str, list[Any]] = {}
    for path, leaf in _leaves(value, ""):
        columns.setdefault(path or _nameless(example), []).append(leaf)
    return columns


def _nameless(example: Example) -> str:
    named = getattr(example.value, "name", None)
    return str(named) if named is not None else example.parameter or NAMELESS


def _names_of(array: Any, request: EntryRequest) -> list[str]:
    names = feature_names(request.value)
    known = len(names) == array.shape[1]
    return list(names) if known else [str(position) for position in range(array.shape[1])]


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The single values inside a value, each with its path; items of a list share one."""
    if isinstance(value, Mapping) or is_record(value):
        for key, item in (value if isinstance(value, Mapping) else members(value)).items():
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for item in value:
            yield from _leaves(item, path)
    elif kind_of(value) == "frame":
        for label in value.columns:
            for item in value[label].tolist():
                yield f"{path}.{label_text(label)}", item
    elif kind_of(value) in ("series", "array"):
        for item in value.tolist() if kind_of(value) == "series" else value.ravel().tolist():
            yield path, item
    else:
        yield path, value


# --- putting made-up values in


def _rewritten(example: Example, makers: Mapping[str, Maker], request: EntryRequest) -> Any:
    value = example.value
    if example.kind == "frame":
        return _frame(value, {label: label_text(label) for label in value.columns}, makers)
    if example.kind == "array" and value.ndim == 2:
        made = value.copy()
        for position, name in enumerate(_names_of(value, request)):
            if name in makers:
                made[:, position] = [makers[name](item) for item in value[:, position].tolist()]
        return made
    nameless = "" if example.kind == "arguments" else _nameless(example)
    if isinstance(value, list):
        return [_replaced(item, "", makers, nameless) for item in value]
    return _replaced(value, nameless, makers, nameless)


def _frame(frame: Any, paths: Mapping[Any, str], makers: Mapping[str, Maker]) -> Any:
    made = frame.copy()
    for label, path in paths.items():
        if path in makers:
            made[label] = _series(frame[label], makers[path])
    return made


def _series(series: Any, maker: Maker) -> Any:
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        maker = Maker(maker.column, series.tolist(), series.dtype.categories.tolist())
    items = [maker(item) for item in series.tolist()]
    return pd.Series(items, index=series.index, dtype=series.dtype, name=series.name)


def _replaced(value: Any, path: str, makers: Mapping[str, Maker], nameless: str) -> Any:
    """A value with its leaves replaced where there is a maker for their path."""

    def inner(item: Any, key: Any = None) -> Any:
        below = path if key is None else f"{path}.{key}" if path else str(key)
        return _replaced(item, below, makers, nameless)

    if isinstance(value, Mapping):
        return type(value)({key: inner(item, key) for key, item in value.items()})  # type: ignore[call-arg]
    if is_record(value):
        return type(value)(**{key: inner(item, key) for key, item in members(value).items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return type(value)(inner(item) for item in value)
    if kind_of(value) == "frame":
        paths = {label: f"{path}.{label_text(label)}" for label in value.columns}
        return _frame(value, paths, makers)
    maker = makers.get(path or nameless)
    if maker is None:
        return value
    if kind_of(value) == "series":
        return _series(value, maker)
    if kind_of(value) == "array":
        made = value.copy()
        made.ravel()[:] = [maker(item) for item in value.ravel().tolist()]
        return made
    return maker(value)
