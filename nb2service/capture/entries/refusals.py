"""What can never answer, or would answer what nobody means: refused with the mend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, ModuleType
from typing import Any

from ...errors import EntryError
from ...notebook.statements import Statement
from ..model import CaptureWarning
from ..values import type_name
from .estimators import is_estimator, is_fitted, labels_only
from .expressions import Found
from .functions import refits
from .servable import cell_of


def check_answers(
    expression: str,
    found: Found,
    cell: int | None,
    namespace: Mapping[str, Any],
    offered: Callable[[bool], str],
) -> None:
    """Refuse what can never answer.

    Args:
        expression: as it was typed.
        found: what it means.
        cell: the cell that bound it.
        namespace: the live namespace.
        offered: the lines of what could be served instead; of models alone if True.

    Raises:
        EntryError: it is no fitted model and no function.
    """
    value = found.value
    said = _of_no_object(expression, found, namespace) or _of_no_answers(expression, found)
    if not said and is_estimator(value) and not is_fitted(value):
        said = (
            f"{expression} ({type_name(value)}) is not fitted",
            "run the cell that fits it, or give the fitted one" + offered(True),
        )
    if not said and not (callable(value) or found.method or is_estimator(value)):
        what = "has no predict and no transform" if hasattr(value, "fit") else "cannot be called"
        said = (
            f"{expression} is a {_kind(value)}, which {what}",
            "give a fitted model or a function" + offered(False),
        )
    if said:
        raise EntryError(*said, cell)


def _kind(value: Any) -> str:
    return "module" if isinstance(value, ModuleType) else type_name(value)


def _of_no_object(
    expression: str, found: Found, namespace: Mapping[str, Any]
) -> tuple[str, str] | None:
    """Of a class, or of a method that waits for its ``self``: the message and the mend."""
    if isinstance(found.value, type):
        return (
            f"{expression} is a class",
            "make an object of it, fit it, and give the object's name",
        )
    is_function = isinstance(found.value, FunctionType)
    if not is_function or not isinstance(namespace[found.root], type):
        return None
    if found.value.__code__.co_varnames[:1] != ("self",):
        return None
    own = expression.replace(found.root, "model", 1)
    return (
        f"{expression} is a method of the class {found.root}, of no object yet",
        f"give an object's: model = {found.root}(…) in a cell, then {own}",
    )


def _of_no_answers(expression: str, found: Found) -> tuple[str, str] | None:
    """Of models whose answers are for no new rows, or no values: the message and the mend."""
    value = found.value
    if labels_only(value):
        return (
            f"{expression} is a {type_name(value)}, which has no predict and no transform: it "
            "labels the rows of its fit and has no rule for other rows",
            "let a model learn its labels and serve that one: "
            f"model = KNeighborsClassifier().fit(X, {expression}.labels_)",
        )
    if found.method == "get_forecast":
        owner = expression.removesuffix(".get_forecast")
        return (
            f"{expression} gives an object with intervals, not values",
            f"serve {owner}.forecast, or a function: def forecast(steps: int): "
            f"return {expression}(steps).summary_frame()",
        )
    if hasattr(value, "k_ar") and hasattr(value, "forecast") and not is_estimator(value):
        return (
            f"{expression} is a {type_name(value)}, whose forecast takes the rows before it",
            "serve a function that gives them: def forecast(steps: int): return "
            f"{expression}.forecast({expression}.endog[-{expression}.k_ar:], steps)",
        )
    return None


def check_fits(
    name: str,
    bind: Mapping[str, str],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> tuple[CaptureWarning, ...]:
    """What a function fits whenever it is called: a warning if that is its own affair.

    Args:
        name: of the function.
        bind: its parameters that are captured values → names in the namespace.
        namespace: the live namespace.
        statements: of all cells.

    Raises:
        EntryError: it changes what the notebook holds.
    """
    cell = cell_of(name, statements)
    fitted = refits(name, namespace, statements, bind)
    for refit in (r for r in fitted if r.shared):
        method = "predict" if refit.trains else "transform"
        raise EntryError(
            f"{name} fits {refit.what} again in each call: an answer would depend on what else "
            f"is sent, and each call would change the notebook's own {refit.what}",
            f"fit it once, in a cell of its own; in the function only {refit.what}.{method}(…)",
            cell,
        )
    return tuple(
        CaptureWarning(
            f"{name} fits {refit.what} in each call",
            "fit it once, in a cell of its own, and let the function only ask it",
            cell,
        )
        for refit in fitted
        if refit.trains
    )


__all__ = ["check_answers", "check_fits"]
