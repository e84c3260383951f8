"""Local modules that were edited after the notebook imported them: what is in memory ships."""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from ...errors import CaptureError
from ...notebook.imported import texts_of
from ..closure.literals import is_scalar, same_value
from ..closure.names import code_key, nested_codes
from ..model import CaptureWarning


def imported_text(
    name: str, path: str, text: str, assigned: Collection[str] = ()
) -> tuple[str, list[CaptureWarning]]:
    """The text of a local module as it is in memory, and what to know about it.

    Args:
        name: the module's dotted name.
        path: its path in the project, for messages.
        text: what its file says now.
        assigned: attributes that captured code sets in modules; these may differ.

    Raises:
        CaptureError: the file says something else than memory, and the text is nowhere.
    """
    module = sys.modules.get(name)
    if module is None or _is_in_memory(module, text, assigned):
        return text, []
    message = f"{path} was edited after the notebook imported it"
    for known in texts_of(name):
        if _is_in_memory(module, known, assigned):
            again = (
                f"importlib.reload({name}) and run the cells that use it, if the edit is to count"
            )
            return known, [
                CaptureWarning(f"{message}; the text that was imported is what ships", again)
            ]
    if _is_unchanged(module):
        # Something else than Python's own way of importing made its code.
        said = f"{path} in memory is another than the file says; the file travels"
        return text, [CaptureWarning(said, "restart the kernel, run the notebook, then deploy")]
    raise CaptureError(
        f"{message}: what is in memory is not what the file says, and its text is lost",
        "restart the kernel and run the notebook again; with %load_ext nb2service in its first "
        "cell, such a text is remembered",
    )


def _is_in_memory(module: ModuleType, text: str, assigned: Collection[str]) -> bool:
    """Whether the module's functions and plain figures are those of a text."""
    try:
        tree = ast.parse(text)
        code = compile(tree, str(module.__file__), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    keys = {code_key(nested) for nested in nested_codes(code)}
    unknown = {name for name, live in _codes(module) if code_key(live) not in keys}
    if _is_unchanged(module):
        # A reload leaves what the file no longer has.
        return not unknown & set(code.co_names)
    return not unknown and all(
        name in assigned or same_value(value, getattr(module, name, ...))
        for name, value in _figures(tree)
    )


def _codes(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    """The code of the module's own functions and methods, with the name that holds it."""
    values = list(vars(module).items())
    for name, value in values:
        if isinstance(value, type) and value.__module__ == module.__name__:
            values += [(name, getattr(item, "__func__", item)) for item in vars(value).values()]
        function = getattr(value, "__wrapped__", value)
        if isinstance(function, FunctionType) and function.__code__.co_filename == module.__file__:
            yield name, function.__code__


def _figures(tree: ast.Module) -> Iterator[tuple[str, object]]:
    """Names that the text binds once, to a literal."""
    bound: dict[str, list[ast.expr]] = {}
    for node in tree.body:
        match node:
            case ast.Assign([ast.Name(name)], value):
                bound.setdefault(name, []).append(value)
    for name, values in bound.items():
        if len(values) == 1 and isinstance(values[0], ast.Constant) and is_scalar(values[0].value):
            yield name, values[0].value


def _is_unchanged(module: ModuleType) -> bool:
    """Whether Python's cache says that the file is the one that was compiled last."""
    try:
        stat = Path(str(module.__file__)).stat()
        cached = importlib.util.cache_from_source(str(module.__file__))
        header = Path(cached).read_bytes()[:16]
    except (OSError, NotImplementedError):
        return False
    flags, time, size = (int.from_bytes(header[i : i + 4], "little") for i in (4, 8, 12))
    return flags == 0 and (time, size) == (int(stat.st_mtime) & 0xFFFFFFFF, stat.st_size)


__all__ = ["imported_text"]
