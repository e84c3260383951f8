"""Makes the lock: what an installer takes on each platform, file by file, as uv resolves it.

The kernel's versions are given; what is found out is which files these are, what else the platforms
need that are not the kernel's, and what differs between them.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..capture.model import Capture, CaptureWarning
from ..capture.pins import USUAL_INDEX
from ..project.lockfile import with_lock, with_standing_lock
from ..project.requirements import specifier, without_hashes
from .environment import named_in
from .indexes import UNREACHABLE, is_without_index, uv_environment
from .leash import run
from .lock_reading import index_of, listed_files, read_lock
from .lock_request import lock_request

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WITHIN = 30.0  # seconds
# They would have uv take something else for the project, or not read what it asks for.
_MISLEADING = (
    "UV_FROZEN",
    "UV_LOCKED",
    "UV_NO_CONFIG",
    "UV_PROJECT",
    "UV_WORKING_DIRECTORY",
    "VIRTUAL_ENV",
)
_NOWHERE = "no package index could be reached when the project was made"
_AGAIN = "deploy again where an index can be reached, and they are added"

# What uv's settings say of indexes.
_SETTINGS = (
    "index-url",
    "extra-index-url",
    "index-strategy",
    "keyring-provider",
    "allow-insecure-host",
    "native-tls",
    "index",
)

Entry = dict[str, Any]  # a table of TOML


def lock(capture: Capture, folder: Path) -> Capture:
    """The capture with its lock; without an index there is none, and a warning says so.

    Args:
        capture: what requires it.
        folder: where the project stands; if its lock is of the same pins, it is kept.
    """
    capture = with_standing_lock(replace(capture, lock=None), folder)
    if capture.lock:
        return capture
    try:
        packages = _resolve(capture, _settings_around(folder))
    except _NoLockError as why:
        without = replace(capture, unlocked=str(why))
        said = without_hashes(without)
        warning = CaptureWarning(
            f"requirements.txt has no hashes: {said}", _AGAIN if said == _NOWHERE else ""
        )
        return replace(without, warnings=(*capture.warnings, warning))
    return with_lock(capture, read_lock(packages, capture))


class _NoLockError(Exception):
    """There is none; the text says why, as half a sentence."""


def _settings_around(folder: Path) -> Entry:
    """What uv is told of indexes by the project that the notebook belongs to, or by the person."""
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    for place in (folder, *folder.parents, own / "uv", Path("/etc/uv")):
        for file in (place / "uv.toml", place / "pyproject.toml"):
            try:
                told = tomllib.loads(file.read_text("utf-8"))
            except (OSError, ValueError):
                continue
            told = told if file.name == "uv.toml" else told.get("tool", {}).get("uv", {})
            if told:
                return {name: told[name] for name in _SETTINGS if name in told}
    return {}


def _resolve(capture: Capture, settings: Entry) -> list[Entry]:
    """uv's lock file of a project that asks for the same."""
    ends, environment = time.monotonic() + _WITHIN, _variables(settings)
    has_index = any(pin.index for pin in capture.requirements)
    with tempfile.TemporaryDirectory(prefix="nb2service-lock-") as name:
        folder = Path(name)
        # Versions may not go with each other on a platform of no concern, nor with the tests; and
        # a network that lets nobody out has an index of its own, with special builds too.
        for anywhere, tests in ((True, True), (False, True), (False, False)):
            for index in (True, False) if has_index else (False,):
                asked = lock_request(capture, settings, index=index, tests=tests, anywhere=anywhere)
                (folder / "pyproject.toml").write_text(asked, "utf-8")
                complaint = _uv_lock(folder, environment, ends - time.monotonic())
                if not complaint:
                    text = (folder / "uv.lock").read_text("utf-8")
                    return _with_hashes(tomllib.loads(text)["package"], folder)
            if UNREACHABLE.search(complaint):
                raise _NoLockError(_NOWHERE)
    pins = "\n".join(specifier(pin) for pin in capture.requirements)
    which = ", ".join(named_in(complaint, pins)) or "these versions"
    raise _NoLockError(f"the package index does not have {which}, or they contradict each other")


def _uv_lock(folder: Path, environment: Mapping[str, str], within: float) -> str:
    """Has uv lock the project in a folder; its complaint, "" if it is done."""
    import uv

    command = [uv.find_uv_bin(), "--color", "never", "lock", "--no-progress", "--quiet"]
    command += ["--python", sys.executable, *(["--no-index"] if is_without_index() else [])]
    try:
        done = run(command, folder, environment, max(within, 1))
    except subprocess.TimeoutExpired:
        return "timed out"
    return (done.stderr.strip() or "failed") if done.returncode else ""


def _variables(settings: Entry) -> dict[str, str]:
    """The environment for uv."""
    environment = {"UV_HTTP_RETRIES": "1", **uv_environment()}
    if environment.get("UV_INDEX") and not os.environ.get("UV_INDEX") and not settings:
        # pip takes files of all its indexes, uv of one: a further index may have only those of
        # this machine's platform.
        usual = environment.get("UV_DEFAULT_INDEX") or USUAL_INDEX
        environment["UV_INDEX"] = f"{usual} {environment['UV_INDEX']}"
    return {name: value for name, value in environment.items() if name not in _MISLEADING}


def _with_hashes(packages: list[Entry], folder: Path) -> list[Entry]:
    """The entries, with hashes of files in folders, for which uv has none."""
    for package in packages:
        for file in listed_files(package):
            if "hash" not in file and "path" in file:
                # Relative to the folder that is the index, in versions before 0.6.
                place = folder / index_of(package) / file["path"]
                if place.is_file():
                    file["hash"] = f"sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}"
    return packages
