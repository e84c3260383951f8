"""Calls leave no trace: what the notebook's own code changes when it is called is put back.

Entries are called to learn from their answers. A counter that they count up, a memo that they
fill, a generator of random numbers that they draw from would be another one in the notebook
afterwards, and in the service.
"""

from __future__ import annotations

import contextlib
import functools
import operator
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

_MISSING: Any = object()
# A notebook whose functions reach more objects than this holds data, not counters.
_MOST = 10_000


@contextlib.contextmanager
def state_kept(values: Iterable[Any], namespace: Mapping[str, Any]) -> Iterator[None]:
    """Put back at the end what calling the values changed in the meantime.

    Noted are variables of the notebook that its own functions name, variables that they close
    over, lists, dictionaries and sets among their values, attributes of objects whose classes the
    notebook defines, and generators of random numbers. Arrays and objects of libraries are not.

    Args:
        values: what is called, and what is passed along with it.
        namespace: the live notebook.
    """
    state = _State(namespace)
    for value in values:
        state.note(value)
    try:
        yield
    finally:
        for undo in state.undos:
            undo()


class _State:
    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self.namespace = namespace
        self.undos: list[Callable[[], None]] = []
        self.seen: dict[int, Any] = {}
        self.todo: list[Any] = []

    def note(self, value: Any) -> None:
        """Remember a value and all that it leads to."""
        self.todo.append(value)
        while self.todo and len(self.seen) < _MOST:
            item = self.todo.pop()
            if id(item) not in self.seen:
                self.seen[id(item)] = item  # held, so that no other object gets its id
                self._note(item)

    def _note(self, item: Any) -> None:
        if isinstance(item, FunctionType):
            self._note_function(item)
        elif isinstance(item, list | deque | set | bytearray):
            self._note_items(item)
        elif isinstance(item, dict):
            self._note_names(item, list(item))
        elif isinstance(item, tuple):
            self.todo += item
        elif isinstance(item, type):
            if item.__module__ == "__main__":
                self._note_class(item)
        elif restore := _generator_restore(item):
            self.undos.append(restore)
        else:
            self._note_object(item)

    def _note_object(self, item: Any) -> None:
        if isinstance(item, MethodType):
            self.todo += [item.__self__, item.__func__]
        elif isinstance(item, functools.partial):
            self.todo += [item.func, item.args, item.keywords]
        elif isinstance(item, functools._lru_cache_wrapper):
            self.todo.append(item.__wrapped__)
        elif type(item).__module__ == "__main__":
            self.todo.append(type(item))
            if hasattr(item, "__dict__"):
                self._note_names(vars(item), list(vars(item)))

    def _note_function(self, function: FunctionType) -> None:
        own = function.__globals__
        if own is self.namespace or function.__module__ == "__main__" or "__name__" not in own:
            names = {name for code in _codes(function.__code__) for name in code.co_names}
            self._note_names(own, names)
        for cell in function.__closure__ or ():
            self._note_cell(cell)
        self._note_names(vars(function), list(vars(function)))
        self.todo += [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]

    def _note_names(self, names: MutableMapping[Any, Any], keys: Iterable[Any]) -> None:
        before = {key: names.get(key, _MISSING) for key in keys}
        self.todo += before.values()
        is_whole = len(before) == len(names)

        def undo() -> None:
            if is_whole and list(names) != list(before):
                names.clear()
            for key, value in before.items():
                if value is _MISSING:
                    names.pop(key, None)
                elif names.get(key, _MISSING) is not value:
                    names[key] = value

        self.undos.append(undo)

    def _note_items(self, items: Any) -> None:
        before = items.copy()
        if not isinstance(items, bytearray):
            self.todo += before

        def undo() -> None:
            if len(items) != len(before) or any(map(operator.is_not, items, before)):
                items.clear()
                (items.update if isinstance(items, set) else items.extend)(before)

        self.undos.append(undo)

    def _note_cell(self, cell: CellType) -> None:
        with contextlib.suppress(ValueError):  # has no value yet
            value = cell.cell_contents
            self.todo.append(value)
            self.undos.append(lambda: setattr(cell, "cell_contents", value))

    def _note_class(self, cls: type) -> None:
        data = {n: v for n, v in vars(cls).items() if not n.startswith("__")}
        self.todo += [getattr(value, "__func__", value) for value in vars(cls).values()]
        self.todo += cls.__bases__

        def undo() -> None:
            for name in [n for n in vars(cls) if not n.startswith("__")]:
                if name not in data:
                    delattr(cls, name)
            for name, value in data.items():
                if vars(cls).get(name, _MISSING) is not value:
                    setattr(cls, name, value)

        self.undos.append(undo)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _generator_restore(item: Any) -> Callable[[], None] | None:
    """How to set a generator of random numbers back to where it is now; None for anything else."""
    if isinstance(item, random.Random):
        state = item.getstate()
        return lambda: item.setstate(state)
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(item, numpy.random.RandomState):
        legacy = item.get_state()
        return lambda: item.set_state(legacy)
    if isinstance(item, numpy.random.Generator):
        bits = item.bit_generator
        position = bits.state
        return lambda: setattr(bits, "state", position)
    return None


__all__ = ["state_kept"]
