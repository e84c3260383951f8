"""What uv's lock file says of our platforms."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from ..capture.model import Capture
from ..capture.pins import Lock, LockedFile, Pin
from ..project.platforms import Platform, marker_of, platforms
from ..project.requirements import python_minor

Entry = dict[str, Any]  # a table of TOML
Key = tuple[str, str]  # name and version


@dataclass
class _Found:
    """A package of the lock file, and where it is needed."""

    entry: Entry
    on: list[Platform] = field(default_factory=list)
    parents: set[str] = field(default_factory=set)


def read_lock(packages: Sequence[Entry], capture: Capture) -> Lock:
    """The lock that uv's lock file amounts to on our platforms."""
    graph = _Graph(packages, capture.provenance.python)
    root = graph.root
    known = {pin.name: pin for pin in capture.requirements}
    direct = {pin.name for pin in capture.requirements if pin.direct and not pin.web}
    of_notebook = graph.reached([each for each in root["dependencies"] if each["name"] in direct])
    service = graph.reached(root["dependencies"])
    tests = graph.reached(root.get("dev-dependencies", {}).get("tests", []))
    abi = f"cp{python_minor(capture.provenance).replace('.', '')}{sys.abiflags}"
    indexes = Counter(index_of(found.entry) for found in service.values())
    usual = indexes.most_common(1)[0][0]
    pins = []
    for key, found in service.items():
        private = index_of(found.entry) not in (usual, "")
        pins.append(replace(_pin(found, abi), web=key not in of_notebook, private=private))
    for place, pin in enumerate(pins):
        of_kernel = known.get(pin.name)
        if of_kernel and of_kernel.version == pin.version:
            pins[place] = replace(
                pin,
                why=of_kernel.why,
                web=of_kernel.web,
                url=of_kernel.url,
                index=of_kernel.index,
                private=pin.private and not of_kernel.index,
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
        for file in listed_files(package)
        if _is_for(name := _name_of(file, package), abi)
    ]
    if all(digest.startswith("sha256:") for _, digest in listed):
        for name, digest in listed:
            yield LockedFile(name, digest.removeprefix("sha256:"))


def index_of(package: Entry) -> str:
    """The index that has a package, as a URL or folder; "" for one of no index."""
    return str(package["source"].get("registry", ""))


def listed_files(package: Entry) -> list[Entry]:
    """The wheels and the source archive of a package, as the lock file has them."""
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
