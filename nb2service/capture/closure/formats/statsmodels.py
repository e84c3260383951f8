"""statsmodels: a formula is evaluated anew when its model is loaded, with the notebook's names."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

from ....runtime.formulas import with_names

_NAME = re.compile(r"(?<![\w.])[^\W\d]\w*")


def reducers(note_module: Callable[[str], None]) -> dict[type, Callable[[Any], Any]]:
    """How the data of models is pickled, by class; empty where statsmodels is not in use.

    Args:
        note_module: is told each module that a formula uses.
    """
    data = sys.modules.get("statsmodels.base.data")
    reduce = partial(_reduce, note_module)
    return dict.fromkeys(_with_subclasses(data.ModelData), reduce) if data else {}


def _with_subclasses(kind: Any) -> set[type]:
    return {kind}.union(*map(_with_subclasses, kind.__subclasses__()))


def _reduce(note_module: Callable[[str], None], value: Any) -> Any:
    formula = getattr(value, "formula", None)
    if not isinstance(formula, str):
        return value.__reduce_ex__(2)
    columns = set(map(str, getattr(getattr(value, "frame", None), "columns", ())))
    notebook = vars(sys.modules["__main__"])
    used = {name for name in _NAME.findall(formula) if name in notebook} - columns
    held = {name: notebook[name] for name in sorted(used)}
    modules = {n: value.__name__ for n, value in held.items() if isinstance(value, ModuleType)}
    for module in modules.values():
        note_module(module)
    names = {name: value for name, value in held.items() if name not in modules}
    return with_names, (type(value), value.__getstate__(), names, modules)
