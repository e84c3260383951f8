"""More rows than the notebook has, where a proof would be blind without them.

Of 20 customers, none may lie between a threshold of 0.4 and one of 0.5: a service with the wrong
one would be proven. So where the answers are labels, rows on both sides of where they change are
added, found by halving the way between two rows. And what a caller may leave out is left out once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Any

from ...errors import ContractError, ExampleError
from ..entries.signatures import required_parameters
from ..values import kind_of, numpy_is, same, take_rows
from .calling import Caller
from .fitting import Example
from .outputs import by_position, dense, to_wire
from .stopwatch import Stopwatch

# Of how many labels a neighbour is looked for; in how many steps, twice; and how slow (seconds, as
# in ``asking``) an entry may be to be asked that.
_PAIRS = 3
_STEPS = 16
_QUICK = 0.1


def enriched(example: Example, call: Caller) -> Example:
    """The example with rows on both sides of a change of label, and a call with defaults only.

    Args:
        example: rows, or keyword arguments, that the entry accepts.
        call: the entry.
    """
    if example.kind == "arguments":
        example = _with_defaults(example, call)
    found = list(_between(example, call))
    if not found:
        return example
    value = _joined([example.value, *found])
    return replace(
        example, value=value, origin=f"{example.origin} and {2 * len(found)} between them"
    )


def _with_defaults(example: Example, call: Caller) -> Example:
    """With one more call, if every one gives a parameter that need not be given."""
    first: Mapping[str, Any] = example.value[0]
    always = set(first).intersection(*example.value)
    optional = always - set(required_parameters(call.request))
    least = {name: item for name, item in first.items() if name not in optional}
    if not optional or _ask(example, call, [least]) is None:
        return example
    return replace(example, value=[*example.value, least])


def _between(example: Example, call: Caller) -> Iterator[Any]:
    """Pairs of rows, close to each other, with two labels."""
    labels = _labelled(example.answers, len(example.value))
    if example.kind == "arguments":
        labels = _ask(example, call, example.value)
    first: dict[str, int] = {}
    for position, label in enumerate(labels or []):
        first.setdefault(label, position)
    if len(first) > max(2, len(example.value) // 2):
        return  # not labels, but whole numbers or texts that are made of the row
    watch = Stopwatch()
    for one, other in pairwise(list(first.values())[: _PAIRS + 1]):
        if watch.seconds > _QUICK:
            return
        pair = known = take_rows(example.value, [one, other])
        for _ in range(2):
            steps = _steps(pair)
            answers = None if steps is None else _ask(example, call, steps)
            change = _change(answers or [])
            if change is None:
                break
            pair = take_rows(steps, [change, change + 1])
        else:
            if not same(_joined([pair]), _joined([known])):
                yield pair


def _ask(example: Example, call: Caller, rows: Any) -> list[str] | None:
    """What of the answers are labels, row by row; None where there is no answer for each row."""
    try:
        if example.kind == "arguments":
            answers = [to_wire(dense(call.untouched(row)), call.request) for row in rows]
        else:
            answer = by_position(dense(call.untouched(rows)), len(rows))
            answers = to_wire(answer, call.request)
    except (ExampleError, ContractError):
        return None
    return _labelled(answers, len(rows))


def _labelled(answers: Any, count: int) -> list[str] | None:
    if not isinstance(answers, list) or len(answers) != count:
        return None
    return [repr(_labels(answer)) for answer in answers]


def _labels(answer: Any) -> Any:
    """An answer without its fractions: those tell of themselves."""
    if isinstance(answer, dict):
        return {name: _labels(item) for name, item in answer.items()}
    if isinstance(answer, list):
        return [_labels(item) for item in answer]
    return None if isinstance(answer, float) else answer


def _change(labels: Sequence[str]) -> int | None:
    pairs = pairwise(labels)
    return next((number for number, (one, other) in enumerate(pairs) if one != other), None)


def _steps(pair: Any) -> Any:
    """Rows on the straight way from one row to another, both included; None if they are alike."""
    kind = kind_of(pair)
    if kind == "frame":
        return _frame_steps(pair)
    if kind == "array" and pair.ndim > 1 and pair.dtype.kind in "fiu" and abs(pair).max() < inf:
        return _on_the_way(pair[0], pair[1])
    if kind == "list" and all(isinstance(row, dict) for row in pair):
        return _keyword_steps(*pair)
    return None


def _frame_steps(pair: Any) -> Any:
    numbers = [n for n in range(pair.shape[1]) if getattr(pair.dtypes.iloc[n], "kind", "") in "fiu"]
    steps = pair.iloc[[0] * (_STEPS + 1)].reset_index(drop=True)
    for number in numbers:
        column = pair.iloc[:, number]
        ends = column.to_numpy()
        if numpy_is(column.dtype, "dtype") and abs(ends[0]) < inf and abs(ends[1]) < inf:
            way = _on_the_way(*ends)
            steps.isetitem(number, way.astype(column.dtype))
    return steps if numbers else None


def _keyword_steps(one: dict[str, Any], other: dict[str, Any]) -> Any:
    both = [n for n in one if type(one[n]) in (int, float) and type(other.get(n)) is type(one[n])]
    if not both or not all(abs(row[name]) < inf for row in (one, other) for name in both):
        return None
    ways = {name: _plain_way(one[name], other[name]) for name in both}
    return [{**one, **{n: way[step] for n, way in ways.items()}} for step in range(_STEPS + 1)]


def _plain_way(one: float, other: float) -> list[float]:
    way = [one + (other - one) * step / _STEPS for step in range(_STEPS + 1)]
    return [round(item) for item in way] if type(one) is int else way


def _on_the_way(one: Any, other: Any) -> Any:
    import numpy as np

    way = np.linspace(np.asarray(one, float), np.asarray(other, float), _STEPS + 1)
    kind = np.asarray(one).dtype
    return (way if kind.kind == "f" else way.round()).astype(kind)


def _joined(values: list[Any]) -> Any:
    kind = kind_of(values[0])
    if kind == "frame":
        import pandas as pd

        return pd.concat(values, ignore_index=True)
    if kind == "array":
        import numpy as np

        return np.concatenate(values)
    return [row for value in values for row in value]
