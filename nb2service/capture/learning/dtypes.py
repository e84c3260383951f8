"""The dtypes of pandas on the wire, and the labels of columns."""

from __future__ import annotations

from typing import Any

from ...errors import ContractError
from ...runtime.codec.values import key_text
from ...runtime.problems import MissingForm
from ..values import numpy_is

REFUSED_DTYPES = {
    "SparseDtype": "hold it dense: .sparse.to_dense()",
    "IntervalDtype": "use the interval's label or midpoint: .astype(str)",
    "PeriodDtype": "use .dt.to_timestamp() or .astype(str)",
}


def label_text(label: Any) -> str:
    """A column's name on the wire: a number as text, the levels of a MultiIndex joined."""
    try:
        return key_text(label)
    except MissingForm:
        return str(label)


def named_by_text(frame: Any) -> Any:
    """A frame of an answer, whose columns have the names that callers see."""
    names = [label_text(label) for label in frame.columns]
    return frame if list(frame.columns) == names else frame.set_axis(names, axis=1)


def plain_label(label: Any) -> Any:
    """A column's label as JSON can hold it: text, a whole number, or a tuple of those."""
    if isinstance(label, tuple):
        return tuple(plain_label(level) for level in label)
    return label.item() if numpy_is(label, "generic") else label


def is_label(label: Any) -> bool:
    """Whether a label can be made again from JSON: text, a whole number, or a tuple of those."""
    if isinstance(label, tuple):
        return all(is_label(level) for level in label)
    plain = plain_label(label)
    return isinstance(plain, (str, int)) and not isinstance(plain, bool)


def dtype_name(dtype: Any) -> str:
    """The name by which the service makes a dtype of a column again; "" if there is none."""
    import numpy as np

    from ...runtime.codec.columns import pandas_dtype

    text = str(dtype)
    if isinstance(dtype, np.dtype) or text in ("category", "str"):
        return text
    for name in (text, "string[python]", "string[pyarrow]", "string[arrow]"):
        try:
            if pandas_dtype(name) == dtype:
                return name
        except (TypeError, ValueError, NotImplementedError, ImportError):
            continue
    return ""


def kind_of_dtype(dtype: Any, where: str) -> str:
    """What ``Field.type`` calls a dtype other than ``object`` and ``category``.

    Raises:
        ContractError: it has no form on the wire.
    """
    import pandas as pd

    types = pd.api.types
    text = str(dtype)
    for prefix, kind in (("date32", "date"), ("time", "time"), ("decimal", "decimal")):
        if text.startswith(prefix) and text.endswith("[pyarrow]") and "stamp" not in text:
            return kind
    for check, kind in (
        (types.is_bool_dtype, "boolean"),
        (types.is_integer_dtype, "integer"),
        (types.is_float_dtype, "number"),
        (types.is_datetime64_any_dtype, "datetime"),
        (types.is_timedelta64_dtype, "duration"),
        (types.is_string_dtype, "string"),
    ):
        if check(dtype):
            return kind
    raise ContractError(f"{where}: the dtype {text} has no form in JSON", "convert it to text")
