"""Asks an entry for the answers that are recorded: all rows, the same again, each row alone."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ...errors import ContractError, ExampleError
from ...runtime.codec.uploads import Uploaded, UploadedPath
from ...runtime.codec.wire import from_rows, prediction_dtype
from ...runtime.contract import Input
from ...runtime.problems import MissingForm, Violations
from ..values import is_record, kind_of, same
from .calling import Caller, copied
from .closeness import Gap, measure
from .fitting import Example
from .outputs import by_position, dense, lost_labels, to_wire
from .sending import to_rows
from .stopwatch import Stopwatch

# How many of the first rows are asked alone, by the seconds that one call takes. A count, not a
# deadline: the same notebook is to give the same cases on a busy machine.
ALONE = ((0.1, 20), (1.0, 5), (float("inf"), 1))


@dataclass(frozen=True)
class Answers:
    """What an entry answered.

    Attributes:
        live: the answer to all rows at once, dense; with arguments, the list of all answers.
        dtype: of the live answer, as the ``Prediction-Dtype`` header names it.
        batch: wire predictions for all rows; the one answer where not aligned.
        rows: wire predictions of the first rows, each alone.
        aligned: whether there is one prediction a row.
        again: the gap between two answers to the same input.
        alone: the gap between rows alone and among others; None where no row was asked alone.
        notes: (message, hint) of what was noticed.
    """

    live: Any
    dtype: str
    batch: list[Any]
    rows: list[Any]
    aligned: bool
    again: Gap
    alone: Gap | None
    notes: tuple[tuple[str, str], ...] = ()


class _Response(NamedTuple):
    """One answer: dense live value, its dtype as the header names it, its wire form."""

    live: Any
    dtype: str
    wire: Any


@dataclass(frozen=True)
class Asker:
    """Asks one entry about one example.

    Attributes:
        call: the entry.
        example: input that it accepts.
        input: the contract's input for it.
    """

    call: Caller
    example: Example
    input: Input

    @property
    def name(self) -> str:
        """The entry's name, for messages."""
        return f"entry {self.call.request.name!r}"

    def rows(self) -> list[Any]:
        """The example as wire rows, which are checked to come back as they were.

        Raises:
            ContractError: something does not survive the way over the wire.
        """
        value = self.example.value
        try:
            rows = to_rows(value, self.input)
            back = self.receive(rows)
        except (MissingForm, Violations) as error:
            raise self._unfaithful(str(error)) from None
        if not same(value, back):
            raise self._unfaithful(_first_loss(value, back))
        return rows

    def receive(self, rows: Sequence[Any], input_: Input | None = None) -> Any:
        """What the service will pass to the entry for these wire rows."""
        return from_rows(rows, input_ or self.input, self._make)

    def ask(self, rows: list[Any]) -> Answers:
        """All answers about the example, of which ``rows`` is the wire form.

        Raises:
            ExampleError: the entry raised.
            EntryError: the entry answers None.
            ContractError: the answer, or what it depends on, has no form on the wire.
        """
        watch = Stopwatch()
        first, notes = self._first_answer()
        took = watch.seconds
        watch = Stopwatch()
        again = self._ask_again(rows, first)
        took = min(took, watch.seconds)  # what a first call loads is not how long a call takes
        live, dtype, batch = first
        if self.call.arguments:
            return Answers(live, dtype, batch, [], True, again, None, notes + self._lost(live[0]))
        alone: list[Any] | None = None
        if _has_items(live) and len(batch) == len(rows):
            try:
                alone = self._ask_alone(rows, took)
            except ExampleError as error:
                said = f"{self.name} does not answer a single row: {error.message}"
                notes = (*notes, (said, "send as many rows as in the example, or more"))
                return Answers(live, dtype, batch, [], True, again, None, notes)
        if alone is None:
            whole = to_wire(live, self.call.request)
            return Answers(live, dtype, [whole], [], False, again, None, notes + self._lost(live))
        gap = measure(batch[: len(alone)], alone)
        return Answers(live, dtype, batch, alone, True, again, gap, notes)

    def _first_answer(self) -> tuple[_Response, tuple[tuple[str, str], ...]]:
        value = copied(self.example.value)
        response = self.respond(value)
        if same(value, self.example.value):
            return response, ()
        note = (f"{self.name} changes its argument in place", "work on a copy: df = df.copy()")
        return response, (note,)

    def _ask_again(self, rows: list[Any], first: _Response) -> Gap:
        """The gap between the first answer and that to the rows as the wire gives them."""
        received = self.receive(rows)
        # As in a service that has a worker for each CPU: so the gap holds what that changes, too.
        try:
            with _one_thread():
                gap = measure(first.wire, self.respond(received).wire)
        except ExampleError as error:
            raise self._unfaithful(error.message) from None
        if not gap.close:
            third = self.respond(copied(self.example.value))
            if measure(first.wire, third.wire).exact:
                raise self._unfaithful("the entry answers otherwise after it")
        return gap

    def _ask_alone(self, rows: list[Any], took: float) -> list[Any] | None:
        """Predictions for the first rows alone; None if a single row gets not exactly one."""
        # One row out of one shows nothing about alignment.
        trials = [rows * 2] if len(rows) == 1 else []
        count = next(count for seconds, count in ALONE if took < seconds)
        trials += [[row] for row in rows[:count]]
        alone: list[Any] = []
        for trial in trials:
            response = self.respond(self.receive(trial))
            if not _has_items(response.live) or len(response.wire) != len(trial):
                return None
            if len(trial) == 1:
                alone += response.wire
        return alone

    def respond(self, value: Any) -> _Response:
        """The answer to ``value`` itself.

        Raises:
            ExampleError: the entry raised.
            ContractError: the answer has no form on the wire.
        """
        if self.call.arguments:
            each = [self._respond_once(keywords) for keywords in value]
            dtypes = {response.dtype for response in each}
            dtype = dtypes.pop() if len(dtypes) == 1 else ""
            return _Response([r.live for r in each], dtype, [r.wire for r in each])
        return self._respond_once(value)

    def _respond_once(self, value: Any) -> _Response:
        answer = self.call(value)
        live = dense(answer)
        sent = live if self.call.arguments else by_position(live, len(value))
        return _Response(live, prediction_dtype(answer), to_wire(sent, self.call.request))

    def _lost(self, answer: Any) -> tuple[tuple[str, str], ...]:
        labels = lost_labels(answer)
        said = f"{self.name}: the labels of the answer's rows ({labels}) do not reach the caller"
        return ((said, "make them a column: return answer.reset_index()"),) if labels else ()

    def _make(self, name: str, arguments: dict[str, Any]) -> Any:
        return self.call.namespace[name](**arguments)

    def _unfaithful(self, why: str) -> ContractError:
        return ContractError(
            f"{self.name}: the input {self.example.origin} does not survive the way over JSON: "
            + why,
            _mend(self.example.value),
            self.example.cell,
        )


