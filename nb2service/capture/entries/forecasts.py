"""Models without rows: forecasts that take nothing but the number of steps."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ...notebook.statements import Statement
from .arguments import Arguments, held_by

# What libraries call the number of steps of a forecast: statsmodels, pmdarima, statsforecast.
_HORIZONS = ("steps", "n_periods", "periods", "horizon", "h")


def horizon(value: Any, method: str) -> str:
    """The parameter of a forecast that says how many steps, if it needs nothing else; else ""."""
    if method not in ("forecast", "predict") or not callable(getattr(value, method, None)):
        return ""
    try:
        parameters = list(inspect.signature(getattr(value, method)).parameters.values())
    except (TypeError, ValueError):
        return ""
    if not parameters or parameters[0].name not in _HORIZONS:
        return ""
    needed = [p for p in parameters[1:] if p.default is p.empty and p.kind not in (p.VAR_KEYWORD,)]
    return "" if needed else parameters[0].name


def steps_asked(
    owner: str,
    method: str,
    parameter: str,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> int | None:
    """How many steps the notebook's own last forecast has, as far as memory tells.

    Args:
        owner: the expression of the model.
        method: the one that is served.
        parameter: the one that says how many steps.
        namespace: the live namespace.
        statements: of all cells.
    """
    arguments = Arguments(namespace, statements)
    for asked in dict.fromkeys((method, "get_forecast", "forecast")):
        for passed in reversed(arguments.of(f"{owner}.{asked}", [parameter]).get(parameter, [])):
            held = held_by(passed.node, namespace)
            if isinstance(held, int) and not isinstance(held, bool) and held > 0:
                return held
    return None


__all__ = ["horizon", "steps_asked"]
