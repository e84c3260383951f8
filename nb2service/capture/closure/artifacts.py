"""Live values saved to bytes that load anywhere.

A plain pickle names the notebook's classes and functions ``__main__.Model``, which exists in no
service. Here they are written as ``<package>.notebook.Model`` while the user's objects stay
untouched; what the bytes refer to is recorded on the way.
"""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from ...errors import CaptureError
from ...runtime import formulas
from ...runtime.store import ALIGNMENT
from ..model import NO_NAMES, Audit
from .audit import audit
from .formats import statsmodels
from .formats.part import NOTEBOOK_MODULES, Part, qualified_type
from .formats.parts import Parts
from .literals import is_scalar

Home = Callable[[Any], str]
# Python 3.8 and later read it; it lets large buffers lie beside the pickle.
_PROTOCOL = 5
# Below this many bytes copying an array is quicker than mapping its pages.
_LARGE = 2**20
# Where a vectorizer of scikit-learn keeps the address of the stop words that it checked last: it
# means nothing in another process, and would give other bytes each time.
_ADDRESS = "_stop_words_id"
# The Python-level pickler: the C one lets nobody say how a class is referred to.
_Pickler: Any = pickle._Pickler


@dataclass(frozen=True)
class Saved:
    """A value as bytes.

    Attributes:
        format: ``mapped`` where large arrays lie beside the pickle (see ``runtime.store``), else
            ``pickle``.
        data: the bytes.
        names: names of the notebook that must exist before it is loaded.
        modules: modules that it refers to, notebook and builtins excluded.
        parts: values in it that their own libraries saved; the pickle refers to them by number.
        pickled: values in it that their libraries could not save, and why.
        audit: what the pickle names.
    """

    format: str
    data: bytes
    names: tuple[str, ...]
    modules: tuple[str, ...]
    parts: tuple[Part, ...] = ()
    pickled: tuple[str, ...] = ()
    audit: Audit = NO_NAMES


def save(name: str, value: Any, package: str, home: Home, use_skops: bool = False) -> Saved:
    """Save a live value for ``<package>.notebook``.

    Args:
        name: what the notebook calls it; errors start with it.
        value: the value.
        package: the project's package.
        home: gives the name, dotted within a class, under which the service's ``notebook.py``
            will hold a class or function of the notebook.
        use_skops: whether estimators of scikit-learn are saved with skops.

    Raises:
        CaptureError: it, or something inside it, cannot be saved; the message says which.
    """
    stream = io.BytesIO()
    large: list[pickle.PickleBuffer] = []
    pickler = _Rehoming(stream, _PROTOCOL, buffer_callback=large.append)
    pickler.open(package, home, Parts(use_skops))
    try:
        pickler.dump(value)
        parts = pickler.parts.finish()
        found = audit(stream.getvalue())
    except CaptureError as error:
        where = _describe(name, pickler.trail[:-1])
        raise CaptureError(f"{where}: {error.message}", error.hint, error.cell) from None
    except RecursionError:
        raise CaptureError(
            f"{name}: it is nested too deeply to be saved", "keep it in a flat list or a frame"
        ) from None
    except Exception as error:  # the object's own code may fail in any way when asked to be saved
        raise _refusal(name, pickler.trail, error) from error
    return Saved(
        "mapped" if large else "pickle",
        _with_buffers(stream.getvalue(), [buffer.raw() for buffer in large]),
        tuple(sorted(pickler.names)),
        tuple(sorted(pickler.modules.union(*(part.modules | {part.library} for part in parts)))),
        parts,
        tuple(pickler.parts.pickled),
        found,
    )


