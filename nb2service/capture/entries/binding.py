"""Which parameters of a function are inputs, and which are values that travel with it.

``predict(df, dv, model)`` takes one input; that ``dv`` and ``model`` are captured values is
shown by the notebook's own calls, or by live values of the parameters' names.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ...errors import EntryError
from ...notebook.calls import calls_of
from ...notebook.statements import Statement
from ..values import kind_of
from .estimators import is_estimator, is_fitted
from .servable import own_names

_LARGE = 50  # items from which on a dictionary is a lookup table and no record
_TABLE_HINT = re.compile(r"DataFrame|ndarray|Series|\b[Ll]ist\b|Sequence|Iterable|ArrayLike")
_SCALARS = {"str", "int", "float", "bool", "bytes"}
# Methods that give rows of the table that they belong to.
_ROWS = {"head", "tail", "sample", "copy", "drop", "reindex", "loc", "iloc"}


@dataclass(frozen=True)
class Binding:
    """How an entry takes its input.

    Attributes:
        bind: parameter → name in the namespace.
        parameter: the one parameter that takes a table of rows; "" otherwise.
    """

    bind: dict[str, str]
    parameter: str = ""


def find_binding(
    name: str,
    function: Callable[..., Any],
    namespace: Mapping[str, Any],
    statements: Sequence[Statement],
    explicit: Mapping[str, str],
) -> Binding:
    """Divide a function's parameters into captured values and inputs.

    Args:
        name: as the notebook calls it.
        function: the live function.
        namespace: the live namespace.
        statements: of the whole notebook.
        explicit: what the person bound; parameters of other functions are passed over.

    Raises:
        EntryError: the notebook calls it with different models, or with one that has no name.
    """
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions of C libraries have none
        return Binding({})
    arguments = _arguments_of_calls(name, parameters, statements)
    bind = {p: held for p, held in explicit.items() if p in parameters}
    for parameter in parameters.values():
        if parameter.name in bind or parameter.kind in (
            parameter.VAR_POSITIONAL,
            parameter.VAR_KEYWORD,
        ):
            continue
        held = _captured(name, parameter, arguments.get(parameter.name, []), namespace)
        if held:
            bind[parameter.name] = held
    return Binding(bind, _table_parameter(parameters, bind, arguments, namespace))


def _arguments_of_calls(
    name: str, parameters: Mapping[str, inspect.Parameter], statements: Sequence[Statement]
) -> dict[str, list[tuple[ast.expr, bool]]]:
    """What the notebook's calls pass to each parameter, and whether from within a function."""
    positional = [
        p.name
        for p in parameters.values()
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    found: dict[str, list[tuple[ast.expr, bool]]] = {}
    for call in calls_of(name, statements):
        if any(isinstance(argument, ast.Starred) for argument in call.node.args):
            continue
        pairs = list(zip(positional, call.node.args, strict=False))
        pairs += [(word.arg, word.value) for word in call.node.keywords if word.arg]
        for parameter, argument in pairs:
            found.setdefault(parameter, []).append((argument, call.late))
    return found


def _captured(
    name: str,
    parameter: inspect.Parameter,
    arguments: Sequence[tuple[ast.expr, bool]],
    namespace: Mapping[str, Any],
) -> str:
    """The name whose value is to be bound to a parameter, or ""."""
    seen: dict[int, str] = {}
    is_input = False
    for argument, late in arguments:
        held = _held_by(argument, namespace)
        if isinstance(argument, ast.Name) and _travels(
            parameter.name, argument.id, late, namespace
        ):
            seen.setdefault(id(held), argument.id)
        elif not isinstance(argument, ast.Name) and is_estimator(held):
            raise EntryError(
                f"{name} is called with {ast.unparse(argument)} as {parameter.name!r}, "
                "which has no name of its own",
                f"{parameter.name} = {ast.unparse(argument)} in a cell, "
                f"then --bind {parameter.name}={parameter.name}",
            )
        elif not late:
            is_input = True
    if len(seen) > 1:
        choices = " or ".join(f"--bind {parameter.name}={held}" for held in seen.values())
        raise EntryError(
            f"{name} is called with different values for {parameter.name!r}: "
            f"{', '.join(seen.values())}",
            f"say which is meant: {choices}",
        )
    if seen:
        return next(iter(seen.values()))
    return "" if is_input else _bound_by_name(parameter, namespace)


def _bound_by_name(parameter: inspect.Parameter, namespace: Mapping[str, Any]) -> str:
    """Without calls to go by: a fitted model as default, or under the parameter's own name."""
    default = parameter.default
    if default is not parameter.empty:
        named = [n for n in own_names(namespace) if namespace[n] is default]
        return named[0] if named and is_estimator(default) else ""
    hint = parameter.annotation
    if (hint if isinstance(hint, str) else getattr(hint, "__name__", "")) in _SCALARS:
        return ""
    held = namespace.get(parameter.name)
    return parameter.name if is_estimator(held) and is_fitted(held) else ""


def _travels(parameter: str, name: str, late: bool, namespace: Mapping[str, Any]) -> bool:
    """Whether the value of a name is a captured one, not an input."""
    if name not in namespace:
        return False
    held = namespace[name]
    if is_estimator(held) or isinstance(held, ModuleType) or callable(held):
        return True
    if late:
        return False  # it may be a local name that only looks the same
    if isinstance(held, Mapping) and len(held) > _LARGE:
        return True
    return name == parameter and not _is_data(held)


def _is_data(held: Any) -> bool:
    """Whether a value is of a kind that a request can carry."""
    if held is None or kind_of(held) or isinstance(held, (str, bytes, int, float, complex)):
        return True
    if isinstance(held, (tuple, set, frozenset)):
        return True
    if isinstance(held, Mapping):
        return all(_is_data(item) for item in held.values())
    return type(held).__module__.partition(".")[0] in ("numpy", "pandas", "datetime", "decimal")


def _held_by(node: ast.expr, namespace: Mapping[str, Any]) -> Any:
    """The live value of names, attributes and items; None for anything that would have to run."""
    match node:
        case ast.Name(name):
            return namespace.get(name)
        case ast.Attribute(owner, name):
            held = _held_by(owner, namespace)
            return None if kind_of(held) else getattr(held, name, None)
        case ast.Subscript(owner, ast.Constant(key)):
            held = _held_by(owner, namespace)
            if isinstance(held, dict):
                return held.get(key)
            if isinstance(held, (list, tuple)) and isinstance(key, int) and -len(held) <= key:
                return held[key] if key < len(held) else None
    return None


def _table_parameter(
    parameters: Mapping[str, inspect.Parameter],
    bind: Mapping[str, str],
    arguments: Mapping[str, Sequence[tuple[ast.expr, bool]]],
    namespace: Mapping[str, Any],
) -> str:
    free = [
        p
        for p in parameters.values()
        if p.name not in bind and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    required = [p for p in free if p.default is p.empty]
    remaining = required or free
    if len(remaining) != 1:
        return ""
    only = remaining[0]
    hint = only.annotation
    if hint is not only.empty and _TABLE_HINT.search(hint if isinstance(hint, str) else repr(hint)):
        return only.name
    passed = [argument for argument, _ in arguments.get(only.name, [])]
    return only.name if any(_is_table(argument, namespace) for argument in passed) else ""


def _is_table(node: ast.expr, namespace: Mapping[str, Any]) -> bool:
    """Whether an argument holds rows, as far as can be told without running it."""
    match node:
        case ast.Name(name):
            return bool(kind_of(namespace.get(name)))
        case ast.List():
            return True
        case ast.Attribute(owner, name) | ast.Call(ast.Attribute(owner, name)):
            return name in _ROWS and _is_table(owner, namespace)
        case ast.Subscript(owner, ast.Slice() | ast.List() | ast.Name()):
            return _is_table(owner, namespace)
    return False


__all__ = ["Binding", "find_binding"]
