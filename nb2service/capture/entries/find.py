"""Which functions and models become endpoints.

In this order: what was asked for; what cells tagged ``service-predict`` and ``service-model``
hold; the one fitted model or the one function that predicts. Else the person is asked, with the
candidates as commands ready to type.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...errors import EntryError
from ...notebook.cells import Cell, Notebook, Tag
from ...notebook.statements import Statement
from ..model import CaptureWarning
from . import question
from .binding import Binding, find_binding
from .discovery import Discovery
from .estimators import is_estimator, methods
from .expressions import Found, evaluate
from .forecasts import horizon, steps_asked
from .functions import predict_functions
from .refusals import check_answers, check_fits
from .routes import with_routes
from .servable import cell_of, models_in


@dataclass(frozen=True)
class EntryRequest:
    """One thing to serve, found but not yet called.

    Attributes:
        name: its route, an identifier.
        variable: the name that ``notebook.py`` binds: ``model``, ``predict``, ``models_rf``.
        method: the method to call; "" for a function.
        value: the live model or function.
        expression: as typed or found, ``models["rf"]``.
        bind: parameters that are not inputs → names in the namespace.
        parameter: the parameter that takes the rows; "" if by position, or several plain ones.
        cell: the cell that bound it last; None if unknown.
        notes: what to know about why it was chosen, and about how it answers.
        given: names in ``bind`` that only ``notebook.py`` binds (``models_rf``) → their values.
        steps: of a forecast, how many the notebook itself asked for last.
    """

    name: str
    variable: str
    method: str
    value: Any
    expression: str
    bind: dict[str, str]
    parameter: str
    cell: int | None
    notes: tuple[CaptureWarning, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)
    steps: int | None = None


@dataclass(frozen=True)
class _Finder:
    namespace: Mapping[str, Any]
    notebook: Notebook
    statements: Sequence[Statement]
    bind: Mapping[str, str]

    # --- what was asked for

    def asked(self, expressions: Sequence[str]) -> list[EntryRequest]:
        requests: list[EntryRequest] = []
        for expression in dict.fromkeys(expressions):
            found = evaluate(expression, self.namespace, self.notebook, self.statements)
            requests += self.requests(expression, found)
        return requests

    def requests(self, expression: str, found: Found) -> list[EntryRequest]:
        """The entries of one model, or the one of a function."""
        cell = cell_of(found.root, self.statements)
        check_answers(expression, found, cell, self.namespace, self.offered)
        if found.method:
            return [self.request(expression, found, found.method)]
        if is_estimator(found.value):
            forecast = horizon(found.value, "forecast")
            names = ("forecast",) if forecast else methods(found.value)
            return [self.request(expression, found, name) for name in names]
        return [self.request(expression, found, "")]

    def request(self, expression: str, found: Found, method: str) -> EntryRequest:
        called = getattr(found.value, method) if method else found.value
        callee = f"{expression}.{method}" if method and not found.method else expression
        binding = self.binding(callee, called)
        return EntryRequest(
            name=method or found.variable,
            variable=found.variable,
            method=method,
            value=found.value,
            expression=expression,
            bind=binding.bind,
            # Libraries name it as they like; by position is always right.
            parameter="" if is_estimator(found.value) else binding.parameter,
            cell=cell_of(found.root, self.statements),
            given=binding.given,
            notes=self.notes(found, binding),
            steps=self.steps(expression, found, method),
        )

    def notes(self, found: Found, binding: Binding) -> tuple[CaptureWarning, ...]:
        if found.method or is_estimator(found.value):
            return ()
        return check_fits(found.variable, binding.bind, self.namespace, self.statements)

    def steps(self, expression: str, found: Found, method: str) -> int | None:
        parameter = horizon(found.value, method) if method else ""
        if not parameter:
            return None
        owner = expression.removesuffix(f".{method}")
        return steps_asked(owner, method, parameter, self.namespace, self.statements)

    def binding(self, expression: str, function: Callable[..., Any]) -> Binding:
        return find_binding(expression, function, self.namespace, self.statements, self.bind)

    # --- tags

    def tagged(self) -> list[EntryRequest]:
        requests: list[EntryRequest] = []
        for cell in _last_runs(self.notebook.tagged(Tag.PREDICT)):
            names = self.functions_of(cell)
            if not names:
                raise EntryError(
                    f"the tag {Tag.PREDICT.value} is for cells that define a function",
                    f"define one there, or tag a model's cell {Tag.MODEL.value}",
                    cell.number,
                )
            requests += self.asked(names)
        for cell in _last_runs(self.notebook.tagged(Tag.MODEL)):
            requests += self.asked([self.model_of(cell)])
        return list({(r.expression, r.method): r for r in requests}.values())

    def functions_of(self, cell: Cell) -> list[str]:
        """Top-level functions of a cell; those whose name begins with _ are private."""
        names = []
        for node in (s.node for s in self.statements if s.cell == cell.number):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef():
                    names.append(node.name)
                case ast.Assign([ast.Name(name)], ast.Lambda()):
                    names.append(name)
        return [name for name in dict.fromkeys(names) if not name.startswith("_")]

    def model_of(self, cell: Cell) -> str:
        """The last name that a cell binds or fits, preferring those that hold a model."""
        names: list[str] = []
        for statement in (s for s in self.statements if s.cell == cell.number):
            names += _in_order(statement.node, statement.uses.binds | statement.uses.mutates)
        if not names:
            raise EntryError(
                f"the tag {Tag.MODEL.value} is for cells that bind a model to a name",
                "assign the fitted model to a name there",
                cell.number,
            )
        models = [name for name in names if is_estimator(self.namespace.get(name))]
        return (models or names)[-1]

    # --- found without being told

    def discovery(self) -> Discovery:
        return Discovery(self.namespace, self.notebook, self.statements, self.binding)

    def discovered(self) -> list[EntryRequest]:
        choice = self.discovery().choose()
        found = self.asked([choice.expression])
        return [replace(r, notes=(*choice.notes, *r.notes)) for r in found]

    def offered(self, only_models: bool) -> str:
        """Commands for what could be served instead."""
        models = models_in(self.namespace, self.statements)
        functions = [] if only_models else predict_functions(self.namespace, self.statements)
        return question.lines([*functions, *models], self.statements)


def find_entries(
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
    wanted: Sequence[str] = (),
    bind: Mapping[str, str] | None = None,
) -> tuple[EntryRequest, ...]:
    """What to serve, one request for each route.

    Args:
        namespace: the kernel's live namespace.
        notebook: the executed cells with their tags.
        statements: of all cells.
        wanted: names or expressions (``models["rf"]``); none means: find them.
        bind: parameter → name or expression, for parameters that are not inputs.

    Raises:
        EntryError: nothing, too much, or something that cannot be served; names how to mend it.
    """
    finder = _Finder(namespace, notebook, statements, bind or {})
    requests = finder.asked(wanted) or finder.tagged() or finder.discovered()
    _check_bind(finder.bind, requests)
    return with_routes(requests)


def candidates(namespace: Mapping[str, Any]) -> tuple[str, ...]:
    """Expressions of what could be served, from the live values alone: models, then functions."""
    found = (*models_in(namespace), *predict_functions(namespace, ()))
    return tuple(servable.expression for servable in found)


def _in_order(node: ast.AST, names: frozenset[str]) -> list[str]:
    """Names in the order in which a statement has them in its text."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    walked = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in names]
    return [n.id for n in sorted(walked, key=lambda n: (n.lineno, n.col_offset))]


def _last_runs(cells: Sequence[Cell]) -> list[Cell]:
    """Of a cell that ran several times only the last run counts: the others are overwritten."""
    last = {cell.id or str(cell.number): cell for cell in cells}
    return sorted(last.values(), key=lambda cell: cell.number)


def _check_bind(bind: Mapping[str, str], requests: Sequence[EntryRequest]) -> None:
    used = {parameter for request in requests for parameter in request.bind}
    for parameter, text in bind.items():
        if parameter not in used:
            raise EntryError(
                f"--bind {parameter}={text}: no entry has a parameter {parameter!r}",
                f"the entries are {', '.join(r.expression for r in requests)}",
            )


__all__ = ["EntryRequest", "candidates", "find_entries"]
