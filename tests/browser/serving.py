"""Services to open in a browser, and a proxy that serves one under a prefix."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

LIMIT = 60.0  # seconds


@contextmanager
def serving(folder: Path, package: str, **settings: str) -> Iterator[str]:
    """The address of a project's service."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    log = folder / f"service-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", package, "serve", "--port", str(port)],
            cwd=folder,
            env={**os.environ, "WORKERS": "1", **settings},
            stderr=file,
        )
        try:
            base = f"http://127.0.0.1:{port}"
            _wait(f"{base}/readyz", process, log)
            yield base
        finally:
            process.terminate()
            process.wait(LIMIT)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"not ready: {log.read_text()}")


@contextmanager
def proxied(base: str, prefix: str) -> Iterator[str]:
    """The address below which a proxy serves a service, and nothing else."""

    class Handler(BaseHTTPRequestHandler):
        def pass_on(self) -> None:
            if not self.path.startswith(prefix):
                self.send_error(404)
                return
            length = int(self.headers.get("Content-Length") or 0)
            headers = {n: v for n, v in self.headers.items() if n.lower() != "host"}
            request = urllib.request.Request(
                base + self.path[len(prefix) :],
                self.rfile.read(length) if length else None,
                headers,
                method=self.command,
            )
            try:
                answer = urllib.request.urlopen(request, timeout=LIMIT)
            except urllib.error.HTTPError as error:
                answer = error
            with answer:
                body = answer.read()
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    if name.lower() not in ("connection", "date", "server"):
                        self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        do_GET = do_POST = pass_on

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}{prefix}"
        finally:
            server.shutdown()
            thread.join()
