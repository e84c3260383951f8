"""The texts of the person's own modules and scripts as they were while cells ran.

A module's file may be edited after the notebook imported it, a script's after ``%run``; Python
keeps no text of what it has in memory. So the texts are looked at whenever a cell has run.
"""

from __future__ import annotations

import re
import shlex
import sys
import sysconfig
from pathlib import Path

_LARGEST = 2**20
_INSTALLED = tuple({str(Path(path)) for path in sysconfig.get_paths().values()})

# module → its file, and that file's time when it was looked at last
_looked_at: dict[str, tuple[str, int]] = {}
# module → the texts seen, the newest last
_texts: dict[str, dict[str, None]] = {}
# modules that are not the person's own → their file; another one may take the name later
_others: dict[str, object] = {}
_scripts: dict[Path, str] = {}
_RUN = re.compile(r"^\s*%run\s+(.*)$", re.MULTILINE)


def note_texts() -> None:
    """Remember the text of each local module that is loaded, if it is new."""
    for name, module in list(sys.modules.items()):
        # Not getattr: some modules import others when they are asked for what they lack.
        file = getattr(module, "__dict__", {}).get("__file__")
        if _others.get(name, ...) == file:
            continue
        if not isinstance(file, str) or not file.endswith(".py") or file.startswith(_INSTALLED):
            _others[name] = file
            continue
        try:
            stat = Path(file).stat()
            if stat.st_size <= _LARGEST and _looked_at.get(name) != (file, stat.st_mtime_ns):
                _looked_at[name] = (file, stat.st_mtime_ns)
                _texts.setdefault(name, {})[Path(file).read_text("utf-8")] = None
        except (OSError, UnicodeDecodeError):
            continue


def texts_of(name: str) -> tuple[str, ...]:
    """The texts that the file of a module had, the newest first."""
    return tuple(reversed(_texts.get(name, {})))


def note_scripts(cell: str) -> None:
    """Remember the text of each script that a cell has just run."""
    for arguments in _RUN.findall(cell):
        if path := script_path(arguments):
            try:
                _scripts[path.absolute()] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError):
                continue


def script_path(arguments: str) -> Path | None:
    """The file that ``%run`` runs with these arguments."""
    try:
        names = [word for word in shlex.split(arguments) if not word.startswith("-")]
    except ValueError:
        return None
    path = Path(names[0]).expanduser() if names else None
    if path is None or path.suffix in (".py", ".ipy", ".ipynb"):
        return path
    return Path(f"{path}.py")


def script_text(path: Path) -> str:
    """The text of a script as it was when it ran, else as it is.

    Raises:
        OSError, ValueError: it is no text file.
    """
    return _scripts.get(path.absolute()) or path.read_text("utf-8")


__all__ = ["note_scripts", "note_texts", "script_path", "script_text", "texts_of"]
