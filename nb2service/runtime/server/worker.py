"""A gunicorn worker that runs ``front`` on an event loop."""

from __future__ import annotations

import asyncio
import mmap
import os
import signal
import socket
import sys
from typing import Any

from gunicorn.workers.base import Worker

from .connection import Connection
from .front import Front

_TICK = 0.5  # seconds
_YIELD = 0.002  # seconds, in which a worker with fewer connections may take one
_ACCEPTED = 100  # connections in one turn of the loop
_SLOTS = 64
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Shares:
    """How many connections each worker has, in memory that all of them share."""

    def __init__(self) -> None:
        # One more than the number, so that 0 says that there is no such worker.
        self._counts = memoryview(mmap.mmap(-1, 4 * _SLOTS)).cast("I")

    def note(self, worker: int, connections: int) -> None:
        """So many has the worker of this number now."""
        self._counts[worker % _SLOTS] = connections + 1

    def forget(self, worker: int) -> None:
        """It takes no more."""
        self._counts[worker % _SLOTS] = 0

    def has_most(self, worker: int) -> bool:
        """Whether another has fewer; where there are many, by more than an eighth.

        Else, of a crowd that comes at once, only one could be taken at a time.
        """
        counts = [count for count in self._counts if count]
        return bool(counts) and self._counts[worker % _SLOTS] > min(counts) * 9 // 8


class LoopWorker(Worker):  # type: ignore[misc]
    """Gunicorn forks it, hands it the listening sockets, and replaces it when it ends or hangs."""

    shares = Shares()  # made in the parent

    def run(self) -> None:
        """Serve until told to end, or until the parent is gone; then finish what came in."""
        # The loop lets go of the interpreter at each send: while threads compute, it would get it
        # back 5 milliseconds later.
        sys.setswitchinterval(0.001)
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._front = Front(self.wsgi, self._loop, self._count)
        deadline = self.wsgi.extensions["service"].settings.deadline
        self._longest_call = max(self.cfg.timeout, deadline)
        self._arriving: set[asyncio.Task[Any]] = set()
        for number in _SIGNALS:
            self._loop.add_signal_handler(number, self._drain)
        self._listen()
        if not self.alive:  # told before anybody could hear it
            self._drain()
        self._tick()
        await self._front.ended
        if not self._front.close():
            os._exit(0)  # what hangs in a thread would keep the process for ever

    def _listen(self) -> None:
        for listener in self.sockets:
            listener.setblocking(False)
            self._loop.add_reader(listener.fileno(), self._offer, listener)
        self._count(len(self._front.connections))

    def _count(self, connections: int) -> None:
        if not self._front.draining:
            self.shares.note(self.age, connections)

    def _offer(self, listener: Any) -> None:
        """Take what connections there are, but let workers go first who have fewer."""
        for _ in range(_ACCEPTED):
            if self.shares.has_most(self.age):
                self._loop.remove_reader(listener.fileno())
                self._loop.call_later(_YIELD, self._accept_and_listen, listener)
                return
            if not self._accept(listener):
                return

    def _accept_and_listen(self, listener: Any) -> None:
        if not self._front.draining:
            self._loop.add_reader(listener.fileno(), self._offer, listener)
            self._accept(listener)

    def _accept(self, listener: Any) -> bool:
        """Take one connection; False if there is none."""
        try:
            accepted, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:  # no descriptors left: others may end in the meantime
            self.log.warning("no connection can be accepted: %s", error)
            self._loop.remove_reader(listener.fileno())
            self._loop.call_later(1.0, self._accept_and_listen, listener)
            return False
        accepted.setblocking(False)
        task = self._loop.create_task(self._connect(accepted, self._front.connect()))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)
        return True

    async def _connect(self, accepted: socket.socket, connection: Connection) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError:  # it is gone already
            self._front.disconnect(connection)

    def _drain(self) -> None:
        if self._front.draining:
            return
        for listener in self.sockets:
            self._loop.remove_reader(listener.fileno())
            while self._accept(listener):
                pass  # whoever is connected already is answered
            listener.close()
        self._front.drain()
        self.shares.forget(self.age)
        self._loop.call_later(self.cfg.graceful_timeout, self._front.give_up)

    def _tick(self) -> None:
        self.notify()
        # A thread can't be ended, but its process can; what it should have answered was refused.
        if self._front.longest() > self._longest_call and not self._front.draining:
            self.log.error("a call hangs: another worker takes over")
            self._drain()
        if self.ppid != os.getppid():
            self._drain()
        self._front.tick()
        self._loop.call_later(_TICK / 10 if self._front.draining else _TICK, self._tick)
