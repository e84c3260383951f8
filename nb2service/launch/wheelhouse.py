"""The wheels of a project beside it, for sites with no network.

``wheelhouse/`` is a function of the lock: what an installer would take on Linux, on amd64 and on
arm64, and nothing else of ours. Installers look there for whatever has the right name, so wheels of
another lock never stay.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from ..capture.model import Capture, CaptureWarning
from ..capture.pins import LockedFile, Pin
from ..errors import RequirementsError
from ..project.model import STATE, WHEELHOUSE
from ..project.platforms import LINUX, Platform
from ..project.requirements import python_minor, specifier, without_hashes
from .indexes import pip_environment
from .leash import run

_SUMS = "SHA256SUMS"  # as ``sha256sum -c`` reads it; what it names is ours


def fill_wheelhouse(folder: Path, capture: Capture) -> None:
    """Puts the wheels of the capture's lock into the project in ``folder``.

    Raises:
        RequirementsError: they cannot be had; nothing was changed.
    """
    if without := without_hashes(capture):
        raise RequirementsError(
            f"{WHEELHOUSE}/ can be filled only with wheels whose hashes are known: {without}",
            "deploy with --wheelhouse where an index can be reached that has all packages",
        )
    house = folder / WHEELHOUSE
    wanted = _wanted(capture)
    _refuse_missing(capture, wanted)
    with tempfile.TemporaryDirectory(prefix="wheels.", dir=folder / STATE) as stage:
        for platform, pins in wanted.items():
            missing = [pin for pin in pins if not _is_there(house, pin.files[0])]
            _download(missing, platform, Path(stage), capture)
        house.mkdir(exist_ok=True)
        for path in Path(stage).glob("*.whl"):
            path.replace(house / path.name)
    files = {pin.files[0].name: pin.files[0].sha256 for pins in wanted.values() for pin in pins}
    _remove(house, _ours(house) - files.keys())
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(files.items()))
    (house / _SUMS).write_text(sums, "utf-8")


def drop_stale_wheelhouse(folder: Path, capture: Capture) -> Capture:
    """Takes wheels of another lock away; the capture then has a warning of it."""
    house = folder / WHEELHOUSE
    ours = _ours(house)
    if not ours:
        return capture
    wanted = _wanted(capture) if not without_hashes(capture) else {}
    files = [pin.files[0] for pins in wanted.values() for pin in pins]
    if {file.name for file in files} == ours and all(_is_there(house, file) for file in files):
        return capture
    _remove(house, {*ours, _SUMS})
    warning = CaptureWarning(
        f"{WHEELHOUSE}/ had wheels of other versions and was emptied",
        "deploy with --wheelhouse to fill it again",
    )
    return replace(capture, warnings=(*capture.warnings, warning))


def _wanted(capture: Capture) -> dict[Platform, list[Pin]]:
    """For each platform what is installed there, each with the one wheel that is taken."""
    assert capture.lock is not None
    python = capture.provenance.python
    wanted: dict[Platform, list[Pin]] = {platform: [] for platform in LINUX}
    for platform, pins in wanted.items():
        for pin in dict.fromkeys((*capture.lock.pins, *capture.lock.dev)):
            name = platform.needs(pin.marker, python) and platform.wheel_of(pin, python)
            taken = tuple(file for file in pin.files if file.name == name)
            if taken:
                pins.append(replace(pin, files=taken, marker=""))
    return wanted


def _refuse_missing(capture: Capture, wanted: Mapping[Platform, Sequence[Pin]]) -> None:
    """Refuses what has no wheel on any platform: nobody could install from such a wheelhouse."""
    assert capture.lock is not None
    python = capture.provenance.python
    had = {pin.name for pins in wanted.values() for pin in pins}
    for pin in capture.lock.pins:
        needed = any(platform.needs(pin.marker, python) for platform in LINUX)
        if needed and pin.name not in had:
            raise RequirementsError(
                f"{pin.name} {pin.version} has no wheel for Linux, so {WHEELHOUSE}/ cannot have it",
                "install a version in the kernel that has one, or deploy without --wheelhouse",
            )


def _download(pins: Sequence[Pin], platform: Platform, stage: Path, capture: Capture) -> None:
    """Has pip download one wheel for each pin, and compare its hash."""
    if not pins:
        return
    lines = dict.fromkeys(f"--extra-index-url {pin.index}" for pin in pins if pin.index)
    asked = [f"{specifier(pin)} --hash=sha256:{pin.files[0].sha256}" for pin in pins]
    (stage / "requirements.txt").write_text("\n".join([*lines, *asked]) + "\n", "utf-8")
    command = [*_pip(), "download", "--no-deps", "--only-binary=:all:", "--require-hashes"]
    command += ["--requirement", "requirements.txt", "--dest", ".", "--no-input", "--quiet"]
    command += ["--disable-pip-version-check", "--implementation", "cp"]
    command += ["--python-version", python_minor(capture.provenance)]
    command += [word for tag in platform.tags for word in ("--platform", tag)]
    done = run(command, stage, pip_environment(), None)
    if done.returncode:
        raise RequirementsError(
            f"the wheels for {platform.name} cannot be downloaded\n{_shown(done.stderr)}",
            "check that pip can reach the index from here; if it has other files by now, remove "
            f"{STATE}/lock.json and deploy again",
        )


def _pip() -> list[str]:
    """A pip: the kernel's own, or one that uv brings."""
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    import uv

    return [uv.find_uv_bin(), "tool", "run", "--python", sys.executable, "pip"]


def _is_there(house: Path, file: LockedFile) -> bool:
    path = house / file.name
    return path.is_file() and _digest(path) == file.sha256


def _digest(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as wheel:  # some have a gigabyte
        while piece := wheel.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _ours(house: Path) -> set[str]:
    """The names of the wheels that we put there; whatever else is there is not ours."""
    if not (house / _SUMS).is_file():
        return set()
    lines = (house / _SUMS).read_text("utf-8").splitlines()
    return {Path(line.partition("  ")[2]).name for line in lines} - {""}


def _remove(house: Path, names: Iterable[str]) -> None:
    for name in names:
        (house / name).unlink(missing_ok=True)
    if house.is_dir() and not any(house.iterdir()):
        shutil.rmtree(house)


def _shown(complaint: str, lines: int = 8) -> str:
    told = [line for line in complaint.splitlines() if not line.startswith("WARNING:")]
    return "\n".join("  " + line for line in told[-lines:])
