"""What other package managers than pip's kind know of the files that they installed.

Packages of conda and Debian may come without the list of files that pip writes (``RECORD``), and
even without any metadata of Python's. Their managers keep lists of their own.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DPKG = Path("/var/lib/dpkg/info")
_METADATA = re.compile(r"/([^/]+)\.(?:dist-info/METADATA|egg-info(?:/PKG-INFO)?)$")


@dataclass(frozen=True)
class ManagedPackage:
    """A package of such a manager.

    Attributes:
        manager: ``conda`` or ``apt``.
        name: as the manager calls it, with its version where that is at hand.
        metadata: folders (``thing-1.0.dist-info``) of Python's metadata in it.
    """

    manager: str
    name: str
    metadata: tuple[Path, ...]


def managed(file: Path) -> ManagedPackage | None:
    """The package of another manager that installed the file."""
    prefix = Path(sys.prefix)
    if file.is_relative_to(prefix) and (prefix / "conda-meta").is_dir():
        return _of_conda(file, prefix)
    if "dist-packages" in file.parts and _DPKG.is_dir():
        return _of_debian(file)
    return None


def _of_conda(file: Path, prefix: Path) -> ManagedPackage | None:
    path = file.relative_to(prefix).as_posix()
    for record in sorted((prefix / "conda-meta").glob("*.json")):
        text = record.read_text("utf-8")
        if json.dumps(path) in text:
            package = json.loads(text)
            files = [f"{prefix}/{name}" for name in package.get("files", ())]
            name = f"{package.get('name')} {package.get('version')}"
            return ManagedPackage("conda", name, tuple(_metadata(files)))
    return None


def _of_debian(file: Path) -> ManagedPackage | None:
    for record in sorted(_DPKG.glob("python*.list")):
        files = record.read_text("utf-8", errors="replace").splitlines()
        if str(file) in files:
            name = record.stem.partition(":")[0]
            return ManagedPackage("apt", name, tuple(_metadata(files)))
    return None


def _metadata(files: list[str]) -> Iterator[Path]:
    for path in files:
        if _METADATA.search(path):
            yield Path(path) if path.endswith(".egg-info") else Path(path).parent
