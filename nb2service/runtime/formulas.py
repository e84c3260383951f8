"""Models of statsmodels, which evaluate their formula anew when they are loaded."""

from __future__ import annotations

from typing import Any

from .pickles import imported

# statsmodels looks for the formula's names in the frames that the loading passes through: in this
# expression's.
_MADE = "(made := __class.__new__(__class)).__setstate__(__state) or made"


def with_names(kind: Any, state: Any, names: dict[str, Any], modules: dict[str, str]) -> Any:
    """The data of a model, restored where its formula finds the notebook's names.

    Args:
        kind: its class.
        state: what the pickle has of it.
        names: the notebook's values that the formula uses.
        modules: the modules that it uses: the notebook's name for each, and its own.
    """
    held = {name: imported(module) for name, module in modules.items()}
    return eval(_MADE, {**names, **held, "__class": kind, "__state": state})
