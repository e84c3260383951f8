"""Steps of the notebook that prepared a model's rows without being part of the model."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..notebook.statements import Statement
from .entries import EntryRequest
from .estimators import is_estimator
from .model import CaptureWarning


def preparing_steps(
    request: EntryRequest,
    origin: str,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> list[str]:
    """Names of the scalers and encoders that rows went through on their way to a model.

    Args:
        request: the model's method.
        origin: the expression of the rows in the notebook.
        namespace: the live namespace.
        statements: of all cells; how the names in ``origin`` came about is followed back.
    """
    found = _steps(ast.parse(origin), request.value, namespace, statements, set())
    return list(dict.fromkeys(found))


def preparation_warning(request: EntryRequest, steps: Sequence[str]) -> CaptureWarning:
    """Says that callers of the service must send rows that went through ``steps``."""
    rows = "rows"
    for step in reversed(steps):  # they were followed back from the model
        rows = f"{step}.transform({rows})"
    return CaptureWarning(
        f"the notebook prepares the rows of {request.variable} with {' and '.join(steps)}, no "
        "part of it: callers must send rows that are prepared already",
        "serve a function that does both: def predict(rows): return "
        f"{request.variable}.{request.method}({rows})",
        request.cell,
    )


def _steps(
    node: ast.AST,
    model: Any,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    seen: set[str],
) -> Iterator[str]:
    for part in ast.walk(node):
        match part:
            case ast.Call(ast.Attribute(ast.Name(name), "transform" | "fit_transform")):
                held = namespace.get(name)
                # A label encoder prepares the target, not the rows.
                if is_estimator(held) and held is not model and not _is_for_labels(held):
                    yield name
            case ast.Name(name, ast.Load()) if name not in seen:
                seen.add(name)
                binding = next((s for s in reversed(statements) if name in s.uses.binds), None)
                if binding and isinstance(binding.node, (ast.Assign, ast.AnnAssign)):
                    yield from _steps(binding.node, model, namespace, statements, seen)


def _is_for_labels(step: Any) -> bool:
    return type(step).__name__.startswith(("Label", "MultiLabel"))
