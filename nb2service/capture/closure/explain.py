"""Whether source, run again in the service, would give the value that is in memory.

Nothing of the notebook's own code is called to find out: only literals, names, attributes of
modules and classes, arithmetic on plain values, and a few constructors known to be pure.
"""

from __future__ import annotations

import ast
import builtins
import collections
import datetime
import decimal
import enum
import fractions
import functools
import logging
import operator
import os
import pathlib
import re
import sys
import threading
import types
import typing
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from .literals import is_scalar, same_value
from .names import code_key
from .snippets import Snippet
from .sources import Binder

_ARITHMETIC = (
    ast.Constant, ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List, ast.UnaryOp,
    ast.BinOp, ast.operator, ast.unaryop, ast.expr_context, ast.JoinedStr, ast.FormattedValue,
)  # fmt: skip
_TYPE_FORMS = (
    type, types.ModuleType, types.GenericAlias, types.UnionType, typing.TypeVar,
    typing._GenericAlias, typing._SpecialForm,  # type: ignore[attr-defined]
)  # fmt: skip


def explains(node: ast.AST, value: Any, snippet: Snippet, namespace: Mapping[str, Any]) -> bool:
    """Whether evaluating ``node`` in ``namespace`` gives ``value`` (or one just like it)."""

    def each(nodes: list[Any], values: Any) -> bool:
        return len(nodes) == len(values) and all(
            node is not None and explains(node, item, snippet, namespace)
            for node, item in zip(nodes, values, strict=True)
        )

    match node:
        case ast.Constant():
            return same_value(node.value, value)
        case ast.Name() | ast.Attribute():
            found = evaluate(node, namespace)
            return found is value or (
                found is not ... and is_scalar(found) and same_value(found, value)
            )
        case ast.Lambda():
            return is_lambda(node, value, snippet) and defaults_hold(
                node, value, snippet, namespace
            )
        case ast.List():
            return type(value) is list and each(node.elts, value)
        case ast.Tuple():
            return type(value) is tuple and each(node.elts, value)
        case ast.Dict():
            return (
                type(value) is dict
                and each(node.keys, list(value))
                and each(node.values, list(value.values()))
            )
        case ast.Set():
            found = _compute(node, namespace)
            return found is not ... and same_value(found, value)
        case ast.Call():
            return _rebuilds(node, value, namespace)
    found = _compute(node, namespace)
    if found is ...:
        return False
    return same_value(found, value) or (
        type(found) is type(value) and _is_type_form(found) and found == value
    )


def is_lambda(node: ast.Lambda, value: Any, snippet: Snippet) -> bool:
    """Whether the live function was compiled from this lambda, and closes over nothing."""
    code = snippet.code_of(node)
    return (
        isinstance(value, FunctionType)
        and not value.__closure__
        and code is not None
        and code_key(code) == code_key(value.__code__)
    )


def defaults_hold(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    function: FunctionType,
    snippet: Snippet,
    namespace: Mapping[str, Any],
) -> bool:
    """Whether the default arguments, evaluated again, are those that the live function has."""
    written = node.args.defaults
    live = function.__defaults__ or ()
    keywords = {
        argument.arg: default
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
        if default is not None
    }
    live_keywords = function.__kwdefaults__ or {}
    return (
        len(written) == len(live)
        and keywords.keys() == live_keywords.keys()
        and all(
            explains(default, value, snippet, namespace)
            for default, value in [
                *zip(written, live, strict=True),
                *((keywords[name], live_keywords[name]) for name in keywords),
            ]
        )
    )


def import_holds(binder: Binder, value: Any) -> bool:
    """Whether the import of a binder would bind ``value`` again."""
    module, member = binder.target
    if binder.kind == "module":
        # `import a.b` binds a, `import a.b as c` binds a.b.
        assert isinstance(binder.node, ast.alias)
        dotted = module if binder.node.asname else module.split(".")[0]
        return sys.modules.get(dotted) is value
    found = getattr(sys.modules.get(module), member, ...)
    return found is value or (found is ... and sys.modules.get(f"{module}.{member}") is value)


def held_function(value: Any, key: Any, depth: int = 4) -> FunctionType | None:
    """The function that ``key`` (``code_key``) tells of, if a decorated object still holds it."""
    if isinstance(value, FunctionType) and code_key(value.__code__) == key:
        return value
    if depth == 0:
        return None
    inner = [getattr(value, name, None) for name in ("__wrapped__", "__func__", "func", "fget")]
    for cell in getattr(value, "__closure__", None) or ():
        try:
            inner.append(cell.cell_contents)
        except ValueError:  # a variable of the decorator that has no value yet
            continue
    if not isinstance(value, FunctionType | type | types.ModuleType):
        inner += list(getattr(value, "__dict__", {}).values())
    found = (held_function(item, key, depth - 1) for item in inner if callable(item))
    return next((function for function in found if function is not None), None)


def evaluate(node: ast.AST, namespace: Mapping[str, Any]) -> Any:
    """The live value of a name or of attributes of modules and classes; ``...`` if unknown."""
    if isinstance(node, ast.Name):
        return namespace.get(node.id, getattr(builtins, node.id, ...))
    if isinstance(node, ast.Attribute):
        owner = evaluate(node.value, namespace)
        if isinstance(owner, type | types.ModuleType) or owner is os.environ:
            return getattr(owner, node.attr, ...)
    return ...


