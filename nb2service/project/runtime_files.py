"""Which of the runtime's modules a project gets: all but those that it has no use for.

They are copied verbatim. What not every service needs is imported where it is needed, so that a
project without it is as sound as one that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .. import runtime
from ..capture.model import Capture
from ..runtime.contract import Field

_TABLES = ("frame", "array", "series")


def runtime_files(capture: Capture) -> dict[str, bytes]:
    """The runtime's files by their paths in the package."""
    folder = Path(runtime.__file__).parent
    files = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc")
    needless = needless_modules(capture)
    return {
        name: path.read_bytes()
        for path, name in ((path, path.relative_to(folder).as_posix()) for path in files)
        if not name.startswith(needless)
    }


def needless_modules(capture: Capture) -> tuple[str, ...]:
    """The modules, and folders with ``/``, that the project does without."""
    return tuple(name for name, needs in _NEEDED_BY.items() if not needs(capture))


def _has_formulas(capture: Capture) -> bool:
    """Whether an artifact's pickle makes models of statsmodels anew."""
    maker = f"{capture.package}.formulas:with_names"
    return any(maker in artifact.audit.globals for artifact in capture.artifacts)


def _fields(capture: Capture) -> Iterator[Field]:
    """All that entries take and answer, nested ones included."""

    def walk(fields: Iterable[Field]) -> Iterator[Field]:
        for field in fields:
            yield field
            yield from walk(field.fields)
            yield from walk([field.items] if field.items else [])

    for entry in capture.contract.entries:
        yield from walk((*entry.input.fields, *entry.output.fields))


def _has_numpy(capture: Capture) -> bool:
    return any(pin.name == "numpy" for pin in capture.requirements)


def _takes_tables(capture: Capture) -> bool:
    return any(entry.input.kind in _TABLES for entry in capture.contract.entries)


def _takes_files(capture: Capture) -> bool:
    return any(field.is_file for field in _fields(capture))


def _has_moments(capture: Capture) -> bool:
    """Whether there may be columns of them."""
    moments = any(field.type in ("datetime", "duration") for field in _fields(capture))
    return moments and _has_numpy(capture)


def _casts(capture: Capture) -> bool:
    arrays = any(field.python == "ndarray" for field in _fields(capture))
    return _takes_tables(capture) or _has_moments(capture) or arrays


def _has_categories(capture: Capture) -> bool:
    return any(field.dtype == "category" for field in _fields(capture))


# what only some services need → which ones
_NEEDED_BY: dict[str, Callable[[Capture], bool]] = {
    "lean/": lambda capture: capture.contract.lean,
    "native.py": lambda capture: any(artifact.parts for artifact in capture.artifacts),
    "formulas.py": _has_formulas,
    "coroutines.py": lambda capture: any(entry.is_async for entry in capture.contract.entries),
    "codec/arrays.py": _has_numpy,
    "codec/columns.py": _has_numpy,
    "codec/neutral.py": _has_numpy,
    "codec/casting.py": _casts,
    "codec/binary_columns.py": _takes_tables,
    "codec/csv_columns.py": _takes_tables,
    "codec/categories.py": _has_categories,
    "codec/moments.py": _has_moments,
    "codec/multipart.py": _takes_files,
    "codec/uploads.py": _takes_files,
}
