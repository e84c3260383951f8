"""Local modules: the notebook's own ``.py`` files, which travel as they are."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from importlib.util import decode_source
from pathlib import Path

from ...errors import CaptureError
from ..model import CaptureWarning
from .editable import editable_around
from .edited import imported_text
from .imports import imports
from .locate import Location, is_site, is_stdlib, locate, relative
from .origins import folder_of_url

_PROJECT_ROOT = (".git", "pyproject.toml", "setup.py")


class LocalModules:
    """The local modules that a set of modules leads to, and what those import in turn.

    A module is local if its file lies in the notebook's folder, or in the project around it (a
    repository with ``src/`` and ``notebooks/``), and no installer put it there; or if it belongs
    to an editable installation whose folder stands beside that project.

    Attributes:
        names: dotted names of the local modules that are needed.
        files: path from the folder that ``import`` searches (``pkg/clean.py``) → file on disk.
        sources: the same path → text, of those that are imported.
        imports: what they import that is not local → why, in words.
        edited: paths of those whose file says something else by now.
        warnings: what to know.
    """

    def __init__(
        self, modules: Iterable[str], folder: Path, assigned: Collection[str] = ()
    ) -> None:
        """Follow ``modules`` (dotted names) from a notebook in ``folder``.

        Captured code sets the attributes ``assigned`` in modules, so that memory differs there.

        Raises:
            CaptureError: a local module is compiled, or in an archive.
        """
        self.names: set[str] = set()
        self.files: dict[str, Path] = {}
        self.sources: dict[str, str] = {}
        self.imports: dict[str, str] = {}
        self.edited: set[str] = set()
        self.warnings: list[CaptureWarning] = []
        self._root = project_root(folder)
        self._assigned = assigned
        for module in sorted(modules):
            location = locate(module)
            if location is not None and self._is_local(location):
                self._add_with_parents(location)

    def _is_local(self, location: Location) -> bool:
        places = [location.file] if location.file else location.folders
        return not is_stdlib(location.name) and any(self._is_own(place) for place in places)

    def _is_own(self, place: Path) -> bool:
        if relative(place, self._root) is not None:
            return not is_installed(place, self._root)
        beside = self._root.parent
        if relative(place, beside) is None or is_installed(place, beside):
            return False
        editable = editable_around(place)
        folder = folder_of_url(editable[1]) if editable else None
        return folder is not None and relative(folder, beside) is not None

    def _add_with_parents(self, location: Location) -> None:
        parts = location.name.split(".")
        for end in range(1, len(parts)):
            parent = locate(".".join(parts[:end]))
            assert parent is not None  # its submodule was found through it
            self._add(parent)
        self._add(location)

    def _add(self, location: Location) -> None:
        if location.name in self.names:
            return
        self.names.add(location.name)
        if location.file is None:
            return
        if not location.file.is_file():
            archive = next(each for each in location.file.parents if each.exists())
            raise CaptureError(
                f"the local module {location.name} is in the archive {archive.name}",
                "unpack it beside the notebook, so that its modules travel with the service",
            )
        if location.file.suffix != ".py":
            raise CaptureError(
                f"the local module {location.name} ({location.file.name}) is compiled",
                "build it as a package and install that, or keep its .py file beside the notebook",
            )
        path = location.name.replace(".", "/")
        if location.folders:
            for file in _python_files(location.folders[0]):
                self.files[f"{path}/{file.relative_to(location.folders[0]).as_posix()}"] = file
            path += "/__init__"
        path += ".py"
        self.files[path] = location.file
        written = decode_source(location.file.read_bytes())
        self.sources[path], warnings = imported_text(location.name, path, written, self._assigned)
        self.warnings += warnings
        if warnings:
            self.edited.add(path)
        tree = ast.parse(self.sources[path], str(location.file))
        package = location.name if location.folders else location.name.rpartition(".")[0]
        found, required = imports(tree, package)
        for module in sorted(found):
            self._follow(module, path, guarded=module not in required)

    def _follow(self, module: str, importer: str, guarded: bool) -> None:
        location = locate(module)
        if location is None:
            if not guarded:
                self.warnings.append(
                    CaptureWarning(
                        f"{importer} imports {module.partition('.')[0]}, which is not installed "
                        f"here: it does not travel",
                        "install it if the service needs it",
                    )
                )
        elif self._is_local(location):
            self._add_with_parents(location)
        elif not is_stdlib(location.name):
            self.imports.setdefault(location.name, f"imported by {importer}")


def project_root(folder: Path) -> Path:
    """The nearest folder at or above ``folder`` that looks like a project, else ``folder``."""
    for place in (folder, *folder.parents):
        if any((place / name).exists() for name in _PROJECT_ROOT):
            return place
    return folder


def is_installed(file: Path, root: Path) -> bool:
    """Whether a file below ``root`` is in a place for installed modules or hidden things."""
    path = Path(relative(file, root) or "")
    return (
        is_site(path)
        or any(part.startswith(".") or part == "__pycache__" for part in path.parts)
        or any((root / parent / "pyvenv.cfg").exists() for parent in path.parents)
    )


def _python_files(package: Path) -> Iterator[Path]:
    for file in sorted(package.rglob("*.py")):
        if not is_installed(file, package):
            yield file
