"""Services that run in a container's files, also where next to nothing is allowed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from images import run

LOCKED = Path(__file__).with_name("locked.py")
READY_WITHIN = 120.0  # seconds

PROVE = """\
import sys
from pathlib import Path
from nb2service.launch.proof import prove
run = prove(Path(sys.argv[1]), "churn_service", sys.argv[2], "clean")
print(run.verdict, sum(entry.total for entry in run.entries), run.text)
"""
ASK = """\
import sys
from urllib.request import urlopen
print(urlopen(sys.argv[1], timeout=10).read().decode())
"""


@dataclass(frozen=True)
class Served:
    """A service under way.

    Attributes:
        process: what was started.
        pid: the service's own first process.
        url: where it answers.
        inside: what leads a command to where the URL means something.
    """

    process: subprocess.Popen[str]
    pid: int
    url: str
    inside: Sequence[str] = ()

    def ask(self, path: str) -> str:
        return run(*self.inside, sys.executable, "-c", ASK, self.url + path)

    def proof(self, project: Path) -> str:
        return run(*self.inside, sys.executable, "-c", PROVE, str(project), self.url)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(30)


@contextmanager
def serving(command: list[str], port: int, log: Path, alone: bool = False) -> Iterator[Served]:
    """A service, ready; ``alone`` if it has a network and processes of its own."""
    with log.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, text=True)
    try:
        deadline = time.monotonic() + READY_WITHIN
        while not (listening := _listening(log)):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        pid: int = listening["pid"]
        inside: tuple[str, ...] = ()
        if alone:
            assert pid == 1
            (child,) = psutil.Process(process.pid).children()
            pid, inside = child.pid, ("nsenter", "--net", f"--target={child.pid}")
        served = Served(process, pid, f"http://127.0.0.1:{port}", inside)
        while not _is_ready(served):
            assert time.monotonic() < deadline, log.read_text()
        yield served
    finally:
        if process.poll() is None:  # a test that failed; the service goes with it
            process.kill()
            process.wait()


def _listening(log: Path) -> dict[str, Any]:
    """The line that says where the service listens."""
    whole = log.read_text().split("\n")[:-1]
    lines = [json.loads(line) for line in whole if line.startswith("{")]
    return next((line for line in lines if line.get("event") == "listening"), {})


def _is_ready(served: Served) -> bool:
    ask = [*served.inside, sys.executable, "-c", ASK, served.url + "/readyz"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return '"ready"' in done.stdout


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def locked(
    root: str, config: dict[str, Any], *words: str, volumes: Sequence[str] = ()
) -> list[str]:
    """The command that runs ``NAME=value… program…`` in a container that may do nothing."""
    apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child"]
    inside = ["env", "-i", *config["Env"], *words]
    return [*apart, sys.executable, str(LOCKED), root, *volumes, "--", *inside]
