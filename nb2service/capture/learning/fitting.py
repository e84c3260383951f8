"""Tries a candidate on its entry, in the form in which a service could pass it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from ...errors import ContractError, ExampleError
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.signatures import is_model, own_parameters, required_parameters
from ..model import CaptureWarning
from ..values import kind_of, pandas_is, same, take_rows, type_name
from .calling import Caller
from .candidates import Candidate
from .closeness import measure
from .contents import as_received
from .outputs import by_position, dense, to_wire
from .telling import telling_rows

# Rows among which the example's are looked for; a copy of more would be felt.
_LOOK = 10_000


# Tables of XGBoost and CatBoost, which are made of a frame or an array.
LIBRARY_TABLES = ("DMatrix", "QuantileDMatrix", "Pool")


@dataclass(frozen=True)
class Example:
    """Input that an entry accepts.

    Attributes:
        value: a frame, array, Series or list of rows (with a fresh index), or for ``arguments``
            a list of keyword dicts, one a call.
        origin: where it comes from, in the notebook's words: ``20 rows of X_test``.
        expression: what its rows were taken from: ``X_test``.
        cell: the cell that calls the entry with it, or else binds it, if known.
        kind: as ``Input.kind``: ``frame``, ``array``, ``series``, ``list`` or ``arguments``.
        parameter: the function's parameter that takes the rows; "" for models and arguments.
        warnings: what had to be done to it.
        answers: what the entry answered to all rows at once, in wire form; None for arguments.
    """

    value: Any
    origin: str
    expression: str
    cell: int | None
    kind: str
    parameter: str = ""
    warnings: tuple[CaptureWarning, ...] = ()
    answers: Any = field(default=None, compare=False, repr=False)


def fit_example(
    request: EntryRequest, namespace: Mapping[str, Any], candidate: Candidate, most: int
) -> Example:
    """The candidate as an example, after the entry has answered it.

    Args:
        request: the entry.
        namespace: the live namespace, for what is bound.
        candidate: what to try.
        most: rows to take of it.

    Raises:
        ExampleError: the entry raised.
        ContractError: it has no form on the wire.
        EntryError: the entry answers None.
    """
    if is_model(request):
        parameters = own_parameters(request)
        if _holds_rows(candidate.value) or not parameters:
            return _fit_rows(request, namespace, candidate, candidate.value, "", most)
        # A class of the notebook whose method takes one record.
        case = {parameters[0].name: candidate.value}
        return _fit_arguments(request, namespace, candidate, [case])
    cases: list[dict[str, Any]] = candidate.value
    parameter = _rows_parameter(request, cases[0]) if len(cases) == 1 else None
    if parameter is None:
        return _fit_arguments(request, namespace, candidate, cases[:most])
    rows = cases[0][parameter]
    shown = replace(candidate, origin=candidate.arguments.get(parameter, candidate.origin))
    try:
        example = _fit_rows(request, namespace, shown, rows, parameter, most)
    except ExampleError:
        if kind_of(rows) == "frame":
            raise
        # Not rows but one thing: an image, a row of a frame.
        return _fit_arguments(request, namespace, candidate, cases)
    if example.kind != "frame" and not _answers_each(request, namespace, example):
        return _fit_arguments(request, namespace, candidate, cases)
    left = {name: value for name, value in cases[0].items() if name != parameter}
    return replace(example, warnings=(*example.warnings, *_left_out(request, left)))


def _rows_parameter(request: EntryRequest, keywords: Mapping[str, Any]) -> str | None:
    """The argument that could hold rows, if the function can do without the other ones."""
    needed = set(required_parameters(request))
    tables = [name for name, value in keywords.items() if _holds_rows(value)]
    if request.parameter in tables:
        tables = [request.parameter]
    return tables[0] if len(tables) == 1 and needed <= {tables[0]} else None


def _left_out(request: EntryRequest, left: Mapping[str, Any]) -> list[CaptureWarning]:
    defaults = {p.name: p.default for p in own_parameters(request)}
    return [
        CaptureWarning(
            f"entry {request.name!r}: the notebook passes {name}={value!r}; the service uses the "
            f"default {defaults.get(name)!r}",
            f"--bind {name}=NAME, where NAME holds {value!r}",
            request.cell,
        )
        for name, value in left.items()
        if not same(value, defaults.get(name))
    ]


def _fit_rows(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    candidate: Candidate,
    value: Any,
    parameter: str,
    most: int,
) -> Example:
    warnings: list[CaptureWarning] = []
    origin = candidate.origin
    if kind_of(value) == "frame":
        value = value.head(_LOOK)
    if is_model(request):
        value, origin = _in_the_models_terms(request, value, origin)
    value, note = _dense_rows(request, value, namespace)
    if note:
        warnings.append(CaptureWarning(note, "", candidate.cell))
    kind = kind_of(value)
    if not kind:
        raise ContractError(
            f"entry {request.name!r}: the input {origin} is a {type_name(value)}, not rows",
            "give a frame, an array, a Series or a list",
            candidate.cell,
        )
    if not len(value):
        raise ExampleError(f"{origin} has no rows", cell=candidate.cell)
    call = Caller(request, namespace, parameter=parameter)
    if kind == "list":
        where = f"entry {request.name!r}: the input"
        value = as_received(value, lambda rows: _answer(call, rows), where)
    value, origin, answer = _answered_rows(call, value, most, origin)
    fresh = value.reset_index(drop=True) if kind in ("frame", "series") else value
    if fresh is not value and not _is_counted(value.index):
        _check_index(call, value, fresh, answer, origin)
    return Example(
        fresh, origin, candidate.origin, candidate.cell, kind, parameter, tuple(warnings), answer
    )


def _answered_rows(call: Caller, value: Any, most: int, origin: str) -> tuple[Any, str, Any]:
    """Rows that the entry answers, where they come from, and the answer in wire form."""
    if len(value) <= most:
        return value, origin, _answer(call, value)
    origin = f"{most} rows of {origin}"
    rows = take_rows(value, telling_rows(value, most))
    try:
        return rows, origin, _answer(call, rows)
    except ExampleError:
        # Of a whole table, not every row may be one that the entry takes.
        rows = take_rows(value, range(most))
        return rows, origin, _answer(call, rows)


def _in_the_models_terms(request: EntryRequest, value: Any, origin: str) -> tuple[Any, str]:
    """The model's own columns in its own order; nested lists of numbers as an array of floats."""
    names = list(feature_names(request.value))
    if kind_of(value) == "frame" and names and set(names) <= set(value.columns):
        if list(value.columns) != names:
            owner = request.variable
            return value[names], f"{origin}[{owner}.feature_names_in_]"
        return value, origin
    # A literal such as [[3, 1]] stands for measurements; their numbers may have fractions.
    if kind_of(value) == "array" and value.dtype.kind in "iu" and "[[" in origin:
        return value.astype(float), origin
    if isinstance(value, list) and value and isinstance(value[0], (list, tuple)):
        import numpy as np

        try:
            return np.array(value, dtype=float), origin
        except (TypeError, ValueError):
            return value, origin
    return value, origin


