"""Values in a notebook that could be an entry's example, best first."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...notebook.calls import Call, calls_of
from ...notebook.cells import Notebook, Tag
from ...notebook.statements import Statement
from ..entries.estimators import is_estimator
from ..entries.find import EntryRequest
from ..entries.signatures import function_of, is_model, own_parameters, required_parameters
from ..values import kind_of
from .evaluate import ImpureError, evaluate_pure

# What else a notebook calls on a model shows its input too.
_TELLING_METHODS = (
    "predict",
    "predict_proba",
    "decision_function",
    "predict_log_proba",
    "transform",
    "score",
)


_TABLES = ("frame", "array", "series", "list")


@dataclass(frozen=True)
class Candidate:
    """A value that could be an entry's example.

    Attributes:
        value: rows for a model; for a function the keyword dicts of its calls.
        origin: the expression that it is the value of.
        cell: the cell that calls the entry with it, or else binds it, if known.
        arguments: of a function's call, the expression of each argument.
    """

    value: Any
    origin: str
    cell: int | None
    arguments: Mapping[str, str] = field(default_factory=dict)


def from_example_cells(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
) -> Iterator[Candidate]:
    """Values of the last expression or binding of each service-example cell, last cell first."""
    for cell in reversed(notebook.tagged(Tag.EXAMPLE)):
        own = [statement for statement in statements if statement.cell == cell.number]
        if not own:
            continue
        node = own[-1].node
        if isinstance(node, ast.Expr):
            called = [
                candidate
                for candidate in from_calls(request, namespace, own[-1:], whole=False)
                if isinstance(node.value, ast.Call)
            ]
            if called:
                yield from called
                continue
            origin = ast.unparse(node.value)
            shown = namespace.get("Out", {})
            if cell.number in shown:
                value = shown[cell.number]
            else:
                try:
                    value = evaluate_pure(node.value, namespace)
                except Exception:  # not to be had again without running the cell
                    continue
        else:
            bound = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_bound(n)]
            if not bound or bound[-1] not in namespace:
                continue
            origin, value = bound[-1], namespace[bound[-1]]
        yield Candidate(as_given(request, value), origin, cell.number)


def _is_bound(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Store)


def as_given(request: EntryRequest, value: Any) -> Any:
    """A value as an entry's input: itself for a model, a list of keyword dicts for a function.

    A function's input may be written as keywords, as a list of keywords, as a tuple of arguments,
    as a frame with a column for each argument, or as the one argument itself.
    """
    if is_model(request):
        return value
    parameters = own_parameters(request)
    names = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
    free = len(names) < len(parameters)
    required = required_parameters(request)

    def is_call(item: Any) -> bool:
        return (
            isinstance(item, dict)
            and all(name in item for name in required)
            and (all(key in names for key in item) or free)
        )

    if is_call(value):
        return [value]
    if isinstance(value, list) and value and all(map(is_call, value)):
        return value
    if isinstance(value, tuple) and len(required) > 1 and len(required) <= len(value) <= len(names):
        return [dict(zip(names, value, strict=False))]
    if kind_of(value) == "frame" and len(required) > 1 and set(required) <= set(value.columns):
        known = [name for name in names if name in value.columns]
        return value[known].to_dict("records")
    return [{request.parameter or (names[0] if names else ""): value}]


def from_calls(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    whole: bool = True,
    since: bool = True,
) -> Iterator[Candidate]:
    """Arguments of the notebook's own calls, the last call first.

    Args:
        request: the entry.
        namespace: the live namespace.
        statements: those in which calls are looked for.
        whole: whether to try the table before the few rows of it that a call takes.
        since: whether to pass over calls of a model from before its name was bound last, which
            may have been those of another one.
    """
    if is_model(request):
        yield from _from_method_calls(request, namespace, statements, whole, since)
        return
    calls = [call for call in calls_of(_callee(request), statements) if not call.late]
    for call in reversed(calls):
        try:
            arguments = _arguments(call, request, namespace)
            values = {name: evaluate_pure(node, namespace) for name, node in arguments.items()}
        # Names that are gone, positions out of range, effects: this call shows nothing any more.
        except Exception:
            continue
        if whole and len(arguments) == 1:
            [(name, node)] = arguments.items()
            for rows, origin in _whole(node, namespace, ("frame",)):
                yield Candidate([{name: rows}], origin, call.cell)
        sources = {name: ast.unparse(node) for name, node in arguments.items()}
        yield Candidate([values], ast.unparse(call.node), call.cell, sources)


def _from_method_calls(
    request: EntryRequest,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    whole: bool,
    since: bool,
) -> Iterator[Candidate]:
    owners = _owners(request, namespace)
    starts = {owner: _bound_last(owner, statements) if since else 0 for owner in owners}
    for method in dict.fromkeys([request.method, *_TELLING_METHODS]):
        calls = [
            call
            for owner, start in starts.items()
            for call in calls_of(f"{owner}.{method}", statements[start:])
        ]
        calls.sort(key=lambda call: call.cell)
        for call in reversed(calls):
            if not call.late:
                yield from first_argument(call.node, call.cell, namespace, whole)


def from_fits(
    request: EntryRequest, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[Candidate]:
    """Rows that the notebook fitted a model with, the last fit first.

    ``model.fit(X, y)`` and ``model = make_pipeline(…).fit(X, y)`` alike. What was fitted under its
    name before that was bound last is another model.
    """
    owners = _owners(request, namespace)
    start = min(_bound_last(owner, statements) for owner in owners)
    found = fits_in(statements[start:], owners, namespace)
    # A fitted model without a fit since then: the cell that binds its name again did not get there.
    yield from found or fits_in(statements, owners, namespace)


def fits_in(
    statements: Sequence[Statement], owners: Sequence[str], namespace: Mapping[str, Any]
) -> list[Candidate]:
    """Rows that are passed to ``fit`` and ``fit_transform`` of the owners, the last ones first."""
    return [
        candidate
        for statement in reversed(statements)
        for node in ast.walk(statement.node)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("fit", "fit_transform")
        and (ast.unparse(node.func.value) in owners or statement.uses.binds & set(owners))
        for candidate in first_argument(node, statement.cell, namespace, whole=True)
    ]


def _owners(request: EntryRequest, namespace: Mapping[str, Any]) -> list[str]:
    """Expressions for the model, and for the search that it is the best one of."""
    holders = [
        name
        for name, value in namespace.items()
        if value is request.value
        or (is_estimator(value) and getattr(value, "best_estimator_", None) is request.value)
    ]
    return list(dict.fromkeys([owner_of(request), *holders]))


def _bound_last(expression: str, statements: Sequence[Statement]) -> int:
    """Index of the statement that bound the name last at which an expression starts, else 0."""
    root = re.split(r"\W", expression, maxsplit=1)[0]
    return max((i for i, s in enumerate(statements) if root in s.uses.binds), default=0)


def owner_of(request: EntryRequest) -> str:
    """The expression of the model, without the method that may have been asked for."""
    ending = f".{request.method}"
    return request.expression.removesuffix(ending) or request.variable


def _callee(request: EntryRequest) -> str:
    ending = f".{request.method}" if request.method else ""
    return request.expression.removesuffix(ending) + ending


def _whole(
    node: ast.expr, namespace: Mapping[str, Any], kinds: Sequence[str]
) -> Iterator[tuple[Any, str]]:
    """The table of which an argument takes some rows, ``X_test`` of ``X_test.head()``.

    It proves more, and shows where values can be missing.
    """
    table = node
    while True:
        match table:
            case ast.Call(ast.Attribute(owner, "head" | "tail" | "sample")):
                table = owner
            case ast.Subscript(ast.Attribute(owner, "iloc"), ast.Slice()):
                table = owner
            case ast.Subscript(owner, ast.Slice()):
                table = owner
            case _:
                break
    if table is node:
        return
    try:
        value = evaluate_pure(table, namespace)
    except Exception:  # gone or not to be had without effects; the argument itself may be
        return
    if kind_of(value) in kinds:
        yield value, ast.unparse(table)


def first_argument(
    node: ast.Call, cell: int, namespace: Mapping[str, Any], whole: bool
) -> Iterator[Candidate]:
    """The rows that a call passes, before them the table that they are a part of."""
    named = [keyword.value for keyword in node.keywords if keyword.arg in ("X", "data")]
    for argument in [*node.args, *named][:1]:
        if whole:
            for value, origin in _whole(argument, namespace, _TABLES):
                yield Candidate(value, origin, cell)
        try:
            value = evaluate_pure(argument, namespace)
        # Names that are gone, positions out of range, effects: this call shows nothing any more.
        except Exception:
            return
        yield Candidate(value, ast.unparse(argument), cell)


def _arguments(
    call: Call, request: EntryRequest, namespace: Mapping[str, Any]
) -> dict[str, ast.expr]:
    """The call's arguments by name, without those that are bound and those left at a default.

    Raises:
        ImpureError: some are unpacked (``*rows``, ``**customer``) from what is no literal.
        TypeError: the function does not take such arguments any more.
    """
    named: dict[str, ast.expr] = {}
    for keyword in call.node.keywords:
        if keyword.arg is not None:
            named[keyword.arg] = keyword.value
            continue
        unpacked = evaluate_pure(keyword.value, namespace)
        named |= {
            name: ast.Subscript(keyword.value, ast.Constant(name), ast.Load()) for name in unpacked
        }
    if any(isinstance(argument, ast.Starred) for argument in call.node.args):
        raise ImpureError(ast.unparse(call.node))
    signature = inspect.signature(function_of(request))
    nodes: dict[str, Any] = signature.bind_partial(*call.node.args, **named).arguments
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            nodes |= nodes.pop(parameter.name, {})
    return {
        name: ast.fix_missing_locations(node)
        for name, node in nodes.items()
        if name not in request.bind and isinstance(node, ast.expr)
    }
