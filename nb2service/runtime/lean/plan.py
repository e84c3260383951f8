"""From a fitted model to its plan."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from ..contract import Field, Input
from .known import (
    Declined,
    Form,
    Matrix,
    Step,
    Table,
    Texts,
    Unknown,
    compile_method,
    compile_transform,
    estimator,
    exact_name,
    transformer,
)
from .trees import TREES


class Plan:
    """A model's method for columns of typed rows.

    Args:
        run: the steps, one after the other.
    """

    def __init__(self, run: Step) -> None:
        self._run = run

    def __call__(self, columns: list[Any], count: int) -> Any:
        """What the model answers, to the last bit.

        Args:
            columns: as ``Typed.columns`` gives them.
            count: rows, at least one.

        Raises:
            Declined: these rows are not covered; ask the model itself.
        """
        if not count:
            raise Declined("no rows")
        try:
            with np.errstate(all="ignore"):
                return self._run(columns)
        except Declined:
            raise
        except Exception as error:  # the model's own error is the one that the caller shall see
            raise Declined(str(error)) from error


def compile_plan(model: Any, method: str, input_: Input) -> Plan | None:
    """The plan for a method of a fitted scikit-learn model; None where none is known.

    Args:
        model: an estimator or a Pipeline.
        method: ``predict``, ``predict_proba``, ``decision_function``, ``transform``, …
        input_: what the entry takes.
    """
    try:
        # Encoders are asked about strange categories, at which they may warn.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            form, open_ = _opening(input_)
            step = compile_method(model, method, form)
    except Exception:  # a model that is not as expected has no plan, whatever the reason
        return None
    return Plan(lambda columns: step(open_(columns)))


def _opening(input_: Input) -> tuple[Form, Step]:
    if input_.kind == "frame":
        fields = input_.fields
        labels = tuple(_label(field) for field in fields)
        if len(set(labels)) < len(labels) or not fields:
            raise Unknown("columns with equal labels")
        named = all(isinstance(label, str) for label in labels)
        return Table(tuple(field.dtype for field in fields), labels, named), lambda given: given
    if input_.kind == "array" and len(input_.shape) == 1:
        if np.dtype(input_.fields[0].dtype).kind not in "iuf":
            raise Unknown("an array that is not of numbers")
        return Matrix(input_.shape[0]), lambda given: given[0]
    if input_.kind in ("list", "series") and input_.fields[0].type == "string":
        return Texts(), lambda given: given[0]
    raise Unknown(input_.kind)


def _label(field: Field) -> Any:
    return field.name if field.label is None else field.label


@transformer("Pipeline")
def _pipeline(model: Any, form: Form) -> tuple[Step, Form]:
    steps, form = _transforms(model.steps, form)
    before = steps[:-1]
    if isinstance(form, Matrix) and form.dense:
        form = replace(form, dense=_chain([*before, form.dense]))
    if isinstance(form, Matrix) and form.places:
        form = replace(form, places=_chain([*before, form.places]))
    return _chain(steps), form


@estimator("Pipeline")
def _pipeline_method(model: Any, method: str, form: Form) -> Step:
    steps, form = _transforms(model.steps[:-1], form)
    last = model.steps[-1][1]
    if isinstance(form, Matrix) and form.dense and exact_name(last) in TREES:
        steps, form = [*steps[:-1], form.dense], Matrix(form.width)
    return _chain([*steps, compile_method(last, method, form)])


def _transforms(parts: list[tuple[str, Any]], form: Form) -> tuple[list[Step], Form]:
    steps = []
    for _, part in parts:
        if part is not None and part != "passthrough":
            step, form = compile_transform(part, form)
            steps.append(step)
    return steps, form


@estimator("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")
def _search(model: Any, method: str, form: Form) -> Step:
    return compile_method(model.best_estimator_, method, form)


def _chain(steps: list[Step]) -> Step:
    if len(steps) == 1:
        return steps[0]
    if len(steps) == 2:
        first, second = steps
        return lambda value: second(first(value))

    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run