def _one_thread() -> contextlib.AbstractContextManager[Any]:
    """Numeric libraries compute in one thread meanwhile, where scikit-learn's means is there."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        return contextlib.nullcontext()
    return threadpool_limits(1)  # type: ignore[no-any-return]


def _mend(value: Any) -> str:
    if kind_of(value) == "frame" and any(name is not None for name in value.columns.names):
        flat = (
            '["_".join(map(str, c)) for c in X.columns]' if value.columns.nlevels > 1 else "list(X)"
        )
        return f"name its columns by plain text, before the model is fitted: X.columns = {flat}"
    rows = value if isinstance(value, list) else []
    items = [item for row in rows for item in (row.values() if isinstance(row, dict) else [row])]
    if any(isinstance(item, (Uploaded, UploadedPath)) for item in items):
        return "the path is another one each time: let the answer come from what the file holds"
    return "convert it to plain numbers, text or dates before the entry takes it"


def _has_items(answer: Any) -> bool:
    """Whether an answer could hold one item a row; a set's order means nothing."""
    return bool(kind_of(answer)) or (isinstance(answer, tuple) and not is_record(answer))


def _first_loss(value: Any, back: Any) -> str:
    """What did not come back as it was."""
    if kind_of(value) == "frame":
        for label in value.columns:
            if not same(value[label], back[label]):
                return f"column {str(label)!r} ({value[label].dtype})"
    if isinstance(value, list):
        for one, other in zip(value, back, strict=True):
            if isinstance(one, Mapping) and isinstance(other, Mapping):
                for name, item in one.items():
                    if not same(item, other.get(name)):
                        return f"{name!r} ({type(item).__name__})"
    return f"a {type(value).__name__}" + (f" of {value.dtype}" if hasattr(value, "dtype") else "")
