"""Clean environments: fresh ones, made of nothing but a requirements file."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import platformdirs
import psutil

from ..errors import RequirementsError
from ..project.model import LOCK, WHEELHOUSE
from .indexes import UNREACHABLE, is_without_index, uv_environment
from .leash import run
from .registry import locked

_KEPT = 5  # environments that stay in the cache, those in use apart
_COMPLETE = ".complete"
_INDEX = re.compile(r"^--extra-index-url .*$", re.MULTILINE)
_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^]]*\])?\s*(?:==\s*([^\s;\\]+))?")


def clean_environment(
    requirements: Path, python: str = sys.executable, extra: Sequence[str] = ()
) -> Path:
    """The interpreter of an environment that holds exactly these requirements.

    Environments are kept by what they are made of (requirements, Python, platform), so that a
    second call takes no time.

    Args:
        requirements: a requirements file, hashes honoured.
        python: an interpreter of the version that the environment is to have.
        extra: further requirements.

    Raises:
        RequirementsError: something cannot be installed; the message names it.
    """
    folder = platformdirs.user_cache_path("nb2service") / "envs"
    folder.mkdir(parents=True, exist_ok=True)
    text = requirements.read_text("utf-8")
    made_of = "\0".join([text, *extra, _version(python), platform.platform(), platform.machine()])
    place = folder / hashlib.sha256(made_of.encode()).hexdigest()[:16]
    with locked(place):
        if not (place / _COMPLETE).exists():
            try:
                _make(place, requirements, python, extra)
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
        (place / _COMPLETE).touch()  # its time tells how long ago it was used
    _prune(folder, place)
    return _interpreter(place)


def _make(place: Path, requirements: Path, python: str, extra: Sequence[str]) -> None:
    # At its final place, because scripts of an environment hold its path. Until it is complete
    # it has no marker, and whoever finds it so begins anew.
    shutil.rmtree(place, ignore_errors=True)
    _uv(["venv", "--no-project", "--python", python, str(place)], requirements)
    arguments = ["--python", str(_interpreter(place)), "--compile-bytecode", "--no-progress"]
    ways = _ways_to_install(place, requirements)
    for way in ways:
        try:
            _uv(["pip", "install", *arguments, *way, *extra], requirements)
            return
        except RequirementsError as error:
            if way is ways[-1] or not UNREACHABLE.search(error.message):
                raise


def _ways_to_install(place: Path, requirements: Path) -> list[list[str]]:
    """What to tell an installer, each way for a network that is closed to the one before."""
    offline = is_without_index()
    where = ["--no-index"] if offline else []
    file = requirements.absolute()
    text = file.read_text("utf-8")
    usual = _INDEX.sub("", text)
    ways = [[*where, "-r", str(file)]]
    if usual != text:
        # As pip does: the pinned version counts, whichever index has it.
        ways[0] += ["--index-strategy", "unsafe-best-match"]
        # A network that lets nobody out has an index of its own, which may have the build too.
        without = place / "requirements.txt"
        without.write_text(usual, "utf-8")
        ways.append([*where, "-r", str(without)])
    house = file.parent / WHEELHOUSE
    if any(house.glob("*.whl")):
        own = ["--no-index", "--find-links", str(house), *ways[-1][len(where) :]]
        ways = [own] if offline else [*ways, own]
    return ways


def _uv(arguments: list[str], requirements: Path) -> None:
    import uv

    # A kernel's environment asks for colours, which a message must not hold.
    command = [uv.find_uv_bin(), "--color", "never", *arguments]
    done = run(command, requirements.absolute().parent, uv_environment(), None)
    if done.returncode:
        raise _explain(done.stderr.strip(), requirements)


def _explain(complaint: str, requirements: Path) -> RequirementsError:
    """uv's complaint, with the requirements that it is about and what to do."""
    named = named_in(complaint, requirements.read_text("utf-8"))
    what = ", ".join(named) or f"the requirements of {requirements}"
    if UNREACHABLE.search(complaint):
        message = f"no package index could be reached to install {what}"
        hint = (
            "check the network, or name an index that can be reached in pip.conf, "
            "PIP_INDEX_URL or UV_DEFAULT_INDEX"
        )
    elif "hash mismatch" in complaint.lower():
        message = f"{what}: the index has another file than the one that was recorded"
        hint = f"remove {LOCK} and deploy again, to record the hashes that this index has"
    elif (
        "failed to build" in complaint.lower()
        or "failed to download and build" in complaint.lower()
    ):
        message = f"{what} has no wheel for this platform and cannot be built here"
        hint = "install a version in the kernel that has a wheel, and deploy again"
    else:
        message = f"{what} cannot be installed in a clean environment"
        hint = (
            "install a published version in the kernel and deploy again, or name the index that "
            "has it in pip.conf, PIP_EXTRA_INDEX_URL or UV_INDEX"
        )
    return RequirementsError(f"{message}\n{_shown(complaint)}", hint)


def named_in(complaint: str, requirements: str) -> list[str]:
    """The requirements that a complaint speaks of, as the file words them.

    Where some are named with their version, the others are only what asked for them.
    """
    pins = [
        (match[1], match[2])
        for line in requirements.splitlines()
        if (match := _NAME.match(line)) and not line.startswith((" ", "-", "#"))
    ]
    words = re.sub(r"[-_.]+", "-", complaint.lower())
    exact = [
        f"{name}=={version}"
        for name, version in pins
        if version and _mentions(words, name, rf"==v?{re.escape(_plain(version))}(?!-?\w)")
    ]
    return exact or [name for name, _ in pins if _mentions(words, name, r"(?![\w])")]


def _mentions(words: str, name: str, rest: str) -> bool:
    return re.search(rf"(?<![\w-]){re.escape(_plain(name))}{rest}", words) is not None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.lower())


def _shown(complaint: str, lines: int = 12) -> str:
    told = [line for line in complaint.splitlines() if not line.startswith("Using Python ")]
    return "\n".join("  " + line for line in told[-lines:])


def _version(python: str) -> str:
    """Version and implementation of an interpreter."""
    if python == sys.executable:
        return sys.version
    told = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return told.stdout


def _interpreter(place: Path) -> Path:
    return place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _prune(folder: Path, just_used: Path) -> None:
    """Remove the environments that were used longest ago."""
    complete = [marker for marker in folder.glob(f"*/{_COMPLETE}") if marker.parent != just_used]
    complete.sort(key=lambda marker: marker.stat().st_mtime, reverse=True)
    old = complete[_KEPT - 1 :]
    running = _commands() if old else ()
    for marker in old:
        place = marker.parent
        if not any(command.startswith(f"{place}{os.sep}") for command in running):
            with locked(place):
                marker.unlink(missing_ok=True)  # first, so that half of it is never taken
                shutil.rmtree(place, ignore_errors=True)


def _commands() -> list[str]:
    """The programs that run on this machine, as far as we may see them."""
    lines = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    return [line[0] for line in lines if line]
