"""Rows, contracts and comparisons for the tests of the lean path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nb2service.runtime.contract import Field, Input

TYPES = {"f": "number", "i": "integer", "u": "integer", "b": "boolean"}


def customers(count: int = 300) -> tuple[pd.DataFrame, Any]:
    """A frame of numbers and texts with gaps, and labels that depend on it."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, count),
            "income": rng.normal(5e4, 1e4, count),
            "tenure": rng.integers(0, 100, count),
            "calls": rng.poisson(3, count).astype(float),
            "plan": rng.choice(["basic", "plus", "pro"], count),
            "region": rng.choice(["n", "s", "e", "w"], count),
            "pays": rng.choice(["card", "bank", "cash"], count),
        }
    )
    frame.loc[::17, "age"] = np.nan
    frame.loc[::23, "income"] = np.nan
    chance = 1 / (1 + np.exp(-(frame["calls"] - 3 + (frame["plan"] == "pro"))))
    return frame, (rng.random(count) < chance).astype(int).to_numpy()


def frame_input(frame: pd.DataFrame, nullable: tuple[str, ...] = ()) -> Input:
    """The contract's input for a frame."""
    fields = []
    for label, column in frame.items():
        dtype = str(column.dtype)
        kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
        name = str(label)
        fields.append(
            Field(
                name,
                TYPES.get(kind, "string"),
                dtype=dtype,
                nullable=name in nullable,
                label=None if isinstance(label, str) else label,
            )
        )
    return Input("frame", tuple(fields))


def array_input(array: Any) -> Input:
    """The contract's input for an array of numbers."""
    field = Field("", TYPES[array.dtype.kind], dtype=str(array.dtype))
    return Input("array", (field,), shape=array.shape[1:])


def columns_of(live: Any) -> list[Any]:
    """Neutral columns, as ``Typed.columns`` gives them."""
    if not isinstance(live, pd.DataFrame):
        return [live]
    return [_neutral(live[label]) for label in live.columns]


def _neutral(column: Any) -> Any:
    if str(column.dtype) in ("str", "string"):
        return column.array.to_numpy(dtype=object, na_value=None)
    return column.to_numpy() if isinstance(column.dtype, np.dtype) else column.array


def rows_of(live: Any, chosen: Any) -> Any:
    """Some rows as a service would receive them: a fresh index, memory of their own."""
    if isinstance(live, pd.DataFrame):
        return live.iloc[chosen].reset_index(drop=True)
    return [live[i] for i in chosen] if isinstance(live, list) else live[chosen].copy()
