"""The way in of ``serve``: an event loop that answers the entries itself.

Requests to an entry go to ``batching`` as soon as they are read; everything else is handed to the
Flask application, which has all routes and the same rules, in a thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from email.utils import formatdate
from functools import lru_cache, partial
from http import HTTPStatus
from time import perf_counter

from flask import Flask

from .. import observing
from ..access.gate import Gate, Visit
from ..access.headers import SECURITY
from ..answers import Answer, Overdue, Overload, refusal
from ..batching import LoopLine, Threads, is_full
from ..endpoint import Call
from ..observing import Exchange
from ..service import Service
from .connection import LARGE, Connection, Patience, Request
from .passing import call_app, path_of

# Large bodies are read under Python's lock: more threads would only hinder each other.
_LARGE_THREADS = 2


class Front:
    """What all connections of one worker process share.

    Args:
        app: the application, with its service and settings.
        loop: the event loop that runs all of this.
        count: is told how many connections are open, whenever that changes.

    Attributes:
        gate: who may ask.
        connections: those that are open.
        held: bytes of large bodies, received or being received, that are not answered yet.
        now: the time of the last tick, by ``perf_counter``.
        draining: whether the service is about to end: what came in is answered, no more.
        ended: done when it is drained.
    """

    def __init__(
        self,
        app: Flask,
        loop: asyncio.AbstractEventLoop,
        count: Callable[[int], None] = lambda _: None,
        patience: Patience | None = None,
    ) -> None:
        service: Service = app.extensions["service"]
        settings = service.settings
        self.app = app
        self.gate: Gate = app.extensions["gate"]
        self.loop = loop
        self._count = count
        self.patience = patience or Patience()
        self.connections: set[Connection] = set()
        self.buffer = memoryview(bytearray(LARGE))
        self.max_body = settings.max_body
        self.max_held = 4 * settings.max_body
        self.held = 0
        self.now = perf_counter()
        self.draining = False
        self.drained_at = 0.0
        self.ended: asyncio.Future[None] = loop.create_future()
        self._deadline = settings.deadline
        self._max_waiting = settings.max_queue
        self._calls = Threads(settings.threads, "call")
        self._large = Threads(_LARGE_THREADS, "large")
        self._others = Threads(settings.threads, "other")
        self._in_threads = 0
        self._flushing = False
        self._date = b""
        self._routes: dict[bytes, LoopLine] = {}
        self._lines: list[LoopLine] = []
        self._add_lines(service)
        observing.gather()

    def _add_lines(self, service: Service) -> None:
        threads = service.settings.threads
        lines = {
            endpoint: LoopLine(
                endpoint, service.joined_rows(endpoint), self.loop, self._calls, threads
            )
            for endpoint in service.endpoints.values()
        }
        for route, endpoint in service.endpoints.items():
            self._routes[f"/{route}".encode()] = lines[endpoint]
        self._lines = list(lines.values())
        observing.metrics.waiting = lambda: sum(len(line.waiting) for line in self._lines)

    def connect(self) -> Connection:
        """The protocol of a new connection."""
        connection = Connection(self)
        self.connections.add(connection)
        self._count(len(self.connections))
        return connection

    def disconnect(self, connection: Connection) -> None:
        """A connection is closed."""
        self.connections.discard(connection)
        self._count(len(self.connections))
        if connection.current is not None:
            self._lose(connection.current)
        self.look_for_end()

    # --- requests -------------------------------------------------------------------------------

    def look(self, connection: Connection) -> Visit:
        """What the gate says of the request whose headers a connection has received."""
        get = connection.headers.get
        peer = connection.transport.get_extra_info("peername")
        return self.gate.look(
            connection.parser.get_method().decode("latin-1"),
            path_of(connection.url).decode("latin-1"),
            get(b"x-api-key", b"").decode("latin-1"),
            get(b"authorization", b"").decode("latin-1"),
            peer[0] if isinstance(peer, tuple) else "",
            (
                get(b"origin", b"").decode("latin-1"),
                get(b"access-control-request-method", b"").decode("latin-1"),
            ),
        )

    def begin(self, connection: Connection, request: Request) -> None:
        """Answer a request, now or later, by ``connection.send``."""
        now = perf_counter()
        request.due = now + self._deadline
        line = self._line(request)
        if line is not None:
            self._ask(connection, request, line)
        elif request.problem is not None:
            self._refuse(connection, request, request.problem)
        elif self._in_threads >= self._max_waiting:
            self._refuse(connection, request, Overload())
        else:
            self._in_threads += 1
            self._others.submit(self._pass_on, connection, request)

    def _line(self, request: Request) -> LoopLine | None:
        if request.method != b"POST":
            return None
        return self._routes.get(request.url) or self._routes.get(path_of(request.url))

    def _ask(self, connection: Connection, request: Request, line: LoopLine) -> None:
        """A request to an entry."""
        exchange = self._arrive(request)
        exchange.entry = line.endpoint.entry.name
        if request.problem is not None:
            self._refuse(connection, request, request.problem)
        elif is_full(self._lines, self._max_waiting) and not line.relieve():
            self._refuse(connection, request, Overload())
        elif len(request.body) > LARGE:
            self._in_threads += 1
            self._large.submit(self._answer_large, connection, request, line)
        else:
            try:
                call = self._read(request, line)
            except Exception as error:
                self._refuse(connection, request, error)
                return
            request.call = call
            call.told = partial(self._told, connection, request, line)
            line.put(call)

    def _read(self, request: Request, line: LoopLine) -> Call:
        headers = request.headers
        return line.endpoint.read(
            request.body,
            headers.get(b"content-type", b"").decode("latin-1"),
            headers.get(b"accept", b"").decode("latin-1"),
            self._deadline,
        )

    def _told(self, connection: Connection, request: Request, line: LoopLine, call: Call) -> None:
        if connection.current is not request:
            return
        try:
            answer = line.endpoint.write(call)
        except Exception as error:
            self._refuse(connection, request, error)
        else:
            self._answer(connection, request, answer)

    def _answer_large(self, connection: Connection, request: Request, line: LoopLine) -> None:
        """In a thread: read, predict and write, alone."""
        assert request.exchange is not None
        try:
            call = self._read(request, line)
            line.endpoint.predict([call])
            answer = line.endpoint.write(call)
        except Exception as error:
            answer = refusal(error, request.exchange.id)
        self.loop.call_soon_threadsafe(self._back, connection, request, answer)

    def _back(self, connection: Connection, request: Request, answer: Answer) -> None:
        self._in_threads -= 1
        if connection.current is request:
            self._answer(connection, request, answer)

    def _arrive(self, request: Request) -> Exchange:
        get = request.headers.get
        request.exchange = observing.arrive(
            request.method.decode("ascii"),
            path_of(request.url).decode("utf-8", "replace"),
            get(b"x-request-id", b"").decode("latin-1"),
            get(b"traceparent", b"").decode("latin-1"),
            get(b"tracestate", b"").decode("latin-1"),
        )
        request.exchange.key = request.visit.key
        return request.exchange

    def _refuse(self, connection: Connection, request: Request, error: Exception) -> None:
        exchange = request.exchange or self._arrive(request)
        self._answer(connection, request, refusal(error, exchange.id))

    def _answer(self, connection: Connection, request: Request, answer: Answer) -> None:
        exchange = request.exchange
        assert exchange is not None
        answer.describe(exchange)
        request.call = None  # which knows the request: together they would be left to the gc
        told = request.visit.headers
        head = b"%bContent-Length: %d\r\nX-Request-Id: %b\r\n%b%b" % (
            _head(answer.status, answer.content_type, tuple(answer.headers.items())),
            len(answer.body),
            exchange.id.encode("latin-1"),
            self._date,
            _header_lines(told) if told else b"",
        )
        connection.send(request, head, answer.body)
        if answer.refused == "overload":
            connection.rest()
        self._depart(exchange)

    def _depart(self, exchange: Exchange) -> None:
        observing.depart(exchange)
        if not self._flushing:
            self._flushing = True
            self.loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        observing.flush()

    def overdue(self, connection: Connection, request: Request) -> None:
        """The time of a request is over."""
        _give_up(request)
        self._refuse(connection, request, Overdue())

    def _lose(self, request: Request) -> None:
        """The client of a request is gone."""
        _give_up(request)
        if request.exchange is not None:
            request.exchange.status = 499  # as proxies log it
            self._depart(request.exchange)

    # --- all other routes -----------------------------------------------------------------------

    def _pass_on(self, connection: Connection, request: Request) -> None:
        """In a thread: let the Flask application answer."""
        try:
            status, headers, body = call_app(self.app, request, connection.transport)
        except Exception as error:
            exchange = request.exchange or self._arrive(request)
            failed = refusal(error, exchange.id)
            status, body = failed.status, failed.body
            headers = [("Content-Type", failed.content_type), ("X-Request-Id", exchange.id)]
            headers += [("Content-Length", str(len(body))), *SECURITY, *request.visit.headers]
        head = _status_line(status) + _header_lines(headers)
        self.loop.call_soon_threadsafe(self._passed_back, connection, request, head, body)

    def _passed_back(
        self, connection: Connection, request: Request, head: bytes, body: bytes
    ) -> None:
        self._in_threads -= 1
        connection.send(request, head + self._date, body)

    # --- time -----------------------------------------------------------------------------------

    def tick(self) -> None:
        """Look after what takes long; to be called at least once a second."""
        self.now = perf_counter()
        self._date = f"Date: {formatdate(usegmt=True)}\r\n".encode()
        for connection in list(self.connections):
            connection.tick(self.now)
        observing.flush()
        self.look_for_end()

    def drain(self) -> None:
        """Answer what has come in, and what is on its way; then be done."""
        if not self.draining:
            self.draining = True
            self.drained_at = perf_counter()

    def look_for_end(self) -> None:
        """Be done if nobody is connected any more."""
        if self.draining and not self.connections and not self.ended.done():
            self.ended.set_result(None)

    def give_up(self) -> None:
        """Be done, whoever is connected."""
        if not self.ended.done():
            self.ended.set_result(None)

    def longest(self) -> float:
        """Seconds that the longest call has taken so far."""
        return max(pool.longest() for pool in (self._calls, self._large, self._others))

    def close(self) -> bool:
        """Start nothing more; whether all threads are idle."""
        for pool in (self._calls, self._large, self._others):
            pool.close()
        observing.flush()
        return not self.longest()


def _give_up(request: Request) -> None:
    if request.call is not None:
        request.call.given_up = True


@lru_cache(maxsize=1024)
def _head(status: int, content_type: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    named = (("Content-Type", content_type), *SECURITY, *headers)
    return _status_line(status) + _header_lines(named)


def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()


def _header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in headers).encode("latin-1")
