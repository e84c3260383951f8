"""Categories by table: an encoder is asked once for each of them, and looked up from then on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .columns import is_text
from .known import Declined, Form, Matrix, Step, Table, Unknown, bare, check_width, transformer

MOST_CELLS = 2**22  # of an array that scikit-learn itself would hold as a sparse matrix
_MISSING = object()  # the key of NaN, which is not equal to itself


class Codes:
    """What an encoder makes of one column's values.

    Args:
        table: code by category; ``_MISSING`` is NaN.
        unknown: the code of everything else; None where the encoder refuses it.
        dtype: the contract's dtype of the column.
    """

    def __init__(self, table: dict[Any, Any], unknown: Any, dtype: str) -> None:
        self._get = table.get
        self._missing = table.get(_MISSING, unknown)
        self._unknown = unknown
        self._dtype = dtype

    def __call__(self, column: Any) -> list[Any]:
        """The code of each value.

        Raises:
            Declined: a value that the encoder refuses.
        """
        values = column if type(column) is list else column.tolist()
        codes = list(map(self._get, values))
        if None in codes:
            codes = [
                self._other(value) if code is None else code
                for value, code in zip(values, codes, strict=True)
            ]
        return codes

    def _other(self, value: Any) -> Any:
        if value is None and self._dtype == "string":
            raise Declined("pandas.NA")
        missing = type(value) is float and value != value
        missing = missing or (value is None and self._dtype == "str")
        code = self._missing if missing else self._unknown
        if code is None:
            raise Declined("an unknown category")
        return code


def column_values(form: Form) -> tuple[Step, tuple[str, ...]]:
    """What gives the columns one by one, and their dtypes.

    Raises:
        Unknown: neither columns nor an array.
    """
    if isinstance(form, Table):
        return (lambda columns: columns), form.dtypes
    if isinstance(form, Matrix) and not form.sparse:
        return (lambda matrix: list(matrix.T)), ("float64",) * form.width
    raise Unknown("categories of a sparse matrix or of texts")


def _ask(model: Any, categories: list[Any]) -> Any:
    """What an encoder answers to a table that holds all categories of each column, row by row."""
    rows = max(map(len, categories))
    padded = [np.concatenate([c, np.repeat(c[:1], rows - len(c))]) for c in categories]
    kinds = {column.dtype for column in padded}
    if len(kinds) == 1:
        given: Any = np.stack(padded, axis=1)
    else:
        import pandas as pd

        given = pd.DataFrame(dict(enumerate(padded)))
    return bare(model).transform(given)


def _check_categories(categories: list[Any], dtypes: tuple[str, ...]) -> None:
    for known, dtype in zip(categories, dtypes, strict=True):
        if is_text(dtype):
            alike = known.dtype == object or dtype == "category"
        else:
            alike = known.dtype.kind == np.dtype(dtype).kind and known.dtype.kind in "iuf"
        if not alike or not len(known):
            raise Unknown("categories of another kind than the column's values")


def _key(category: Any) -> Any:
    return _MISSING if category != category else category


def _strange(known: Any) -> Any:
    """A value that is not among the categories.

    Raises:
        Unknown: none was found.
    """
    if known.dtype == object:
        return "\0 not a category \0"
    value = known[np.isfinite(known)].max() + known.dtype.type(1)
    if value in known:  # beyond the greatest number of the dtype
        raise Unknown("categories up to the greatest number")
    return value


def _unknown_row(model: Any, categories: list[Any]) -> Any:
    """What an encoder answers to unknown categories only; None where it refuses them."""
    if model.handle_unknown == "error":
        return None
    return _ask(model, [_array_of(_strange(known), known.dtype) for known in categories])


def _array_of(value: Any, dtype: Any) -> Any:
    made = np.empty(1, dtype)
    made[0] = value
    return made


@transformer("OneHotEncoder")
def _one_hot(model: Any, form: Form) -> tuple[Step, Form]:
    check_width(model, form)
    if model.dtype not in (float, np.float64):
        raise Unknown("one-hot codes other than float64")
    split, dtypes = column_values(form)
    categories = model.categories_
    _check_categories(categories, dtypes)
    asked = _ask(model, categories)
    unknown = _unknown_row(model, categories)
    starts = np.cumsum([0, *model._n_features_outs]).tolist()
    codes = []
    for number, known in enumerate(categories):
        ends = starts[number], starts[number + 1]
        places = _places(asked, *ends)
        table = {_key(category): places[row] for row, category in enumerate(known.tolist())}
        strange = None if unknown is None else _places(unknown, *ends)[0]
        codes.append(Codes(table, strange, dtypes[number]))
    places_of = _one_hot_places(split, codes)
    dense = _one_hot_dense(places_of, starts[-1])
    if type(asked) is np.ndarray:
        return dense, Matrix(starts[-1])
    sparse = _one_hot_sparse(places_of, starts[-1], type(asked))
    return sparse, Matrix(starts[-1], True, dense, places_of)


def _places(answer: Any, start: int, stop: int) -> list[int]:
    """The column that is 1 in each row of an encoder's answer, between two columns; -1: none."""
    rows, columns = answer.nonzero()
    here = (start <= columns) & (columns < stop)
    places: Any = np.full(answer.shape[0], -1)
    places[rows[here]] = columns[here]
    return list(places.tolist())


