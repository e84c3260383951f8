"""What an entry does, in the words that callers read."""

from __future__ import annotations

import inspect
from typing import Any

from ..entries.find import EntryRequest
from ..entries.signatures import function_of, is_model

_METHODS = {
    "predict": "What {} predicts for each row.",
    "predict_proba": "The probability that {} gives each class, for each row.",
    "predict_log_proba": "The logarithm of the probability that {} gives each class, for each row.",
    "decision_function": "The value by which {} decides, for each row.",
    "score_samples": "The score that {} gives each row.",
    "transform": "What {} makes of each row.",
}


def doc_of(request: EntryRequest) -> str:
    """A function's docstring; for a library's model one sentence, as its own speak of its insides.

    A model class of the notebook's own keeps the docstring that its author wrote.
    """
    function = function_of(request)
    if is_model(request) and getattr(function, "__module__", "") != "__main__":
        sentence = _METHODS.get(request.method, f"What {{}} answers to {request.method}.")
        return sentence.format(_model(request.value))
    return inspect.getdoc(function) or ""


def _model(value: Any) -> str:
    """``the Pipeline ending in LogisticRegression``."""
    name = f"the {type(value).__name__}"
    if hasattr(value, "best_estimator_"):
        return f"{name} of a {_model(value.best_estimator_).removeprefix('the ')}"
    steps = getattr(value, "steps", None)
    if isinstance(steps, list) and steps and not isinstance(steps[-1][1], str):
        return f"{name} ending in {type(steps[-1][1]).__name__}"
    return name
