"""Whether a row's answer is its own, whatever rows stand beside it.

A service answers rows of several clients by one call. So what the example happens not to hold is
tried: equal rows, another order, and rows with missing, extreme or new values among the others.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ...errors import ContractError, ExampleError
from ...runtime.contract import Field, Input
from ...runtime.problems import Violations
from .asking import Answers, Asker
from .closeness import Gap, measure, widest
from .stopwatch import Stopwatch

# How many of the example's rows stand around an odd one.
_AROUND = 20
# How many odd rows are tried, by the seconds that a call takes; at least one with missing values
# and an extreme one. A count, not a deadline, as in ``asking``.
_TRIED = ((0.1, 7), (1.0, 4), (math.inf, 2))
# How far beyond what was seen an extreme value lies, in widths of what was seen. No further: code
# may loop as often, or take as much memory, as a value says.
_BEYOND = 10
_NEW_TEXT = "~"
# Of the example's rows stand so many on each side of the odd ones, if a call is quick (seconds).
_MANY = 32
_QUICK = 0.02


def beside_others(asker: Asker, rows: Sequence[Any], answers: Answers) -> Gap:
    """How far a row's answer moves with the rows beside it; not close where it depends on them.

    Takes two calls, and one for each of up to seven odd rows; another for each that is refused.

    Args:
        asker: asks the entry, with the contract's final input.
        rows: the example in wire form.
        answers: what the entry answered about it, one answer a row, the same each time.
    """
    trial = _Trial(asker, answers.dtype, list(rows[:_AROUND]), answers.batch[:_AROUND])
    watch = Stopwatch()
    gaps = [trial.gap([], [])]
    seconds = watch.seconds
    if not gaps[0].close:
        return gaps[0]
    if seconds < _QUICK:
        trial.repeat()
    count = next(count for limit, count in _TRIED if seconds < limit)
    odd = list(odd_rows(asker.input, rows[:_AROUND]))[:count]
    alone = [(row, trial.answer([row])) for row in odd]
    answered = [(row, answer) for row, answer in alone if answer is not None]
    if any(trial.answers_among_others(row) for row, answer in alone if answer is None):
        return Gap(alike=False)
    usual = [(row, answer) for row, answer in answered if answer[1] == answers.dtype]
    # Where odd rows change the dtype of the whole answer, the others must do without them.
    for some in (answered, usual) if len(usual) < len(answered) else (answered,):
        gaps.append(trial.gap([row for row, _ in some], [answer[0][0] for _, answer in some]))
    return widest(*gaps) if all(gap.close for gap in gaps) else Gap(alike=False)


class _Trial:
    """Rows of the example, and what the entry answers about them whatever stands between them."""

    def __init__(self, asker: Asker, dtype: str, around: list[Any], known: list[Any]) -> None:
        self.asker, self.dtype, self.around, self.known = asker, dtype, around, known

    def answer(self, rows: list[Any]) -> tuple[list[Any], str] | None:
        """Wire predictions and their dtype; None where the entry refuses, or not one a row."""
        try:
            response = self.asker.respond(self.asker.receive(rows))
        except (ExampleError, ContractError, Violations):
            return None
        wire = response.wire
        if not isinstance(wire, list) or len(wire) != len(rows):
            return None
        return wire, response.dtype

    def repeat(self) -> None:
        """Make the example's rows many: libraries add up otherwise where there are many rows."""
        times = math.ceil(_MANY / len(self.around))
        self.around, self.known = self.around * times, self.known * times

    def gap(self, odd: list[Any], expected: list[Any]) -> Gap:
        """How far odd rows among others, and those others, are from what is expected."""
        answer = self.answer([*self.around, *odd, *reversed(self.around)])
        if answer is None:
            return Gap(alike=False)
        wire, dtype = answer
        if dtype != self.dtype:
            return Gap(alike=True)  # the service uses no such answer, but asks for each alone
        end = len(self.around) + len(odd)
        first, between, last = wire[: len(self.around)], wire[len(self.around) : end], wire[end:]
        return widest(
            measure(self.known, first),
            measure(self.known, last[::-1]),
            # Together with the known ones, which say how little is little.
            *(
                measure([*self.known, one], [*self.known, other])
                for one, other in zip(expected, between, strict=True)
            ),
        )

    def answers_among_others(self, row: Any) -> bool:
        """Whether a row that is refused alone is answered among others."""
        answer = self.answer([*self.around, row, *self.around])
        return answer is not None and answer[1] == self.dtype


def odd_rows(input_: Input, rows: Sequence[Any]) -> Iterator[Any]:
    """Rows such as the example may not hold, made of its own, the most telling first."""
    first, last = _cells(input_, rows[0]), _cells(input_, rows[-1])
    far = _far(input_, rows)
    nullable = [number for number, (_, item) in enumerate(first) if item.nullable]
    if nullable:
        yield _row(input_, _without(first, nullable))
    yield _row(input_, [far.get(item.name, (value, value))[1] for value, item in first])
    yield _row(input_, [far.get(item.name, (value, value))[0] for value, item in last])
    if len(nullable) > 1:
        half = len(nullable) // 2
        yield _row(input_, _without(first, nullable[:half]))
        yield _row(input_, _without(last, nullable[half:]))
    yield _row(input_, [0 if _is_number(value) else value for value, _ in first])
    yield _row(input_, [_new(value, item) for value, item in first])


def _cells(input_: Input, row: Any) -> list[tuple[Any, Field]]:
    """The single values of a row, each with its field."""
    if input_.kind == "frame":
        return [(row[item.name], item) for item in input_.fields]
    values = [row]
    for _ in input_.shape:
        values = [inner for value in values for inner in value]
    return [(value, input_.fields[0]) for value in values]


def _row(input_: Input, values: list[Any]) -> Any:
    """The row of which these are the single values."""
    if input_.kind == "frame":
        return dict(zip([item.name for item in input_.fields], values, strict=True))
    for size in reversed(input_.shape):
        values = [values[start : start + size] for start in range(0, len(values), size)]
    return values[0]


def _without(cells: list[tuple[Any, Field]], positions: Sequence[int]) -> list[Any]:
    gone = set(positions)
    return [None if number in gone else value for number, (value, _) in enumerate(cells)]


def _far(input_: Input, rows: Sequence[Any]) -> dict[str, tuple[float, float]]:
    """For each field of numbers, one far below and one far above all that were seen in it."""
    seen: dict[str, list[float]] = {}
    # Rows of arrays may be images: two of them show the range.
    for row in (rows[0], rows[-1]) if input_.shape else rows:
        for value, item in _cells(input_, row):
            if _is_number(value):
                seen.setdefault(item.name, []).append(value)
    fields = [item for item in input_.fields if item.name in seen]
    return {item.name: _beyond(item, min(seen[item.name]), max(seen[item.name])) for item in fields}


def _beyond(item: Field, low: float, high: float) -> tuple[float, float]:
    step = _BEYOND * ((high - low) or abs(high) or 1)
    below, above = low - step, high + step
    whole = re.fullmatch(r"(u?)int(\d+)", item.dtype.lower())
    if whole is None:
        return below, above
    bits = int(whole[2]) - (not whole[1])
    return max(below, 0 if whole[1] else -(2**bits)), min(above, 2**bits - 1)


def _new(value: Any, item: Field) -> Any:
    """A text that was never seen, where any text may stand."""
    return _NEW_TEXT if item.type == "string" and item.dtype != "category" else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
