"""Finds input that an entry accepts: given, tagged, called with in the notebook, or in memory."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import ContractError, ExampleError, Nb2ServiceError
from ...notebook.cells import Notebook, Tag
from ...notebook.statements import Statement
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.functions import predict_functions
from ..entries.signatures import horizon_of, is_model, required_parameters
from ..model import CaptureWarning
from ..values import kind_of, same
from .calling import undisturbed
from .candidates import (
    Candidate,
    as_given,
    from_calls,
    from_example_cells,
    from_fits,
)
from .doubts import doubt
from .fitting import Example, fit_example
from .in_memory import from_namespace, is_rows
from .inner_calls import from_applied, from_inner_calls
from .missing import network_refusal, nothing_found
from .own_rows import forecasts, learnt_rows, training_rows
from .preparation import function_warnings, preparation_warnings, preparing_steps
from .targets import without_targets

# Enough for a proof, few enough to read; an explicit example may hold more.
ROWS = 20
MOST_ROWS = 1000
FEW = 5  # fewer prove little
_GIVE = '--example "EXPR" gives rows that it was made for'
CELLS = 20_000  # of a very wide table fewer rows: a bag of words in 20 rows is a megabyte


def find_example(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
    expression: str | None = None,
) -> Example:
    """Input for an entry, which the entry has been seen to accept.

    In this order: ``expression``; the notebook's service-example cells; its own calls of the
    entry; values in memory that the model's columns or width, or the function's hints, ask for.

    Args:
        request: the entry.
        namespace: the live namespace; nothing in it is changed.
        notebook: the executed cells.
        statements: of all cells.
        expression: what the person gave as the example, if anything.

    Raises:
        ExampleError: nothing was found, or what was given does not fit; says how to mend it.
        ContractError: what was given has no form on the wire.
        EntryError: the entry answers None.
    """
    if refusal := network_refusal(request, namespace):
        raise refusal
    with undisturbed():
        if expression is not None:
            given = _given(request, namespace, expression)
            return _with_warnings(given, request, namespace, statements)
        refusals: list[Nb2ServiceError] = []
        tagged = {cell.number for cell in notebook.tagged(Tag.EXAMPLE)}
        misfit = 0
        doubted: list[Candidate] = []
        for number, group in enumerate(_groups(request, namespace, notebook, statements)):
            sure: list[Candidate] = []
            for candidate in group:
                why = doubt(request, candidate.origin, candidate.cell, statements)
                (doubted if why and candidate.cell not in tagged else sure).append(candidate)
            example = _first_fit(request, namespace, sure, refusals)
            if example is not None:
                if example.cell not in tagged:  # what a person gave stays as it is
                    example = without_targets(example, request, namespace, statements)
                return _with_warnings(example, request, namespace, statements)
            if not number and refusals:
                misfit = max(tagged)
        # Rows that may be those of another data set are better than none.
        example = _first_fit(request, namespace, doubted, refusals)
        if example is not None:
            example = _with_doubt(example, request, statements)
            return _with_warnings(example, request, namespace, statements)
    # What a wire cannot carry has a mend of its own; another example is none.
    contract = next((error for error in refusals if isinstance(error, ContractError)), None)
    functions = predict_functions(namespace, statements)
    raise contract or nothing_found(request, refusals, functions, misfit)


def _with_doubt(
    example: Example, request: EntryRequest, statements: Sequence[Statement]
) -> Example:
    """The example, with the doubt whether it is of another data set; column names dispel it."""
    if example.kind == "frame" and feature_names(request.value):
        return example
    why = doubt(request, example.expression, example.cell, statements)
    said = CaptureWarning(f"the example may be of another data set: {why}", _GIVE)
    return replace(example, warnings=(*example.warnings, said))


def _with_warnings(
    example: Example,
    request: EntryRequest,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Example:
    """The example, with warnings if the notebook prepares rows otherwise than the entry does."""
    if not is_model(request):
        told = function_warnings(request, namespace, statements)
        return replace(example, warnings=(*example.warnings, *told))
    origins = [(example.expression, example.cell)]
    origins += [(fit.origin, fit.cell) for fit in from_fits(request, namespace, statements)]
    paths = [preparing_steps(request, *origin, namespace, statements) for origin in origins]
    told = preparation_warnings(request, paths, namespace, statements)
    return replace(example, warnings=(*example.warnings, *told))


def _groups(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
) -> Iterator[Iterable[Candidate]]:
    """Candidates by where they come from, the most telling source first."""
    yield from_example_cells(request, namespace, notebook, statements)
    if horizon_of(request):
        yield forecasts(request)
        return
    called = sorted(from_calls(request, namespace, statements), key=_fewness)
    held = list(from_namespace(request, namespace, statements))
    if not is_model(request):
        yield called
        yield from_applied(request, namespace, statements)
        yield sorted(from_inner_calls(request, namespace, statements), key=_fewness_within)
        yield held
        if not called and not required_parameters(request):
            yield [Candidate([{}], f"{request.expression}()", request.cell)]
        return
    names = feature_names(request.value)

    # A few rows prove little, and rows without the model's column names say nothing about them:
    # they come after others that are certain to be the model's own.
    def poor(c: Candidate) -> bool:
        return _rows_in(c.value) < FEW or bool(names and kind_of(c.value) != "frame")

    yield [c for c in called if not poor(c)]
    yield training_rows(request)
    fitted = list(from_fits(request, namespace, statements))
    few = [c for c in called if poor(c)]
    # Without column names, a value of the right width may belong to another model; with names,
    # it may still lack the preparation that the fit's rows went through.
    alike = [c for c in held if (kind_of(c.value) != "frame" if names else not is_rows(c.origin))]
    held = [c for c in held if (kind_of(c.value) == "frame" if names else is_rows(c.origin))]
    sure = names and not any(
        preparing_steps(request, c.origin, c.cell, namespace, statements) for c in fitted
    )
    yield from (held, fitted, few) if sure else (fitted, few, held)
    yield from_calls(request, namespace, statements, since=False)
    yield learnt_rows(request)
    yield alike


def _fewness(candidate: Candidate) -> int:
    """Sorts candidates of many rows first; those that hold enough stay as they were."""
    value = candidate.value
    if isinstance(value, list) and value and isinstance(value[0], dict):  # a function's call
        tables = [item for item in value[0].values() if kind_of(item) == "frame"]
        return -min(max(map(_rows_in, tables), default=1), ROWS)
    return -min(_rows_in(value), ROWS)


def _fewness_within(candidate: Candidate) -> int:
    """As ``_fewness``, for what is passed to the steps of a function: tables of any kind."""
    tables = [item for case in candidate.value for item in case.values()]
    return -min(max(len(candidate.value), *map(_rows_in, tables)), ROWS)


def _enough(value: Any) -> int:
    """How many rows of a value make an example."""
    width: int = math.prod(getattr(value, "shape", ())[1:])
    return max(FEW, min(ROWS, CELLS // max(width, 1)))


def _rows_in(value: Any) -> int:
    """How many rows a value holds; 1 for what is no table."""
    if kind_of(value):
        return len(value)
    shape = getattr(value, "shape", None)  # a sparse matrix
    return int(shape[0]) if isinstance(shape, tuple) and shape else 1


def _first_fit(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    candidates: Iterable[Candidate],
    refusals: list[Nb2ServiceError],
) -> Example | None:
    """The first candidate that the entry accepts; of a function's plain calls all of them."""
    calls: list[Example] = []
    for candidate in candidates:
        try:
            example = fit_example(request, namespace, candidate, _enough(candidate.value))
        except (ExampleError, ContractError) as error:
            refusals.append(error)
            continue
        if example.kind == "arguments":
            calls.append(example)
        elif not calls:
            return example
        if len(calls) == ROWS:
            break
    return _joined(calls) if calls else None


