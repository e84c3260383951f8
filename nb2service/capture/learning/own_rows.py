"""Rows that a fitted model itself holds, for notebooks that hold none any more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...errors import ExampleError
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.signatures import horizon_of
from ..values import kind_of
from .candidates import Candidate, owner_of

_STEPS = 12  # a forecast's, where the notebook made none
# What scikit-learn's models learn in the shape of rows: k-NN, SVM, k-means, mixtures, naive Bayes.
_LEARNT = ("_fit_X", "support_vectors_", "cluster_centers_", "means_", "theta_")


def training_rows(request: EntryRequest) -> Iterator[Candidate]:
    """The rows that results of statsmodels were made from, without the target."""
    owner, model = owner_of(request), getattr(request.value, "model", None)
    data, formula = getattr(model, "data", None), getattr(model, "formula", None)
    frame: Any = getattr(data, "frame", None)
    if isinstance(formula, str) and (kind_of(frame) == "frame" or isinstance(frame, dict)):
        names = [name for name in frame if _occurs(name, formula.partition("~")[2])]
        if names:
            origin = f"{owner}.model.data.frame[{names}]"
            yield Candidate(_columns(frame, names), origin, request.cell)
        return
    rows = getattr(data, "orig_exog", None)
    if kind_of(rows) in ("frame", "array"):
        origin = f"{owner}.model.data.orig_exog"
        yield Candidate(rows, origin, request.cell)


def learnt_rows(request: EntryRequest) -> Iterator[Candidate]:
    """Centres, support vectors and the like: points among the rows of the model's fit."""
    names = list(feature_names(request.value))
    for attribute in _LEARNT:
        rows: Any = getattr(request.value, attribute, None)
        if kind_of(rows) != "array" or rows.ndim != 2:
            continue
        origin = f"{owner_of(request)}.{attribute}"
        if names:
            import pandas as pd

            yield Candidate(pd.DataFrame(rows, columns=names), origin, request.cell)
        else:
            yield Candidate(rows, origin, request.cell)


def forecasts(request: EntryRequest) -> Iterator[Candidate]:
    """As many steps as the notebook itself asked for, and a single one."""
    name, owner = horizon_of(request), owner_of(request)
    # The last one comes first among the cases.
    for steps in dict.fromkeys([1, request.steps or _STEPS]):
        origin = f"{owner}.{request.method}({steps})"
        yield Candidate([{name: steps}], origin, request.cell)


def forecast_refusal(request: EntryRequest) -> ExampleError | None:
    """Of a time series model that was asked for rows, or lacks what its forecast needs."""
    owner = owner_of(request)
    if ".tsa." not in type(request.value).__module__ or not hasattr(request.value, "forecast"):
        return None
    if getattr(getattr(request.value, "model", None), "k_exog", 0):
        return ExampleError(
            f"entry {request.name!r}: {owner} has a regression, whose values its forecast needs",
            "serve a function that takes them: def forecast(exog): return "
            f"{owner}.forecast(len(exog), exog=exog)",
            request.cell,
        )
    return ExampleError(
        f"entry {request.name!r}: a {type(request.value).__name__} takes a horizon, no rows",
        f"serve its forecast: %deploy {owner}.forecast",
        request.cell,
    )


def _columns(data: Any, names: list[str]) -> Any:
    """Of a frame, or of the dictionary of columns that formulas take as well."""
    if kind_of(data) == "frame":
        return data[names]
    import pandas as pd

    return pd.DataFrame({name: data[name] for name in names})


def _occurs(name: Any, formula: str) -> bool:
    return isinstance(name, str) and bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", formula))
