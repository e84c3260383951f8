"""XGBoost, LightGBM and CatBoost: their model files, and what Python knows besides."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .part import Part


def xgboost(value: Any, _: Sequence[Any]) -> Part | None:
    """A Booster as UBJSON, which later versions of XGBoost read too."""
    if vars(value).keys() != {"handle"}:
        return None  # what a person or an older XGBoost keeps in it is not in the file
    config = json.loads(value.save_config())["learner"]["generic_param"]
    threads = int(config.get("nthread", 0))
    return Part("xgboost", ".ubj", bytes(value.save_raw("ubj")), "xgboost", (threads,))


def lightgbm(value: Any, _: Sequence[Any]) -> Part | None:
    """A Booster as LightGBM's text, which is what it would put into the pickle itself."""
    state = dict(value.__getstate__())
    key = "_handle" if "_handle" in state else "handle"  # before 4.0
    text = state.pop(key)
    if not isinstance(text, str):
        return None
    details = (type(value), state, key)
    return Part("lightgbm", ".txt", text.encode(), "lightgbm", details)


def catboost(value: Any, _: Sequence[Any]) -> Part | None:
    """A fitted model as ``cbm``, which is what it would put into the pickle itself."""
    state = dict(value.__getstate__())
    model = state.pop("__model", b"")
    if not model.startswith(b"CBM1"):
        return None
    return Part("catboost", ".cbm", model, "catboost", (type(value), state, "__model"))
