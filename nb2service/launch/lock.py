"""Makes the lock: what an installer takes on each platform, file by file, as uv resolves it.

The kernel's versions are given; what is found out is which files these are, what else the platforms
need that are not the kernel's, and what differs between them.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ..capture.model import Capture, CaptureWarning, Lock, LockedFile, Pin
from ..capture.outside.requirements import WEB_LAYER
from ..project import quoting
from ..project.lockfile import with_lock, with_standing_lock
from ..project.platforms import Platform, marker_of, platforms
from ..project.requirements import PYTEST, python_minor, specifier, without_hashes
from .indexes import UNREACHABLE, uv_environment
from .leash import run

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_WITHIN = 30.0  # seconds
_USUAL_INDEX = "https://pypi.org/simple"
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
_NOT_THERE = (
    "the package index does not have all of these versions, or they do not go with each other"
)
_AGAIN = "deploy again where an index can be reached, and they are added"

Entry = dict[str, Any]  # of uv's lock file
Key = tuple[str, str]  # name and version


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
        packages = _resolve(capture)
    except _NoLockError as why:
        without = replace(capture, unlocked=str(why))
        said = without_hashes(without)
        warning = CaptureWarning(
            f"requirements.txt has no hashes: {said}", _AGAIN if said == _NOWHERE else ""
        )
        return replace(without, warnings=(*capture.warnings, warning))
    return with_lock(capture, _read(packages, capture))


class _NoLockError(Exception):
    """There is none; the text says why, as half a sentence."""


def _resolve(capture: Capture) -> list[Entry]:
    """uv's lock file of a project that asks for the same."""
    ends = time.monotonic() + _WITHIN
    has_index = any(pin.index for pin in capture.requirements)
    with tempfile.TemporaryDirectory(prefix="nb2service-lock-") as name:
        folder = Path(name)
        # Versions may not go with each other on a platform of no concern, nor with the tests; and
        # a network that lets nobody out has an index of its own, with special builds too.
        for anywhere, tests in ((True, True), (False, True), (False, False)):
            for index in (True, False) if has_index else (False,):
                asked = _project(capture, index=index, tests=tests, anywhere=anywhere)
                (folder / "pyproject.toml").write_text(asked, "utf-8")
                complaint = _uv_lock(folder, ends - time.monotonic())
                if not complaint:
                    text = (folder / "uv.lock").read_text("utf-8")
                    return _with_hashes(tomllib.loads(text)["package"], folder)
            if UNREACHABLE.search(complaint):
                raise _NoLockError(_NOWHERE)
    raise _NoLockError(_NOT_THERE)


def _uv_lock(folder: Path, within: float) -> str:
    """Has uv lock the project in a folder; its complaint, "" if it is done."""
    import uv

    environment = {"UV_HTTP_RETRIES": "1", **uv_environment()}
    if further := environment.get("UV_INDEX"):
        # A further index may have the files of this machine's platform alone.
        usual = environment.get("UV_DEFAULT_INDEX") or _USUAL_INDEX
        environment["UV_INDEX"] = f"{usual} {further}"
    for name in _MISLEADING:
        environment.pop(name, None)
    command = [uv.find_uv_bin(), "--color", "never", "lock", "--no-progress", "--quiet"]
    try:
        done = run([*command, "--python", sys.executable], folder, environment, max(within, 1))
    except subprocess.TimeoutExpired:
        return "timed out"
    return (done.stderr.strip() or "failed") if done.returncode else ""


def _project(capture: Capture, *, index: bool, tests: bool, anywhere: bool) -> str:
    """A ``pyproject.toml`` that asks for what the capture requires, for uv.

    Args:
        capture: what requires it.
        index: whether special builds come from the indexes that the pins name.
        tests: whether it asks for what the tests need too.
        anywhere: whether it must be installable on platforms that are not ours, too.
    """
    pins = capture.requirements
    roots = [specifier(pin) for pin in pins if not pin.web and (pin.direct or pin.url or pin.index)]
    special = {pin.name: pin for pin in pins if pin.index and index}
    minor = python_minor(capture.provenance)
    text = f"""\
[project]
name = "nb2service-lock"
version = "0"
requires-python = "=={minor}.*"
dependencies = {_list([*roots, *WEB_LAYER])}

[dependency-groups]
tests = {_list([PYTEST] if tests else [])}

[tool.uv]
package = false
environments = {_list([] if anywhere else [each.marker for each in platforms()])}
constraint-dependencies = {_list(specifier(pin) for pin in pins if not pin.url)}
"""
    for name, pin in special.items():
        text += f"""
[[tool.uv.index]]
name = {quoting.toml("of-" + name)}
url = {quoting.toml(pin.index)}
explicit = true

[tool.uv.sources.{quoting.toml(name)}]
index = {quoting.toml("of-" + name)}
"""
    for pin in pins:
        if pin.url:  # known by what is installed, so that nothing is cloned and built for it
            text += f"""
[[tool.uv.dependency-metadata]]
name = {quoting.toml(pin.name)}
version = {quoting.toml(pin.version)}
requires-dist = {_list(pin.requires)}
"""
    return text


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(quoting.toml(item) for item in items) + "]"


