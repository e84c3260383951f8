"""Scalers and the imputer of numbers, written out for float64."""

from __future__ import annotations

from typing import Any

import numpy as np

from .columns import is_text, to_matrix
from .encoders import impute_texts
from .known import Declined, Form, Matrix, Step, Table, Unknown, bare, check_width, transformer
from .own import own_transform


def refuse_infinite(values: Any) -> None:
    """Decline what scikit-learn's checks refuse, where they let NaN pass."""
    if not np.isfinite(values).all() and np.isinf(values).any():
        raise Declined("infinity")


def _scaler(model: Any, form: Form, formula: Step) -> tuple[Step, Form]:
    """The step for a scaler: its formula for float64, its own ``transform`` for all else."""
    check_width(model, form)
    stack, given = to_matrix(form, floats=True)
    own = bare(model).transform

    def run(value: Any) -> Any:
        values = stack(value)
        if type(values) is not np.ndarray or values.dtype != np.float64:
            return own(values)
        refuse_infinite(values)
        return formula(values)

    return run, Matrix(given.width, given.sparse)


@transformer("StandardScaler")
def _standard(model: Any, form: Form) -> tuple[Step, Form]:
    mean = model.mean_ if model.with_mean else None
    return _scaler(model, form, _shift_and_divide(mean, model.scale_ if model.with_std else None))


@transformer("RobustScaler")
def _robust(model: Any, form: Form) -> tuple[Step, Form]:
    center = model.center_ if model.with_centering else None
    scale = model.scale_ if model.with_scaling else None
    return _scaler(model, form, _shift_and_divide(center, scale))


@transformer("MaxAbsScaler")
def _max_abs(model: Any, form: Form) -> tuple[Step, Form]:
    if getattr(model, "clip", False):
        raise Unknown("clip")
    return _scaler(model, form, _shift_and_divide(None, model.scale_))


def _shift_and_divide(shift: Any, scale: Any) -> Step:
    def formula(values: Any) -> Any:
        if shift is not None:
            values = values - shift
        return values if scale is None else values / scale

    return formula


@transformer("MinMaxScaler")
def _min_max(model: Any, form: Form) -> tuple[Step, Form]:
    scale, least, bounds = model.scale_, model.min_, model.feature_range if model.clip else None

    def formula(values: Any) -> Any:
        values = values * scale
        values += least
        return np.clip(values, *bounds, out=values) if bounds else values

    return _scaler(model, form, formula)


@transformer("SimpleImputer")
def _imputer(model: Any, form: Form) -> tuple[Step, Form]:
    check_width(model, form)
    missing, statistics = model.missing_values, model.statistics_
    usual = isinstance(missing, float) and missing != missing
    if isinstance(form, Table) and all(map(is_text, form.dtypes)):
        if not usual or model.add_indicator or model.strategy in ("mean", "median"):
            raise Unknown("an imputer of texts that is not the usual one")
        return impute_texts(list(statistics), form)
    if not usual or statistics.dtype.kind != "f" or np.isnan(statistics).any():
        return own_transform(model, form)
    stack, given = to_matrix(form, floats=model.strategy in ("mean", "median"))
    features = model.indicator_.features_ if model.add_indicator else None
    own = bare(model).transform

    def run(value: Any) -> Any:
        values = stack(value)
        if type(values) is not np.ndarray or values.dtype != np.float64:
            return own(values)
        refuse_infinite(values)
        mask = np.isnan(values)
        if mask.any():
            values = values.copy(order="K")
            rows, columns = mask.nonzero()
            values[rows, columns] = statistics[columns]
        if features is None:
            return values
        shown = mask[:, features] if len(features) < mask.shape[1] else mask
        return np.hstack((values, shown))

    width = given.width + (0 if features is None else len(features))
    return run, Matrix(width, given.sparse)
