"""The order of the run: which steps rows went through, and what became of those steps since."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...notebook.statements import Statement
from ..values import kind_of, take_rows
from .evaluate import evaluate_pure
from .trail import TRANSFORMS, Step, Trail, fits, names_in

_CHECKED_ROWS = 50


def steps_before(
    node: ast.AST,
    end: int,
    model: Any,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    is_target: bool = False,
) -> tuple[Step, ...]:
    """The steps that an expression's value went through, the last one first.

    Args:
        node: the expression: the rows of a fit or of a prediction, or the target of a fit.
        end: index of the statement in which it stands.
        model: the model that took it.
        namespace: the live namespace.
        statements: of all cells.
        is_target: whether it is a target, whose label encoders count as those of rows do not.
    """
    trail = Trail(model, namespace, statements, is_target)
    found: dict[tuple[str, bool], Step] = {}
    for step in trail.back(node, end, end, ()):
        key = (step.name, bool(step.columns))
        known = found.get(key)
        if known is None:
            found[key] = step
        elif set(step.columns) - set(known.columns):
            # One name for several columns: each of its fits replaced the one before.
            columns = tuple(dict.fromkeys([*step.columns, *known.columns]))
            first, last = sorted((step.at, known.at))
            between = statements[first + 1 : last + 1]
            anew = step.is_held and any(_makes_anew(step.name, s) for s in between)
            in_turn = known.in_turn or step.in_turn or anew
            found[key] = replace(known, columns=columns, in_turn=in_turn)
    changed = [_with_change(step, statements) for step in found.values()]
    return tuple(replace(step, of_target=is_target) for step in changed)


def _with_change(step: Step, statements: Sequence[Statement]) -> Step:
    if not step.is_held:
        return step
    at = _run_last(step, statements)
    step = replace(step, at=at, cell=statements[at].cell)
    later = statements[at + 1 :]
    return replace(step, changed=next((s.cell for s in later if _makes_anew(step.name, s)), None))


def _makes_anew(name: str, statement: Statement) -> bool:
    if name in statement.uses.binds:
        return True
    return name in statement.source and fits(name, statement.node)


def _run_last(step: Step, statements: Sequence[Statement]) -> int:
    """Where the same step was made last of the same rows: its cell may have run twice."""
    first = statements[step.at]
    text, made_by = ast.dump(first.node), _maker(step, step.at, statements)
    rows = names_in(first.node) - {step.name} - first.uses.binds
    at = step.at
    for index, statement in enumerate(statements[at + 1 :], at + 1):
        same = statement.uses == first.uses and ast.dump(statement.node) == text
        if same and _maker(step, index, statements) == made_by:
            at = index
        elif rows & (statement.uses.binds | statement.uses.mutates):
            break
    return at


def _maker(step: Step, end: int, statements: Sequence[Statement]) -> str:
    """The text of the statement that bound a step's name before."""
    bound = (s for s in reversed(statements[:end]) if step.name in s.uses.binds)
    return next((ast.dump(s.node) for s in bound), "")


def prepares_as_before(
    step: Step, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> bool | None:
    """Whether a step that changed still makes of its rows what it made then; None if unknown.

    Known only where the rows and what was made of them are both in memory, untouched since.
    """
    match statements[step.at].node:
        case ast.Assign(
            [ast.Name(made)], ast.Call(ast.Attribute(ast.Name(name), method), [rows, *_])
        ) if name == step.name and method in TRANSFORMS:
            pass
        case _:
            return None
    names = {n.id for n in ast.walk(rows) if isinstance(n, ast.Name)} | {made}
    later = statements[step.at + 1 :]
    touched = any(names & (s.uses.binds | s.uses.mutates) for s in later)
    if made in {n.id for n in ast.walk(rows) if isinstance(n, ast.Name)} or touched:
        return None
    try:
        before = evaluate_pure(rows, namespace)
        known = namespace[made]
        positions = range(min(len(before), len(known), _CHECKED_ROWS))
        taken = take_rows(before, positions) if kind_of(before) else before
        now = _numbers(namespace[step.name].transform(taken))
        then = _numbers(known)[: len(positions)]
    # The rows are gone, or are no plain numbers: nothing is known.
    except Exception:
        return None
    import numpy as np

    if now.shape != then.shape:
        return False
    return bool(np.allclose(now, then, rtol=1e-6, atol=1e-9, equal_nan=True))


def _numbers(value: Any) -> Any:
    import numpy as np

    dense = value.toarray() if hasattr(value, "toarray") else value
    return np.asarray(dense, dtype=float)


__all__ = ["prepares_as_before", "steps_before"]
