"""One process of a service, as the keeper starts, watches and ends it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
DRAIN = 10.0  # seconds that a process has to finish its requests after SIGTERM
_PROBE_AGAIN = 0.05
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Order:
    """What to run, and for whom.

    Attributes:
        project: the project's folder, working directory of the process.
        package: the package that answers ``python -m <package> serve``.
        python: the interpreter.
        environment: its environment variables, all of them.
        notebook: the notebook that it comes from, where known.
        owner: identity of the process with which it ends; None if it is to be kept.
        timeout: seconds within which it must be ready.
    """

    project: str
    package: str
    python: str
    environment: dict[str, str]
    notebook: str | None
    owner: tuple[int, float] | None
    timeout: float


class Process:
    """A service process in its own process group, with a loopback port that reaches no other.

    Attributes:
        port: the private port.
        identity: its pid and when it was born.
        public: whether it also accepts from the service's public socket.
        probe: the connection that asks whether it is ready, while it is asked.
        killed_at: when (``time.monotonic``) it will be killed; None while it is wanted.
    """

    def __init__(self, order: Order, log: Path, public: socket.socket | None) -> None:
        self.order = order
        self.public = public is not None
        self.started = time.monotonic()
        self.killed_at: float | None = None
        self._probe_at = 0.0
        self.probe: socket.socket | None = None
        private = listen(0)
        self.port: int = private.getsockname()[1]
        sockets = [private] if public is None else [public, private]
        command = [order.python, "-m", order.package, "serve"]
        for each in sockets:
            command += ["--fd", str(each.fileno())]
        # Closing our copy of the private socket lets a probe notice at once that the process died.
        with private, log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=order.project,
                env=order.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[each.fileno() for each in sockets],
                start_new_session=True,
                preexec_fn=_die_with_parent(),
            )
        self.identity = identity(self._popen.pid)

    def exit_code(self) -> int | None:
        """Its exit code, or None while it runs. Once it has ended, nothing of its group is left."""
        code = self._popen.poll()
        if code is not None:
            self._kill_group()
        return code

    def overdue(self) -> bool:
        """Whether it had its time to become ready."""
        return time.monotonic() - self.started > self.order.timeout

    def send_probe(self) -> bool:
        """Ask ``/readyz``, if it is time to: ``probe`` then becomes readable with the answer."""
        if self.probe is not None or time.monotonic() < self._probe_at:
            return False
        self._probe_at = time.monotonic() + _PROBE_AGAIN
        with suppress(OSError):  # it may have ended this very moment: its exit code tells
            self.probe = socket.create_connection((LOOPBACK, self.port), timeout=1)
            self.probe.sendall(
                b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
            )
        return self.probe is not None

    def read_probe(self) -> str:
        """What the answer to the probe, now readable, says: ``ready``, ``waiting``, ``failed``."""
        assert self.probe is not None
        head = b""
        with suppress(OSError):
            head = self.probe.recv(4096)
        if head.startswith(b"HTTP/1.") and head[8:12] == b" 200":
            return "ready"
        # 503 without the advice to come again.
        gave_up = head[8:12] == b" 503" and b"retry-after:" not in head.lower()
        return "failed" if gave_up else "waiting"

    def close_probe(self) -> None:
        """Forget a probe that is under way."""
        if self.probe is not None:
            self.probe.close()
            self.probe = None

    def retire(self) -> None:
        """Ask it to finish its requests and end; ``enforce`` kills it when it takes too long."""
        if self.killed_at is None:
            self.killed_at = time.monotonic() + DRAIN
            # Only the process itself: it knows in what order its workers end.
            self._popen.terminate()

    def enforce(self) -> None:
        """Kill it and its workers if its time to finish is over."""
        if self.killed_at is not None and time.monotonic() > self.killed_at:
            self._kill_group()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)


def listen(port: int) -> socket.socket:
    """A socket that listens on the loopback interface; port 0 takes a free one.

    Raises:
        OSError: the port is taken or not allowed.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((LOOPBACK, port))
        made.listen(2048)
        # The flag belongs to the socket, not to the descriptor: whoever shares it, shares the flag.
        made.setblocking(False)
    except OSError:
        made.close()
        raise
    return made


def identity(pid: int) -> tuple[int, float]:
    """The pid together with when the process was born, which no later process shares.

    Raises:
        ProcessLookupError: there is no such process.
    """
    found = _born(pid)
    if found is None:
        raise ProcessLookupError(pid)
    return pid, found


def is_alive(known: tuple[int, float]) -> bool:
    """Whether the very process of that ``identity`` still runs (a zombie does not)."""
    pid, born = known
    return _born(pid) == born


def _born(pid: int) -> float | None:
    """When a process was born, in the system's own measure; None if it does not run."""
    if sys.platform.startswith("linux"):
        # Ticks since the machine started: unlike a time of day, the same for every reader
        # whether or not somebody sets the clock meanwhile.
        try:
            state, *numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if state in "ZX" else float(numbers[18])
    import psutil

    try:
        process = psutil.Process(pid)
        dead = process.status() == psutil.STATUS_ZOMBIE
        return None if dead else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _die_with_parent() -> Callable[[], None] | None:
    """What a child runs before exec so that it ends with us, even if we are killed (Linux only).

    Elsewhere a service outlives a keeper that is killed outright; it never outlives its owner.
    Safe as ``preexec_fn`` because the keeper has a single thread.
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl: Any = ctypes.CDLL(None).prctl
    keeper = os.getpid()

    def arrange() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != keeper:
            os._exit(1)

    return arrange
