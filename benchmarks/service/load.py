"""Load on a server, made by wrk over connections that stay open."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True)
class Load:
    """What wrk counted.

    Attributes:
        requests: answered requests.
        seconds: how long it took.
        p50: median of the latency, in milliseconds; likewise ``p99`` and ``max``.
        not_200: answers with a status above 399.
        broken: connections that failed.
        timeouts: requests without an answer in time.
    """

    requests: int
    seconds: float
    p50: float
    p99: float
    max: float
    not_200: int
    broken: int
    timeouts: int

    @property
    def per_second(self) -> float:
        """Good answers per second."""
        return (self.requests - self.not_200) / self.seconds

    @property
    def errors(self) -> int:
        """All that went wrong."""
        return self.not_200 + self.broken + self.timeouts


def require_wrk() -> None:
    """Ends the program where wrk is missing."""
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load and is not installed: apt-get install wrk")


def run_load(
    url: str,
    bodies: list[bytes],
    content_type: str,
    connections: int,
    seconds: int,
    fewest: int = 1,
) -> Load:
    """Loads ``url`` with POST requests, the bodies in rotation, for that many whole seconds.

    Raises:
        RuntimeError: wrk failed, or the server gave fewer answers than that.
    """
    with tempfile.NamedTemporaryFile(suffix=".bodies") as file:
        for body in bodies:
            file.write(b"%d\n" % len(body) + body)
        file.flush()
        command = ["wrk", "--threads=1", f"--connections={connections}", f"--duration={seconds}s"]
        command += ["--timeout=60s", f"--script={SCRIPT}", url, "--", file.name, content_type]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
    load = read_result(done.stdout, done.stderr)
    if load.requests < fewest:
        raise RuntimeError(f"too few answers over {connections} connections: {load}")
    return load


def read_result(output: str, errors: str = "") -> Load:
    """The line that ``load.lua`` prints, among those of wrk itself.

    Raises:
        RuntimeError: there is none.
    """
    for line in output.splitlines():
        if line.startswith("RESULT "):
            return Load(**json.loads(line.removeprefix("RESULT ")))
    raise RuntimeError(f"wrk gave no result: {output}{errors}")
