"""One client's connection: bytes to requests, answers to bytes, and how long each may take.

HTTP/1.0 and 1.1 by llhttp (``httptools``). Answers go out in the order of the requests, one at a
time. What a request asks is ``front``'s matter.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

import httptools

from ..access.gate import ANYBODY, Visit
from ..answers import Overload, TooLarge
from ..endpoint import Call
from ..observing import Exchange
from ..problems import Problem

if TYPE_CHECKING:
    from .front import Front

# A body above this many bytes counts: for the memory of all, and as work for a thread.
LARGE = 64 * 1024
_LONGEST_HEAD = 64 * 1024


@dataclass(frozen=True)
class Patience:
    """How long a client may take, in seconds.

    Attributes:
        idle: between two requests. Longer than load balancers keep connections open.
        transfer: to send a request, or to take an answer;
        rate: and a second more for each so many bytes of it.
        linger: to notice that nothing more will be read.
        farewell: at shutdown, for a request that may be on its way already.
        rest: after a refusal for overload, as ``Retry-After`` says. Clients who ask again at once
            would cost the time in which others could be answered.
    """

    idle: float = 75.0
    transfer: float = 30.0
    rate: float = 50_000.0
    linger: float = 2.0
    farewell: float = 1.0
    rest: float = 1.0


@dataclass(slots=True, eq=False)
class Request:
    """A request as it was received.

    Attributes:
        headers: by name in lower case; the values of a repeated one joined by commas.
        held: bytes of the body, if it is large.
        visit: what the gate says of it.
        problem: why it is refused as it is.
        due: by when it must be answered, by ``perf_counter``.
        exchange, call: what became of it, once it is its turn.
    """

    method: bytes
    url: bytes
    headers: dict[bytes, bytes]
    body: bytes
    version: str
    keep_alive: bool
    held: int
    visit: Visit = ANYBODY
    problem: Problem | None = None
    due: float = float("inf")
    exchange: Exchange | None = None
    call: Call | None = field(default=None, repr=False)


class Connection(asyncio.BufferedProtocol):
    """The protocol of a connection; ``front`` is what all of them share."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # until connected
        self.parser = httptools.HttpRequestParser(self)
        self.current: Request | None = None  # being answered
        self.waiting: deque[Request] = deque()  # received meanwhile
        self.last = False  # no request after this one is read
        self.leaving = False  # the last answer was given
        self.held_back = False  # the client waits for a word before it sends the body
        self.reading = self.writable = True
        self.resting = False  # refused for overload: not read for a while
        self.since = front.now  # when it came to wait for what it waits for
        self.expected = 0  # bytes, of what it waits for
        self.held = 0  # bytes of large bodies
        self._reset()

    def _reset(self) -> None:
        self.receiving = self.in_head = False
        self.head_size = self.size = self.counted = 0
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.stream: BytesIO | None = None
        self.visit = ANYBODY
        self.most = self.front.max_body

    # --- what the event loop calls --------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The client has connected."""
        self.transport = transport  # type: ignore[assignment]

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what was received: one buffer for all, as it is parsed at once."""
        return self.front.buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes were received."""
        if self.last:
            return
        self._feed(self.front.buffer[:nbytes])
        if self.in_head:
            self.head_size += nbytes
            if self.head_size > _LONGEST_HEAD:
                self._deliver(Problem(431, f"the headers exceed {_LONGEST_HEAD} bytes"))

    def _feed(self, data: bytes | memoryview) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._feed_without_upgrade(bytes(data[upgrade.args[0] :]))
        except httptools.HttpParserError as error:
            if not self.last:
                self._deliver(Problem(400, f"this is not HTTP: {error}"))

    def _feed_without_upgrade(self, rest: bytes) -> None:
        """Read the request again as if it did not ask for another protocol: we know none.

        The parser takes what comes after the headers for that protocol already.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._deliver(Problem(400, "CONNECT is for proxies"))
            return
        headers = {**self.headers, b"connection": b"close"}
        del headers[b"upgrade"]
        head = b"".join(b"%b: %b\r\n" % header for header in headers.items())
        self.parser = httptools.HttpRequestParser(self)
        self._feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self.url, head, rest))

    def eof_received(self) -> bool:
        """The client sends nothing more: as nearly always, because it has given up."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self.last = self.leaving = True
        self.waiting.clear()
        self.front.held -= self.held
        self.front.disconnect(self)
        self.current = None

    def pause_writing(self) -> None:
        """The client is slow to take its answer."""
        self.writable = False

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self.writable = True
        self._next()

    # --- what the parser calls ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._reset()
        self.receiving = self.in_head = True
        self.since = self.front.now

    def on_url(self, url: bytes) -> None:
        """The target, or a piece of it."""
        self.url = self.url + url if self.url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        known = self.headers.get(name)
        self.headers[name] = value if known is None else known + b"," + value

    def on_headers_complete(self) -> None:
        """All headers; the body, if any, comes next."""
        self.in_head = False
        headers = self.headers
        length = int(headers.get(b"content-length", b"0"))
        if not self.front.gate.idle and not self.parser.should_upgrade():
            self.visit = self.front.look(self)
            if not self.visit.trusted:
                self.most = LARGE
            # A small body is not worth a connection.
            if self.visit.problem and (
                length > LARGE or b"transfer-encoding" in headers or b"expect" in headers
            ):
                self._deliver(self.visit.problem)
                return
        if length > self.most:
            self._deliver(TooLarge(self.most))
        elif b"expect" in headers and headers[b"expect"].lower() == b"100-continue":
            self.held_back = True
            self._continue()

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        if self.last or self.visit.problem:
            return
        self.size += len(data)
        if self.size > self.most:
            self._deliver(TooLarge(self.most))
        elif not self.body:
            self.body = data
        else:
            if self.stream is None:
                self.stream = BytesIO(self.body)
                self.stream.seek(0, 2)
            self.stream.write(data)
        if self.size > LARGE:
            grown = self.size - self.counted
            self.counted = self.size
            self.held += grown
            self.front.held += grown
            if self.front.held > self.front.max_held and not self.last:
                self._deliver(Overload())

    def on_message_complete(self) -> None:
        """The request is complete."""
        if not self.last and not self.parser.should_upgrade():
            self._deliver()

    # --- requests, one at a time ----------------------------------------------------------------

    def _deliver(self, problem: Problem | None = None) -> None:
        parser = self.parser
        keep_alive = problem is None and parser.should_keep_alive()
        self.last = not keep_alive
        try:
            method, version = parser.get_method(), parser.get_http_version()
        except httptools.HttpParserError:  # not even that much of it is HTTP
            method, version = b"", "1.1"
        body = self.stream.getvalue() if self.stream else self.body
        request = Request(
            *(method, self.url, self.headers, body, version, keep_alive, self.counted),
            visit=self.visit,
            problem=problem or self.visit.problem,
        )
        self._reset()
        self.held_back = False
        if self.current is None and not self.waiting and self.writable and not self.resting:
            self.current = request
            self.front.begin(self, request)
            return
        self.waiting.append(request)
        if self.reading:
            self.reading = False
            self.transport.pause_reading()

    def _next(self) -> None:
        blocked = self.current is not None or self.resting or not self.writable
        if blocked or self.transport.is_closing():
            return
        if self.waiting:
            self.current = self.waiting.popleft()
            self.front.begin(self, self.current)
        if not self.waiting and not self.reading:
            self.reading = True
            self.transport.resume_reading()
        self._continue()

    def _continue(self) -> None:
        """Let the client send the body that it holds back, once all before is answered."""
        if self.held_back and self.current is None and not self.waiting:
            self.held_back = False
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def send(self, request: Request, head: bytes, body: bytes) -> None:
        """Answer the current request.

        Args:
            head: status line and headers, but those that say how the connection goes on.
        """
        if self.current is not request:  # answered already, or nobody is there any more
            return
        self.current = None
        self.front.held -= request.held
        self.held -= request.held
        ending = not request.keep_alive or (self.front.draining and not self.waiting)
        if ending:
            head += b"Connection: close\r\n"
        elif request.version == "1.0":
            head += b"Connection: keep-alive\r\n"
        if request.method == b"HEAD":
            body = b""
        self.since, self.expected = self.front.now, len(body)
        self.transport.write(b"".join((head, b"\r\n", body)))
        if ending:
            self._leave()
        elif self.waiting or not self.reading or self.held_back:
            self.front.loop.call_soon(self._next)

    def _leave(self) -> None:
        """Say that this was all, and close when the client has noticed.

        Closed at once, with bytes of the client unread, the system would tell the client of an
        error that may overtake the answer.
        """
        self.last = self.leaving = True
        self.transport.write_eof()
        if not self.reading:
            self.reading = True
            self.transport.resume_reading()

    def rest(self) -> None:
        """Read nothing more for a while."""
        if not self.leaving:
            self.resting = True
            if self.reading:
                self.reading = False
                self.transport.pause_reading()

    # --- time -----------------------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Look at the clock."""
        if self.transport is None:
            return
        patience = self.front.patience
        waited = now - self.since
        if self.current is not None:
            if now > self.current.due:
                self.front.overdue(self, self.current)
        elif self.transport.get_write_buffer_size():
            if waited > patience.transfer + self.expected / patience.rate:
                self.transport.abort()
        elif self.leaving:
            if waited > patience.linger:
                self.transport.close()
        elif self.resting:
            if waited > patience.rest or self.front.draining:
                self.resting = False
                self._next()
        elif self.receiving:
            if waited > patience.transfer + self.size / patience.rate:
                self._deliver(Problem(408, "the request took too long to arrive"))
        elif waited > patience.idle or (
            self.front.draining and now - max(self.since, self.front.drained_at) > patience.farewell
        ):
            self.transport.close()
