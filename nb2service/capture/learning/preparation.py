"""Steps that prepared a model's rows without being part of it: what callers have to know."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...errors import EntryError
from ...notebook.statements import Statement
from ..entries.estimators import is_estimator, is_predictor
from ..entries.find import EntryRequest
from ..entries.functions import reached_from
from ..entries.unfold import own_nodes, unfold
from ..model import CaptureWarning
from .history import prepares_as_before, steps_before
from .trail import DUMMIES, Step

_SHOWN = 5  # no more columns are named


def preparing_steps(
    request: EntryRequest,
    origin: str,
    cell: int | None,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> tuple[Step, ...]:
    """The steps that rows went through, the one nearest to the model first.

    Args:
        request: the model's method.
        origin: the expression of the rows in the notebook.
        cell: the cell in which it stood for them; None means after the last one.
        namespace: the live namespace.
        statements: of all cells; how the names in ``origin`` came about is followed back.
    """
    end = next((i for i, s in enumerate(statements) if cell and s.cell > cell), len(statements))
    return steps_before(ast.parse(origin), end, request.value, namespace, statements)


def preparation_warnings(
    request: EntryRequest,
    paths: Sequence[Sequence[Step]],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> tuple[CaptureWarning, ...]:
    """What callers of a model must know if its rows went through steps outside of it.

    Args:
        request: the model's method.
        paths: the steps of the example and of each fit's rows.
        namespace: the live namespace.
        statements: of all cells.
    """
    fits = tuple(_steps_of_fits(request.variable, request.value, namespace, statements))
    paths = [*paths, tuple(step for step in fits if not step.of_target)]
    steps = next((steps for steps in paths if steps), ())
    whole = [step for step in steps if not step.columns and step.name != DUMMIES]
    single = [step for step in steps if step.columns]
    warnings = [_prepared(request, whole, namespace)] if whole else []
    warnings += [_encoded(request, single)] if single else []
    warnings += [_dummies(request, step) for step in steps if step.name == DUMMIES]
    in_turn = {step.name: step for path in paths for step in path if step.in_turn}
    warnings += [_in_turn(request, step) for step in in_turn.values()]
    changed = {s.name: s for path in paths for s in path if s.changed and s.name not in in_turn}
    return (
        *warnings,
        *(
            _changed(request, step)
            for step in changed.values()
            if not prepares_as_before(step, namespace, statements)
        ),
    )


def _prepared(
    request: EntryRequest, steps: Sequence[Step], namespace: Mapping[str, Any]
) -> CaptureWarning:
    names = " and ".join(step.name for step in steps)
    hint = "serve a function that does the same to its rows, with one fitted step for each"
    if _fits_together(request.value, steps, namespace):
        rows = "rows"
        for step in reversed(steps):  # they were followed back from the model
            rows = f"{step.name}.transform({rows})"
        hint = (
            f"serve a function that does both: def predict(rows): return {_asks(request)}({rows})"
        )
    return CaptureWarning(
        f"the notebook prepares the rows of {request.variable} with {names}, no part of it: "
        "callers must send rows that are prepared already",
        hint,
        request.cell,
    )


def _fits_together(model: Any, steps: Sequence[Step], namespace: Mapping[str, Any]) -> bool:
    """Whether the steps, one after the other, can make what the model takes."""
    if any(not step.is_held for step in steps):
        return False
    width = getattr(model, "n_features_in_", None)
    made = [_width_out(namespace.get(step.name)) for step in steps]
    return width is None or not made or made[0] in (None, width)


def _width_out(step: Any) -> int | None:
    """How many columns a step makes, where it makes as many as it takes or says so."""
    if hasattr(step, "n_components_"):
        return None
    keeps = hasattr(step, "scale_") or hasattr(step, "statistics_")
    return getattr(step, "n_features_in_", None) if keeps else None


def _encoded(request: EntryRequest, steps: Sequence[Step]) -> CaptureWarning:
    columns = list(dict.fromkeys(column for step in steps for column in step.columns))
    names = " and ".join(dict.fromkeys(step.name for step in steps))
    what = f"the column {columns[0]!r}" if len(columns) == 1 else f"the columns {_listed(columns)}"
    lines = [
        f'rows["{step.columns[0]}"] = {step.name}.transform(rows["{step.columns[0]}"])'
        for step in steps
        if step.is_held and not step.in_turn
    ]
    more = ", …" if len(lines) > 2 else ""
    how = f" ({', '.join(lines[:2])}{more})" if lines else ""
    return CaptureWarning(
        f"the notebook encodes {what} of {request.variable}'s rows with {names}, no part of it: "
        "callers must send codes",
        f"serve a function that encodes a copy of its rows{how} and returns {_asks(request)}(rows)",
        request.cell,
    )


def _listed(columns: Sequence[str]) -> str:
    shown = [repr(column) for column in columns[:_SHOWN]]
    return ", ".join([*shown, "…"] if len(columns) > _SHOWN else shown)


def _dummies(request: EntryRequest, step: Step) -> CaptureWarning:
    dropped = any(word.arg == "drop_first" for word in (step.call.keywords if step.call else ()))
    aligned = f".reindex(columns={request.variable}.feature_names_in_, fill_value=0)"
    hint = (
        "put a OneHotEncoder into a pipeline with the model: get_dummies(drop_first=True) drops "
        "another column for each request"
        if dropped or not hasattr(request.value, "feature_names_in_")
        else "serve a function that makes them: def predict(rows): return "
        f"{_asks(request)}(pd.get_dummies(rows){aligned})"
    )
    return CaptureWarning(
        f"the notebook makes columns of {request.variable}'s rows with get_dummies: callers must "
        "send the columns that it made",
        hint,
        step.cell,
    )


def _asks(request: EntryRequest) -> str:
    # The same words for every method of a model, so that they are said once.
    method = "predict" if is_predictor(request.value) else request.method
    return f"{request.variable}.{method}"


def _in_turn(request: EntryRequest, step: Step) -> CaptureWarning:
    columns = list(step.columns)
    which = f"each of the columns {_listed(columns)}" if len(columns) > 1 else "several columns"
    left = (
        "only what it learnt of the last one is left"
        if step.is_held
        else "none of its fits is left"
    )
    kind = "OrdinalEncoder" if "Encoder" in step.name or step.columns else "fitted step"
    return CaptureWarning(
        f"{step.name} was fitted for {which} in turn, on the way to {request.variable}: {left}, "
        "so no service can prepare rows as the training did",
        f"fit one step for each column and keep it: steps[column] = …, or one {kind} for all",
        step.cell,
    )


def _changed(request: EntryRequest, step: Step) -> CaptureWarning:
    return CaptureWarning(
        f"{step.name} was fitted or bound again after it had prepared rows for "
        f"{request.variable}, in cell [{step.cell}]: it may no longer prepare them as it did then",
        "give each fitted step a name of its own, and only transform what is not training data",
        step.changed,
    )


# --- functions that prepare rows themselves


def function_warnings(
    request: EntryRequest, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> tuple[CaptureWarning, ...]:
    """What to know of a function whose steps are not those that its models were trained with.

    Raises:
        EntryError: it certainly prepares rows otherwise than the training did.
    """
    if request.method:
        return ()
    roots = [request.variable, *request.bind.values()]
    used = {name for root in roots for name in (root, *reached_from(root, statements))}
    live = {name: namespace.get(name) for name in sorted(used)}
    models = {n: held for n, held in live.items() if is_estimator(held) and is_predictor(held)}
    warnings: list[CaptureWarning] = []
    for name, model in models.items():
        for step in _steps_of_fits(name, model, namespace, statements):
            if step.name in live and (step.changed or step.in_turn):
                warnings += _differing(request, name, step, namespace, statements)
    return tuple(dict.fromkeys(warnings))


def _differing(
    request: EntryRequest,
    model: str,
    step: Step,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Iterator[CaptureWarning]:
    if step.in_turn:
        yield CaptureWarning(
            f"{request.expression} uses {step.name}, which cell [{step.cell}] fitted for "
            f"{_listed(step.columns) or 'several columns'} in turn, on the way to {model}: only "
            "what it learnt of the last one is left",
            "fit one step for each column and keep it: steps[column] = …",
            request.cell,
        )
        return
    same = prepares_as_before(step, namespace, statements)
    if same:
        return
    said = (
        f"{request.expression} uses {step.name}, which cell [{step.changed}] fitted or bound again "
        f"after cell [{step.cell}] had prepared the data that {model} was fitted with"
    )
    mend = (
        f"run cell [{step.cell}] again, then the fit of {model}; give what cell [{step.changed}] "
        "makes a name of its own"
    )
    if same is False:
        raise EntryError(
            f"{said}: it now makes other values of the same rows, so every answer would be one "
            f"that {model} was not trained for",
            mend,
            request.cell,
        )
    yield CaptureWarning(
        f"{said}: its answers may not be those of the training", mend, request.cell
    )


def _steps_of_fits(
    name: str, model: Any, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[Step]:
    """The steps before the last fit of a model, of its rows and of its target."""
    for at in range(len(statements) - 1, -1, -1):
        statement = statements[at]
        if name not in statement.uses.binds | statement.uses.mutates:
            continue
        for part in unfold((statement,)):
            for node in own_nodes(part.node):
                match node:
                    case ast.Call(ast.Attribute(owner, "fit"), arguments) if arguments:
                        if name in statement.uses.binds or ast.unparse(owner) == name:
                            rows, *target = arguments
                            yield from steps_before(rows, at, model, namespace, statements)
                            for one in target[:1]:
                                yield from steps_before(
                                    one, at, model, namespace, statements, is_target=True
                                )
                            return
        if name in statement.uses.binds:
            return


__all__ = ["Step", "function_warnings", "preparation_warnings", "preparing_steps"]
