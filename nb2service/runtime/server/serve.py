"""Runs the service: worker processes under gunicorn, one loaded model."""

from __future__ import annotations

import gc
import json
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from typing import IO, Any

from ..access.gate import check_listening
from ..settings import Settings, StartError
from .cores import bound_math_threads

# The signals that end gunicorn's workers.
_STOPPING = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
# Platforms kill what has not ended 30 seconds after SIGTERM.
_LONGEST_SHUTDOWN = 25
_DESCRIPTORS = 65_536

log = logging.getLogger(__package__)


class ServeError(StartError):
    """The service cannot listen where it was told to."""


def serve(settings: Settings, fds: tuple[int, ...] = ()) -> None:
    """Serve until SIGTERM or SIGINT, then let running requests finish.

    Args:
        settings: where to listen and with how many workers.
        fds: sockets that already listen, handed over by a supervisor; instead of host and port.

    Raises:
        ServeError: the address is taken or not ours, or a descriptor is no socket.
        OpenToAllError: others can reach it, and neither keys nor ``ALLOW_ANONYMOUS`` are set.
        LoadError: the notebook's code or an artifact does not load.
    """
    bound_math_threads(settings.workers)
    _allow_many_connections()
    sockets = [_inherited(fd) for fd in fds] or [_listen(settings.host, settings.port)]
    check_listening(settings, [item.getsockname() for item in sockets])
    # Where only this machine comes by, nobody needs to be asked again.
    settings = replace(settings, allow_anonymous=True)
    # Until gunicorn handles it, while the model loads: leave by the door, not by the window.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _shared_metrics():
        from .. import store
        from ..app import create_app
        from ..service import read_contract

        def load() -> Any:
            return create_app(settings, warm=False)

        # What the notebook opens at start must not cross a fork: each worker opens its own.
        by_each = read_contract().setup or not store.crosses_fork()
        _run(load if by_each else _loaded(load()), settings, sockets)


def _loaded(app: Any) -> Callable[[], Any]:
    """The application as it is, for all workers: they share the model's memory."""
    # What is loaded stays. Looking through it for garbage again and again would take longer than
    # requests do, and would make each worker a copy of its own.
    gc.freeze()
    return lambda: app


@contextmanager
def _shared_metrics() -> Iterator[None]:
    """A folder in memory where the workers add up their metrics.

    One that ``PROMETHEUS_MULTIPROC_DIR`` already names is used and kept.
    """
    if given := os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        Path(given).mkdir(parents=True, exist_ok=True)
        yield
        return
    owner = os.getpid()
    try:
        parent = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir()
        _remove_what_was_left(Path(parent))
        made = Path(tempfile.mkdtemp(prefix=f"metrics-{owner}-", dir=parent))
        lock = _locked(made)
    except OSError as error:
        raise ServeError(f"no folder for temporary files is writable: {error}") from None
    # prometheus_client looks at this when it is imported.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(made)
    try:
        yield
    finally:
        if os.getpid() == owner:  # the workers, which are forks, come by here too
            shutil.rmtree(made, ignore_errors=True)
        lock.close()


def _locked(folder: Path) -> IO[str]:
    """A file there that is locked, from when it has its name until this service has ended."""
    file = (folder / "new").open("w")
    flock(file, LOCK_EX)
    (folder / "new").rename(folder / "lock")
    return file


def _remove_what_was_left(parent: Path) -> None:
    """Removes the folders of services that were killed: containers may share this memory."""
    for lock in parent.glob("metrics-*/lock"):
        with suppress(OSError), lock.open() as file:
            flock(file, LOCK_EX | LOCK_NB)
            shutil.rmtree(lock.parent)


def _run(load: Callable[[], Any], settings: Settings, sockets: list[socket.socket]) -> None:
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter
    from prometheus_client.multiprocess import mark_process_dead

    from .worker import LoopWorker

    addresses = [_url(item) for item in sockets]

    def when_ready(server: Any) -> None:
        log.info("%s", json.dumps({"event": "listening", "on": addresses, "pid": server.pid}))

    def post_worker_init(worker: Any) -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)
        service = worker.wsgi.extensions["service"]

        def warm() -> None:
            service.warm()
            gc.freeze()

        # Only now: threads that numeric libraries start for the first call do not survive a fork.
        threading.Thread(target=warm, name="warm-up", daemon=True).start()

    def child_exit(server: Any, worker: Any) -> None:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
        LoopWorker.shares.forget(worker.age)

    options = {
        # Gunicorn takes the descriptors over; both ways of listening are one from here on.
        "bind": [f"fd://{item.detach()}" for item in sockets],
        "workers": settings.workers,
        "worker_class": LoopWorker,
        "timeout": settings.timeout,
        "graceful_timeout": min(settings.timeout, _LONGEST_SHUTDOWN),
        "loglevel": "debug" if settings.log_level == "DEBUG" else "warning",
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
        "proc_name": __package__.rpartition(".")[0],
        "when_ready": when_ready,
        "post_worker_init": post_worker_init,
        "child_exit": child_exit,
        # Newer gunicorn opens a control socket in the home folder, which may be read-only.
        "control_socket_disable": True,
    }

    class Server(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in options.items():
                if name in self.cfg.settings:
                    self.cfg.set(name, value)

        def load(self) -> Any:
            try:
                return load()
            except StartError as error:
                print(error, file=sys.stderr)
                sys.exit(Arbiter.WORKER_BOOT_ERROR)

    _keep_signals_for_new_workers()
    master = os.getpid()
    try:
        Server().run()
    except SystemExit as end:
        if os.getpid() == master and end.code == Arbiter.WORKER_BOOT_ERROR:
            sys.exit(1)  # as for whatever else keeps the service from starting
        raise


def _keep_signals_for_new_workers() -> None:
    """Let a new worker receive, once it can handle it, a signal that came while it was forked.

    Gunicorn's worker has its parent's handlers at first, so that a SIGTERM would be lost on it
    and the service would only stop when the time to finish is over.
    """
    parent = os.getpid()

    def hold() -> None:
        if os.getpid() == parent:
            signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)

    def release() -> None:
        if os.getpid() == parent:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)

    os.register_at_fork(before=hold, after_in_parent=release)


def _allow_many_connections() -> None:
    """As many descriptors as the system lets us have without asking."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number and number > 0 else str(error)
        raise ServeError(f"cannot listen on {host}:{port}: {reason}") from None


def _inherited(fd: int) -> socket.socket:
    try:
        return socket.socket(fileno=fd)
    except OSError as error:
        raise ServeError(f"--fd {fd} is not an open socket: {error.strerror}") from None


def _url(item: socket.socket) -> str:
    address = item.getsockname()
    if not isinstance(address, tuple):
        return f"unix:{address}"
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"http://{host}:{address[1]}"
