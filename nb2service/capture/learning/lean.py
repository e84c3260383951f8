"""Whether the lean path answers as the model does: found by asking both, bit for bit.

Asked about the examples and about rows made of them with extreme values, each row alone and in
batches of several sizes. Rows that the plan declines need no comparison: the model answers them.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ...runtime.codec.typed import Typed, read
from ...runtime.contract import Field, Input
from ...runtime.problems import Problem, Violations
from ..entries.find import EntryRequest
from ..entries.signatures import is_model
from .stopwatch import Stopwatch

# How many rows are asked alone, by the seconds that the model takes for one. Counts, not a
# deadline: the same notebook is to give the same contract on a busy machine.
ALONE = ((0.02, 18), (0.1, 6), (float("inf"), 1))
SIZES = (2, 3, 7, 16, 64)
MOST_FIELDS = 12  # fields of which extreme values are tried

_NUMBERS = (0.0, -0.0, 1.0, -1.0, 0.1, 1e300, -1e300, 5e-324, 1e-300, 3e38, "Infinity", "-Infinity")
_TEXTS = ("", " ", "no such value", "É ß 漢字 🎉", "0", "nan", "None", "a\tb\nc", "word " * 50)


def check_lean(request: EntryRequest, input_: Input, rows: Sequence[Any]) -> bool:
    """Whether an entry has a lean plan whose answers are the model's own, bit for bit.

    Args:
        request: the entry; only methods of models have plans.
        input_: what the entry takes.
        rows: the examples as wire rows.
    """
    if not is_model(request) or request.bind or input_.kind == "arguments" or not rows:
        return False
    from ...runtime.lean import compile_plan

    plan = compile_plan(request.value, request.method, input_)
    if plan is None:
        return False
    check = _Check(input_, getattr(request.value, request.method), plan)
    shown = [row for row in rows[:100] if check.covers(row)]
    if 2 * len(shown) < min(len(rows), 100):
        return False
    strange = [row for row in edge_rows(input_, rows) if check.covers(row)]
    return check.alike(shown, strange)


class _Check:
    """Compares a model's method with its plan."""

    def __init__(self, input_: Input, model: Callable[[Any], Any], plan: Any) -> None:
        self.input = input_
        self.model = model
        self.plan = plan

    def covers(self, row: Any) -> bool:
        """Whether the contract and the plan accept a row."""
        try:
            self._lean([row])
        except (_declined(), Problem, Violations):
            return False
        return True

    def alike(self, shown: list[Any], strange: list[Any]) -> bool:
        """Whether all answers to rows that the plan covers are identical."""
        if not self._same(shown[:1]):
            return False
        watch = Stopwatch()
        if not self._same(shown[1:2] or shown[:1]):
            return False
        took = watch.seconds
        count = next(count for seconds, count in ALONE if took < seconds)
        random.Random(0).shuffle(strange)
        alone = [*shown[2 : count // 3], *strange[: count - count // 3]]
        mixed = [*shown, *strange]
        random.Random(1).shuffle(mixed)
        batches = [shown, mixed] if count > 1 else [mixed]
        if count == ALONE[0][1]:
            endless = itertools.cycle(mixed)
            batches += [list(itertools.islice(endless, size)) for size in SIZES]
        return all(self._same(batch) for batch in [*([row] for row in alone), *batches])

    def _same(self, rows: Sequence[Any]) -> bool:
        try:
            answer = self._lean(rows)
        except _declined():
            return True
        try:
            expected = self.model(self._read(rows).live())
        except Exception:  # the model's own refusal, which the plan must not hide
            return False
        return identical(answer, expected)

    def _lean(self, rows: Sequence[Any]) -> Any:
        typed = self._read(rows)
        return self.plan(typed.columns(), typed.count)

    def _read(self, rows: Sequence[Any]) -> Typed:
        body = json.dumps({"instances": list(rows)}).encode()
        return read(body, "application/json", self.input)


def _declined() -> type[Exception]:
    from ...runtime.lean import Declined

    return Declined


def identical(one: Any, other: Any) -> bool:
    """Whether two arrays are the same: type, dtype, shape, and every bit but those of a NaN."""
    import numpy as np

    if type(one) is not type(other) or not isinstance(one, np.ndarray):
        return False
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype == object:
        return _typed(one) == _typed(other)
    if one.tobytes() == other.tobytes():
        return True
    if one.dtype.kind != "f" or not np.array_equal(np.isnan(one), np.isnan(other)):
        return False
    there = ~np.isnan(one)
    return bool(one[there].tobytes() == other[there].tobytes())


def _typed(array: Any) -> list[tuple[type, str]]:
    return [(type(value), repr(value)) for value in array.ravel().tolist()]


def edge_rows(input_: Input, rows: Sequence[Any]) -> list[Any]:
    """Wire rows with one extreme value each, and some with several."""
    places = list(_places(input_))
    if not places:
        return []
    made: list[Any] = []
    sources = itertools.cycle(rows)
    drawn = random.Random(0)
    options = {place: list(_edges(field, _seen(rows, place))) for place, field in places}
    for place, values in options.items():
        made += [_with(next(sources), {place: value}) for value in values]
    for _ in range(2 * len(places)):
        several = {place: drawn.choice(values) for place, values in options.items() if values}
        made.append(_with(next(sources), several))
    return made


def _places(input_: Input) -> Iterator[tuple[Any, Field]]:
    """Where values of a row can be put, and their fields; evenly chosen where there are many."""
    if input_.kind == "frame":
        every: list[tuple[Any, Field]] = [(field.name, field) for field in input_.fields]
    elif input_.kind == "array" and len(input_.shape) == 1:
        every = [(number, input_.fields[0]) for number in range(input_.shape[0])]
    else:
        every = [(None, input_.fields[0])]
    step = -(-len(every) // MOST_FIELDS)
    yield from every[:: max(step, 1)]


def _seen(rows: Sequence[Any], place: Any) -> list[Any]:
    held = [row if place is None else row[place] for row in rows[:100] if _has(row, place)]
    return list({json.dumps(value): value for value in held}.values())[:8]


def _has(row: Any, place: Any) -> bool:
    return not isinstance(row, dict) or place in row


def _with(row: Any, values: dict[Any, Any]) -> Any:
    if None in values:
        return values[None]
    changed = dict(row) if isinstance(row, dict) else list(row)
    for place, value in values.items():
        changed[place] = value
    return changed


def _edges(field: Field, seen: list[Any]) -> Iterator[Any]:
    yield from seen[:3]
    if field.nullable:
        yield None
    yield from field.categories or ()
    if field.type == "number":
        yield from _NUMBERS
    elif field.type == "integer":
        yield from (0, 1, -1, 7, 255)
        bits = int("".join(filter(str.isdigit, field.dtype)) or 64)
        yield from (2 ** (bits - 1) - 1, -(2 ** (bits - 1)), 2**bits - 1)
    elif field.type == "boolean":
        yield from (True, False)
    elif field.type == "string":
        yield from _TEXTS
        yield from (f"{text} {text}" for text in seen[:2] if isinstance(text, str))
