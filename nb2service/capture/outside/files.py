"""The notebook's own files that travel with the service: local modules and data files."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from ..model import CaptureWarning, Part, ShippedFile
from .local import LocalModules, is_installed
from .locate import relative

LARGE = 100_000_000
"""Bytes above which a file is worth a warning."""

# What a library reads here (time zones, fonts, name servers) is the system's business.
_SYSTEM = ("/bin", "/dev", "/etc", "/lib", "/lib64", "/proc", "/sys", "/usr", "/var", "/System")


@dataclass(frozen=True)
class Stray:
    """A file of this machine that code names by a path that no other machine has.

    Attributes:
        path: as the code spells it.
        where: the name of the code, or the path of the local module.
        cell: the cell that the code comes from.
        opened: whether it was read while the entries ran on their examples.
    """

    path: str
    where: str
    cell: int | None
    opened: bool


@dataclass(frozen=True)
class Files:
    """What travels as it is.

    Attributes:
        files: sorted by path. A ``module``'s path is that of its import (``text_tools.py``,
            ``pkg/clean.py``), wherever it lies here; a ``data`` file's is the one that the code
            opens, relative to the notebook's folder.
        local: dotted names of the modules that travel.
        modules: what those modules import and does not travel → why, as ``find_requirements``
            takes it.
        warnings: what to know.
        strays: what the code needs and leaves behind; the guard refuses it.
    """

    files: tuple[ShippedFile, ...]
    local: tuple[str, ...]
    modules: dict[str, str]
    warnings: tuple[CaptureWarning, ...]
    strays: tuple[Stray, ...] = ()


def find_files(
    parts: Sequence[Part],
    modules: Mapping[str, str],
    folder: Path,
    opened: Collection[Path] = (),
) -> Files:
    """The local modules and data files that the captured code needs.

    Data files are those below ``folder`` that the code names by a relative path, and those that
    it ``opened``. A local module's own data, named beside ``__file__``, stays beside it.

    Args:
        parts: the captured code.
        modules: dotted name → why, of every module that code and artifacts need.
        folder: the notebook's working directory.
        opened: files that were read while the entries ran on their examples.

    Raises:
        CaptureError: a local module is compiled.
    """
    folder = folder.absolute()
    local = LocalModules(modules, folder, _set_in_modules(parts))
    found = _Found(folder, {path.absolute() for path in opened})
    for path, file in local.files.items():
        text = local.sources[path] if path in local.edited else None
        found.add(path, "module", file, text)
    constants: dict[str, str] = {}
    for part in parts:
        if part.kind == "artifact":
            continue
        name = part.names[0] if part.names else "the code"
        found.add_mentioned(part.source, constants, name, part.cell)
    for path, source in sorted(local.sources.items()):
        if any(word in source for word in ("__file__", "importlib.resources", "pkgutil")):
            found.add_beside(path, local.files[path], source)
        else:
            found.add_mentioned(source, {}, path, None)
    found.add_opened()
    return Files(
        tuple(found.files[key] for key in sorted(found.files)),
        tuple(sorted(local.names)),
        local.imports,
        tuple(dict.fromkeys([*local.warnings, *found.warnings])),
        tuple(dict.fromkeys(found.strays)),
    )


def _set_in_modules(parts: Sequence[Part]) -> set[str]:
    """Attributes that captured statements set: ``LIMIT`` of ``helpers.LIMIT = 50``."""
    code = [part.source for part in parts if part.kind in ("code", "setup")]
    statements = (node for source in code for node in ast.parse(source).body)
    return {
        target.attr
        for node in statements
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Attribute)
    }


class _Found:
    """Collects the files to ship."""

    def __init__(self, folder: Path, opened: set[Path]) -> None:
        self.files: dict[tuple[str, str], ShippedFile] = {}
        self.warnings: list[CaptureWarning] = []
        self.strays: list[Stray] = []
        self._folder = folder
        self._opened = opened
        self._shipped: set[Path] = set()

    def add(self, path: str, kind: str, file: Path, text: str | None = None) -> None:
        if (path, kind) in self.files:
            return
        self._shipped.add(file)
        data = file.read_bytes() if text is None else text.encode()
        self.files[path, kind] = ShippedFile(path, kind, data)
        if len(data) > LARGE:
            self._warn(
                f"{path} has {len(data) / 1e6:.0f} MB, and travels with the service",
                "if the service does not need it, keep the code that reads it out of the entries",
            )

    def add_mentioned(
        self, source: str, constants: dict[str, str], where: str, cell: int | None
    ) -> None:
        """The files of the folder that a source names; ``constants`` grows by its names."""
        for text in paths_in(ast.parse(source), constants):
            file = Path(os.path.normpath(self._folder / text))
            if not _is_file(file) or file.suffix in (".py", ".pyc", ".ipynb"):
                continue
            path = relative(file, self._folder)
            if path is None or Path(text).is_absolute():
                self.strays.append(Stray(text, where, cell, file in self._opened))
            elif is_installed(file, self._folder):
                self._warn(
                    f"{where} names the hidden file {text}, which does not travel",
                    "give the service its settings by environment variables",
                    cell,
                )
            else:
                self.add(path, "data", file)

    def add_beside(self, module: str, module_file: Path, source: str) -> None:
        """The files that a local module finds from its own place."""
        for text in paths_in(ast.parse(source), {}):
            file = module_file.parent / text
            if relative(file, module_file.parent) and _is_file(file) and file.suffix != ".py":
                self.add((PurePath(module).parent / text).as_posix(), "module", file)

    def add_opened(self) -> None:
        """The files that were read, wherever the code has their names from."""
        for file in sorted(self._opened - self._shipped):
            path = relative(file, self._folder)
            if path is not None:
                self.add(path, "data", file)
            else:
                self._warn(
                    f"the entries read {file}, which lies outside of the notebook's folder and "
                    f"does not travel",
                    "copy it into the notebook's folder, and open it from there",
                )

    def _warn(self, message: str, hint: str, cell: int | None = None) -> None:
        self.warnings.append(CaptureWarning(message, hint, cell))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no path at all, but some other text
        return False


def paths_in(tree: ast.Module, constants: dict[str, str]) -> Iterator[str]:
    """Every text that may be a path: constants, and what is joined of them."""
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and (text := _text(statement.value, constants)):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    constants[target.id] = text
    texts = (_text(node, constants) for node in ast.walk(tree) if isinstance(node, ast.expr))
    yield from dict.fromkeys(text for text in texts if text)


def _text(node: ast.expr, constants: Mapping[str, str]) -> str | None:
    """The path that an expression spells: ``Path("data") / "x.csv"`` → ``data/x.csv``.

    What is not known at the front of a join is left out: ``HERE / "x.csv"`` → ``x.csv``.
    """
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return _joined([node.left, node.right], constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _concatenated([node.left, node.right], constants)
    if isinstance(node, ast.JoinedStr):
        pieces = [v.value if isinstance(v, ast.FormattedValue) else v for v in node.values]
        return _concatenated(pieces, constants)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        if name == "joinpath" and isinstance(node.func, ast.Attribute):
            return _joined([node.func.value, *node.args], constants)
        if name in ("Path", "PurePath", "join"):
            return _joined(node.args, constants)
    return None


def _joined(nodes: Sequence[ast.expr], constants: Mapping[str, str]) -> str | None:
    texts = [_text(node, constants) for node in nodes]
    if not texts or None in texts[1:]:
        return None
    return PurePath(*(text for text in texts if text)).as_posix() if any(texts) else None


def _concatenated(nodes: Sequence[ast.expr], constants: Mapping[str, str]) -> str | None:
    texts = [_text(node, constants) for node in nodes]
    return None if None in texts else "".join(text for text in texts if text)


_recording: set[str] | None = None
_hooked = False


@contextmanager
def recording_opened_files(folder: Path) -> Iterator[set[Path]]:
    """Collect the files that are read meanwhile; the set is filled when the block ends.

    Code, hidden and installed files, and those of the system are left out. Files that compiled
    libraries open by themselves (Arrow, LightGBM) are not seen.
    """
    global _recording, _hooked
    if not _hooked:  # an audit hook can never be taken off again
        sys.addaudithook(_note_open)
        _hooked = True
    files: set[Path] = set()
    names: set[str] = set()
    _recording = names
    try:
        yield files
    finally:
        _recording = None
        files.update(file for name in names if _is_read_data(file := Path(name), folder))


@contextlib.contextmanager
def unrecorded() -> Iterator[None]:
    """Meanwhile files are read that callers send, not the service's own."""
    global _recording
    names, _recording = _recording, None
    try:
        yield
    finally:
        _recording = names


def _note_open(event: str, arguments: tuple[Any, ...]) -> None:
    names = _recording
    if names is None or event not in ("open", "sqlite3.connect"):
        return
    if event == "open" and arguments[2] & (os.O_WRONLY | os.O_CREAT):
        return
    if isinstance(name := arguments[0], (str, bytes, os.PathLike)):
        # The working directory may change before the block ends.
        names.add(os.path.normpath(Path(os.fsdecode(name)).absolute()))


def _is_read_data(file: Path, folder: Path) -> bool:
    if file.suffix in (".py", ".pyc", ".ipynb") or not _is_file(file):
        return False
    if relative(file, folder.absolute()) is not None:
        return not is_installed(file, folder.absolute())
    system = (*_SYSTEM, sys.prefix, sys.base_prefix, *_installed_to())
    if any(file.is_relative_to(place) for place in system):
        return False
    return not is_installed(file, Path(file.anchor))


def _installed_to() -> list[str]:
    """Folders that an installer filled, whatever their name: ``pip install --target``."""
    return [place for place in sys.path if any(Path(place).glob("*.dist-info"))]
