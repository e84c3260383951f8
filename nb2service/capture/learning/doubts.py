"""Rows that may be those of another data set, by the order in which names were bound."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from ...notebook.statements import Statement
from ..entries.estimators import feature_names
from ..entries.find import EntryRequest
from ..entries.signatures import is_model
from ..entries.unfold import own_nodes, root_of
from .candidates import owner_of
from .trail import fits, names_in


def doubt(
    request: EntryRequest, origin: str, cell: int | None, statements: Sequence[Statement]
) -> str:
    """Why an expression may no longer give rows that a model was made for; "" if nothing says so.

    Args:
        request: the entry.
        origin: the expression.
        cell: the cell that asked the entry about it, or else bound it.
        statements: of all cells.
    """
    if not is_model(request) or cell is None:
        return ""
    try:
        names = names_in(ast.parse(origin, mode="eval"))
    except SyntaxError:  # words, not an expression
        return ""
    owner = root_of(ast.parse(owner_of(request), mode="eval").body)
    for name in sorted(names - {owner}):
        bound = _last_binding(name, statements)
        if bound is None or _is_run_again(name, bound, statements):
            continue
        if statements[bound].cell > cell:
            return (
                f"{name} was bound again in cell [{statements[bound].cell}], after cell [{cell}] "
                f"had used it with {owner}"
            )
        # The names of a frame's columns say that it is the model's; an array has but a width.
        made = None if feature_names(request.value) else _last_fit(owner, statements)
        if made is not None and bound > made:
            later = statements[bound:]
            if not any(_is_asked(owner, name, statement.node) for statement in later):
                where = f"cell [{statements[bound].cell}]"
                return (
                    f"{name} was bound in {where}, after the fit of {owner}, and never used with it"
                )
    return ""


def _last_binding(name: str, statements: Sequence[Statement]) -> int | None:
    indexes = range(len(statements) - 1, -1, -1)
    return next((i for i in indexes if name in statements[i].uses.binds), None)


def _is_run_again(name: str, at: int, statements: Sequence[Statement]) -> bool:
    """Whether a statement binds a name as one before it did: a cell that ran twice."""
    before = _last_binding(name, statements[:at])
    return before is not None and ast.dump(statements[before].node) == ast.dump(statements[at].node)


def _last_fit(owner: str, statements: Sequence[Statement]) -> int | None:
    """The statement that fitted or bound a model last."""
    return next(
        (
            i
            for i in range(len(statements) - 1, -1, -1)
            if owner in statements[i].uses.binds or fits(owner, statements[i].node)
        ),
        None,
    )


def _is_asked(owner: str, name: str, node: ast.AST) -> bool:
    """Whether a statement passes a name to a method of the model, or both to a function."""
    for part in own_nodes(node):
        if isinstance(part, ast.Call) and {owner, name} <= names_in(part):
            return True
    return False


__all__ = ["doubt"]
