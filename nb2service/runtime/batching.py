"""Requests that wait for an entry, and which of them it answers in one call.

One call of a model with many rows costs little more than one with a single row. So whatever waits
is answered together, and nobody waits for others to come: a lone request is called at once.

The rules are ``Line.take``'s. There are two drivers: ``LoopLine`` of an event loop, and
``ThreadLine`` of the threads of a WSGI server.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from math import inf
from time import perf_counter
from typing import Any

from .answers import Overdue
from .endpoint import Call, Endpoint

# Bytes of the bodies in one call: what is large gains nothing by company.
MAX_BYTES = 1_000_000
# Seconds. Calls longer than this would keep an event loop from answering others; one that takes
# longer than this did not do so by computing; and how long that is held against an entry.
_LONG = 0.010
_STALL = 1.0
_DISTRUST = 60.0


class Line:
    """The requests that wait for one entry, in the order of their arrival.

    Args:
        max_rows: of requests that one call answers; 0 to never join any.
    """

    def __init__(self, endpoint: Endpoint, max_rows: int) -> None:
        self.endpoint = endpoint
        self.joined = endpoint.row_wise and max_rows > 0
        self.max_rows = max_rows
        self.waiting: deque[Call] = deque()

    def take(self) -> list[Call]:
        """Who is next: the first that waits, and all that can be joined with it."""
        waiting = self.waiting
        first = waiting.popleft()
        taken = [first]
        if not self.joined or first.key is None:
            return taken
        rows, size = first.rows.count, first.size
        passed = []
        while waiting and rows < self.max_rows:
            call = waiting.popleft()
            rows_then, size_then = rows + call.rows.count, size + call.size
            if call.key == first.key and rows_then <= self.max_rows and size_then <= MAX_BYTES:
                taken.append(call)
                rows, size = rows_then, size_then
            else:
                passed.append(call)
        waiting.extendleft(reversed(passed))
        return taken


def is_full(lines: Iterable[Line], max_waiting: int) -> bool:
    """Whether as many requests wait for any of the lines as may wait in one process."""
    return sum(len(line.waiting) for line in lines) >= max_waiting


class ThreadLine(Line):
    """Whichever thread finds nobody at work predicts for all that wait."""

    def __init__(self, endpoint: Endpoint, max_rows: int) -> None:
        super().__init__(endpoint, max_rows)
        self._changed = threading.Condition()
        self._busy = False

    def predict(self, call: Call) -> None:
        """Give the call its outcome.

        Raises:
            Overdue: its time was over first.
        """
        if not self.joined or call.key is None:
            self.endpoint.predict([call])
            return
        with self._changed:
            self.waiting.append(call)
        while call.outcome is None:
            self._take_part(call)

    def _take_part(self, call: Call) -> None:
        """Wait for the outcome, or for the turn to predict; then predict."""
        with self._changed:
            left = min(call.due - perf_counter(), threading.TIMEOUT_MAX)
            if not self._changed.wait_for(lambda: call.outcome or not self._busy, left):
                if call in self.waiting:
                    self.waiting.remove(call)
                raise Overdue
            if call.outcome is not None:
                return
            calls = self.take()
            self._busy = True
        try:
            self.endpoint.predict(calls)
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


class Pace:
    """How long calls take, by the number of their rows; in powers of two."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._stalled = -inf

    def note(self, rows: int, seconds: float) -> None:
        """A call that was made."""
        self._seconds[rows.bit_length()] = seconds
        if seconds > _STALL:
            self._stalled = perf_counter()

    def is_short(self, rows: int) -> bool:
        """Whether nobody would notice the time of a call.

        Not so soon after one that took very long, whatever the others took: it may have waited for
        something outside, and may again.
        """
        return self.expect(rows) < _LONG and perf_counter() - self._stalled > _DISTRUST

    def expect(self, rows: int) -> float:
        """Seconds that a call will take; infinite before any was made."""
        size = rows.bit_length()
        known = [known for known in self._seconds if known <= size]
        if not known:
            return max(self._seconds.values(), default=inf)
        # As long as the last of its size; more rows than ever before may cost in proportion.
        nearest = max(known)
        return self._seconds[nearest] * 2.0 ** max(0, size - nearest - 1)


