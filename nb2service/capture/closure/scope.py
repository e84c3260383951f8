"""The names of ``notebook.py``: the notebook's own, and the few that had to be made up."""

from __future__ import annotations

import ast
import builtins
import enum
import keyword
import re
import sys
from collections.abc import Mapping
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from ...errors import CaptureError
from ..model import CaptureWarning
from .literals import is_scalar, same_value, word_value
from .names import code_key
from .sources import Sources

_LONGEST_INLINE = 80
# What Python itself notes in a class on the way.
_NOTES = {"__slotnames__", "__firstlineno__", "_abc_impl"}


class Scope:
    """What each name of the service's ``notebook.py`` stands for.

    Args:
        namespace: the live notebook.
        given: names that the entries introduce (``models_rf`` for ``models["rf"]``).
        sources: the notebook's statements.
    """

    def __init__(
        self, namespace: Mapping[str, Any], given: Mapping[str, Any], sources: Sources
    ) -> None:
        self.namespace = namespace
        self.sources = sources
        self.warnings: list[CaptureWarning] = []
        self._made: dict[str, Any] = dict(given)
        self._names: dict[int, str] = {}
        for name, value in namespace.items():
            if name.isidentifier() and not name.startswith("_") and not is_scalar(value):
                known = self._names.get(id(value))
                if known is None or getattr(value, "__name__", None) == name:
                    self._names[id(value)] = name

    def get(self, name: str) -> Any:
        """The live value behind a name; ``...`` if there is none, or only Python's own."""
        value = self._made.get(name, self.namespace.get(name, ...))
        if name == "display" and value is ... and "IPython.display" in sys.modules:
            return sys.modules["IPython.display"].display  # IPython lends it to every notebook
        if hasattr(builtins, name) and name != "display":
            # IPython puts its own `open`, which names itself io's, and `exit` over Python's.
            home = getattr(value, "__globals__", {}).get("__name__")
            module = str(home or getattr(value, "__module__", ""))
            return ... if module.startswith(("IPython", "_sitebuiltins")) else value
        return value

    def name_of(self, value: Any) -> str | None:
        """A name that already stands for this very object."""
        return self._names.get(id(value))

    def make(self, hint: str, value: Any) -> str:
        """A new name for a value that has none; ``...`` only reserves the name."""
        base = "_" + re.sub(r"\W", "_", hint).lstrip("_")
        taken = {*self.namespace, *self._made, *keyword.kwlist}
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        self._made[name] = value
        if value is not ...:
            self._names.setdefault(id(value), name)
        return name

    def express(self, value: Any, hint: str) -> str:
        """Source text that gives the live value: a literal, a name, or a name made up for it."""
        if is_scalar(value) or type(value) is tuple:
            text = word_value(value)
            if text is not None and len(text) <= _LONGEST_INLINE:
                return text
        return self.name_of(value) or self.make(hint, value)

    def named(self, name: str, value: Any, defined: str, text: str) -> tuple[str, frozenset[str]]:
        """The text that binds ``name`` to what ``text`` defines as ``defined``.

        Also the names that it binds in passing: their own text must come after it.
        """
        if defined == name:
            return text, frozenset()
        if self.get(defined) is value:
            return f"{name} = {defined}", frozenset()
        return f"{text}\n\n\n{name} = {defined}", frozenset({defined})

    def home(self, thing: Any) -> str:
        """The name under which ``notebook.py`` holds a class or function of the notebook.

        Raises:
            CaptureError: it is a class that the notebook no longer holds.
        """
        qualified = getattr(thing, "__qualname__", "")
        found = self._resolve(qualified)
        if found is thing:
            return str(qualified)
        if name := self.name_of(thing):
            return name
        if isinstance(thing, type):
            if isinstance(found, type) and same_class(thing, found):
                return str(qualified)
            return self._older_class(thing, found)
        if isinstance(thing, FunctionType):
            if isinstance(found, FunctionType) and same_function(thing, found):
                return str(qualified)
            is_function = isinstance(found, FunctionType)  # of the same code, a loop made both
            if is_function and code_key(found.__code__) != code_key(thing.__code__):
                self.warnings.append(
                    CaptureWarning(
                        f"an object holds an older {qualified} than the notebook; "
                        "the older one travels with it",
                        "run the cell that makes the object again if that is not meant",
                        self.cell_of(qualified),
                    )
                )
            return self.make(thing.__name__.strip("<>"), thing)
        return self.make(getattr(thing, "__name__", type(thing).__name__), thing)

    def cell_of(self, name: str) -> int | None:
        """The cell that bound a name last."""
        position = self.sources.last_statement(name.split(".")[0])
        return None if position is None else self.sources.statements[position].cell

    def _resolve(self, qualified: str) -> Any:
        first, *rest = qualified.split(".")
        found = self.get(first)
        for part in rest:
            found = getattr(found, part, ...)
        return found

    def _older_class(self, cls: type, found: Any) -> str:
        """A name for a class that its own name no longer stands for; its text is in the history."""
        name, cell = cls.__qualname__, self.cell_of(cls.__qualname__)
        if "<locals>" in name:
            raise CaptureError(
                f"its class {name} is defined inside a function",
                "define the class at the top level of a cell",
            )
        if not any(isinstance(b.node, ast.ClassDef) for b in self.sources.binders(name)):
            raise CaptureError(
                f"its class {name} no longer exists in the notebook",
                "run the cell that defines the class, then the cell that makes the object",
                cell,
            )
        if found is not ...:
            self.warnings.append(
                CaptureWarning(
                    f"an object was made by an older {name} than the one that the notebook holds "
                    "now; the older one travels with it",
                    "run the cell that makes the object again, if the new class is to count",
                    cell,
                )
            )
        return self.make(cls.__name__, cls)


