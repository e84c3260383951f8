"""One entry of the notebook as bytes in, bytes out. Every way into the service ends here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import lru_cache
from operator import attrgetter
from time import perf_counter
from types import ModuleType
from typing import Any

from . import observing
from .answers import Answer, NotebookCodeError
from .codec import typed, wire, writing
from .contract import Entry, Field
from .problems import Problem

# Kinds of input that hold many rows, so that those of several requests can be one call.
_ROWS = ("frame", "array", "series", "list")


@dataclass(slots=True, eq=False)
class Call:
    """A request that was read, on its way through the entry.

    Attributes:
        rows: what it asks about.
        media_type: what the client takes.
        size: bytes of its body.
        key: calls with equal ones may be joined; None for one that is always alone.
        due: by when it must be answered, by ``perf_counter``.
        since: when it was read.
        outcome: wire predictions and their dtype, or what failed; None before that.
        answer: the outcome, written.
        milliseconds: as of ``Answer``.
        told: called when there is an outcome, by drivers that do not wait for it.
        given_up: whether nobody waits for the outcome any more.
    """

    rows: typed.Typed
    media_type: str
    size: int
    key: Any
    due: float
    since: float
    outcome: tuple[list[Any], str] | Exception | None = None
    answer: Answer | None = None
    milliseconds: dict[str, float] = field(default_factory=dict)
    told: Callable[[Call], None] | None = None
    given_up: bool = False


class Endpoint:
    """Calls one entry.

    Args:
        entry: its contract.
        module: the imported ``notebook.py``.
        max_batch: rows that one request may hold.
        thread: where the notebook's code must run, if that matters to it.
        plan: a shorter way to the same answers (``lean``), if there is one.

    Attributes:
        row_wise: whether rows of several requests may be one call: a row's answer does not
            depend on the others.

    Raises:
        AttributeError: ``notebook.py`` does not bind what the contract names.
    """

    def __init__(
        self,
        entry: Entry,
        module: ModuleType,
        max_batch: int = 100_000,
        thread: Executor | None = None,
        plan: Callable[[list[Any], int], Any] | None = None,
    ) -> None:
        self.entry = entry
        self.module = module
        self.max_batch = max_batch
        self.thread = thread
        self.plan = plan
        self.row_wise = (
            entry.input.kind in _ROWS and entry.aligned and entry.row_wise and entry.repeats
        )
        self._dtype = wire.expected_dtype(entry.output)
        self._raw = writing.is_raw(entry.output)
        self._call = attrgetter(entry.call)(module)
        # A forecast has as many steps as the notebook's own, whatever the library's default is.
        self._defaults = {
            field.name: field.default
            for field in entry.input.fields
            if type(field.default) is int and not (field.required or field.python)
        }
        for name in entry.bind.values():
            attrgetter(name)(module)

    # --- bytes → rows → outcome → bytes ---------------------------------------------------------

    def read(self, body: bytes, content_type: str, accept: str, seconds: float) -> Call:
        """The rows in ``body``, to be predicted within ``seconds``.

        Raises:
            Problem: the request is at fault (4xx).
        """
        begin = perf_counter()
        media_type = writing.negotiate(accept, self._raw)
        rows = typed.read(body, content_type, self.entry.input, self._make)
        if rows.count > self.max_batch:
            raise Problem(413, f"{rows.count} rows; at most {self.max_batch} in one request")
        if not rows.count and not self.entry.aligned:
            raise Problem(422, "no rows; this entry answers about all rows together")
        key = rows.key if self.row_wise and rows.count else None
        since = perf_counter()
        call = Call(rows, media_type, len(body), key, begin + seconds, since)
        call.milliseconds["decode"] = (since - begin) * 1000
        return call

    def predict(self, calls: Sequence[Call]) -> None:
        """Give each call its outcome; calls of equal key in as few calls of the model as can be."""
        if self.together(calls):
            return
        # Halves: one bad request among many costs few more calls, and none of the others fails.
        half = len(calls) // 2
        self.predict(calls[:half])
        self.predict(calls[half:])

    def together(self, calls: Sequence[Call]) -> bool:
        """Try one call of the model for all; False, and no outcome, where they must be parted."""
        begin = perf_counter()
        alone = len(calls) == 1
        try:
            rows = calls[0].rows if alone else typed.join([call.rows for call in calls])
            predictions, dtype = self._predictions(rows)
        except Exception as error:  # also ours: no request may stay without an answer
            if alone:
                self._note(calls, begin)
                calls[0].outcome = error
            return alone
        if alone:
            self._note(calls, begin)
            calls[0].outcome = predictions, dtype
            return True
        if dtype != self._dtype:
            return False
        self._note(calls, begin)
        end = 0
        for call in calls:
            start, end = end, end + call.rows.count
            call.outcome = predictions[start:end], dtype
        return True

    def write(self, call: Call) -> Answer:
        """The predictions of a call as what the client takes.

        Raises:
            Problem: it was refused while it waited.
            NotebookCodeError: the notebook's code failed; its own error is the cause.
        """
        if call.answer is not None:
            return call.answer
        if isinstance(call.outcome, Exception):
            raise call.outcome
        assert call.outcome is not None
        begin = perf_counter()
        predictions, dtype = call.outcome
        media_type = call.media_type
        if media_type in writing.WRITERS:
            body = self._written(predictions, media_type)
        else:
            body, media_type = writing.write_raw(predictions, media_type)
        call.milliseconds["encode"] = (perf_counter() - begin) * 1000
        headers = {"Prediction-Dtype": _header(dtype)} if dtype else {}
        call.answer = Answer(body, media_type, headers, call.rows.count, call.milliseconds)
        return call.answer

    def _written(self, predictions: list[Any], media_type: str) -> bytes:
        try:
            return writing.write(predictions, self.entry.output, media_type)
        except UnicodeError as error:  # a text with half a character
            raise NotebookCodeError(self.entry.name) from error

    def answer(self, body: bytes, content_type: str = "", accept: str = "") -> Answer:
        """Predictions for the rows in ``body``, without any other request.

        Raises:
            Problem: the request is at fault (4xx).
            NotebookCodeError: the notebook's code failed; its own error is the cause.
        """
        call = self.read(body, content_type, accept, float("inf"))
        self.predict([call])
        return self.write(call)

    def warm(self) -> None:
        """Answer the contract's example once, so that nobody waits for first-call work."""
        row = example_row(self.entry)
        if row is not None:
            self.answer(writing.json_bytes({"instances": [row]}))

    # --- the notebook's code --------------------------------------------------------------------

    def _predictions(self, rows: typed.Typed) -> tuple[list[Any], str]:
        """Wire predictions and their dtype."""
        entry = self.entry
        if entry.input.kind == "arguments":
            return self._one_by_one(rows.live())
        if rows.count == 0:
            return [], ""
        begin = perf_counter()
        answer = self._lean(rows)
        lean = answer is not None
        if not lean:
            answer = self._ordinary(rows.live())
        observing.called(entry.name, rows.count, perf_counter() - begin, lean)
        dtype = wire.prediction_dtype(answer)
        count = rows.count if entry.aligned else None
        try:
            return wire.to_predictions(answer, entry.output, count), dtype
        except (TypeError, ValueError) as error:
            raise NotebookCodeError(entry.name) from error

    def _one_by_one(self, rows: list[dict[str, Any]]) -> tuple[list[Any], str]:
        begin = perf_counter()
        answers = [self._run((), {**self._defaults, **arguments}) for arguments in rows]
        observing.called(self.entry.name, len(rows), perf_counter() - begin)
        try:
            wired = [wire.to_predictions(item, self.entry.output, None)[0] for item in answers]
        except (TypeError, ValueError) as error:
            raise NotebookCodeError(self.entry.name) from error
        dtypes = {wire.prediction_dtype(item) for item in answers}
        return wired, dtypes.pop() if len(dtypes) == 1 else ""

    def _lean(self, rows: typed.Typed) -> Any:
        """The answer by the plan; None where there is none, or it does not cover these rows."""
        if self.plan is None:
            return None
        try:
            return self.plan(rows.columns(), rows.count)
        except Exception:  # ``Declined``, or not: the model's own answer or error counts
            return None

    def _ordinary(self, live: Any) -> Any:
        parameter = self.entry.parameter
        return self._run((), {parameter: live}) if parameter else self._run((live,), {})

    def _run(self, rows: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
        bound = {name: attrgetter(held)(self.module) for name, held in self.entry.bind.items()}
        try:
            if self.thread:
                answer = self.thread.submit(self._call, *rows, **arguments, **bound).result()
            else:
                answer = self._call(*rows, **arguments, **bound)
            if self.entry.is_async:
                from .coroutines import run_coroutine

                return run_coroutine(answer)
            return answer
        except KeyboardInterrupt:
            raise
        except ValueError as error:
            if "." in self.entry.call and _is_of_scikit_learn(error):
                said = str(error).partition("\n")[0]
                raise Problem(422, f"the model refuses these rows: {said}") from error
            raise NotebookCodeError(self.entry.name) from error
        except BaseException as error:  # whatever the notebook's code raises, SystemExit too
            raise NotebookCodeError(self.entry.name) from error

    def _make(self, name: str, arguments: dict[str, Any]) -> Any:
        return attrgetter(name)(self.module)(**arguments)

    def _note(self, calls: Sequence[Call], begin: float) -> None:
        spent = (perf_counter() - begin) * 1000
        for call in calls:
            call.milliseconds["wait"] = (begin - call.since) * 1000
            call.milliseconds["model"] = spent


def _is_of_scikit_learn(error: Exception) -> bool:
    """Whether a model's own check raised it: about a category that it does not know, say."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    module = trace.tb_frame.f_globals.get("__name__", "") if trace is not None else ""
    return module.partition(".")[0] == "sklearn"


@lru_cache(maxsize=256)
def _header(value: str) -> str:
    """As a header may hold it: names of extension dtypes may be any text."""
    return "".join(c if " " <= c <= "~" else "?" for c in value)


def example_row(entry: Entry) -> Any:
    """A wire row made of the contract's examples; None where a required one is missing."""
    fields = entry.input.fields
    if entry.input.kind in ("frame", "arguments"):
        row = {f.name: f.example for f in fields if f.required or f.example is not None}
        known = all(_has_example(f) for f in fields if f.name in row)
        return row if known else None
    if not fields or not _has_example(fields[0]):
        return None
    example = fields[0].example
    # The example of an array is one whole row where it is recorded so, else one of its values.
    for size in () if isinstance(example, list) else reversed(entry.input.shape):
        example = [example] * size
    return example


def _has_example(item: Field) -> bool:
    return item.example is not None or item.nullable
