"""Goodput under more load than a service can bear: ``python benchmarks/overload.py PROJECT``.

First the peak: wrk, closed loop. Then four times that load: many connections that ask again at
once (closed loop), and requests at four times the peak rate, whether or not the ones before were
answered (open loop). Goodput is 200 answers a second, in the open loop those within three seconds.

Settings come from the environment: ``MICRO_BATCH=0`` makes a slow service of a fast one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

PATIENCE = 3.0  # seconds, after which an answer is worth nothing
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = io.open(os.getenv("BODY")):read("*a")
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
function response(status) if status == 200 then good = (good or 0) + 1 end end
function done(summary)
  local all = 0
  for _, thread in ipairs(threads) do all = all + (thread:get("good") or 0) end
  print("GOOD", all / (summary.duration / 1e6), summary.errors.timeout, summary.errors.read)
end
"""


@contextmanager
def serving(project: Path) -> Iterator[str]:
    """The project's service on a free port, with one worker unless the environment says else."""
    (contract,) = project.glob("*/contract.json")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    settings = {"WORKERS": "1", "LOG_LEVEL": "WARNING", **os.environ}
    command = [sys.executable, "-m", contract.parent.name, "serve", "--port", str(port)]
    process = subprocess.Popen(command, cwd=project, env=settings)
    url = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not _ready(url):
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def closed_loop(url: str, body: Path, script: Path, connections: int, seconds: float) -> float:
    """200 answers a second to so many connections that ask again as soon as they are answered."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "-s", str(script), url]
    done = subprocess.run(
        command, env={**os.environ, "BODY": str(body)}, capture_output=True, text=True, check=True
    )
    found = re.search(r"GOOD\s+(\S+)", done.stdout)
    assert found, done.stdout + done.stderr
    return float(found[1])


async def open_loop(
    url: str, body: bytes, rate: float, connections: int, seconds: float
) -> Counter[str]:
    """What became of requests that were sent at this rate, each on a connection that was free."""
    host, port, path = re.fullmatch(r"http://([^:]+):(\d+)(/.*)", url).groups()  # type: ignore
    request = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    seen: Counter[str] = Counter()
    free: list[Client] = []
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: Client(seen, free), host, int(port))
        free.append(client)
    begin = time.perf_counter()
    sent = 0
    while (passed := time.perf_counter() - begin) < seconds:
        while sent < passed * rate:
            sent += 1
            if free:
                free.pop().ask(request)
            else:
                seen["no connection free"] += 1
        await asyncio.sleep(0.001)
    await asyncio.sleep(PATIENCE)
    return seen


class Client(asyncio.Protocol):
    """A connection that notes how each answer comes."""

    def __init__(self, seen: Counter[str], free: list[Client]) -> None:
        self.seen, self.free = seen, free

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]

    def ask(self, request: bytes) -> None:
        self.asked = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        # Answers are small and written in one piece.
        late = time.perf_counter() - self.asked > PATIENCE
        self.seen["late" if late else data[9:12].decode()] += 1
        self.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.seen["lost"] += 1


def measure(
    url: str, options: argparse.Namespace, script: Path, many: int
) -> tuple[float, float, float, Counter[str]]:
    """Goodput at the peak, in the closed loop and in the open loop, and the latter's answers."""
    body, seconds = options.body.absolute(), options.seconds
    peak = closed_loop(url, body, script, options.connections, seconds)
    crowd = closed_loop(url, body, script, many, seconds)
    seen = asyncio.run(open_loop(url, body.read_bytes(), 4 * peak, many, seconds))
    return peak, crowd, seen["200"] / seconds, seen


def main() -> None:
    """Measure and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("--body", type=Path, required=True, help="a request to POST /predict")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=64, help="that reach the peak")
    options = parser.parse_args()
    script = Path(os.environ.get("TMPDIR", "/tmp")) / "overload.lua"
    script.write_text(SCRIPT)
    body, many = options.body.absolute(), 4 * int(os.environ.get("MAX_QUEUE") or 1000)
    with serving(options.project) as base:
        url = f"{base}/predict"
        closed_loop(url, body, script, options.connections, 1.0)
        rounds = [measure(url, options, script, many) for _ in range(options.rounds)]
    document = {
        "peak": round(median(peak for peak, _, _, _ in rounds)),
        "closed loop": {
            "connections": many,
            "of peak": [round(crowd / peak, 2) for peak, crowd, _, _ in rounds],
        },
        "open loop": {
            "of peak": [round(good / peak, 2) for peak, _, good, _ in rounds],
            "answers": [dict(seen) for _, _, _, seen in rounds],
        },
    }
    print(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