def same_function(left: FunctionType, right: FunctionType) -> bool:
    """Whether two functions do the same: a cell was run again unchanged."""

    def cells(function: FunctionType) -> list[Any]:
        return [id(cell) for cell in function.__closure__ or ()]

    return (
        code_key(left.__code__) == code_key(right.__code__)
        and cells(left) == cells(right)
        and same_value(left.__defaults__, right.__defaults__)
        and same_value(left.__kwdefaults__, right.__kwdefaults__)
    )


def same_class(left: type, right: type) -> bool:
    """Whether two classes are alike: a cell was run again unchanged."""
    mine, other = ({k: v for k, v in vars(c).items() if k not in _NOTES} for c in (left, right))
    if mine.keys() != other.keys() or _base_names(left) != _base_names(right):
        return False
    if issubclass(left, enum.Enum) and issubclass(right, enum.Enum):
        return [(m.name, m.value) for m in left] == [(m.name, m.value) for m in right]
    for name, item in mine.items():
        if codes_of(item) != codes_of(other[name]) or type(item) is not type(other[name]):
            return False
        if word_value(item) is not None and not same_value(item, other[name]):
            return False
    return True


def codes_of(attribute: Any) -> set[Any]:
    """The ``code_key`` of each function behind a class attribute (method, property, wrapper)."""
    found, todo = set(), [attribute]
    while todo:
        item = todo.pop()
        if isinstance(item, FunctionType):
            found.add(code_key(item.__code__))
        if isinstance(item, FunctionType | staticmethod | classmethod | property) or (
            hasattr(type(item), "__get__")
        ):
            links = ("__func__", "__wrapped__", "fget", "fset", "fdel", "func")
            values = (getattr(item, link, None) for link in links)
            todo += [value for value in values if isinstance(value, FunctionType)]
    return found


def find_import(value: Any) -> tuple[str, str] | None:
    """The shortest public (module, name) that gives a class or function of a library."""
    if not isinstance(value, type | FunctionType | BuiltinFunctionType) and not (
        callable(value) and isinstance(getattr(value, "__qualname__", None), str)
    ):
        return None
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if not isinstance(module, str) or module == "__main__" or not name.isidentifier():
        return None
    packages = module.split(".")
    for length in range(1, len(packages) + 1):
        path = ".".join(packages[:length])
        if getattr(sys.modules.get(path), name, None) is value:
            return path, name
    return None


def is_module(value: Any) -> bool:
    """Whether it is a module."""
    return isinstance(value, ModuleType)


def _base_names(kind: type) -> list[str]:
    return [f"{base.__module__}.{base.__qualname__}" for base in kind.__mro__]


__all__ = ["Scope", "codes_of", "find_import", "is_module", "same_class", "same_function"]
