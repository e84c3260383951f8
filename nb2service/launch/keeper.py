"""The keeper: one small process for each service name, which owns the port.

    notebook, shell ──JSON lines──▶ keeper ──sockets──▶ service process(es)
                      unix socket      │
                                       └── service.json, service.log

The keeper holds the public listening socket as long as the service exists, and lends it to the
processes that serve. So a new version takes over, or a crashed one comes back, while connections
wait in the socket's queue: none is refused. A candidate is reached through a private port until it
is committed; only the very first one has the public socket from the start, for nobody serves yet.

Run as ``python -m nb2service.launch.keeper FOLDER PORT``. It detaches itself as soon as the port
is its own, and prints one JSON line: ``{"port": 8000}`` or ``{"error": "…"}``.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from .control import ControlServer, Message
from .detach import detached
from .logs import shorten, tail
from .process import LOOPBACK, Order, Process, identity, is_alive, listen
from .registry import CANDIDATE_LOG, CONTROL, LOG, locked, write_record

RESTARTS = (0.2, 1.0, 5.0)  # seconds to wait before each restart of a service that crashed
_STEADY = 60.0  # seconds after which a crash is no longer counted with those before
_SHOWN = 20  # lines of output that go with a failure
_OWNER_TICK, _BUSY_TICK = 0.4, 0.02  # seconds
_UNUSED = 10.0  # seconds to wait for the first request

Outcome = Callable[[str], None]  # called with "" when a process is ready, else with what failed


class Keeper:
    """The state of one service, and the loop that moves it."""

    def __init__(self, folder: Path, public: socket.socket, control: socket.socket) -> None:
        self.folder = folder
        self.port: int = public.getsockname()[1]
        self.public: socket.socket | None = public
        self.order: Order | None = None  # what was committed last, and must therefore run
        self.current: Process | None = None
        self.candidate: Process | None = None
        self.asker: socket.socket | None = None  # the candidate ends with this connection
        self.awaited: dict[Process, Outcome] = {}
        self.retired: list[Process] = []
        self.crashes = 0
        self.restart_at: float | None = None
        self.stopping = False
        self.unused_until = time.monotonic() + _UNUSED
        self.selector = selectors.DefaultSelector()
        self.control = ControlServer(control, self.selector, self._handle, self._on_close)
        self._wake_on_signals()
        self._note("starting")

    # --- the loop ---

    def run(self) -> None:
        """Serve until there is nothing left to keep; the folder is gone afterwards."""
        while True:
            tick = _BUSY_TICK if self.awaited or self.retired else _OWNER_TICK
            for key, _ in self.selector.select(tick):
                if key.fileobj in self.selector.get_map():  # an earlier one may have closed it
                    key.data()
            self._tick()
            if self._idle():
                with locked(self.folder):
                    # Whoever connected before we had the lock still gets an answer.
                    if self.stopping or not self.selector.select(0):
                        shutil.rmtree(self.folder, ignore_errors=True)
                        return

    def _idle(self) -> bool:
        if self.current or self.candidate or self.awaited or self.retired:
            return False
        if self.stopping:
            return True
        awaits_first = not self.control.was_used and time.monotonic() < self.unused_until
        return self.order is None and not awaits_first and not self.control.has_clients()

    def _tick(self) -> None:
        self._watch_owner()
        for process in [p for p in self.retired if p.exit_code() is not None]:
            self.retired.remove(process)
        for process in self.retired:
            process.enforce()
        for process in list(self.awaited):
            self._watch_awaited(process)
        self._watch_current()
        if self.stopping:
            self._retire_all()
        if self.candidate is None:
            shorten(self.folder / LOG)

    def _watch_owner(self) -> None:
        if self.order and self.order.owner and not is_alive(self.order.owner):
            self.order = self.restart_at = None
            if self.current:
                self._retire(self.current)
                self.current = None
        owner = self.candidate.order.owner if self.candidate else None
        if owner and not is_alive(owner):
            self._drop_candidate()

    def _watch_awaited(self, process: Process) -> None:
        code = process.exit_code()
        if code is not None:
            self._settle(process, f"it ended with exit code {code} before it was ready")
        elif process.overdue():
            self._settle(process, f"it was not ready after {process.order.timeout:g} seconds")
        elif process.send_probe():
            assert process.probe is not None
            self.selector.register(
                process.probe, selectors.EVENT_READ, lambda: self._read_probe(process)
            )

    def _read_probe(self, process: Process) -> None:
        said = process.read_probe()
        self._forget_probe(process)
        if said == "ready":
            self._settle(process, "")
        elif said == "failed":
            self._settle(process, "it does not answer its own example")

    def _forget_probe(self, process: Process) -> None:
        if process.probe:
            self.selector.unregister(process.probe)
            process.close_probe()

    def _settle(self, process: Process, failure: str) -> None:
        outcome = self.awaited.pop(process)
        self._forget_probe(process)
        if failure:
            self._retire(process)
        outcome(failure)

    def _watch_current(self) -> None:
        if self.current and (code := self.current.exit_code()) is not None:
            self._note_crash(code, steady=time.monotonic() - self.current.started > _STEADY)
        elif self.order and self.restart_at is not None and time.monotonic() > self.restart_at:
            self.restart_at = None
            try:
                process = Process(self.order, self.folder / LOG, self.public)
            except OSError:  # its folder or interpreter is gone
                self._note_crash(None, steady=False)
                return
            self.current = process
            # A failure needs no word here: the process ends, and that is noticed as a crash.
            self.awaited[process] = lambda failure: None if failure else self._note("running")

    def _note_crash(self, code: int | None, steady: bool) -> None:
        self.crashes = 1 if steady else self.crashes + 1
        self.current = None
        if self.crashes <= len(RESTARTS):
            self.restart_at = time.monotonic() + RESTARTS[self.crashes - 1]
            self._note("restarting", exit_code=code)
        else:
            # Nobody will accept any more: a refused connection is better than one that hangs.
            self._close_public()
            self._note("failed", exit_code=code)

    # --- what a client may ask ---

    def _handle(self, client: socket.socket, request: Message) -> Message | None:
        known = {"start": self._start, "commit": self._commit, "stop": self._stop}
        command = known.get(request.pop("do"))
        return command(client, request) if command else self._other_version()

    def _other_version(self) -> Message:
        return {
            "error": "the service was started by another version of nb2service",
            "hint": f"stop {self.folder.name}, and deploy it again",
        }

    def _on_close(self, client: socket.socket) -> None:
        if client is self.asker:
            self._drop_candidate()

    def _start(self, client: socket.socket, request: Message) -> Message | None:
        """Start a candidate; the answer comes when it is ready or has failed."""
        if self.stopping:
            return {
                "error": f"{self.folder.name} is being stopped",
                "hint": "deploy it again in some seconds",
            }
        if self.candidate:
            return {
                "error": f"another deployment of {self.folder.name} is under way",
                "hint": "wait until it has ended, and deploy again",
            }
        try:
            order = Order(**request)
        except TypeError:
            return self._other_version()
        (self.folder / CANDIDATE_LOG).write_bytes(b"")
        # Only where nothing serves yet does a candidate have the public socket.
        return self._try(order, self.public if self.order is None else None, client, lambda _: None)

    def _commit(self, client: socket.socket, _: Message) -> Message | None:
        """Let the candidate take over; the answer comes when it serves the public port."""
        process = self.candidate
        if process is None or process in self.awaited or client is not self.asker:
            return {"error": "there is no candidate that is ready"}
        if (code := process.exit_code()) is not None:
            self._drop_candidate()
            return self._failure(f"it ended with exit code {code} after it was ready")
        if process.public:
            self._promote(process)
            return {"port": process.port}
        # The proved process has no public socket, lest it answer anyone before it was proved.
        # The same files serve the public in a process of their own, exactly as after a crash.
        self._drop_candidate()
        try:
            self._open_public()
        except OSError as error:
            return self._failure(f"port {self.port}: {error.strerror}")
        return self._try(process.order, self.public, client, self._promote)

    def _try(
        self,
        order: Order,
        public: socket.socket | None,
        client: socket.socket,
        when_ready: Callable[[Process], None],
    ) -> Message | None:
        """Start a candidate; the client gets its port when it is ready, or else why it is not."""
        try:
            process = Process(order, self.folder / CANDIDATE_LOG, public)
        except OSError as error:
            return self._failure(f"{error.strerror}: {error.filename}")
        self.candidate, self.asker = process, client

        def outcome(failure: str) -> None:
            if failure:
                self.candidate = self.asker = None
                self.control.send(client, self._failure(failure))
            else:
                when_ready(process)
                self.control.send(client, {"port": process.port})

        self.awaited[process] = outcome
        return None

    def _failure(self, why: str) -> Message:
        log = tail(self.folder / CANDIDATE_LOG, _SHOWN)
        return {
            "error": f"the service did not start: {why}",
            "log": log,
            "hint": "mend what its last lines complain of, and deploy again" if log else "",
        }

    def _stop(self, _: socket.socket, __: Message) -> Message:
        """End the service and the keeper, after the requests under way."""
        self.stopping = True
        self.order = None
        self._close_public()
        self._note("stopping")
        return {"pid": os.getpid()}

    # --- processes ---

    def _promote(self, process: Process) -> None:
        if self.current:
            self._retire(self.current)
        self.current, self.order = process, process.order
        self.candidate = self.asker = self.restart_at = None
        self.crashes = 0
        (self.folder / CANDIDATE_LOG).replace(self.folder / LOG)
        self._note("running")

    def _drop_candidate(self) -> None:
        if self.candidate:
            self._retire(self.candidate)
        self.candidate = self.asker = None

    def _retire(self, process: Process) -> None:
        self.awaited.pop(process, None)
        self._forget_probe(process)
        process.retire()
        self.retired.append(process)

    def _retire_all(self) -> None:
        for process in filter(None, (self.current, self.candidate)):
            self._retire(process)
        self.current = self.candidate = self.asker = self.restart_at = None

    def _open_public(self) -> None:
        if self.public is None:
            self.public = listen(self.port)

    def _close_public(self) -> None:
        if self.public is not None:
            self.public.close()
            self.public = None

    # --- what others see ---

    def _note(self, state: str, exit_code: int | None = None) -> None:
        order = self.order
        write_record(
            self.folder,
            {
                "name": self.folder.name,
                "url": f"http://{LOOPBACK}:{self.port}",
                "port": self.port,
                "process": self.current.identity if self.current else None,
                "keeper": identity(os.getpid()),
                "project": order.project if order else None,
                "package": order.package if order else None,
                "notebook": order.notebook if order else None,
                "owner": order.owner if order else None,
                "state": state,
                "exit_code": exit_code,
                "started_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            },
        )

    def _wake_on_signals(self) -> None:
        """Let the end of a child, or a signal to stop, interrupt the wait at once."""
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        self._wake = writing  # keeps the descriptor open
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        self.selector.register(reading, selectors.EVENT_READ, lambda: reading.recv(512))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: setattr(self, "stopping", True))


def main() -> None:
    """Take the port, detach, and keep the service."""
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    try:
        public = listen(port)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(json.dumps({"error": reason}))
        sys.exit(1)
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(folder / CONTROL))
    control.listen()
    control.setblocking(False)
    address = {"port": public.getsockname()[1]}
    keeper = detached(
        lambda: Keeper(folder, public, control),
        lambda: print(json.dumps(address)),
        folder / "keeper.log",
    )
    keeper.run()


if __name__ == "__main__":
    main()