class Threads:
    """Threads for what would take an event loop too long, and since when each is at work."""

    def __init__(self, number: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(number, name)
        self._since: dict[int, float] = {}

    def submit(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call the function in the next thread that is free."""
        self._pool.submit(self._run, function, arguments)

    def _run(self, function: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        thread = threading.get_ident()
        self._since[thread] = perf_counter()
        try:
            function(*arguments)
        finally:
            del self._since[thread]

    def longest(self) -> float:
        """Seconds that the longest call has taken so far; 0 if there is none."""
        return perf_counter() - min(list(self._since.values()), default=inf) if self._since else 0.0

    def close(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class LoopLine(Line):
    """Predicts in the event loop where that is short, else in a thread.

    What arrives while a call is under way, or in the same turn of the loop, is the next call.

    Args:
        pool: threads for calls that take longer.
        threads: calls that may be under way there, if they cannot be joined.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        max_rows: int,
        loop: asyncio.AbstractEventLoop,
        pool: Threads,
        threads: int,
    ) -> None:
        super().__init__(endpoint, max_rows)
        self.pace = Pace()
        self._loop = loop
        self._pool = pool
        # Where several calls may be under way, none is measured alone, nor known to be short.
        self._inline = self.joined and not (endpoint.entry.is_async or endpoint.thread)
        self._room = 1 if self.joined else threads
        self._calls = 0
        self._woken = False

    def put(self, call: Call) -> None:
        """Let it wait; ``call.told`` is called once there is an outcome."""
        self.waiting.append(call)
        self._wake()

    @property
    def busy(self) -> bool:
        """Whether a call is under way in a thread."""
        return self._calls > 0

    def relieve(self) -> bool:
        """Make room by a call at once, if it is a short one: in a single turn of the loop more may
        come in than may wait, and yet all be answered in no time."""
        if not self.waiting or self._calls or not (self._inline and self.pace.is_short(1)):
            return False
        self._turn()
        return True

    def _wake(self) -> None:
        if self.waiting and self._calls < self._room and not self._woken:
            self._woken = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._woken = False
        calls = [call for call in self.take() if not call.given_up] if self.waiting else []
        rows = sum(call.rows.count for call in calls)
        calls = self._in_time(calls, self.pace.expect(rows))
        if calls and self._inline and self.pace.is_short(rows) and self._at_once(calls, rows):
            self._tell(calls)
        elif calls:
            self._calls += 1
            self._pool.submit(self._in_thread, calls, rows)
        self._wake()

    def _in_time(self, calls: list[Call], expected: float) -> list[Call]:
        """Those whose time will do; the others would be answered too late, and are at once."""
        now = perf_counter()
        late = [
            call
            for call in calls
            # Whoever did not wait has a try, even if the last call took longer than is allowed.
            if call.due < now or (expected < call.due - call.since and call.due < now + expected)
        ]
        for call in late:
            call.outcome = Overdue()
        self._tell(late)
        return [call for call in calls if call.outcome is None] if late else calls

    def _at_once(self, calls: list[Call], rows: int) -> bool:
        begin = perf_counter()
        done = self.endpoint.together(calls)
        self.pace.note(rows, perf_counter() - begin)
        return done

    def _in_thread(self, calls: list[Call], rows: int) -> None:
        begin = perf_counter()
        self.endpoint.predict(calls)
        self.pace.note(rows, perf_counter() - begin)
        for call in calls:
            with suppress(Exception):  # it is raised again by who asks for the answer
                self.endpoint.write(call)
        self._loop.call_soon_threadsafe(self._back, calls)

    def _back(self, calls: list[Call]) -> None:
        self._calls -= 1
        self._tell(calls)
        self._wake()

    def _tell(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if call.told:
                call.told(call)
