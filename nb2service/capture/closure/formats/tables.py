"""Tables as Parquet, where they come back exactly and the service needs pyarrow anyway."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Any

from .part import Part

_PLAIN = (dict, list, tuple)


def parquet(value: Any, owners: Sequence[Any]) -> Part | None:
    """A frame that stands by itself or in plain containers; one within a model is the model's."""
    if not all(type(owner) in _PLAIN for owner in owners) or not _is_arrow(value):
        return None
    # Equal objects of several types (1, True) would pass for each other.
    if any(str(dtype) == "object" for dtype in _dtypes(value)):
        return None
    stream = io.BytesIO()
    try:
        value.to_parquet(stream, engine="pyarrow")
    except Exception:  # Parquet has no type for many things; pickle has
        return None
    if not _comes_back(value, stream.getvalue()):
        return None
    return Part("parquet", ".parquet", stream.getvalue(), "pandas", (), frozenset({"pyarrow"}))


def _is_arrow(frame: Any) -> bool:
    """Whether it is made of Arrow's arrays: then nothing reads it without pyarrow."""
    return any(
        getattr(dtype, "storage", "") == "pyarrow" or type(dtype).__name__ == "ArrowDtype"
        for dtype in _dtypes(frame)
    )


def _dtypes(frame: Any) -> Iterator[Any]:
    for index in (frame.index, frame.columns):
        for level in getattr(index, "levels", [index]):
            yield level.dtype
    yield from frame.dtypes


def _comes_back(frame: Any, data: bytes) -> bool:
    import pandas as pd

    back = pd.read_parquet(io.BytesIO(data), engine="pyarrow")
    try:
        pd.testing.assert_frame_equal(back, frame, check_exact=True)
    except AssertionError:
        return False
    facts = (_facts(each) for each in (back, frame))
    return bool(next(facts) == next(facts))


def _facts(frame: Any) -> Any:
    """What a comparison of values does not see; sums differ in their last bits by the strides."""
    columns = (frame.iloc[:, number].array for number in range(frame.shape[1]))
    strides = [getattr(getattr(each, "_ndarray", None), "strides", None) for each in columns]
    dtypes = [repr(dtype) for dtype in _dtypes(frame)]
    return frame.attrs, frame.flags.allows_duplicate_labels, dtypes, strides
