"""The columns that the notebook's models were fitted to predict: callers do not have them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...errors import Nb2ServiceError
from ...notebook.statements import Statement
from ..entries.find import EntryRequest
from ..entries.signatures import is_model
from ..values import pandas_is, same
from .calling import Caller
from .fitting import Example


def without_targets(
    example: Example,
    request: EntryRequest,
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Example:
    """A function's example without the models' targets, if its answers are the same without.

    Notebooks call ``predict(df)`` with the frame that they hold, which has the target too; a
    contract learnt from it would ask callers for what they want to know.
    """
    if is_model(request) or example.kind != "frame":
        return example
    targets = set(_targets(namespace, statements))
    columns = [column for column in example.value.columns if column in targets]
    rest = example.value.drop(columns=columns)
    if not columns or not len(rest.columns):
        return example
    call = Caller(request, namespace, parameter=example.parameter)
    try:
        if not same(call(rest), call(example.value)):
            return example
    except Nb2ServiceError:  # it reads them
        return example
    return replace(example, value=rest, origin=f"{example.origin} without {', '.join(columns)}")


def _targets(namespace: Mapping[str, Any], statements: Sequence[Statement]) -> Iterator[str]:
    for statement in statements:
        for node in ast.walk(statement.node):
            match node:
                case ast.Call(ast.Attribute(_, "fit" | "fit_transform"), [_, target, *_]):
                    yield from _columns(target, namespace, statements)


def _columns(
    target: ast.expr, namespace: Mapping[str, Any], statements: Sequence[Statement]
) -> Iterator[str]:
    """The column that ``df["y"]``, ``df.y.values`` or a name for one of them stands for."""
    if isinstance(target, ast.Name):
        value: Any = namespace.get(target.id)
        if pandas_is(value, "Series") and isinstance(value.name, str):
            yield value.name
        for statement in statements:
            match statement.node:
                case ast.Assign([ast.Name(name)], made) if name == target.id:
                    yield from _columns_of(made)
    else:
        yield from _columns_of(target)


def _columns_of(made: ast.expr) -> Iterator[str]:
    while True:
        match made:
            case ast.Subscript(_, ast.Constant(str(column))):
                yield column
                return
            case ast.Call(ast.Attribute(inner, _)):  # .astype(int), .to_numpy()
                made = inner
            case ast.Attribute(ast.Name(_), column):
                yield column
                return
            case ast.Attribute(inner, _):  # .values
                made = inner
            case _:
                return
