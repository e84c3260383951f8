"""What an entry takes and gives, in words and as table rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..runtime.contract import Entry, Field, Input
from . import quoting

_MOST_CATEGORIES = 12
_KINDS = {
    "frame": "Each row is an object with one member for each column.",
    "arguments": "Each row is an object with one member for each argument.",
    "series": "Each row is a single value.",
    "list": "Each row is a single value.",
}

Row = tuple[str, ...]


def describe_input(taken: Input) -> tuple[str, tuple[Row, ...]]:
    """A sentence on what a row is, and (field, type, missing, values, example) for each field.

    The texts are Markdown.
    """
    if taken.kind != "array":
        return _KINDS[taken.kind], tuple(_row(item) for item in taken.fields)
    item = taken.fields[0]
    sentence = f"Each row is {_array(taken.shape, item)}."
    if taken.names:
        sentence += " In order: " + _values(taken.names, most=100) + "."
    return sentence, (_row(item, name="each value"),)


def describe_output(entry: Entry) -> str:
    """A sentence on what a prediction is, in Markdown."""
    given = entry.output
    if given.kind == "array":
        what = _array(given.shape, given.fields[0])
    elif given.kind == "frame":
        what = "an object with " + _members(given.fields)
    else:
        what = _with_article(_type(given.fields[0]) if given.fields else "any JSON value")
    sentence = f"{'Each prediction' if entry.aligned else 'The prediction'} is {what}."
    if given.names:
        sentence += " Its positions, in order: " + _values(given.names, most=100) + "."
    return sentence


def describe_tolerance(rtol: float, atol: float) -> str:
    """How far a fraction may lie from the recorded one: ``to within 1e-14``."""
    if not rtol:
        return f"to within {atol:g} absolute" if atol else "exactly"
    return f"to within {rtol:g}" + (f", near zero {atol:g}" if atol else "")


def _row(item: Field, name: str = "") -> Row:
    missing = "yes, as `null`" if item.nullable else "no"
    if not item.required:
        missing += f"; may be left out ({as_code(item.default)} then)"
    example = "" if item.example is None else as_code(item.example)
    label = name or (quoting.markdown_code(item.name) if item.name else "the value")
    return label, _type(item), missing, _seen(item), example


def _seen(item: Field) -> str:
    if item.zone not in ("", "naive"):
        return f"taken to the zone {item.zone}"
    if item.categories is not None:
        return ("in this order: " if item.ordered else "") + _values(item.categories)
    bounds = [_number(bound) for bound in (item.minimum, item.maximum) if bound is not None]
    return " to ".join(bounds) + " in the notebook" if len(bounds) == 2 else ""


def _type(item: Field) -> str:
    """``number``, ``list of string``, ``object with `lat` (number)``; dtype where it has one."""
    if item.type == "list" and item.items is not None:
        return ("set of " if item.python == "set" else "list of ") + _type(item.items)
    if item.type == "object" and item.fields:
        return "object with " + _members(item.fields)
    if item.type == "object" and item.items:
        return "object of " + _type(item.items)
    if item.type == "bytes":
        return "image" if item.python == "image" else "file"
    if item.python == "ndarray":
        return _array(item.shape, item.items or item)
    name = "any JSON value" if item.type == "any" else item.type
    plain = item.dtype in ("", "object", "str", "category")
    return name if plain else f"{name} ({quoting.markdown_code(item.dtype)})"


def _with_article(words: str) -> str:
    if words.startswith(("any ", "a ", "an ", "nested ")):
        return words
    return ("an " if words[0] in "aeiou" else "a ") + words


def _members(fields: Iterable[Field]) -> str:
    return ", ".join(f"{quoting.markdown_code(item.name)}: {_type(item)}" for item in fields)


def _array(shape: tuple[int, ...], item: Field) -> str:
    kind = item.type + (f" ({quoting.markdown_code(item.dtype)})" if item.dtype else "")
    if not shape:
        return _with_article(kind)
    size = " × ".join("any" if size < 0 else str(size) for size in shape)
    return f"{'an array' if len(shape) == 1 else 'nested arrays'} of {size} values, each {kind}"


def _values(values: Iterable[Any], most: int = _MOST_CATEGORIES) -> str:
    codes = [as_code(value) for value in values]
    more = f", … ({len(codes)} in all)" if len(codes) > most else ""
    return ", ".join(codes[:most]) + more


def as_code(value: Any) -> str:
    """A wire value as a code span, cut if it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return quoting.markdown_code(text if len(text) <= 60 else text[:59] + "…")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"