def _with_hashes(packages: list[Entry], folder: Path) -> list[Entry]:
    """The entries, with hashes of files in folders, for which uv has none."""
    for package in packages:
        for file in _listed(package):
            if "hash" not in file and "path" in file:
                # Relative to the folder that is the index, in versions before 0.6.
                place = folder / package["source"].get("registry", "") / file["path"]
                if place.is_file():
                    file["hash"] = f"sha256:{hashlib.sha256(place.read_bytes()).hexdigest()}"
    return packages


@dataclass
class _Found:
    """A package of the lock file, and where it is needed."""

    entry: Entry
    on: list[Platform] = field(default_factory=list)
    parents: set[str] = field(default_factory=set)


def _read(packages: Sequence[Entry], capture: Capture) -> Lock:
    """The lock that uv's lock file amounts to on our platforms."""
    graph = _Graph(packages, capture.provenance.python)
    root = graph.root
    known = {pin.name: pin for pin in capture.requirements}
    direct = {pin.name for pin in capture.requirements if pin.direct and not pin.web}
    of_notebook = graph.reached([each for each in root["dependencies"] if each["name"] in direct])
    service = graph.reached(root["dependencies"])
    tests = graph.reached(root.get("dev-dependencies", {}).get("tests", []))
    abi = f"cp{python_minor(capture.provenance).replace('.', '')}{sys.abiflags}"
    pins = [replace(_pin(found, abi), web=key not in of_notebook) for key, found in service.items()]
    for place, pin in enumerate(pins):
        of_kernel = known.get(pin.name)
        if of_kernel and of_kernel.version == pin.version:
            pins[place] = replace(
                pin, why=of_kernel.why, web=of_kernel.web, url=of_kernel.url, index=of_kernel.index
            )
    dev = [_pin(found, abi) for found in tests.values()]
    dev = [replace(pin, why=pin.why or "the tests") for pin in dev]
    in_order = (
        tuple(sorted(each, key=lambda pin: (pin.name, pin.version))) for each in (pins, dev)
    )
    return Lock(*in_order)


class _Graph:
    """The packages of a lock file, and which of them ask for which others."""

    def __init__(self, packages: Sequence[Entry], python: str) -> None:
        self.root = next(each for each in packages if "virtual" in each["source"])
        self._python = re.sub(r"[^\w.].*", "", python)
        self._packages = [each for each in packages if each is not self.root]

    def reached(self, roots: Sequence[Entry]) -> dict[Key, _Found]:
        """What these dependencies lead to, on any of the platforms."""
        found: dict[Key, _Found] = {}
        for platform in platforms():
            seen: set[tuple[Key, str]] = set()
            queue = [(each, "") for each in roots]
            while queue:
                dependency, parent = queue.pop()
                if not platform.needs(dependency.get("marker", ""), self._python):
                    continue
                package = self._named(dependency)
                key = package["name"], package["version"]
                here = found.setdefault(key, _Found(package))
                here.parents |= {parent} - {""}
                if platform not in here.on:
                    here.on.append(platform)
                for extra in ("", *dependency.get("extra", [])):
                    if (key, extra) not in seen:
                        seen.add((key, extra))
                        queue += [(each, key[0]) for each in _asked_for(package, extra)]
        return found

    def _named(self, dependency: Mapping[str, Any]) -> Entry:
        """The package that a dependency means; of one in several versions it names the version."""
        return next(
            each
            for each in self._packages
            if each["name"] == dependency["name"]
            and dependency.get("version") in (None, each["version"])
        )


def _asked_for(package: Entry, extra: str) -> list[Entry]:
    listed = package.get("optional-dependencies", {}).get(extra, []) if extra else None
    asked: list[Entry] = package.get("dependencies", []) if listed is None else listed
    return asked


def _pin(found: _Found, abi: str) -> Pin:
    package = found.entry
    parents = ", ".join(sorted(found.parents))
    asked = {each["name"] for each in package.get("dependencies", [])}
    return Pin(
        name=package["name"],
        version=package["version"],
        why=f"via {parents}" if parents else "",
        direct=False,
        requires=tuple(sorted(asked)),
        marker=marker_of(found.on, platforms()),
        files=tuple(sorted(_files(package, abi), key=lambda file: file.name)),
    )


def _files(package: Entry, abi: str) -> Iterator[LockedFile]:
    """The files that the kernel's Python takes; none if one has no hash."""
    listed = [
        (name, str(file.get("hash", "")))
        for file in _listed(package)
        if _is_for(name := _name_of(file, package), abi)
    ]
    if all(digest.startswith("sha256:") for _, digest in listed):
        for name, digest in listed:
            yield LockedFile(name, digest.removeprefix("sha256:"))


def _listed(package: Entry) -> list[Entry]:
    return [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]


def _name_of(file: Entry, package: Entry) -> str:
    place = file.get("filename") or file.get("url") or file.get("path")
    return PurePosixPath(unquote(urlsplit(place or package["source"]["url"]).path)).name


def _is_for(name: str, abi: str) -> bool:
    """Whether CPython of this ABI takes the file, on one of our platforms."""
    if not name.endswith(".whl"):
        return True
    try:
        tags = parse_wheel_filename(name)[3]
    except InvalidWheelFilename:
        return False
    return any(
        tag.abi in (abi, "abi3", "none")
        and tag.interpreter.startswith(("cp", "py"))
        and any(platform.takes(tag.platform) for platform in platforms())
        for tag in tags
    )
