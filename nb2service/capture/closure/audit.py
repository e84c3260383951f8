"""What a pickle names, found by loading it with nothing in place of each name.

Python's own unpickler reads the opcodes, so that nothing can be hidden from this which the service
would come upon. It gets an object that does nothing for each name that the pickle imports.
"""

from __future__ import annotations

import io
import pickle
import sys
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Any

from ...runtime.pickles import home_of, is_forbidden, is_hidden
from ..model import Audit

# Of Python's own library: values, their classes and functions that do no more than compute.
_HARMLESS = {
    "__future__", "_bisect", "_codecs", "_collections", "_collections_abc", "_csv", "_datetime",
    "_decimal", "_functools", "_hashlib", "_heapq", "_io", "_json", "_md5", "_operator",
    "_random", "_sha1", "_sha2", "_sha256", "_sha3", "_sha512", "_sre", "_statistics",
    "_struct", "_uuid", "_weakref", "_weakrefset", "_zoneinfo", "abc", "argparse", "array",
    "ast", "base64", "binascii", "bisect", "builtins", "bz2", "calendar", "cmath", "codecs",
    "collections", "colorsys", "configparser", "contextlib", "copy", "copyreg", "csv",
    "dataclasses", "datetime", "decimal", "difflib", "email", "enum", "fnmatch", "fractions",
    "functools", "genericpath", "gettext", "glob", "graphlib", "hashlib", "heapq", "hmac",
    "html", "http", "inspect", "io", "ipaddress", "itertools", "json", "keyword", "locale",
    "logging", "lzma", "math", "mimetypes", "ntpath", "numbers", "operator", "optparse",
    "pathlib", "platform", "plistlib", "posixpath", "pprint", "queue", "quopri", "random", "re",
    "reprlib", "secrets", "shlex", "sre_compile", "sre_constants", "sre_parse", "statistics",
    "string", "stringprep", "struct", "textwrap", "threading", "time", "token", "tokenize",
    "tomllib", "types", "typing", "unicodedata", "urllib", "uuid", "warnings", "weakref", "xml",
    "zlib", "zoneinfo",
}  # fmt: skip

# Bound methods are pickled as what to read of which object: which arguments name it.
_READ_BY = {
    "builtins:getattr": slice(1, 2),
    "_operator:attrgetter": slice(None),
    "_operator:methodcaller": slice(1),
    "operator:attrgetter": slice(None),
    "operator:methodcaller": slice(1),
}


def audit(pickled: bytes) -> Audit:
    """The names in a pickle; nothing of it runs."""
    reader = _Reader(pickled)
    reader.load()
    return Audit(tuple(sorted(reader.globals)), tuple(sorted(reader.attributes)))


def forbidden(found: Audit) -> tuple[str, ...]:
    """What no service may load: names by which a pickle could run any code."""
    names = [name for name in found.globals if _is_forbidden(*name.split(":", 1))]
    return (*names, *(f"the attribute {name}" for name in found.attributes if is_hidden(name)))


def _is_forbidden(module: str, name: str) -> bool:
    """Whether the name, or what this kernel has under it, is forbidden."""
    try:
        held = attrgetter(name)(sys.modules[module])
    except (KeyError, AttributeError):
        return is_forbidden(module, name)
    return is_forbidden(module, name) or is_forbidden(*home_of(held))


def unknown(found: Audit) -> tuple[str, ...]:
    """Names of Python's own library that are not known to be harmless.

    All others are the notebook's own, or of a pinned package or a module that travels.
    """
    tops = {name: name.split(":")[0].split(".")[0] for name in found.globals}
    own = sys.stdlib_module_names - _HARMLESS
    return tuple(name for name in found.globals if tops[name] in own)


class _Reader(pickle.Unpickler):
    """Notes the names that a pickle imports, and the attributes that it reads."""

    def __init__(self, pickled: bytes) -> None:
        stream = io.BufferedReader(io.BytesIO(pickled))
        super().__init__(stream, buffers=repeat(b""))
        self.globals: set[str] = set()
        self.attributes: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}:{name}"
        self.globals.add(full)
        return partial(self._read, _READ_BY[full]) if full in _READ_BY else _Nothing

    def persistent_load(self, _: Any) -> Any:
        return _Nothing

    def _read(self, place: slice, *arguments: Any, **_: Any) -> Any:
        self.attributes.update(text for text in arguments[place] if isinstance(text, str))
        return _Nothing


class _Idle(type):
    """The class of what can be called and filled, and does nothing."""

    def __call__(cls, *_: Any, **__: Any) -> Any:
        return cls

    def __setitem__(cls, *_: Any) -> None:
        pass


def _ignore(*_: Any, **__: Any) -> Any:
    return _Nothing


class _Nothing(metaclass=_Idle):
    """Stands for every object that is no plain value."""

    __new__ = staticmethod(_ignore)
    __setstate__ = append = extend = add = update = staticmethod(_ignore)
