"""What an entry is called with, by its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ...errors import ContractError
from .estimators import is_estimator
from .find import EntryRequest
from .forecasts import horizon

_MODEL_METHODS = ("transform", "decision_function", "score_samples")


def function_of(request: EntryRequest) -> Callable[..., Any]:
    """What is called: the function, or the bound method."""
    found = getattr(request.value, request.method) if request.method else request.value
    return found  # type: ignore[no-any-return]


def is_model(request: EntryRequest) -> bool:
    """Whether an entry is a model's method that takes rows by position, as scikit-learn's do."""
    if not request.method or not is_estimator(request.value):
        return False
    if not (request.method.startswith("predict") or request.method in _MODEL_METHODS):
        return False
    if horizon(request.value, request.method):
        return False
    return len(required_parameters(request)) <= 1


def horizon_of(request: EntryRequest) -> str:
    """The one parameter of a forecast, its number of steps; "" for any other entry."""
    return horizon(request.value, request.method) if request.method else ""


def required_parameters(request: EntryRequest) -> list[str]:
    """Names of the inputs without which the entry cannot be called."""
    return [
        p.name
        for p in own_parameters(request)
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD
    ]


def own_parameters(request: EntryRequest) -> list[inspect.Parameter]:
    """The parameters that are inputs: neither bound nor ``*args``; none if nothing is known.

    Raises:
        ContractError: one that can only be passed by position; nothing but ``*args``.
    """
    try:
        parameters = inspect.signature(function_of(request)).parameters.values()
    except (TypeError, ValueError):
        return []
    if steps := horizon_of(request):
        (only,) = (p for p in parameters if p.name == steps)
        return [only if request.steps is None else only.replace(default=request.steps)]
    inputs = [
        p for p in parameters if p.kind is not p.VAR_POSITIONAL and p.name not in request.bind
    ]
    nameless = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    if nameless and not inputs and not request.method:
        raise ContractError(
            f"entry {request.name!r} takes *{nameless[0]}, to which callers can give no names",
            f"take a list: def {request.name}({nameless[0]})",
            request.cell,
        )
    for parameter in inputs:
        if parameter.kind is parameter.POSITIONAL_ONLY and (len(inputs) > 1 or not request.method):
            raise ContractError(
                f"entry {request.name!r}: the argument {parameter.name!r} has no name for callers",
                "take the '/' out of the function's parameters",
                request.cell,
            )
    return inputs
