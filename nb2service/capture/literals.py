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
    text = _word(value, set())
    if text is None or len(text) > _LONGEST:
        return None
    if len(text) <= _WIDTH or type(value) not in (list, tuple, dict):
        return text
    items = (
        [(_word(k, set()), _word(v, set())) for k, v in value.items()]
        if (type(value) is dict)
        else [(None, _word(item, set())) for item in value]
    )
    lines = "".join(f"    {f'{key}: ' if key else ''}{item},\n" for key, item in items)
    return f"{text[0]}\n{lines}{text[-1]}"


def _word(value: Any, seen: set[int]) -> str | None:
    kind = type(value)
    if kind is float and not math.isfinite(value):
        return f'float("{value}")'
    if kind is complex and not (math.isfinite(value.real) and math.isfinite(value.imag)):
        return None
    if kind in _SCALARS:
        return "..." if value is ... else repr(value)
    # One list in two places would become two lists.
    if kind not in _CONTAINERS or id(value) in seen or len(value) > _LONGEST:
        return None
    if kind is not tuple:
        seen.add(id(value))
    if kind is dict:
        pairs = [(_word(key, seen), _word(item, seen)) for key, item in value.items()]
        if any(key is None or item is None for key, item in pairs):
            return None
        return "{" + ", ".join(f"{key}: {item}" for key, item in pairs) + "}"
    words = [_word(item, seen) for item in value]
    items = [word for word in words if word is not None]
    if len(items) < len(words):
        return None
    if kind in (set, frozenset):
        # Iteration order of a set differs from process to process.
        text = "{" + ", ".join(sorted(items)) + "}" if items else "set()"
        return text if kind is set else f"frozenset({text if items else ''})"
    if kind is tuple:
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
    return f"[{', '.join(items)}]"


def _typed(value: Any) -> str:
    return f"{type(value).__name__} {value!r}"


__all__ = ["is_scalar", "same_value", "word_value"]
