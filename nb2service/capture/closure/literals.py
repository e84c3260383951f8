"""Plain values that are as readable in source as in memory, and the comparison of the two."""

from __future__ import annotations

import math
from typing import Any

_SCALARS = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_CONTAINERS = (list, tuple, dict, set, frozenset)
_WIDTH = 88
# A longer value reads better as an artifact than as source.
_LONGEST = 2000


def is_scalar(value: Any) -> bool:
    """Whether it is one immutable builtin value."""
    return type(value) in _SCALARS


def same_value(left: Any, right: Any) -> bool:
    """Equal in value and type, all the way down; order of dictionaries included."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if type(left) in (float, complex):
        return repr(left) == repr(right)
    if type(left) in _SCALARS:
        return bool(left == right)
    if type(left) in (list, tuple):
        return len(left) == len(right) and all(map(same_value, left, right))
    if type(left) is dict:
        return same_value(list(left.items()), list(right.items()))
    if type(left) in (set, frozenset):
        return bool(left == right) and sorted(map(_typed, left)) == sorted(map(_typed, right))
    return False


def word_value(value: Any) -> str | None:
    """Source text of a plain value; None if it is not plain, too long, or shares its parts."""
    words = _Words()
    text = words.word(value)
    if text is None or len(text) > _LONGEST:
        return None
    if len(text) <= _WIDTH or type(value) not in (list, tuple, dict):
        return text
    return f"{text[0]}\n" + "".join(f"    {item},\n" for item in words.items) + text[-1]


class _Words:
    """Words one value; ``items`` holds the parts of its outermost container."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.left = _LONGEST
        self.items: list[str] = []

    def word(self, value: Any) -> str | None:
        kind = type(value)
        self.left -= len(value) if kind in (str, bytes) else 1
        if self.left < 0:
            return None
        if kind is float and not math.isfinite(value):
            return f'float("{value}")'
        if kind is complex and not (math.isfinite(value.real) and math.isfinite(value.imag)):
            return None
        if kind in _SCALARS:
            return "..." if value is ... else repr(value)
        # One list in two places would become two lists.
        if kind not in _CONTAINERS or id(value) in self.seen:
            return None
        if kind is not tuple:
            self.seen.add(id(value))
        items = self.parts(value)
        if items is None:
            return None
        self.items = items
        return _enclose(kind, items)

    def parts(self, value: Any) -> list[str] | None:
        found = []
        pairs = value.items() if type(value) is dict else ((None, item) for item in value)
        for key, item in pairs:
            word = self.word(item)
            if word is not None and type(value) is dict:
                prefix = self.word(key)
                word = None if prefix is None else f"{prefix}: {word}"
            if word is None:
                return None
            found.append(word)
        # Iteration order of a set differs from process to process.
        return sorted(found) if type(value) in (set, frozenset) else found


def _enclose(kind: type, items: list[str]) -> str:
    text = ", ".join(items)
    if kind is list:
        return f"[{text}]"
    if kind is tuple:
        return f"({text},)" if len(items) == 1 else f"({text})"
    if kind is dict:
        return "{" + text + "}"
    braced = "{" + text + "}" if items else "set()"
    return braced if kind is set else f"frozenset({braced if items else ''})"


def _typed(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


__all__ = ["is_scalar", "same_value", "word_value"]
