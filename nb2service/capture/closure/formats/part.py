"""What a format makes of a value: the bytes of a file, and what the loader must know besides."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

NOTEBOOK_MODULES = ("__main__", "__mp_main__")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # what a zip file calls no time at all


@dataclass(frozen=True)
class Part:
    """A value in its library's own format.

    Attributes:
        format: the loader of ``runtime.native`` that reads it.
        suffix: of its file.
        data: the file's bytes.
        library: the module whose version tells whether the file can be read.
        details: what else the loader is given; it travels in the pickle.
        modules: further modules that reading it takes.
        python: the Python minor that it is bound to, or "".
        environment: variables that must be set before the library is imported.
        type: qualified type name of the value; ``Parts`` fills it in.
    """

    format: str
    suffix: str
    data: bytes
    library: str
    details: tuple[Any, ...] = ()
    modules: frozenset[str] = frozenset()
    python: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    type: str = ""

    @property
    def version(self) -> str:
        """The library's version in this kernel."""
        return str(getattr(sys.modules.get(self.library), "__version__", ""))


def qualified_type(value: Any) -> str:
    """Where the type of a value lives: ``sklearn.pipeline.Pipeline``, ``Model``, ``dict``."""
    kind = type(value)
    plain = kind.__module__ in ("builtins", *NOTEBOOK_MODULES)
    return kind.__qualname__ if plain else f"{kind.__module__}.{kind.__qualname__}"


Take = Callable[[Any, Sequence[Any]], Part | None]
"""Makes a part of a value, given those that hold it, outermost first; None: it is pickled."""


def timeless(archive: Path | BinaryIO, change: Callable[[str, bytes], tuple[str, bytes]]) -> bytes:
    """A zip file whose bytes tell nothing but its content.

    Args:
        archive: a zip file.
        change: gives the name and content that each of its files is to have.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(made, "w") as new:
        for entry in old.infolist():
            name, content = change(entry.filename, old.read(entry))
            new.writestr(zipfile.ZipInfo(name, _EPOCH), content, entry.compress_type)
    return made.getvalue()


class Numbers:
    """Memory addresses in a text, replaced by numbers in the order of their appearance.

    Args:
        pattern: a regular expression whose last group is an address.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = re.compile(pattern)
        self._numbers: dict[str, str] = {}

    def replace(self, text: str) -> str:
        """The text with numbers; the same address gets the same one in every text."""
        return self._pattern.sub(self._number, text)

    def _number(self, match: re.Match[str]) -> str:
        before, address = match[0][: -len(match[match.lastindex or 0])], match[match.lastindex or 0]
        return before + self._numbers.setdefault(address, str(len(self._numbers) + 1))