def _holds_rows(value: Any) -> bool:
    return bool(kind_of(value)) or _is_sparse(value) or _is_foreign(value)


def _is_sparse(value: Any) -> bool:
    return hasattr(value, "toarray") and hasattr(value, "nnz")


def _is_foreign(value: Any) -> bool:
    """Whether a value is a table or tensor of a library that the wire does not carry."""
    shaped = hasattr(value, "shape") and bool(getattr(value, "ndim", 2))
    return not kind_of(value) and (shaped or type(value).__name__ in LIBRARY_TABLES)


def _conversion(request: EntryRequest, value: Any, namespace: Mapping[str, Any]) -> str:
    kind = type(value)
    if kind.__name__ not in LIBRARY_TABLES or not request.method:
        return "…"
    library = kind.__module__.partition(".")[0]
    held = [name for name, v in namespace.items() if isinstance(v, ModuleType)]
    library = next((name for name in held if namespace[name].__name__ == library), library)
    model = request.variable
    # A Booster that knows its columns refuses an array without them.
    known = getattr(request.value, "feature_names", None) if kind.__name__ != "Pool" else None
    names = f", feature_names={model}.feature_names" if known else ""
    return f"return {model}.{request.method}({library}.{kind.__name__}(rows{names}))"


def _dense_rows(request: EntryRequest, value: Any, namespace: Mapping[str, Any]) -> tuple[Any, str]:
    """The rows without sparse storage, and what to know about that."""
    where = f"entry {request.name!r}: the input"
    if _is_sparse(value):
        value = value.tocsr()[:_LOOK].toarray()
        return value, f"{where} is a sparse matrix; the service takes and passes dense rows"
    if pandas_is(value, "DataFrame"):
        kinds = [type(dtype).__name__ for dtype in value.dtypes]
        sparse = [n for n, kind in zip(value.columns, kinds, strict=True) if kind == "SparseDtype"]
        if sparse:
            dense_columns = {name: value[name].sparse.to_dense() for name in sparse}
            return value.assign(**dense_columns), (
                f"{where} has sparse columns; the service takes and passes dense ones"
            )
    if _is_foreign(value):
        raise ContractError(
            f"{where} is a {type_name(value)}, which has no form in JSON",
            "serve a function that takes a frame or an array and converts it: "
            f"def predict(rows): {_conversion(request, value, namespace)}",
            request.cell,
        )
    return value, ""


