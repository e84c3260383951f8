"""Pickles, loaded so that they import nothing but the names that the manifest lists.

The hash of each file is checked before. This is for a manifest that was altered with the file:
names by which a pickle could run programs, evaluate text, load other pickles or reach any module
are refused whatever the manifest lists.
"""

from __future__ import annotations

import importlib
import operator
import pickle
from collections.abc import Callable, Collection
from types import ModuleType
from typing import Any, Protocol

# Modules of which nothing may be named, nor of what lies below them.
_MODULES = {
    "_ctypes", "_frozen_importlib", "_frozen_importlib_external", "_imp", "_pickle",
    "_posixsubprocess", "_socket", "antigravity", "asyncio", "bdb", "cProfile", "cffi", "code",
    "codeop", "ctypes", "dill", "distutils", "doctest", "ensurepip", "ftplib", "gc",
    "http.client", "http.server", "idlelib", "imp", "importlib", "joblib.externals.loky",
    "lib2to3", "linecache", "logging.config", "marshal", "multiprocessing", "nt", "numpy.distutils",
    "numpy.f2py", "numpy.testing", "os", "pdb", "pickle", "pip", "pkgutil", "posix", "profile",
    "pty", "pydoc", "runpy", "shelve", "shutil", "signal", "site", "smtplib", "socket",
    "socketserver", "ssl", "subprocess", "sys", "telnetlib", "timeit", "torch.hub", "trace",
    "turtledemo", "unittest", "urllib.request", "venv", "webbrowser", "xmlrpc", "zipimport",
}  # fmt: skip
# Names of other modules, as those have them that define them.
_NAMES = {
    "_io:FileIO", "_io:open", "_io:open_code", "builtins:__import__", "builtins:breakpoint",
    "builtins:code", "builtins:compile", "builtins:delattr", "builtins:eval", "builtins:exec",
    "builtins:function", "builtins:globals", "builtins:input", "builtins:locals",
    "builtins:open", "builtins:setattr", "builtins:vars", "codecs:open",
    "inspect:getattr_static", "inspect:getmembers", "io:open", "io:open_code",
    "joblib.numpy_pickle:load", "numpy.lib.npyio:load", "numpy:load",
    "pandas.core.computation.eval:eval", "pandas.io.pickle:read_pickle", "pandas:eval",
    "pandas:read_pickle", "torch.serialization:load", "typing:get_type_hints",
}  # fmt: skip
# Attributes that lead from an object to the code, the names and the modules around it.
_ATTRIBUTES = {
    "__base__", "__bases__", "__builtins__", "__closure__", "__code__", "__dict__",
    "__getattribute__", "__globals__", "__import__", "__loader__", "__mro__", "__reduce__",
    "__reduce_ex__", "__self__", "__spec__", "__subclasses__", "ag_frame", "cr_frame", "f_back",
    "f_builtins", "f_globals", "f_locals", "gi_frame", "tb_frame",
}  # fmt: skip


class Readable(Protocol):
    """What a pickle can be read from: an open file, or memory."""

    def read(self, count: int, /) -> bytes:
        """The next bytes."""

    def readline(self) -> bytes:
        """The bytes to the end of the line."""


class ForbiddenNameError(pickle.UnpicklingError):
    """A pickle names what it may not import."""


def is_forbidden(module: str, name: str) -> bool:
    """Whether no pickle may import a name, whatever its manifest lists.

    Args:
        module: where it is looked for.
        name: dotted within a class; ``*`` for the module itself.
    """
    parts = module.split(".")
    above = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    listed = bool(above & _MODULES) or f"{module}:{name}" in _NAMES
    return listed or name == "*" or is_hidden(name)


def is_hidden(attributes: str) -> bool:
    """Whether a dotted path of attributes leads out of the object."""
    return not _ATTRIBUTES.isdisjoint(attributes.split("."))


def imported(module: str) -> ModuleType:
    """A module by its name, unless no pickle may name it."""
    if is_forbidden(module, ""):
        raise _forbidden(module, "*")
    return importlib.import_module(module)


class Unpickler(pickle.Unpickler):
    """Loads a pickle that imports listed names only.

    Args:
        file: the pickle.
        listed: names that it may import, as ``module:name``.
        how: as for ``pickle.Unpickler``.
    """

    def __init__(self, file: Readable, listed: Collection[str], **how: Any) -> None:
        super().__init__(file, **how)
        self._listed = frozenset(listed)

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for.

        Raises:
            ForbiddenNameError: it is not listed, or must never be imported.
        """
        if f"{module}:{name}" not in self._listed:
            raise ForbiddenNameError(f"names {module}:{name}, which the manifest does not list")
        if is_forbidden(module, name):
            raise _forbidden(module, name)
        found = _checked(super().find_class(module, name))
        return next((guarded for reader, guarded in _READERS if found is reader), found)


def home_of(found: Any) -> tuple[str, str]:
    """Module and name by which an object goes wherever it is defined."""
    if isinstance(found, ModuleType):
        return found.__name__, "*"
    return str(getattr(found, "__module__", "")), str(getattr(found, "__qualname__", ""))


def _checked(found: Any) -> Any:
    """What was found, unless it is a module, or another name of something forbidden."""
    module, name = home_of(found)
    if is_forbidden(module, name):
        raise _forbidden(module, name)
    return found


def _forbidden(module: str, name: str) -> ForbiddenNameError:
    return ForbiddenNameError(f"names {module}:{name}, by which it could run any code")


def _getattr(owner: Any, name: str, *default: Any) -> Any:
    return _checked(getattr(owner, _shown(name), *default))


def _attrgetter(*names: str) -> Any:
    return operator.attrgetter(*map(_shown, names))


def _methodcaller(name: str, *arguments: Any, **named: Any) -> Any:
    return operator.methodcaller(_shown(name), *arguments, **named)


def _shown(name: str) -> str:
    if is_hidden(name):
        raise _forbidden("builtins", f"getattr({name!r})")
    return name


# Bound methods are pickled as what to read of which object.
_READERS: list[tuple[Any, Callable[..., Any]]] = [
    (getattr, _getattr),
    (operator.attrgetter, _attrgetter),
    (operator.methodcaller, _methodcaller),
]
