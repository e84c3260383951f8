"""Servers of all kinds that run a generated service, and requests to them."""

from __future__ import annotations

import http.client
import importlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import captures
import pytest

from nb2service.project.render import render
from nb2service.project.write import written

LIMIT = 60.0
PYTHON = (sys.executable, "-m")
APP = "churn_service.app:create_app"

WAYS = {
    "ours with one worker": (*PYTHON, "churn_service", "serve", "--port", "{port}"),
    "ours with two workers": (
        *(*PYTHON, "churn_service", "serve", "--port", "{port}", "--workers", "2"),
    ),
    "gunicorn gthread": (
        *(*PYTHON, "gunicorn", "--worker-class", "gthread", "--threads", "4"),
        *("--bind", "127.0.0.1:{port}", "--log-level", "error", f"{APP}()"),
    ),
    "granian": (
        *(*PYTHON, "granian", "--interface", "wsgi", "--blocking-threads", "4"),
        *("--port", "{port}", "--factory", "--log-level", "error", APP),
    ),
    "waitress": (*PYTHON, "waitress", "--listen", "127.0.0.1:{port}", "--call", APP),
    "uWSGI": (
        *(str(Path(sys.executable).with_name("uwsgi")), "--http11-socket", "127.0.0.1:{port}"),
        *("--module", f"{APP}()", "--need-app", "--master", "--enable-threads", "--threads", "4"),
        *("--die-on-term", "--disable-logging"),
    ),
}
# From the second request of a connection on, uWSGI gives 0.0.0.0 as the client's address.
SETTINGS_OF = {"uWSGI": {"ALLOW_ANONYMOUS": "1"}}


def write_project(folder: Path) -> Path:
    """A project in which every kind of request can be made."""
    with written(render(captures.churn_with_photos()), folder / "churn-service") as done:
        return done.folder


@contextmanager
def in_this_process(folder: Path, settings: dict[str, str]) -> Iterator[Any]:
    """Flask's test client of the application itself."""
    here = Path.cwd()
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        for name, value in settings.items():
            patch.setenv(name, value)
        app = importlib.import_module("churn_service.app").create_app()
        yield app.test_client()
    os.chdir(here)  # the notebook's files are found from its own folder
    for name in [
        name for name in sys.modules if name.split(".")[0] in ("churn_service", "rounding")
    ]:
        del sys.modules[name]


@dataclass
class Ask:
    """A request."""

    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    chunked: bool = False


@dataclass
class Way:
    """A server that runs the service."""

    name: str
    port: int
    log: Path

    def connect(self) -> AbstractContextManager[http.client.HTTPConnection]:
        return closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT))

    def ask(self, asked: Ask) -> tuple[int, dict[str, Any], bytes]:
        with self.connect() as connection:
            return ask(connection, asked)


@contextmanager
def serving(
    name: str, command: tuple[str, ...], folder: Path, log: Path, settings: dict[str, str]
) -> Iterator[Way]:
    """A server that is ready, for the length of a block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    words = [word.format(port=port) for word in command]
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=folder, env={**kept, **settings}, stdout=output, stderr=output
        )
        try:
            found = Way(name, port, log)
            _wait_until_ready(found, process)
            yield found
        finally:
            _stop(process)


def _wait_until_ready(way: Way, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        assert process.poll() is None, way.log.read_text()
        try:
            if way.ask(Ask("/readyz", method="GET"))[0] == 200:
                return
        except OSError:
            time.sleep(0.05)
    pytest.fail(f"{way.name} did not get ready: {way.log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def ask(connection: http.client.HTTPConnection, asked: Ask) -> tuple[int, dict[str, Any], bytes]:
    """Status, headers that count, and body of the answer."""
    body: Any = iter([asked.body[:7], asked.body[7:]]) if asked.chunked else asked.body
    connection.request(asked.method, asked.path, body, asked.headers, encode_chunked=asked.chunked)
    answer = connection.getresponse()
    return answer.status, counting(answer.headers), answer.read()


def expected(reference: Any, asked: Ask) -> tuple[int, dict[str, Any], bytes]:
    """What Flask's test client gets."""
    how = {"method": asked.method, "data": asked.body, "headers": asked.headers}
    with reference.open(asked.path, **how) as answer:
        return answer.status_code, counting(answer.headers), answer.data


# What a server adds of its own, or what differs from request to request.
_OWN = {"date", "server", "connection", "keep-alive", "transfer-encoding", "via", "content-length"}


def counting(headers: Any) -> dict[str, Any]:
    """All headers of the service's own, by name in lower case."""
    found: dict[str, Any] = {
        name.lower(): value for name, value in headers.items() if name.lower() not in _OWN
    }
    if "allow" in found:
        found["allow"] = sorted(found["allow"].split(", "))
    return found
