"""Services that run: start one, replace it, find it, read what it says, stop it."""

from __future__ import annotations

import difflib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LaunchError
from .control import ControlClient
from .logs import tail
from .process import DRAIN, LOOPBACK, Order, identity, is_alive
from .registry import (
    CANDIDATE_LOG,
    LOG,
    control_path,
    home,
    lock_path,
    locked,
    read_record,
)

_HAND_OVER = 2.0  # seconds
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# What belongs to the notebook's session and would mislead, or betray, a service.
_SESSION_VARIABLES = ("JPY_", "JUPYTERHUB_", "IPYKERNEL_")
_SESSION_NAMES = {"FORCE_COLOR", "CLICOLOR", "PYTHONSAFEPATH", "PYTHONSTARTUP"}
# Where a service will be deployed, these say who may ask. Here only this machine can.
_ACCESS_NAMES = {"API_KEYS", "API_KEYS_FILE", "ALLOW_ANONYMOUS", "RATE_LIMIT", "CORS_ORIGINS"}


@dataclass(frozen=True)
class Service:
    """A running project.

    Attributes:
        name: its name, unique for this user on this machine.
        url: where it answers, on this machine.
        port: the port in ``url``.
        pid: the process that serves; None while it is not running.
        project: the project's folder.
        log: its output since it was deployed.
        owner: pid of the process with which it ends; None if it is kept.
        state: ``starting``, ``running``, ``restarting`` after a crash, ``failed``, ``stopping``.
        started_at: when it came into that state, ISO 8601, UTC.
        notebook: the notebook that it comes from, where known.
    """

    name: str
    url: str
    port: int
    pid: int | None
    project: Path
    log: Path
    owner: int | None
    state: str
    started_at: str
    notebook: str | None

    def to_json(self) -> dict[str, Any]:
        """The service as every door shows it."""
        return {**vars(self), "project": str(self.project), "log": str(self.log)}


@dataclass(frozen=True)
class Candidate:
    """A version that is ready, but not yet in service.

    Attributes:
        name: the service's name.
        private_url: reaches exactly this version, whatever serves the public port meanwhile.
        url: where it will answer once it is in service.
        log: its output so far.
        replaces: the service that it will replace; None if there is none of this name.
    """

    name: str
    private_url: str
    url: str
    log: Path
    replaces: Service | None

    @property
    def service(self) -> Service:
        """The service that it became, once the block has ended well.

        Raises:
            LaunchError: it is not running.
        """
        return find_service(self.name)


@contextmanager
def launch(
    name: str,
    project: Path,
    package: str,
    port: int | None = None,
    python: str = sys.executable,
    owner: int | None = None,
    notebook: str | None = None,
    timeout: float = 60,
) -> Iterator[Candidate]:
    """Start a version of a service; it goes into service when the block ends well.

    If the block raises, the version ends and what served before goes on. A service of the same
    name is replaced on its own port, and no connection is lost. Afterwards ``candidate.service``
    tells all about it.

    Args:
        name: letters, digits, ``.``, ``_`` and ``-``.
        project: the project's folder.
        package: the package in it that has ``serve``.
        port: the port to answer on; None for the port it has, or else a free one; 0 likewise.
        python: the interpreter that runs it.
        owner: pid of the process with which it ends; None to keep it.
        notebook: the notebook that it comes from, to be shown.
        timeout: seconds within which it must be ready.

    Raises:
        LaunchError: the port is taken, or the version was not ready in time; with its last output.
    """
    if not _NAME.fullmatch(name):
        raise LaunchError(
            f"{name!r} is no name for a service",
            "use up to 64 letters, digits, '.', '_' and '-', a letter or digit first",
        )
    folder = home() / name
    replaces = _service(folder)
    lives_with = identity(owner) if owner is not None else None
    place, environment = str(project.absolute()), service_environment()
    order = Order(place, package, python, environment, notebook, lives_with, timeout)
    with _keeper(folder, port or None) as keeper:
        ready = keeper.ask("start", vars(order), timeout)
        record = read_record(folder)
        assert record is not None  # its keeper does not go while we are connected
        url = f"http://{LOOPBACK}:{ready['port']}"
        yield Candidate(name, url, record["url"], folder / CANDIDATE_LOG, replaces)
        keeper.ask("commit", {}, timeout)
    # It finishes its requests in its own time, but should not take a new one after this.
    if record["process"]:
        _ended(tuple(record["process"]), within=_HAND_OVER)


@contextmanager
def trial(
    project: Path, package: str, python: str, environment: dict[str, str], timeout: float = 60
) -> Iterator[Candidate]:
    """Run a project for the length of a block, on a port of its own, in no list.

    Args:
        environment: its environment variables, all of them.
        project, package, python, timeout: as for ``launch``.

    Raises:
        LaunchError: it was not ready in time; with its last output.
    """
    folder = home() / f".trial-{os.getpid()}-{time.monotonic_ns()}"
    us = identity(os.getpid())
    order = Order(str(project.absolute()), package, python, environment, None, us, timeout)
    try:
        with _keeper(folder, None) as keeper:
            ready = keeper.ask("start", vars(order), timeout)
            url = f"http://{LOOPBACK}:{ready['port']}"
            yield Candidate(folder.name, url, url, folder / CANDIDATE_LOG, None)
    finally:
        lock_path(folder).unlink(missing_ok=True)  # nobody else ever takes this name


