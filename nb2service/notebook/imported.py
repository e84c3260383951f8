"""The texts of the person's own modules as they were while cells ran.

A module's file may be edited after the notebook imported it; Python keeps no text of what it has in
memory. So the texts are looked at whenever a cell has run.
"""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

_LARGEST = 2**20
_INSTALLED = tuple({str(Path(path)) for path in sysconfig.get_paths().values()})

# module → time of its file when it was looked at last; and the texts seen, the newest last
_looked_at: dict[str, int] = {}
_texts: dict[str, dict[str, None]] = {}
_others: set[str] = set()


def note_texts() -> None:
    """Remember the text of each local module that is loaded, if it is new."""
    for name in sys.modules.keys() - _others:
        file = getattr(sys.modules[name], "__file__", None)
        if not isinstance(file, str) or not file.endswith(".py") or file.startswith(_INSTALLED):
            _others.add(name)
            continue
        try:
            stat = Path(file).stat()
            if stat.st_size <= _LARGEST and _looked_at.get(name) != stat.st_mtime_ns:
                _looked_at[name] = stat.st_mtime_ns
                _texts.setdefault(name, {})[Path(file).read_text("utf-8")] = None
        except (OSError, UnicodeDecodeError):
            continue


def texts_of(name: str) -> tuple[str, ...]:
    """The texts that the file of a module had, the newest first."""
    return tuple(reversed(_texts.get(name, {})))


__all__ = ["note_texts", "texts_of"]