def _joined(examples: Sequence[Example]) -> Example:
    """Several calls of a function as several cases, in the order in which they were made."""
    first = examples[0]
    distinct: list[Any] = []
    for example in reversed(examples):
        for case in example.value:
            if not any(same(case, known) for known in distinct):
                distinct.append(case)
    origins = list(dict.fromkeys(example.origin for example in reversed(examples)))
    shown = [*origins[:3], "…"] if len(origins) > 3 else origins
    return replace(first, value=distinct[:ROWS], origin="; ".join(shown))


def _given(request: EntryRequest, namespace: Mapping[str, Any], expression: str) -> Example:
    """The example that the person gave."""
    try:
        value = eval(expression.strip(), dict(namespace))
    # The expression is the person's own code: whatever it raises is told.
    except (Exception, SystemExit) as error:
        raise ExampleError(
            f"the example {expression!r} cannot be evaluated: {type(error).__name__}: {error}",
            _close_names(error, namespace) or "give an expression that the notebook could evaluate",
        ) from None
    candidate = Candidate(as_given(request, value), expression.strip(), None)
    try:
        return fit_example(request, namespace, candidate, MOST_ROWS)
    except ExampleError as error:
        why = _misfit(request, value) or error.message
        raise ExampleError(
            f"the example {expression!r} does not fit entry {request.name!r}: {why}",
            "give rows such as the notebook itself passes to it",
        ) from None


def _close_names(error: BaseException, namespace: Mapping[str, Any]) -> str:
    name = getattr(error, "name", None)
    if not isinstance(error, (NameError, AttributeError)) or not name:
        return ""
    known = dir(error.obj) if isinstance(error, AttributeError) else list(namespace)
    close = difflib.get_close_matches(name, [n for n in known if not n.startswith("_")], 3)
    return f"did you mean {' or '.join(close)}?" if close else ""


def _misfit(request: EntryRequest, value: Any) -> str:
    """What a model misses in a value, in terms of columns; "" if that is not what is wrong."""
    if not is_model(request):
        return ""
    names, width = feature_names(request.value), getattr(request.value, "n_features_in_", None)
    if kind_of(value) == "frame" and names:
        missing = [name for name in names if name not in value.columns]
        return f"it lacks the columns {', '.join(missing)}" if missing else ""
    if kind_of(value) in ("frame", "array") and width is not None:
        columns = value.shape[1] if value.ndim > 1 else 1
        if value.ndim < 2 or columns != width:
            return f"it has {columns} columns, the model was fitted with {width}"
    return ""