def _one_hot_places(split: Step, codes: list[Codes]) -> Step:
    def run(value: Any) -> Any:
        columns = split(value)
        return np.array(
            [code(column) for code, column in zip(codes, columns, strict=True)], np.int32
        ).T

    return run


def _one_hot_dense(places_of: Step, width: int) -> Step:
    def run(value: Any) -> Any:
        places = places_of(value)
        count = len(places)
        if count * width > MOST_CELLS:
            raise Declined("an array that is too large")
        rows = np.arange(count)[:, np.newaxis]
        answer = np.zeros((count, width))
        known = places >= 0
        if known.all():
            answer[rows, places] = 1.0
        else:
            answer[np.broadcast_to(rows, places.shape)[known], places[known]] = 1.0
        return answer

    return run


def _one_hot_sparse(places_of: Step, width: int, kind: Callable[..., Any]) -> Step:
    def run(value: Any) -> Any:
        places = places_of(value)
        known = places >= 0
        pointers: Any = np.zeros(len(places) + 1, np.int32)
        np.cumsum(known.sum(axis=1), out=pointers[1:])
        indices = places[known]
        return kind((np.ones(len(indices)), indices, pointers), shape=(len(places), width))

    return run


@transformer("OrdinalEncoder")
def _ordinal(model: Any, form: Form) -> tuple[Step, Form]:
    check_width(model, form)
    split, dtypes = column_values(form)
    categories = model.categories_
    _check_categories(categories, dtypes)
    asked = _ask(model, categories)
    unknown = _unknown_row(model, categories)
    codes = []
    for number, known in enumerate(categories):
        column = asked[:, number].tolist()
        table = {_key(category): column[row] for row, category in enumerate(known.tolist())}
        strange = None if unknown is None else unknown[0, number].item()
        codes.append(Codes(table, strange, dtypes[number]))

    def run(value: Any) -> Any:
        made = [code(column) for code, column in zip(codes, split(value), strict=True)]
        return np.ascontiguousarray(np.array(made, asked.dtype).T)

    return run, Matrix(len(codes))


def impute_texts(fill: list[Any], form: Table) -> tuple[Step, Form]:
    """The step of an imputer that fills missing texts.

    Raises:
        Unknown: a column has nothing to fill in.
    """
    if any(value != value or value is None for value in fill):
        raise Unknown("columns without a value to fill in")
    plain = [dtype == "str" for dtype in form.dtypes]
    absent = [dtype == "string" for dtype in form.dtypes]

    def run(columns: Any) -> Any:
        filled = []
        for column, value, none_too, refused in zip(columns, fill, plain, absent, strict=True):
            values = column if type(column) is list else column.tolist()
            if refused and None in values:
                raise Declined("pandas.NA")
            filled.append([value if v != v or (none_too and v is None) else v for v in values])
        return filled

    return run, Table(("object",) * len(fill), form.labels, named=False)
