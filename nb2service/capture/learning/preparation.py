"""Steps of the notebook that prepared a model's rows without being part of the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...notebook.statements import Statement
from ..entries.estimators import is_estimator, is_predictor
from ..entries.find import EntryRequest
from ..model import CaptureWarning
from .inputs import feature_names

_FITS = ("fit", "fit_transform", "partial_fit")


@dataclass(frozen=True)
class Step:
    """A scaler or encoder that rows went through on their way to a model.

    Attributes:
        name: the variable that holds it.
        changed: the cell that fitted or bound it again after it had prepared the rows, if any.
        column: the one column that it encodes, as a ``LabelEncoder`` does; "" for all rows.
    """

    name: str
    changed: int | None
    column: str = ""


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
    trail = _Trail(request.value, namespace, statements, set())
    found: dict[tuple[str, str], int] = {}
    for name, column, index in trail.back(ast.parse(origin), end, ""):
        found.setdefault((name, column), index)
    return tuple(
        Step(name, _changed(name, statements[at + 1 :]), column)
        for (name, column), at in found.items()
    )


def preparation_warnings(
    request: EntryRequest, paths: Sequence[Sequence[Step]]
) -> tuple[CaptureWarning, ...]:
    """What callers of a model must know if its rows went through steps outside of it.

    Args:
        request: the model's method.
        paths: the steps of the example and of each fit's rows.
    """
    steps = next((steps for steps in paths if steps), ())
    whole = [step for step in steps if not step.column]
    prepared = [_prepared_warning(request, whole)] if whole else []
    prepared += [_encoded_warning(request, step) for step in steps if step.column]
    changed = {step.name: step.changed for path in paths for step in path if step.changed}
    return (*prepared, *(_changed_warning(request, *item) for item in changed.items()))


def _prepared_warning(request: EntryRequest, steps: Sequence[Step]) -> CaptureWarning:
    rows = "rows"
    for step in reversed(steps):  # they were followed back from the model
        rows = f"{step.name}.transform({rows})"
    return CaptureWarning(
        f"the notebook prepares the rows of {request.variable} with "
        f"{' and '.join(step.name for step in steps)}, no part of it: callers must send rows that "
        "are prepared already",
        f"serve a function that does both: def predict(rows): return {_asks(request)}({rows})",
        request.cell,
    )


def _encoded_warning(request: EntryRequest, step: Step) -> CaptureWarning:
    return CaptureWarning(
        f"the notebook encodes the column {step.column!r} of {request.variable}'s rows with "
        f"{step.name}, no part of it: callers must send codes",
        f"serve a function that encodes a copy of its rows with {step.name}.transform and returns "
        f"{_asks(request)}(rows)",
        request.cell,
    )


def _asks(request: EntryRequest) -> str:
    # The same words for every method of a model, so that they are said once.
    method = "predict" if is_predictor(request.value) else request.method
    return f"{request.variable}.{method}"


def _changed_warning(request: EntryRequest, name: str, cell: int) -> CaptureWarning:
    return CaptureWarning(
        f"{name} was fitted or bound again after it had prepared rows for {request.variable}: "
        "it may no longer prepare them as it did then",
        "give each fitted step a name of its own, and only transform what is not training data",
        cell,
    )


def _changed(name: str, later: Sequence[Statement]) -> int | None:
    return next((s.cell for s in later if name in s.uses.binds or _fits(name, s.node)), None)


def _fits(name: str, node: ast.AST) -> bool:
    for part in ast.walk(node):
        match part:
            case ast.Call(ast.Attribute(ast.Name(owner), method)):
                if owner == name and method in _FITS:
                    return True
    return False


@dataclass(frozen=True)
class _Trail:
    """Follows rows back through the statements that made them."""

    model: Any
    namespace: Mapping[str, Any]
    statements: Sequence[Statement]
    seen: set[int]

    def back(self, node: ast.AST, end: int, column: str) -> Iterator[tuple[str, str, int]]:
        """Each step with the column it encodes, if one, and the index of its statement.

        ``node`` stands before statement ``end``, which makes the model's ``column``, if any.
        """
        for part in ast.walk(node):
            match part:
                case ast.Call(ast.Attribute(ast.Name(name), "transform" | "fit_transform")):
                    held = self.namespace.get(name)
                    if is_estimator(held) and held is not self.model:
                        if not _is_for_labels(held):
                            yield name, "", end
                        elif column:  # elsewhere it prepares the target, not the rows
                            yield name, column, end
                case ast.Name(name, ast.Load()):
                    for index in self.makers(name, end):
                        self.seen.add(index)
                        made = self.statements[index].node
                        yield from self.back(_source_of(name, made), index, self.feature(made))

    def feature(self, node: ast.stmt) -> str:
        """The one column of the model that ``X["job"] = …`` makes, else ""."""
        match node:
            case ast.Assign([ast.Subscript(_, ast.Constant(str(column)))]):
                return column if column in feature_names(self.model) else ""
        return ""

    def makers(self, name: str, end: int) -> list[int]:
        """The statement that bound a name last before ``end``, and those that changed it since."""
        found: list[int] = []
        for index in range(end - 1, -1, -1):
            statement = self.statements[index]
            bound = name in statement.uses.binds
            if bound or name in statement.uses.mutates:
                assigns = isinstance(statement.node, (ast.Assign, ast.AnnAssign))
                found += [index] if assigns and index not in self.seen else []
            if bound:
                break
        return found


def _source_of(name: str, node: ast.stmt) -> ast.AST:
    """Of ``X_train, X_test, y_train, y_test = split(X, y)`` only what the name is made of."""
    match node:
        case ast.Assign([ast.Tuple(targets)], ast.Call(args=sources)):
            names = [target.id if isinstance(target, ast.Name) else "" for target in targets]
            if name in names and len(targets) == 2 * len(sources):
                return sources[names.index(name) // 2]
    return node


def _is_for_labels(step: Any) -> bool:
    return type(step).__name__.startswith(("Label", "MultiLabel"))