class _Rehoming(_Pickler):  # type: ignore[misc]
    """Writes references to the notebook as references to ``notebook.py``, and keeps a record."""

    def open(self, package: str, home: Home, parts: Parts) -> None:
        self.package = package
        self.home = home
        self.parts = parts
        self.names: set[str] = set()
        self.modules: set[str] = set()
        own = statsmodels.reducers(self.modules.add)
        self.dispatch_table = {**copyreg.dispatch_table, **own}
        self.trail: list[Any] = []  # the objects being saved, outermost first

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        self.trail.append(obj)
        super().save(obj, save_persistent_id)
        self.trail.pop()

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        try:
            return self.parts.reference(obj, self.trail[:-1])
        except CaptureError:
            self.trail.append(obj)  # it is about the object, not about what the object refers to
            raise

    def save_picklebuffer(self, obj: pickle.PickleBuffer) -> None:
        buffer = obj.raw()
        if buffer.nbytes >= _LARGE:
            super().save_picklebuffer(obj)
        else:
            self.save(buffer.tobytes() if buffer.readonly else bytearray(buffer))

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module = pickle.whichmodule(obj, name or getattr(obj, "__qualname__", ""))  # type: ignore[attr-defined]
        if module in NOTEBOOK_MODULES or _globals_name(obj) in NOTEBOOK_MODULES:
            home = self.home(obj)
            self.names.add(home.split(".")[0])
            self._save_reference(obj, f"{self.package}.notebook", home)
            return
        if module == formulas.__name__:  # the service has a copy of its own
            self._save_reference(obj, f"{self.package}.formulas", obj.__qualname__)
            return
        if module != "builtins":
            self.modules.add(module)
        super().save_global(obj, name)

    def _save_reference(self, obj: Any, module: str, name: str) -> None:
        self.save(module)
        self.save(sys.intern(name))
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    def save_reduce(
        self, func: Any, args: Any, state: Any = None, *more: Any, **named: Any
    ) -> None:
        if isinstance(state, dict) and _ADDRESS in state:
            state = {name: value for name, value in state.items() if name != _ADDRESS}
        super().save_reduce(func, args, state, *more, **named)

    def save_method(self, obj: types.MethodType) -> None:
        owner, function = obj.__self__, obj.__func__
        if getattr(owner, function.__name__, None) == obj:
            self.save_reduce(getattr, (owner, function.__name__), obj=obj)
        else:  # of one object only: its class has no such method, or another
            self.save_reduce(function.__get__, (owner,), obj=obj)

    def save_set(self, obj: Any) -> None:
        # Iteration order differs from process to process; the bytes must not.
        self.write(pickle.EMPTY_SET)
        self.memoize(obj)
        self.write(pickle.MARK)
        for item in _in_order(obj):
            self.save(item)
        self.write(pickle.ADDITEMS)

    def save_frozenset(self, obj: Any) -> None:
        if not all(map(is_scalar, obj)):
            super().save_frozenset(obj)
            return
        self.write(pickle.MARK)
        for item in _in_order(obj):
            self.save(item)
        self.write(pickle.FROZENSET)
        self.memoize(obj)

    dispatch: ClassVar[dict[type, Any]] = {
        **_Pickler.dispatch,
        types.FunctionType: save_global,
        types.MethodType: save_method,
        set: save_set,
        frozenset: save_frozenset,
        pickle.PickleBuffer: save_picklebuffer,
    }


def _with_buffers(pickled: bytes, buffers: list[memoryview]) -> bytes:
    """The bytes of an artifact, as ``runtime.store`` reads them."""
    if not buffers:
        return pickled
    parts: list[bytes | memoryview] = [
        pickle.dumps([buffer.nbytes for buffer in buffers], _PROTOCOL)
    ]
    position = len(parts[0])
    for buffer in buffers:
        padding = bytes(-position % ALIGNMENT)
        parts += [padding, buffer]
        position += len(padding) + buffer.nbytes
    return b"".join([*parts, pickled])


def _globals_name(obj: Any) -> str:
    """The module in whose namespace a function runs, whatever a decorator says of it."""
    return str(getattr(obj, "__globals__", {}).get("__name__", ""))


def _in_order(items: Any) -> list[Any]:
    if all(map(is_scalar, items)):
        return sorted(items, key=lambda item: (type(item).__name__, repr(item)))
    return list(items)


def _refusal(name: str, trail: list[Any], error: Exception) -> CaptureError:
    culprit = trail[-1] if trail else None
    kind = qualified_type(culprit)
    article = "an" if kind.lstrip("_")[:1].lower() in "aeiou" else "a"
    if isinstance(culprit, types.ModuleType):
        what = f"the module {culprit.__name__} inside an object cannot be saved"
        hint = "import it where it is used instead of keeping it in an object"
    elif isinstance(culprit, types.GeneratorType):
        what = "a generator cannot be saved"
        hint = "keep its items in a list"
    elif isinstance(culprit, type | types.FunctionType):
        what = f"{culprit.__qualname__} cannot be saved: {error}"
        hint = "keep only functions and classes in it that stand at the top level"
        if "not the same object" in str(error):
            what = f"{culprit.__qualname__} is an older one than {culprit.__module__} holds now"
            hint = "the module was reloaded: run the cell that makes the object again"
    else:
        what = f"{article} {kind} cannot be saved"
        hint = "create it in a cell tagged service-setup, which runs when the service starts"
    return CaptureError(f"{_describe(name, trail)}: {what}", hint)


def _describe(name: str, trail: list[Any]) -> str:
    """The way from ``name`` to the innermost object, as one would write it in Python."""
    path = name
    for position in range(1, len(trail)):
        owner, item = trail[position - 1], trail[position]
        if type(owner) is dict:
            key = next((key for key, held in owner.items() if held is item), ...)
            if key is ...:
                continue
            holder = trail[position - 2] if position > 1 else None
            # The state of an object is a dict too, sometimes inside a tuple.
            is_state = isinstance(key, str) and any(
                getattr(candidate, "__dict__", {}).get(key, ...) is item
                for candidate in (holder, trail[position - 3] if position > 2 else None)
            )
            path += f".{key}" if is_state else f"[{key!r}]"
        elif type(owner) in (list, tuple):
            is_internal = (
                type(owner) is tuple
                and position > 1
                and not isinstance(trail[position - 2], list | dict | tuple)
            )
            if not is_internal:
                index = next(i for i, held in enumerate(owner) if held is item)
                path += f"[{index}]"
    return path


__all__ = ["Saved", "qualified_type", "save"]
