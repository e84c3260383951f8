"""Which rows of a large table become the example: those that would show that something is wrong.

The first rows of a table tell little: a sorted one shows a single class, a gap or a rare category
comes late. So the rows are spread over the whole table, and some show what is special in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ..values import kind_of

# Columns that are looked at, and distinct values of a column of which each is shown.
_COLUMNS = 50
_CATEGORIES = 12

# Positions of the rows that show one thing, the first of which would do; and which rows do.
_Wish = tuple[int, Any]


def telling_rows(value: Any, most: int) -> list[int]:
    """Positions of ``most`` rows of a longer frame, series, array or list.

    Half of them are spread over it. Up to as many show, column by column, a missing value, each of
    a few categories, a number written as text, the smallest and the largest number.
    """
    chosen = _spread(len(value), most - most // 2)
    for first, shows in _wishes(value):
        if len(chosen) == most:
            break
        if first not in chosen and not shows[chosen].any():
            chosen.append(first)
    for position in (*_spread(len(value), most), *range(most)):
        if len(chosen) < most and position not in chosen:
            chosen.append(position)
    return chosen


def _spread(length: int, count: int) -> list[int]:
    return [number * length // count for number in range(count)]


def _wishes(value: Any) -> Iterator[_Wish]:
    """What is to be shown, the most telling first."""
    kind = kind_of(value)
    if kind == "array" and value.ndim <= 2 and value.dtype.kind in "fiu":
        columns = value.reshape(len(value), -1).T[:_COLUMNS]
        yield from _first_of(column != column for column in columns)
        yield from _first_of(mask for column in columns for mask in _ends(column))
    elif kind in ("frame", "series"):
        columns = [value] if kind == "series" else _columns(value)
        yield from _first_of(column.isna().to_numpy() for column in columns)
        numbers = [getattr(column.dtype, "kind", "O") in "iuf" for column in columns]
        for column, is_number in zip(columns, numbers, strict=True):
            if not is_number:
                yield from _first_of(_categories(column))
        for column, is_number in zip(columns, numbers, strict=True):
            if is_number:
                yield from _first_of(_ends(column.to_numpy(dtype=float, na_value=float("nan"))))


def _first_of(masks: Iterable[Any]) -> Iterator[_Wish]:
    for mask in masks:
        if mask.any():
            yield int(mask.argmax()), mask


def _columns(frame: Any) -> list[Any]:
    return [frame.iloc[:, number] for number in range(min(frame.shape[1], _COLUMNS))]


def _ends(column: Any) -> Iterator[Any]:
    """Where a column of numbers is smallest, and where it is largest."""
    finite = column[abs(column) < float("inf")]
    if len(finite):
        yield column == finite.min()
        yield column == finite.max()


def _categories(column: Any) -> Iterator[Any]:
    """Where each of a few values stands, and where digits stand behind a zero: "001" is no 1."""
    if column.dtype == object and not all(map(_is_plain, column)):
        return
    codes, values = column.factorize()
    if len(values) <= _CATEGORIES:
        yield from (codes == code for code in range(len(values)))
    padded = [
        i for i, v in enumerate(values) if type(v) is str and v[:1] == "0" and v[1:].isdigit()
    ]
    yield from (codes == code for code in padded[:1])


def _is_plain(item: Any) -> bool:
    return isinstance(item, str | int | float | None)


__all__ = ["telling_rows"]