def _compute(node: ast.AST, namespace: Mapping[str, Any]) -> Any:
    """The value of an expression of plain values and types; ``...`` if it is not one."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Set):
            continue
        if not isinstance(inner, _ARITHMETIC):
            return ...
        if isinstance(inner, ast.Name):
            found = evaluate(inner, namespace)
            if not (is_scalar(found) or _is_type_form(found)) or found is ...:
                return ...
    try:
        code = compile(ast.Expression(node), "<cell>", "eval")  # type: ignore[arg-type]
        return eval(code, {}, dict(_names(node, namespace)))
    except Exception:  # the names have changed since it ran: then it explains nothing
        return ...


def _names(node: ast.AST, namespace: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(n.id, evaluate(n, namespace)) for n in ast.walk(node) if isinstance(n, ast.Name)]


def _is_type_form(value: Any) -> bool:
    return isinstance(value, _TYPE_FORMS)


def _rebuilds(node: ast.Call, value: Any, namespace: Mapping[str, Any]) -> bool:
    """Whether a call of a pure constructor gives an object just like ``value``."""
    function = evaluate(node.func, namespace)
    if isinstance(function, types.MethodType) and function == os.environ.get:
        function = os.getenv
    same = next((same for known, same in _CONSTRUCTORS if known is function), None)
    if same is None or any(keyword.arg is None for keyword in node.keywords):
        return False
    arguments = [_argument(item, namespace) for item in node.args]
    keywords = {str(k.arg): _argument(k.value, namespace) for k in node.keywords}
    if any(item is ... for item in (*arguments, *keywords.values())):
        return False
    try:
        return same(function(*arguments, **keywords), value)
    except Exception:  # its arguments have changed since: then it explains nothing
        return False


def _argument(node: ast.AST, namespace: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Name | ast.Attribute):
        return evaluate(node, namespace)
    if isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Set):
        try:
            return ast.literal_eval(node)
        except ValueError:
            pass
    if isinstance(node, ast.List | ast.Tuple):
        items = [_argument(item, namespace) for item in node.elts]
        return ... if any(i is ... for i in items) else tuple(items)
    return _compute(node, namespace)


def _same_partial(new: Any, live: Any) -> bool:
    return (
        type(live) is functools.partial
        and new.func is live.func
        and all(a is b or same_value(a, b) for a, b in zip(new.args, live.args, strict=True))
        and new.keywords.keys() == live.keywords.keys()
        and all(
            new.keywords[k] is live.keywords[k] or same_value(new.keywords[k], live.keywords[k])
            for k in new.keywords
        )
    )


def _same_class(new: Any, live: Any) -> bool:
    """Whether two classes made by a call (named tuple, enum) are alike."""
    if not isinstance(live, type) or new.__name__ != live.__name__:
        return False
    if issubclass(new, enum.Enum):
        members = [(name, item.value) for name, item in new.__members__.items()]
        return bool(members == [(n, i.value) for n, i in live.__members__.items()])  # type: ignore[attr-defined]
    return all(
        getattr(new, name, None) == getattr(live, name, None)
        for name in ("_fields", "_field_defaults", "__annotations__")
    )


def _same_named(new: Any, live: Any) -> bool:
    facts = ("__name__", "__supertype__", "__bound__", "__constraints__")
    return type(new) is type(live) and all(
        getattr(new, fact, None) == getattr(live, fact, None) for fact in facts
    )


def _same_reduced(new: Any, live: Any) -> bool:
    return type(new) is type(live) and bool(new.__reduce__() == live.__reduce__())


def _same(new: Any, live: Any) -> bool:
    return type(new) is type(live) and repr(new) == repr(live)


def _same_lock(new: Any, live: Any) -> bool:
    return type(new) is type(live) and "unlocked" in repr(live)


_CONSTRUCTORS: list[tuple[Any, Callable[[Any, Any], bool]]] = [
    (re.compile, operator.eq),
    (functools.partial, _same_partial),
    (collections.namedtuple, _same_class),
    (typing.NamedTuple, _same_class),
    (typing.TypedDict, _same_class),
    (enum.Enum, _same_class),
    (enum.IntEnum, _same_class),
    (typing.NewType, _same_named),
    (typing.TypeVar, _same_named),
    (operator.itemgetter, _same_reduced),
    (operator.attrgetter, _same_reduced),
    (operator.methodcaller, _same_reduced),
    (logging.getLogger, operator.is_),
    (os.getenv, operator.eq),
    (range, operator.eq),
    (slice, operator.eq),
    (datetime.date, _same),
    (datetime.datetime, _same),
    (datetime.timedelta, _same),
    (decimal.Decimal, _same),
    (fractions.Fraction, _same),
    (pathlib.Path, _same),
    (threading.Lock, _same_lock),
    (threading.RLock, _same_lock),
]


__all__ = ["defaults_hold", "evaluate", "explains", "held_function", "import_holds", "is_lambda"]
