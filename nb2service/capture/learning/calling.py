"""Calls an entry as the service will, without a trace in the notebook."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import functools
import inspect
import io
import linecache
import random
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import ContractError, ExampleError
from ..entries.find import EntryRequest
from ..entries.signatures import function_of, horizon_of

# While entries are called undisturbed: the warnings of which the notebook makes errors.
_strict: list[Any] = []


@dataclass(frozen=True)
class Caller:
    """An entry with its bound parameters filled in.

    Attributes:
        request: the entry.
        namespace: the live namespace that holds what is bound.
        arguments: whether one call takes one row's keyword arguments, not all rows.
        parameter: the parameter that takes the rows; "" to pass them by position.
    """

    request: EntryRequest
    namespace: Mapping[str, Any]
    arguments: bool = False
    parameter: str = ""

    def __call__(self, value: Any) -> Any:
        """The entry's answer for ``value`` itself (the entry may change it in place).

        Raises:
            ExampleError: the entry raised; the message has its exception and the notebook's line.
        """
        bound = {name: self._held(held) for name, held in self.request.bind.items()}
        try:
            with warnings.catch_warnings():
                warnings.filters = [*_strict, *warnings.filters]
                if self.arguments:
                    answer = self.function(**{**self._steps(), **value}, **bound)
                elif self.parameter:
                    answer = self.function(**{self.parameter: value}, **bound)
                else:
                    answer = self.function(value, **bound)
                return _run(answer) if inspect.iscoroutine(answer) else answer
        # The entry is the user's own code: whatever it raises means that it refuses the input.
        except (Exception, SystemExit) as error:
            raise self._failure(error) from None

    def untouched(self, value: Any) -> Any:
        """The answer for a copy of ``value``.

        Raises:
            ExampleError: as ``__call__``.
            ContractError: the value cannot be copied.
        """
        return self(copied(value))

    @property
    def function(self) -> Callable[..., Any]:
        """What is called: the function, or the model's bound method."""
        return function_of(self.request)

    @property
    def is_async(self) -> bool:
        """Whether the entry is a coroutine function."""
        return inspect.iscoroutinefunction(inspect.unwrap(self.function))

    def _steps(self) -> dict[str, int]:
        """As the service does it: a forecast without a number of steps has the notebook's own."""
        steps = self.request.steps
        return {} if steps is None else {horizon_of(self.request): steps}

    def _held(self, dotted: str) -> Any:
        name, *attributes = dotted.split(".")
        given = self.request.given
        held = given[name] if name in given else self.namespace[name]
        return functools.reduce(getattr, attributes, held)

    def _failure(self, error: BaseException) -> ExampleError:
        text = " ".join(str(error).split())
        text = text if len(text) <= 300 else text[:297] + "…"
        line = self._notebook_line(error)
        return ExampleError(
            f"entry {self.request.name!r} raised {type(error).__name__}: {text}"
            + (f" (at: {line})" if line else ""),
            cell=self.request.cell,
        )

    def _notebook_line(self, error: BaseException) -> str:
        """The innermost line of the notebook's own code on the way to the error."""
        line, trace = "", error.__traceback__
        own = [self.namespace, getattr(inspect.unwrap(self.function), "__globals__", None)]
        known = own[: 1 if self.request.method else 2]
        while trace is not None:
            frame = trace.tb_frame
            if any(frame.f_globals is names for names in known):
                line = linecache.getline(frame.f_code.co_filename, trace.tb_lineno).strip() or line
            trace = trace.tb_next
        return line


def copied(value: Any) -> Any:
    """A deep copy, so that what an entry does to its input does not reach the notebook.

    Raises:
        ContractError: the value has none (a generator, a connection).
    """
    try:
        return copy.deepcopy(value)
    # Copying is the value's own code; what has no copy has no form on the wire either.
    except Exception as error:
        raise ContractError(
            f"the input holds what cannot be copied: {type(error).__name__}: {error}",
            "give plain values: numbers, text, dates, lists, dicts, arrays, frames",
        ) from None


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Swallows what entries print or warn, and gives the global random states back at the end."""
    states = _random_states()
    with contextlib.ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        _strict[:] = [(item[0] if item[0] == "error" else "ignore", *item[1:])
                      for item in warnings.filters]  # fmt: skip
        warnings.simplefilter("ignore")
        stack.enter_context(_captured_output())
        try:
            yield
        finally:
            _strict.clear()
            for restore, state in states:
                restore(state)


def _random_states() -> list[tuple[Callable[[Any], None], Any]]:
    states: list[tuple[Callable[[Any], None], Any]] = [(random.setstate, random.getstate())]
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        states.append((numpy.random.set_state, numpy.random.get_state()))
    return states


def _captured_output() -> contextlib.AbstractContextManager[Any]:
    shell = sys.modules.get("IPython.core.interactiveshell")
    if shell is not None and shell.InteractiveShell.initialized():
        from IPython.utils.capture import capture_output

        return capture_output()  # type: ignore[no-any-return]
    stack = contextlib.ExitStack()
    stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
    stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
    return stack


def _run(coroutine: Any) -> Any:
    """The coroutine's result; in a thread of its own, as the kernel's event loop is running."""
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((asyncio.run(coroutine), None))
        except BaseException as error:
            outcome.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    answer, error = outcome[0]
    if error is not None:
        raise error
    return answer
