"""Columns to arrays as scikit-learn makes them of a frame, and the ColumnTransformer."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .known import (
    Form,
    Matrix,
    Step,
    Table,
    Texts,
    Unknown,
    compile_transform,
    transformer,
)
from .stacking import Part, stack_parts

# pandas' numbers with a place for what is missing; scikit-learn makes float64 of them.
NULLABLE = {f"{kind}{bits}" for kind in ("Int", "UInt") for bits in (8, 16, 32, 64)} | {
    *("Float32", "Float64", "boolean")
}
TEXT = ("object", "str", "string", "category")


def is_text(dtype: str) -> bool:
    """Whether a column's dtype is one of text."""
    return dtype in TEXT


def to_matrix(form: Form, floats: bool = False) -> tuple[Step, Matrix]:
    """The array that scikit-learn makes of a frame's columns: in Fortran order, as pandas holds
    them, of the dtype that they have in common.

    Args:
        form: what comes; an array stays as it is.
        floats: whether integers become float64 (``dtype=FLOAT_DTYPES`` in scikit-learn).

    Raises:
        Unknown: columns that are not numbers.
    """
    if isinstance(form, Matrix):
        return (_as_float if floats and not form.sparse else same), form
    if not isinstance(form, Table):
        raise Unknown("texts where numbers are expected")
    dtype, width = common_dtype(form.dtypes, floats), len(form.dtypes)
    gaps = any(name in NULLABLE for name in form.dtypes)

    def stack(columns: Any) -> Any:
        if gaps:
            columns = [_without_gaps(column) for column in columns]
        # "safe": a column whose dtype is not the contract's (whole numbers with gaps) is refused.
        return np.concatenate(columns, dtype=dtype, casting="safe").reshape(width, -1).T

    return stack, Matrix(width)


def common_dtype(names: tuple[str, ...], floats: bool = False) -> Any:
    """The dtype of the array that scikit-learn makes of columns.

    Raises:
        Unknown: columns that are not numbers.
    """
    dtypes = []
    for name in names:
        try:
            dtypes.append(np.dtype(bool if name in NULLABLE else name))
        except TypeError:
            raise Unknown(f"columns of {name}") from None
    kinds = {dtype.kind for dtype in dtypes}
    if not kinds <= set("biuf"):
        raise Unknown("columns that are not numbers")
    if "b" in kinds:  # pandas makes objects of truth values, scikit-learn numbers of those
        return np.dtype(np.float64)
    dtype = np.result_type(*dtypes)
    return np.dtype(np.float64) if floats and dtype.kind != "f" else dtype


def _without_gaps(column: Any) -> Any:
    if isinstance(column, np.ndarray):
        return column
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def same(value: Any) -> Any:
    """The step that does nothing."""
    return value


def _as_float(value: Any) -> Any:
    return value if value.dtype.kind == "f" else value.astype(np.float64)


@transformer("ColumnTransformer")
def _column_transformer(model: Any, form: Form) -> tuple[Step, Form]:
    if model.transformer_weights:
        raise Unknown("transformer_weights")
    parts: list[Part] = []
    for _, part, chosen in model.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        pick, picked = _select(model, form, chosen)
        if picked is not None:
            make = to_matrix if isinstance(part, str) else partial(compile_transform, part)
            parts.append(Part(pick, *make(picked)))
    return stack_parts(parts, bool(model.sparse_output_))


def _select(model: Any, form: Form, chosen: Any) -> tuple[Step, Form | None]:
    """What picks a transformer's columns, and the form of what it gives."""
    if callable(chosen):
        raise Unknown("columns chosen at each call")
    if isinstance(form, Table):
        numbers, alone = _numbers(model, form, chosen)
        if alone:
            if not is_text(form.dtypes[numbers[0]]):
                raise Unknown("a single column that is not text")
            return (lambda columns: columns[numbers[0]]), Texts()
        kept = Table(
            tuple(form.dtypes[number] for number in numbers),
            tuple(form.labels[number] for number in numbers),
            form.named,
        )
        return (lambda columns: [columns[number] for number in numbers]), kept if numbers else None
    if not isinstance(form, Matrix) or form.sparse or np.isscalar(chosen):
        raise Unknown("columns of something else than a frame or an array")
    # The key must stay what it is: a slice gives a view, a list a copy in another layout.
    key = chosen if isinstance(chosen, slice) else list(chosen)
    count = len(range(form.width)[key]) if isinstance(key, slice) else _count(key)
    return (lambda matrix: matrix[:, key]), Matrix(count) if count else None


def _count(key: list[Any]) -> int:
    return sum(key) if key and isinstance(key[0], (bool, np.bool_)) else len(key)


def _numbers(model: Any, form: Table, chosen: Any) -> tuple[list[int], bool]:
    """Positions of a transformer's columns in the table, and whether it gets a Series."""
    fitted = getattr(model, "feature_names_in_", None)
    labels = list(form.labels)
    if fitted is None:
        raise Unknown("a ColumnTransformer that was fitted without names")
    names = list(fitted)
    alone = isinstance(chosen, (str, int, np.integer))
    if isinstance(chosen, slice):
        edges = [_edge(names, chosen.start, 0), _edge(names, chosen.stop, len(names))]
        if isinstance(chosen.stop, str):
            edges[1] += 1  # labels: the last one is inside
        picked = names[edges[0] : edges[1] : chosen.step]
    else:
        wanted = [chosen] if alone else list(chosen)
        if wanted and isinstance(wanted[0], (bool, np.bool_)):
            picked = [name for name, yes in zip(names, wanted, strict=True) if yes]
        else:
            picked = [each if isinstance(each, str) else names[each] for each in wanted]
    return [labels.index(name) for name in picked], alone


def _edge(names: list[Any], edge: Any, default: int) -> int:
    if edge is None:
        return default
    return names.index(edge) if isinstance(edge, str) else edge
