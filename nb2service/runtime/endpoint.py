"""One entry of the notebook as bytes in, bytes out. Every way into the service ends here."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Executor
from dataclasses import dataclass, field
from operator import attrgetter
from time import perf_counter
from types import ModuleType
from typing import Any

from . import reading, wire, writing
from .contract import Entry, Field
from .problems import Problem
from .tabular import Columns, Rows


@dataclass(frozen=True)
class Answer:
    """What goes back to the client.

    Attributes:
        body, content_type: the predictions.
        headers: ``Prediction-Dtype``, where the live answer had one.
        rows: how many rows were asked about.
        milliseconds: how long decoding, the notebook's code, and encoding took.
    """

    body: bytes
    content_type: str
    headers: dict[str, str]
    rows: int
    milliseconds: dict[str, float] = field(default_factory=dict)


class NotebookCodeError(Exception):
    """The notebook's own code failed on input that keeps to the contract."""


class Endpoint:
    """Calls one entry.

    Args:
        entry: its contract.
        module: the imported ``notebook.py``.
        max_batch: rows that one request may hold.
        thread: where the notebook's code must run, if that matters to it.

    Raises:
        AttributeError: ``notebook.py`` does not bind what the contract names.
    """

    def __init__(
        self,
        entry: Entry,
        module: ModuleType,
        max_batch: int = 100_000,
        thread: Executor | None = None,
    ) -> None:
        self.entry = entry
        self.module = module
        self.max_batch = max_batch
        self.thread = thread
        self._call = attrgetter(entry.call)(module)
        for name in entry.bind.values():
            attrgetter(name)(module)

    def answer(self, body: bytes, content_type: str = "", accept: str = "") -> Answer:
        """Predictions for the rows in ``body``.

        Raises:
            Problem: the request is at fault (4xx).
            NotebookCodeError: the notebook's code failed; its own error is the cause.
        """
        begin = perf_counter()
        media_type = writing.negotiate(accept)
        table = reading.read(body, content_type, self.entry.input)
        if len(table) > self.max_batch:
            raise Problem(413, f"{len(table)} rows; at most {self.max_batch} in one request")
        if not len(table) and not self.entry.aligned:
            raise Problem(422, "no rows; this entry answers about all rows together")
        live = self._decode(table)
        decoded = perf_counter()
        predictions, dtype = self.predict(live, len(table))
        predicted = perf_counter()
        answer = writing.write(predictions, self.entry.output, media_type)
        done = perf_counter()
        spent = {
            "decode": decoded - begin,
            "model": predicted - decoded,
            "encode": done - predicted,
        }
        return Answer(
            answer,
            media_type,
            {"Prediction-Dtype": dtype} if dtype else {},
            len(table),
            {name: round(seconds * 1000, 3) for name, seconds in spent.items()},
        )

    def predict(self, live: Any, count: int) -> tuple[list[Any], str]:
        """Wire predictions and their dtype for live input of ``count`` rows."""
        entry = self.entry
        if entry.input.kind == "arguments":
            answers = [self._run((), call) for call in live]
            try:
                predictions = [wire.to_predictions(item, entry.output, None)[0] for item in answers]
            except (TypeError, ValueError) as error:
                raise NotebookCodeError(entry.name) from error
            dtypes = {wire.prediction_dtype(item) for item in answers}
            return predictions, dtypes.pop() if len(dtypes) == 1 else ""
        if count == 0:
            return [], ""
        answer = (
            self._run((), {entry.parameter: live}) if entry.parameter else self._run((live,), {})
        )
        dtype = wire.prediction_dtype(answer)
        try:
            return wire.to_predictions(
                answer, entry.output, count if entry.aligned else None
            ), dtype
        except (TypeError, ValueError) as error:
            raise NotebookCodeError(entry.name) from error

    def warm(self) -> None:
        """Answer the contract's example once, so that nobody waits for first-call work."""
        row = example_row(self.entry)
        if row is not None:
            self.answer(writing.json_bytes({"instances": [row]}))

    def _decode(self, table: Rows | Columns) -> Any:
        if isinstance(table, Columns):
            return wire.from_columns(table.columns, table.count, self.entry.input, self._make)
        return wire.from_rows(table.rows, self.entry.input, self._make)

    def _make(self, name: str, arguments: dict[str, Any]) -> Any:
        return attrgetter(name)(self.module)(**arguments)

    def _run(self, rows: tuple[Any, ...], arguments: dict[str, Any]) -> Any:
        bound = {name: attrgetter(held)(self.module) for name, held in self.entry.bind.items()}
        try:
            if self.thread:
                answer = self.thread.submit(self._call, *rows, **arguments, **bound).result()
            else:
                answer = self._call(*rows, **arguments, **bound)
            return _loop().run(answer) if self.entry.is_async else answer
        except Exception as error:  # whatever the notebook's code raises
            raise NotebookCodeError(self.entry.name) from error


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


class _Loop:
    """The event loop of coroutine entries: one for the process, so that clients bound to a loop
    by the notebook's code keep working from call to call."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, name="coroutines", daemon=True).start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()


_started: list[_Loop] = []
_lock = threading.Lock()


def _loop() -> _Loop:
    with _lock:
        # A forked worker has the parent's loop but not the thread that ran it.
        if not _started or _started[-1].pid != os.getpid():
            _started[:] = [_Loop()]
        return _started[-1]
