"""Where a module's code lies, found without an import, and which distribution installed it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.utils import canonicalize_name

from .managers import managed


@dataclass(frozen=True)
class Location:
    """A module and its file.

    Attributes:
        name: dotted name of the module that was found.
        file: the file that holds its code; None for built-in and namespace packages.
        folders: where its submodules lie; none for what is not a package.
    """

    name: str
    file: Path | None
    folders: tuple[Path, ...] = ()


def locate(dotted: str) -> Location | None:
    """The module that ``dotted`` names or lies in, None if not even its first part is one.

    ``sklearn.svm.SVC`` is located as ``sklearn.svm``. What the kernel has imported wins over
    what an import would find now.
    """
    found = None
    path = None
    parts = dotted.split(".")
    for end in range(1, len(parts) + 1):
        name = ".".join(parts[:end])
        spec = _find_spec(name, path)
        if spec is None:
            break
        file = Path(spec.origin).absolute() if spec.has_location and spec.origin else None
        path = spec.submodule_search_locations
        found = Location(name, file, tuple(Path(entry).absolute() for entry in path or ()))
        if path is None:
            break
    return found


def _find_spec(name: str, path: list[str] | None) -> ModuleSpec | None:
    # importlib.util.find_spec would import the parent packages.
    spec: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    if spec is not None:
        return spec
    for finder in sys.meta_path:
        find = getattr(finder, "find_spec", None)
        if find and (found := find(name, path)):
            spec = found
            break
    return spec


@dataclass(frozen=True)
class Package:
    """An installed distribution.

    Attributes:
        name: normalised name (PEP 503).
        version: as its metadata says.
        requires: its ``Requires-Dist`` lines.
        distribution: for what else its metadata holds.
    """

    name: str
    version: str
    requires: tuple[str, ...]
    distribution: Distribution


class Installed:
    """The distributions of this interpreter. Reading them is slow, so each is read once."""

    def __init__(self) -> None:
        self._all: list[Distribution] | None = None
        self._packages: dict[str, Package] = {}
        self._imported: dict[str, Package] = {}
        self._records: dict[str, str] = {}
        self._by_top: dict[str, list[Distribution]] = {}

    def named(self, name: str) -> Package:
        """The distribution of that name.

        Raises:
            KeyError: it is not installed.
        """
        normal = canonicalize_name(name)
        if normal in self._imported:
            return self._imported[normal]
        for distribution in distributions(name=normal):
            return self._read(distribution)
        raise KeyError(name)

    def owners(self, location: Location) -> list[Package]:
        """The distributions that installed the module's file; the one whose file it is comes first.

        Most often there is one; none for what no installer put there.
        """
        if location.file is None:
            return []
        top = location.name.partition(".")[0]
        if top not in self._by_top:
            if self._all is None:
                self._all = list(distributions())
            self._by_top[top] = [each for each in self._all if self._mentions(each, top)]
        found = [each for each in self._by_top[top] if self._holds(each, location.file)]
        if len(found) > 1:
            found.sort(key=lambda each: not self._is_in_effect(each, top))
        packages = [self._read(each) for each in found] or self._managed(location.file)
        for package in packages[:1]:
            self._imported[package.name] = package
        return packages

    def _mentions(self, distribution: Distribution, top: str) -> bool:
        """Whether it installed something of that name, and so is worth a closer look."""
        record = self._record(distribution)
        return not record or f"\n{top}/" in record or f"\n{top}." in record

    def _managed(self, file: Path) -> list[Package]:
        """As the manager says that installed it: pip's kind left no list of files."""
        package = managed(file)
        if package is None:
            return []
        return [self._read(Distribution.at(folder)) for folder in package.metadata]

    def _holds(self, distribution: Distribution, file: Path) -> bool:
        base = Path(str(distribution.locate_file("")))
        path = relative(file, base)
        if path is None:
            return False
        if record := self._record(distribution):  # searching the text beats parsing it
            return f"\n{path}," in record
        # Old installers left no list of files, but these names. So do folders of sources, which
        # nobody else can install: they are not in site-packages.
        names = (distribution.read_text("top_level.txt") or "").split()
        return path.partition("/")[0].partition(".")[0] in names and is_site(base)

    def _record(self, distribution: Distribution) -> str:
        """The list of its files, each line after a line break; "" if the installer left none."""
        key = _key(distribution)
        if key not in self._records:
            text = distribution.read_text("RECORD")
            self._records[key] = f"\n{text}" if text else ""
        return self._records[key]

    def _is_in_effect(self, distribution: Distribution, top: str) -> bool:
        """Whether the files of a package that several distributions installed are this one's."""
        base = Path(str(distribution.locate_file("")))
        for line in self._record(distribution).splitlines():
            path, _, rest = line.partition(",")
            size = rest.rpartition(",")[2]
            if path.startswith(f"{top}/") and size.isdecimal():
                file = base / path
                if not file.is_file() or file.stat().st_size != int(size):
                    return False
        return True

    def _read(self, distribution: Distribution) -> Package:
        key = _key(distribution)
        if key not in self._packages:
            metadata = distribution.metadata
            self._packages[key] = Package(
                canonicalize_name(metadata["Name"]),
                metadata["Version"],
                tuple(metadata.get_all("Requires-Dist") or ()),
                distribution,
            )
        return self._packages[key]


def relative(file: Path, folder: Path) -> str | None:
    """Posix path of ``file`` from ``folder``, links followed if needed; None if not below it."""
    for one, other in ((file, folder), (file.resolve(), folder.resolve())):
        if one.is_relative_to(other):
            return one.relative_to(other).as_posix()
    return None


def is_site(path: Path) -> bool:
    """Whether it lies where installers put modules."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)


def is_stdlib(module: str) -> bool:
    """Whether a dotted name needs no installation, Python's own library or the notebook."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top == "__main__"


def _key(distribution: Distribution) -> str:
    return str(getattr(distribution, "_path", id(distribution)))
