"""statsmodels: a formula is evaluated anew when its model is loaded, with the notebook's names."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")
# The names of the formula are looked for in the frames that the loading passes through: in this
# expression's, wherever it is evaluated.
_RESTORE = "(restored := __class.__new__(__class)).__setstate__(__state) or restored"


def reducers(note_module: Callable[[str], None]) -> dict[type, Callable[[Any], Any]]:
    """How the data of models is pickled, by class; empty where statsmodels is not in use.

    Args:
        note_module: is told each module that a formula uses.
    """
    data = sys.modules.get("statsmodels.base.data")
    reduce = partial(_reduce, note_module)
    return dict.fromkeys(_with_subclasses(data.ModelData), reduce) if data else {}


class _Import:
    """A module, pickled as its import."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return importlib.import_module, (self.name,)


def _with_subclasses(kind: Any) -> set[type]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))


def _reduce(note_module: Callable[[str], None], value: Any) -> Any:
    formula = getattr(value, "formula", None)
    if not isinstance(formula, str):
        return value.__reduce_ex__(2)
    columns = set(map(str, getattr(getattr(value, "frame", None), "columns", ())))
    notebook = vars(sys.modules["__main__"])
    used = {name for name in _NAME.findall(formula) if name in notebook} - columns
    names = {name: notebook[name] for name in sorted(used)}
    for name, held in names.items():
        if isinstance(held, ModuleType):
            note_module(held.__name__)
            names[name] = _Import(held.__name__)
    state = value.__getstate__()
    return eval, (_RESTORE, {**names, "__class": type(value), "__state": state})