def _answer(call: Caller, rows: Any) -> Any:
    """The wire form of the answer for rows, whose index may well be the answer's too."""
    return to_wire(by_position(dense(call.untouched(rows)), len(rows)), call.request)


def _is_counted(index: Any) -> bool:
    return bool(pandas_is(index, "RangeIndex") and index.start == 0 and index.step == 1)


def _check_index(call: Caller, value: Any, fresh: Any, answer: Any, origin: str) -> None:
    """Refuse an entry whose answer depends on the index, which does not travel."""
    try:
        if measure(answer, _answer(call, fresh)).close:
            return
    except ExampleError:  # it asks the index for what only another one has
        if kind_of(value) != "frame":  # a row of a frame is no column
            raise
    again = _answer(call, value)
    if measure(answer, again).close:
        raise ContractError(
            f"entry {call.request.name!r}: the answer depends on the index of {origin}, "
            "which does not travel",
            "make it a column that the entry reads: X = X.reset_index()",
            call.request.cell,
        )


def _answers_each(request: EntryRequest, namespace: Mapping[str, Any], example: Example) -> bool:
    """Whether the function answers once for each row; else its argument is one thing, not rows."""
    call = Caller(request, namespace, parameter=example.parameter)
    count = len(example.value)

    def each(rows: Any) -> bool:
        answer = dense(call.untouched(rows))
        return bool(kind_of(answer)) and len(answer) == len(rows)

    try:  # an image of four rows may have an answer of four numbers
        return each(example.value) and (count < 2 or each(example.value[: count - 1]))
    except ExampleError:  # too few rows
        return True


def _fit_arguments(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    candidate: Candidate,
    cases: Sequence[Mapping[str, Any]],
) -> Example:
    call = Caller(request, namespace, arguments=True)
    made: list[dict[str, Any]] = []
    for case in cases:
        case = _with_uploads(call, case)
        plain = {name: _as_argument(value) for name, value in case.items()}
        changed = any(plain[name] is not case[name] for name in case)
        answer = to_wire(dense(call.untouched(dict(case))), request)
        if changed and not _answers_so(call, plain, answer):
            raise ContractError(
                f"entry {request.name!r}: a row as a Series has no form in JSON",
                "let the function take a dict, or a frame of rows",
                request.cell,
            )
        made.append(plain)
    return Example(made, candidate.origin, candidate.origin, candidate.cell, "arguments")


def _with_uploads(call: Caller, case: Mapping[str, Any]) -> dict[str, Any]:
    """The case with files as the service passes them."""
    made = dict(case)
    for name in made:

        def answers(value: Any, name: str = name) -> None:
            to_wire(dense(call.untouched({**made, name: value})), call.request)

        where = f"entry {call.request.name!r}, argument {name!r}"
        made[name] = as_received(made[name], answers, where)
    return made


def _answers_so(call: Caller, keywords: Mapping[str, Any], answer: Any) -> bool:
    try:
        return measure(to_wire(dense(call.untouched(keywords)), call.request), answer).close
    except ExampleError:
        return False


def _as_argument(value: Any) -> Any:
    """A row of a frame as a dict; functions read both by label."""
    if kind_of(value) == "series" and all(isinstance(label, str) for label in value.index):
        return value.to_dict()
    return value
