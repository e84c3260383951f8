"""The folder in which each service of this user on this machine has its place.

    <home>/<name>/service.json   what runs, written by the keeper alone
                  service.log    output of the service since its last deployment
                  control        the keeper's unix socket; the folder is the user's own (0700)

``NB2SERVICE_HOME`` names another home.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from ..errors import LaunchError

CONTROL = "control"
RECORD = "service.json"
LOG = "service.log"
CANDIDATE_LOG = "candidate.log"
_LONGEST_SOCKET_PATH = 100  # bytes; systems allow 104 to 108


def home() -> Path:
    """The registry's folder, made if need be, readable by this user alone.

    Raises:
        LaunchError: it belongs to somebody else, or cannot be made.
    """
    if sys.platform == "win32":
        raise LaunchError(
            "running services is not supported on Windows yet",
            "run the project itself: python -m <package> serve",
        )
    places = _places()
    for place in places:
        try:
            place.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            continue
        if place.stat().st_uid != os.getuid():
            raise LaunchError(
                f"{place} belongs to another user", "set NB2SERVICE_HOME to a folder of your own"
            )
        if stat.S_IMODE(place.stat().st_mode) & 0o077:
            place.chmod(0o700)
        return place
    raise LaunchError(
        f"cannot write in {places[-1]}", "set NB2SERVICE_HOME to a folder of your own"
    )


def _places() -> list[Path]:
    """Where the registry may be, best first."""
    if chosen := os.environ.get("NB2SERVICE_HOME"):
        return [Path(chosen).absolute()]
    # Where no login session made a runtime folder, as in many containers.
    last = Path(tempfile.gettempdir()) / f"nb2service-{os.getuid()}"
    if not sys.platform.startswith("linux"):
        return [platformdirs.user_runtime_path("nb2service"), last]
    # platformdirs would fall back to a folder that anybody may have made before, and warn.
    session = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return [session / "nb2service", last] if session.is_dir() else [last]


def control_path(folder: Path) -> Path:
    """Where the keeper of ``folder`` listens.

    Raises:
        LaunchError: the path is longer than the system allows for a socket.
    """
    path = folder / CONTROL
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        raise LaunchError(
            f"the path {path} is too long for a socket",
            "set NB2SERVICE_HOME to a shorter path, or give a shorter name",
        )
    return path


def lock_path(folder: Path) -> Path:
    """The file that stands for ``folder`` in ``locked``: beside it, for it outlives the folder."""
    return folder.with_name(f".{folder.name}.lock")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Nobody else makes, ends or cleans ``folder`` meanwhile."""
    import fcntl  # there is none on Windows

    with lock_path(folder).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_record(folder: Path) -> dict[str, Any] | None:
    """What the keeper wrote last, or None if there is no record."""
    try:
        record: dict[str, Any] = json.loads((folder / RECORD).read_text())
    except FileNotFoundError:
        return None
    return record


def write_record(folder: Path, record: dict[str, Any]) -> None:
    """Replace the record in one step, so that no reader ever sees half of it."""
    draft = folder / f".{RECORD}"
    draft.write_text(json.dumps(record, indent=2) + "\n")
    draft.replace(folder / RECORD)
