"""Input of a function that no plain call shows: from where it is applied, and from what it calls.

emails["text"].apply(is_spam); [is_spam(text) for text in texts]
def predict(rows):
    return model.predict(scaler.transform(rows))    # rows: as in scaler.fit_transform(X_train)
def is_spam(text):
    return model.predict(vectorizer.transform([text]))[0]    # text: each of emails["text"]
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...notebook.calls import calls_of
from ...notebook.statements import Statement
from ..entries.arguments import Arguments
from ..entries.estimators import is_estimator
from ..entries.find import EntryRequest
from ..entries.networks import is_network
from ..entries.signatures import required_parameters
from ..values import kind_of, take_rows
from .candidates import Candidate, first_argument, fits_in
from .evaluate import evaluate_pure
from .fitting import LIBRARY_TABLES
from .telling import telling_rows

_MOST = 20  # items of a list are so many calls
# A fitted step is given the same kind of rows by each of these, and by its fit.
_STEPS = ("transform", "predict", "predict_proba")
_TENSORS = ("tensor", "as_tensor", "from_numpy", "Tensor", "FloatTensor")


def from_applied(
    request: EntryRequest, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[Candidate]:
    """What a function of one parameter is applied to: by ``apply`` and ``map``, in loops.

    Args:
        request: a function.
        namespace: the live namespace.
        statements: of all cells.
    """
    required = required_parameters(request)
    if len(required) != 1:
        return
    for statement in reversed(statements):
        for node in ast.walk(statement.node):
            match node:
                case ast.Call(ast.Attribute(table, "apply" | "map"), [ast.Name(name)], []):
                    pass
                case ast.Call(ast.Name("map"), [ast.Name(name), table], []):
                    pass
                case _:
                    continue
            if name == request.variable:
                items = _items(_held(table, namespace))
                yield from _cases(required[0], items, ast.unparse(node), statement.cell)
    passed = Arguments(namespace, statements).of(request.expression, required)
    for argument in passed.get(required[0], [])[: -_MOST - 1 : -1]:
        items = [item for item in [_held(argument.node, namespace)] if item is not None]
        yield from _cases(required[0], items, argument.text, argument.cell)


def _cases(parameter: str, items: list[Any], origin: str, cell: int | None) -> Iterator[Candidate]:
    if items:
        yield Candidate([{parameter: item} for item in items], origin, cell)


def _held(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    try:
        return evaluate_pure(ast.fix_missing_locations(node), namespace)
    except Exception:  # gone, or not to be had without effects
        return None


def from_inner_calls(
    request: EntryRequest, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[Candidate]:
    """What the notebook itself passes to what a function hands its one parameter to.

    Args:
        request: a function.
        namespace: the live namespace.
        statements: of all cells.
    """
    required = required_parameters(request)
    if len(required) != 1:
        return
    for callee, single in _handed_to(required[0], request, statements):
        for found in _given_to(callee, request.bind, namespace, statements):
            value = _plain(found.value)
            values = _items(value) if single else [value]
            yield from _cases(required[0], values, found.origin, found.cell)


def _handed_to(
    parameter: str, request: EntryRequest, statements: Sequence[Statement]
) -> list[tuple[ast.expr, bool]]:
    """What is called with the parameter as it came, or with a list of only it (then true)."""
    made = next((s.node for s in reversed(statements) if request.variable in s.uses.binds), None)
    found: list[tuple[ast.expr, bool]] = []
    for node in ast.walk(made) if made else ():
        match node:
            case ast.Call(callee, [ast.Name(name), *_]) if name == parameter:
                found.append((callee, False))
            case ast.Call(callee, [ast.List([ast.Name(name)]), *_]) if name == parameter:
                found.append((callee, True))
            case ast.Call(callee, [ast.Call(ast.Attribute(_, made_by), [ast.Name(name), *_])]):
                if name == parameter and made_by in _TENSORS:
                    found.append((callee, False))
    return found


def _given_to(
    callee: ast.expr,
    bound: Mapping[str, str],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Iterator[Candidate]:
    """What the notebook passes to a fitted step, a function of its own or a library's table.

    Not to any function: what is passed to ``np.sqrt`` elsewhere says nothing.
    """
    alike: list[str] = []
    steps: list[str] = []
    match callee:
        case ast.Attribute(ast.Name(name), method):
            owner = bound.get(name, name)
            methods = dict.fromkeys([method, *_STEPS]) if method in _STEPS else [method]
            if is_estimator(namespace.get(owner)):
                steps = [owner] if method in _STEPS else []
                alike = [f"{owner}.{each}" for each in methods]
            elif method in LIBRARY_TABLES:
                alike = [f"{owner}.{method}"]
        case ast.Name(name):
            held = namespace.get(bound.get(name, name))
            own = getattr(held, "__module__", "") == "__main__" or is_network(held)
            alike = [bound.get(name, name)] if own or name in LIBRARY_TABLES else []
    for text in alike:
        for call in reversed(calls_of(text, statements)):
            if not call.late:
                yield from first_argument(call.node, call.cell, namespace, whole=True)
    yield from fits_in(statements, steps, namespace)


def _plain(value: Any) -> Any:
    """An array in the place of a tensor, which the function makes of it again."""
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value


def _items(table: Any) -> list[Any]:
    """Some items of a column of values, each of which is one call's."""
    if kind_of(table) in ("frame", "") or getattr(table, "ndim", 1) != 1:
        return []
    if len(table) > _MOST:
        table = take_rows(table, telling_rows(table, _MOST))
    return table if isinstance(table, list) else list(table.tolist())
