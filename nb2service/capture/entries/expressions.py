"""Evaluates what a person typed as an entry, without running anything but look-ups."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

from ...errors import EntryError
from ...notebook.cells import Notebook
from ...notebook.statements import Statement, uses_of
from .servable import own_names

_HINT = 'name it, as in: model, grid.best_estimator_, models["rf"]'


@dataclass(frozen=True)
class Found:
    """What an expression means.

    Attributes:
        value: the live value; for a bound method, the object it belongs to.
        variable: a name for the value: the name itself, or one made of the expression.
        root: the name at the start of the expression.
        method: name of the bound method; "" if it is none.
    """

    value: Any
    variable: str
    root: str
    method: str = ""


def evaluate(
    expression: str,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
) -> Found:
    """Look up a name, its attributes and items.

    Raises:
        EntryError: it is another kind of expression, or nothing is there.
    """
    node = _parsed(expression)
    root = _root(node, expression)
    if root not in namespace:
        raise _missing(root, namespace, notebook, statements)
    value = _look_up(node, namespace, expression)
    # An instance's own method; a class method's owner is a class.
    if isinstance(value, MethodType) and not isinstance(value.__self__, type):
        return _method(node, value, namespace, root)
    return Found(value, _variable(node, value, namespace), root)


def looked_up(expression: str, namespace: Mapping[str, Any]) -> Any:
    """The value of a name, its attributes and items.

    Raises:
        EntryError: it is another kind of expression, or nothing is there.
    """
    node = _parsed(expression)
    root = _root(node, expression)
    if root not in namespace:
        near = difflib.get_close_matches(root, own_names(namespace), 3)
        raise EntryError(
            f"nothing is called {root!r} in this notebook",
            f"did you mean {_either(near)}?" if near else "assign it to a name first",
        )
    return _look_up(node, namespace, expression)


def variable_of(expression: str, value: Any, namespace: Mapping[str, Any]) -> str:
    """A name for the value of an expression: ``models_rf`` for ``models["rf"]``."""
    return _variable(_parsed(expression), value, namespace)


def _parsed(expression: str) -> ast.expr:
    try:
        return ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise EntryError(f"{expression!r} is no Python expression", _HINT) from None


def _method(node: ast.expr, value: MethodType, namespace: Mapping[str, Any], root: str) -> Found:
    owner = value.__self__
    if isinstance(node, ast.Attribute):
        return Found(owner, _variable(node.value, owner, namespace), root, value.__name__)
    for name in own_names(namespace):
        if namespace[name] is owner:
            return Found(owner, name, name, value.__name__)
    return Found(owner, _free_name(f"{root}_owner", owner, namespace), root, value.__name__)


def _root(node: ast.expr, expression: str) -> str:
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    if not isinstance(node, ast.Name):
        raise EntryError(
            f"{expression!r} is more than a name, an attribute or an item",
            "assign it to a name in a cell and give that name",
        )
    return node.id


def _look_up(node: ast.expr, namespace: Mapping[str, Any], expression: str) -> Any:
    if isinstance(node, ast.Name):
        return namespace[node.id]
    if isinstance(node, ast.Attribute):
        owner = _look_up(node.value, namespace, expression)
        try:
            return getattr(owner, node.attr)
        except AttributeError:
            near = difflib.get_close_matches(node.attr, dir(owner), 3)
            raise EntryError(
                f"{ast.unparse(node.value)} has no attribute {node.attr!r}",
                f"did you mean {_either(near)}?" if near else _HINT,
            ) from None
    assert isinstance(node, ast.Subscript)
    owner = _look_up(node.value, namespace, expression)
    try:
        return owner[_key(node.slice, namespace)]
    except (KeyError, IndexError, TypeError) as error:
        keys = f"its keys are {', '.join(map(repr, owner))}" if isinstance(owner, dict) else _HINT
        raise EntryError(
            f"{expression} does not exist: {type(error).__name__}: {error}", keys
        ) from None
    except ValueError:
        raise EntryError(
            f"the index in {expression!r} is more than a literal or a name", _HINT
        ) from None


def _key(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return namespace[node.id]
    return ast.literal_eval(node)


def _variable(node: ast.expr, value: Any, namespace: Mapping[str, Any]) -> str:
    """``models["rf"]`` → ``models_rf``; never a name that holds something else."""
    if isinstance(node, ast.Name):
        return node.id
    words = re.findall(r"\w+", ast.unparse(node))
    return _free_name("_".join(word.strip("_") for word in words), value, namespace)


def _free_name(wanted: str, value: Any, namespace: Mapping[str, Any]) -> str:
    name, count = wanted, 2
    while name in namespace and namespace[name] is not value:
        name, count = f"{wanted}_{count}", count + 1
    return name


def _missing(
    name: str,
    namespace: Mapping[str, Any],
    notebook: Notebook,
    statements: Sequence[Statement],
) -> EntryError:
    for statement in reversed(statements):
        if name in statement.uses.binds:
            return EntryError(
                f"{name!r} is bound in this cell, but the kernel does not hold it",
                "run the cell to its end, and do not delete the name",
                statement.cell,
            )
    for source in notebook.unexecuted:
        if name in _binds(source):
            return EntryError(
                f"{name!r} does not exist: the cell that defines it was not run",
                f"run the cell that begins with: {source.strip().splitlines()[0]}",
            )
    near = difflib.get_close_matches(name, own_names(namespace), 3, cutoff=0.6)
    hint = f"did you mean {_either(near)}?" if near else "run the cell that defines it"
    return EntryError(f"nothing is called {name!r} in this notebook", hint)


def _binds(source: str) -> frozenset[str]:
    try:
        return uses_of(source).binds
    except (SyntaxError, ValueError):
        return frozenset()


def _either(words: Sequence[str]) -> str:
    return " or ".join(words)


__all__ = ["Found", "evaluate", "looked_up", "variable_of"]
