"""A server as a process group: started, asked, measured, ended."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .environments import Environment, child_variables
from .peers import Peer, Start

LONGEST_START = 60.0  # seconds
LONGEST_END = 10.0
ASK_AGAIN = 0.005


class ServerError(Exception):
    """A server did not start, or answered wrongly."""


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        peer: what it is.
        port: where it listens on the loopback interface.
        pid: the process that was started; its group and its descendants are the server.
        first_answer: seconds from its start to the first prediction.
    """

    peer: Peer
    port: int
    pid: int
    first_answer: float

    @property
    def url(self) -> str:
        """Where it predicts."""
        return f"http://127.0.0.1:{self.port}{self.peer.path}"

    def memory(self) -> int:
        """Bytes of the whole process tree, what processes share counted once."""
        return sum(_proportional_set_size(process.pid) for process in _tree(self.pid))


@contextmanager
def running(
    peer: Peer, environment: Environment, model: Path, work: Path, workers: int, body: bytes
) -> Iterator[Server]:
    """Start a server, wait until it answers ``body``, and end it and all its processes.

    Raises:
        ServerError: it gave no good answer in time; the message has the end of its log.
    """
    work.mkdir(parents=True, exist_ok=True)
    start = Start(environment, model, work, _free_port(), workers)
    peer.prepare(start)
    log = work / "server.log"
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            peer.command(start),
            cwd=model / "service" if peer.name.startswith("ours") else work,
            env=child_variables(
                **peer.variables,
                **{"MODEL": str(model), "PORT": str(start.port), "WORKERS": str(workers)},
                # What servers keep for themselves stays out of the person's home.
                **{"HOME": str(work), "BENTOML_HOME": str(work / "bentoml")},
                PATH=f"{Path(environment.python).parent}{os.pathsep}{os.environ['PATH']}",
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, peer, start.port, body, log)
        yield Server(peer, start.port, process.pid, time.perf_counter() - began)
    finally:
        _end(process)


def post(
    connection: http.client.HTTPConnection, path: str, body: bytes, content_type: str
) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection.request("POST", path, body, {"Content-Type": content_type})
    answer = connection.getresponse()
    return answer.status, answer.read()


def _wait(process: subprocess.Popen[bytes], peer: Peer, port: int, body: bytes, log: Path) -> None:
    """Until the first answer with status 200."""
    said = b"nothing"
    until = time.monotonic() + LONGEST_START
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST_START)
        with suppress(OSError, http.client.HTTPException), closing(connection):
            status, said = post(connection, peer.path, body, peer.wires["json"].content_type)
            if status == 200:
                return
            if status in (415, 422):  # a 400 is also MLServer's word for a model that is loading
                break
        time.sleep(ASK_AGAIN)
    tail = log.read_text(errors="replace")[-1_500:]
    raise ServerError(f"no answer; last: {said[:500].decode(errors='replace')}\n{tail}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to end, and kill what is left of it."""
    known = _tree(process.pid)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    _, left = psutil.wait_procs(known, timeout=LONGEST_END)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    for each in left:  # psutil kills no other process that got the same id meanwhile
        with suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def _tree(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _proportional_set_size(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _free_port() -> int:
    """A port that is free together with the next one (MLServer also speaks gRPC)."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = int(first.getsockname()[1])
            with suppress(OSError), socket.create_server(("127.0.0.1", port + 1)):
                return port