def service_environment() -> dict[str, str]:
    """This process's environment without what is the notebook's session's, or a deployment's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SESSION_VARIABLES) and name not in _SESSION_NAMES | _ACCESS_NAMES
    }
    if kept.get("MPLBACKEND", "").startswith("module://"):
        del kept["MPLBACKEND"]  # the kernel's own, which draws into notebook cells
    # What the notebook's code prints is in the log at once, not when a buffer is full.
    # Services on the notebook's own machine leave most of it to the kernel.
    return {"PYTHONUNBUFFERED": "1", "WORKERS": "1", **kept}


def list_services() -> tuple[Service, ...]:
    """The services of this user on this machine, by name; remains of dead ones are cleaned away."""
    found = []
    for folder in sorted(home().iterdir()):
        if folder.is_dir():
            service = _service(folder)
            if service is None:
                _clean(folder)
            elif not folder.name.startswith("."):
                found.append(service)
    return tuple(found)


def find_service(name: str) -> Service:
    """The service of that name.

    Raises:
        LaunchError: there is none; the message lists those that run.
    """
    service = _service(home() / name) if _NAME.fullmatch(name) else None
    if service:
        return service
    names = [service.name for service in list_services()]
    close = difflib.get_close_matches(name, names, n=1)
    raise LaunchError(
        f"no service {name!r} runs",
        f"did you mean {close[0]!r}?"
        if close
        else f"running: {', '.join(names)}"
        if names
        else "no service runs at all",
    )


def stop_service(name: str) -> Service:
    """End a service after the requests under way; it is gone when this returns.

    Returns:
        What it was.

    Raises:
        LaunchError: no such service runs.
    """
    service = find_service(name)
    folder = home() / name
    keeper = _keeper_identity(folder)
    with suppress(OSError), ControlClient(control_path(folder)) as control:
        control.ask("stop", {}, 5)
    if keeper and not _ended(keeper):
        raise LaunchError(f"{name} does not end", f"end process {keeper[0]} by hand")
    return service


def read_log(name: str, lines: int = 50) -> str:
    """The last lines that a service wrote.

    Raises:
        LaunchError: no such service runs.
    """
    return tail(find_service(name).log, lines)


def follow_log(name: str, poll: float = 0.2) -> Iterator[str]:
    """The lines that a service writes from now on, until it is gone.

    Raises:
        LaunchError: no such service runs.
    """
    log = find_service(name).log
    return _follow(log, log.stat(), poll)


def _follow(log: Path, seen: os.stat_result, poll: float) -> Iterator[str]:
    position, inode, begun = seen.st_size, seen.st_ino, b""
    while _service(log.parent):
        with suppress(FileNotFoundError), log.open("rb") as file:
            now = os.fstat(file.fileno())
            if now.st_ino != inode or now.st_size < position:  # deployed anew, or shortened
                position, inode, begun = 0, now.st_ino, b""
            file.seek(position)
            written = file.read()
            position += len(written)
            *lines, begun = (begun + written).split(b"\n")
            yield from (line.decode(errors="replace") for line in lines)
        time.sleep(poll)


@contextmanager
def _keeper(folder: Path, port: int | None) -> Iterator[ControlClient]:
    """A connection to the keeper of ``folder``, which is started if there is none."""
    path = control_path(folder)
    with locked(folder):
        service = _service(folder)
        if service and port not in (None, service.port):
            raise LaunchError(
                f"{service.name} answers on port {service.port} already",
                f"leave the port out to replace it there, or stop {service.name} first",
            )
        if service is None:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            _start_keeper(folder, port or 0)
        control = ControlClient(path)
    keeper = _keeper_identity(folder)
    try:
        with control:
            yield control
    finally:
        # Nothing went into service: leave when the keeper, too, has ended.
        record = read_record(folder)
        if service is None and keeper and record and record["state"] == "starting":
            _ended(keeper)


def _start_keeper(folder: Path, port: int) -> None:
    """Start a keeper that holds ``port``; 0 takes a free one."""
    started = subprocess.run(
        [sys.executable, "-m", "nb2service.launch.keeper", str(folder), str(port)],
        cwd=folder,  # -m puts it first on the path: no file of the notebook's folder may be there
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    with suppress(json.JSONDecodeError):
        reply = json.loads(started.stdout)
        if "port" in reply:
            return
        shutil.rmtree(folder, ignore_errors=True)
        holder = [s.name for s in list_services() if s.port == port]
        by = f" (by the service {holder[0]})" if holder else ""
        raise LaunchError(
            f"port {port} cannot be used: {reply['error']}{by}",
            "choose another port, or leave it out to get a free one",
        )
    raise RuntimeError(f"the keeper failed:\n{started.stderr}")


def _keeper_identity(folder: Path) -> tuple[int, float] | None:
    record = read_record(folder)
    return (record["keeper"][0], record["keeper"][1]) if record else None


def _service(folder: Path) -> Service | None:
    """The service kept in that folder; None if it has no living keeper."""
    record = read_record(folder)
    if record is None or not is_alive(tuple(record["keeper"])):
        return None
    return Service(
        name=record["name"],
        url=record["url"],
        port=record["port"],
        pid=record["process"][0] if record["process"] else None,
        project=Path(record["project"] or ""),
        log=folder / LOG,
        owner=record["owner"][0] if record["owner"] else None,
        state=record["state"],
        started_at=record["started_at"],
        notebook=record["notebook"],
    )


def _ended(process: tuple[int, float], within: float = DRAIN + 5) -> bool:
    """Wait for a process that is ending; whether it did."""
    deadline = time.monotonic() + within
    while is_alive(process) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_alive(process)


def _clean(folder: Path) -> None:
    """Remove what a keeper that was killed left behind, its service included."""
    with locked(folder):
        if _service(folder) is None:
            record = read_record(folder) or {}
            # Where the system could not end the service together with its keeper.
            if record.get("process") and is_alive(tuple(record["process"])):
                os.kill(record["process"][0], signal.SIGTERM)
            shutil.rmtree(folder, ignore_errors=True)
